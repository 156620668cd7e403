"""The door for Prometheus: what the daemon knows, as metrics over HTTP.

A view like a screen: it reads the engine's state in turn with other clients, and nothing depends on it.
The daemon imports from here.
"""
