"""Rules about the optimization: losses, gradients, the learning rate, validation, resumption.

The catalogue imports from here, and nobody else.
"""
