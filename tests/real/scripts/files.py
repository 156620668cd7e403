"""Saves the same tensors in every format of a single file. argv: directory."""

import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

top = Path(sys.argv[1])
tensors = {"a": torch.randn(300, 100), "b": torch.arange(1000)}
torch.save(tensors, top / "zip_step100.pt")
torch.save(tensors, top / "legacy_step200.pt", _use_new_zipfile_serialization=False)
save_file(tensors, top / "weights_step300.safetensors")
