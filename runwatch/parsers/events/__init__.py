"""What a log says that is not a number: tracebacks, kills, saves, ends.

Import EventScanner from events.events.
"""
