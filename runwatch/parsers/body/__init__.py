"""What a message says: matchers, readers of several lines, and how their rows become columns.

Formats import from here.
"""
