"""Rules about numbers that are none: NaN, infinities, and what hides them.

The catalogue imports from here, and nobody else.
"""
