"""Judgement and its delivery: rules, incidents, routing, delivery, channels.

Import from the modules of its folders. They may know each other only in that order.
"""
