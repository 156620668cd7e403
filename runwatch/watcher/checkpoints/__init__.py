"""Directories of checkpoints: what is there, is it whole, which is the newest.

Workers import `directory`. Nothing here loads a checkpoint.
"""
