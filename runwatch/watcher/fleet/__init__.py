"""The screen on a whole fleet: what Prometheus knows, as if it were one engine.

It knows no daemon and no log. The command line imports from here.
"""
