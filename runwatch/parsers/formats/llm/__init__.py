"""Formats of programs that train language models."""
