"""10,000 checkpoints in one directory: seconds and memory of the first look, and of those after it.

usage: python benchmarks/checkpoints.py

The files are sparse: names, sizes and ends are real, the weights are holes.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

COUNT = int(os.environ.get("CHECKPOINTS", "10000"))
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


def measure(directory: str) -> None:
    """Print what looks at `directory` cost, in this process."""
    from runwatch.core.checkpoint import Checkpoints
    from runwatch.watcher.checkpoints.directory import CheckpointSource

    before = peak()
    source, known, now = CheckpointSource(directory), Checkpoints(), time.time() + 3600
    took = []
    looks, cpu = 0, 0.0
    while True:
        begun, spent = time.perf_counter(), time.process_time()
        look = source.look(now + looks)
        took.append(time.perf_counter() - begun)
        cpu = cpu or time.process_time() - spent
        known.fold(look)
        looks += 1
        if not look.unchecked:
            break
    quiet = []
    for more in range(20):
        begun = time.perf_counter()
        source.look(now + looks + more)
        quiet.append(time.perf_counter() - begun)
    summary = known.summary()
    assert summary.present == COUNT, summary.present
    assert summary.last_good is not None
    assert summary.last_good.checked
    print(
        f"first look {took[0]:.2f} s ({cpu:.2f} s of CPU), "
        f"all files looked into after {looks} looks ({sum(took):.2f} s, "
        f"longest {max(took[1:], default=0):.2f} s), later looks {1e3 * sorted(quiet)[10]:.0f} ms, "
        f"memory {(peak() - before) / 1024:.0f} MB more"
    )


def peak() -> float:
    """Return this process's greatest resident size so far, in KiB."""
    line = next(x for x in Path("/proc/self/status").read_text().splitlines() if x.startswith("VmHWM"))
    return float(line.split()[1])


def main() -> None:
    if len(sys.argv) > 1:
        measure(sys.argv[1])
        return
    for name, lay_out in (("files side by side", family), ("directories", folders)):
        with tempfile.TemporaryDirectory() as top:
            lay_out(Path(top))
            print(f"{COUNT:,} checkpoints, {name}: ", end="", flush=True)
            subprocess.run([sys.executable, __file__, top], check=True)


if __name__ == "__main__":
    main()
