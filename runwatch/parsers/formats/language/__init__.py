"""Formats of toolkits for speech and language."""
