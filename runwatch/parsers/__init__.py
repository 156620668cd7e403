"""Bytes to batches. No I/O, no clock.

`pipeline` shows a line's way. Sources import `stream`; authors of formats import `api` and `body.matchers`.
"""
