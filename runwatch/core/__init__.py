"""What a run is: batches, series, the fold over them, and the immutable views made of it.

Everything above imports from its modules. They import from each other, and from system and config never.
"""
