"""What outlives a process: the store, the frozen groups in it, and when they are committed.

The service imports Keeper and Store; nothing else does.
"""
