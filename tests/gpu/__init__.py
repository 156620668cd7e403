"""What the GPU sampler and rules say, compared with a real NVIDIA card: `make test-gpu`.

It has not been run on a card yet: its bounds are estimates.
"""
