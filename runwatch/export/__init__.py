"""`runwatch export`: every value that was read of runs, as files that other programs read.

May be imported by the command line. It reads through the engine's fold, and knows no screen and no rule.
"""
