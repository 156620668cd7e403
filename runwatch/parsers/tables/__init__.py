"""Rows under headers, boxes, and blocks of an epoch.

Formats import from here.
"""
