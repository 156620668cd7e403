"""Ranks as text: what is known of each, as a grid, as a table, in groups.

The levels and their heat are in ranks.ranks.
"""
