"""Formats of programs for reinforcement learning."""
