"""Logs of formats that nobody described: which lines are records, and what their numbers mean.

Import Learner from inference.learner.
"""
