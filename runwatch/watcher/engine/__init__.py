"""The fold: batches and time in; runs, incidents and views out. No I/O but what is handed in.

Import Engine from engine.engine, views from engine.views.
"""
