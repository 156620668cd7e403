"""10,000 checkpoints for benchmarks.sources, in one directory or in directories of their own.

The files are sparse: names, sizes and ends are real, the weights are holes.
"""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

COUNT = 10_000
BYTES = 1 << 20


def archive() -> bytes:
    """Return a small zip archive, as torch.save writes one."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_STORED) as file:
        file.writestr("model/data.pkl", b"\x80\x02}q\x00.")
        file.writestr("model/data/0", bytes(4096))
    return held.getvalue()


def family(top: Path) -> None:
    """Lay out nanochat's files: model, meta and one rank's optimizer state per step."""
    body = archive()
    for step in range(250, 250 * (COUNT + 1), 250):
        (top / f"model_{step:06d}.pt").write_bytes(body)
        (top / f"optim_{step:06d}_rank0.pt").write_bytes(body)
        meta = json.dumps({"step": step, "val_bpb": 0.8, "model_config": {"n_layer": 20}})
        (top / f"meta_{step:06d}.json").write_text(meta)


def folders(top: Path) -> None:
    """Lay out a Trainer's directories: weights with their header, state and three more files."""
    header = json.dumps({"w": {"dtype": "F32", "shape": [BYTES // 4], "data_offsets": [0, BYTES]}}).encode()
    for step in range(500, 500 * (COUNT + 1), 500):
        here = top / f"checkpoint-{step}"
        here.mkdir()
        with (here / "model.safetensors").open("wb") as file:
            file.write(len(header).to_bytes(8, "little") + header)
            file.truncate(8 + len(header) + BYTES)
        (here / "config.json").write_text("{}")
        (here / "trainer_state.json").write_text(json.dumps({"epoch": 1.0, "global_step": step}))
