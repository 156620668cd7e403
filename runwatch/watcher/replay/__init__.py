"""Plays finished logs and recordings through the engine, at the times at which they were written.

May be imported by the command line. It serves a screen as a daemon does, by the same protocol.
"""
