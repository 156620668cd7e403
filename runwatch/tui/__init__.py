"""The full-screen client: a picture of what the engine says, and keys."""
