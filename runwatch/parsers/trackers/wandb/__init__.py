"""W&B's transaction log: history, and what is said beside it."""
