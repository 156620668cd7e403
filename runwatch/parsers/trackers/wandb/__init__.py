"""W&B's transaction log: history, and what it says besides."""
