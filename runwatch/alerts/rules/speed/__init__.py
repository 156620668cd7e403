"""Rules about speed: step times, throughput, data loading, the deadline.

The catalogue imports from here, and nobody else.
"""
