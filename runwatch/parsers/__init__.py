"""Bytes to batches. No I/O, no clock."""
