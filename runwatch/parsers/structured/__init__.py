"""JSON objects: lines, whole files, and what their keys mean.

Formats import from here.
"""
