"""Formats of programs for images and video."""
