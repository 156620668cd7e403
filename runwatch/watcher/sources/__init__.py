"""From a path to bytes: discovery, tailing, rotation, compression, file events, W&B servers.

Workers import from here. Nothing here parses a log or knows of the engine.
"""
