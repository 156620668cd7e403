"""Checkpoint files made by hand: the bytes that torch.save, safetensors and DCP would write, small."""

from __future__ import annotations

import io
import json
import os
import pickle
import zipfile
from pathlib import Path

LEGACY = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03." + b"weights" * 40


def archive(size: int = 4096) -> bytes:
    """A zip archive as torch.save writes one: entries stored, no comment."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_STORED) as file:
        file.writestr("model/data.pkl", b"\x80\x02}q\x00.")
        file.writestr("model/data/0", bytes(range(256)) * (size // 256))
    return held.getvalue()


def tensors(size: int = 4096, **more) -> bytes:
    header = {
        "__metadata__": {"format": "pt"},
        "w": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]},
    }
    text = json.dumps({**header, **more}).encode()
    return len(text).to_bytes(8, "little") + text + bytes(size)


def shard(size: int) -> bytes:
    """So many bytes of a torch DCP shard: each tensor is a zip archive of its own."""
    return (archive(256) + bytes(size))[:size]


class _Info:
    def __init__(self, relative_path, offset, length):
        self.relative_path, self.offset, self.length = relative_path, offset, length


def metadata(shards: dict[str, int], protocol: int = 4) -> bytes:
    """A pickle that names shards and their sizes the way torch DCP's `.metadata` does, two items each."""
    items = [_Info(name, at, size // 2) for name, size in shards.items() for at in (0, size - size // 2)]
    return pickle.dumps({"state": [{"offset": 3, "sizes": (1, 2)}], "storage": items}, protocol)


def put(path: Path, data: bytes = b"", age: float = 0.0, now: float = 0.0) -> Path:
    """Write a file and set its time to `age` seconds before `now`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (now - age, now - age))
    return path


def family(top: Path, step: int, when: float, ranks: int = 2, size: int = 4096, **meta) -> None:
    """One checkpoint of nanochat's, all files written at `when`."""
    put(top / f"model_{step:06d}.pt", archive(size), now=when)
    put(top / f"meta_{step:06d}.json", json.dumps({"step": step, **meta}).encode(), now=when)
    for rank in range(ranks):
        put(top / f"optim_{step:06d}_rank{rank}.pt", archive(size), now=when)
