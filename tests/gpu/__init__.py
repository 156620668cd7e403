"""What the GPU sampler and rules say, compared with a real NVIDIA card: `make test-gpu`; docs/gpu.md has results."""
