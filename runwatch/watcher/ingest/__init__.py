"""Workers: the processes that read and parse, and how they are started, fed and replaced.

Import `workers` and `readers`; what workers say is `wire`. Nothing here folds.
"""
