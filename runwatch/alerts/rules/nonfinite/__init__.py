"""Rules about NaN and Inf, and what hides them.

The catalogue imports from here, and nobody else.
"""
