"""Rules about checkpoints: overdue, broken, shrunken, slow, too large for the disk.

The catalogue imports from here, and nobody else.
"""
