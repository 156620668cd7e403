"""The outside world and the engine that folds it."""
