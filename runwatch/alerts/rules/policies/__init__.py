"""Rules about policies and adversaries: rewards, entropy, divergence, discriminators.

The catalogue imports from here, and nobody else.
"""
