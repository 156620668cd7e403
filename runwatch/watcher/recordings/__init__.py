"""What an engine was given and when, kept in a file: recordings of live watches.

May be imported by the service, which records, and by the replay.
"""
