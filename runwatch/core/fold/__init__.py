"""The fold: blocks of records into runs, with their steps, ranks, stages, checkpoints and time left.

Import Run from fold.run. Everything here knows the structs of core; they do not know it.
"""
