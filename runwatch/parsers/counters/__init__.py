"""One model of progress: epochs, the steps within them, their totals, restarts.

A carrier (plain line, table row, JSON object) says what it prints; nesting.py decides the run's step.
May be imported by everything in parsers; imports nothing of it.
"""
