"""Bytes to records. chunks: whole lines of a stream that comes in pieces."""
