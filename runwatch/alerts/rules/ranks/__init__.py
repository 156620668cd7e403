"""Rules that compare ranks: stragglers, silent ranks, ranks that diverge.

The catalogue imports from here, and nobody else.
"""
