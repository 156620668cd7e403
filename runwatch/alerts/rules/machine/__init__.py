"""Rules about the machine under a run: GPUs, memory, disks, limits.

The catalogue imports from here, and nobody else.
"""
