"""Formats of boosting and of small models."""
