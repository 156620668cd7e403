"""The daemon and who speaks to it: its life, lock, log and doctor; the hub of several daemons.

The command line imports from here; nothing below does.
"""
