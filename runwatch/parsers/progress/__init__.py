"""Progress bars: what one redraw shows (grammar), and what the redraws of a run come to (tracker).

The readers of `formats.bars` live here, and the quick path for redraws that say nothing new (idle).
Import from here in formats and in the pipeline; nothing here imports either.
"""
