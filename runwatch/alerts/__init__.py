"""Judgement and its delivery: rules, incidents, notifications."""
