"""The outside world and the engine that folds it: from files and machines to what clients show.

`protocol` is what clients speak. Import from the modules of its folders.
"""
