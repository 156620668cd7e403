"""Bytes to records: lines and redraws, what a terminal adds, the record files of trackers.

Nothing here knows what a record means.
"""
