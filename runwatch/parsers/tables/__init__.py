"""Rows under headers, and boxes.

Formats import from here.
"""
