"""The command line: `main` finds a command and runs it; the other modules are what commands share.

Nothing imports from here but commands.
"""
