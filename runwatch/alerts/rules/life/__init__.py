"""Rules about the life of a run: hangs, crashes, restarts, its end, and whether it can be seen.

The catalogue imports from here, and nobody else.
"""
