"""Single files: Lightning's `.ckpt`, and what torch.save or safetensors wrote with a number in its name."""

from __future__ import annotations

import re

from runwatch.parsers.lexicon import places
from runwatch.parsers.lexicon.names import canonical
from runwatch.watcher.layouts.layout import Layout, Part

_FILE = (Part("file", re.compile(r".*")),)
LIGHTNING = Layout("lightning", _FILE)  # epoch=1-step=500.ckpt, last.ckpt
TORCH = Layout("torch", _FILE)  # ckpt_step1000.pt, G_12000.pth, best.pt
SAFETENSORS = Layout("safetensors", _FILE)  # lora-step-1000.safetensors
FOLDER = Layout(  # epoch_3/model.pt, epoch_3/optimizer.pt
    "torch", (), re.compile(r"[^/]*\.(?:pt|pth|pth\.tar|ckpt|safetensors)")
)
"""What a directory is that is called a checkpoint, holds weights and is of no known layout."""
CALLED = re.compile(
    r"(?:.*[^a-z])?(?:steps?|iter|iteration|epoch|ep|ckpt|checkpoint)s?[_=.-]?\d+", re.IGNORECASE
)

_ENDING = re.compile(r"(?P<stem>.+?)(?P<ending>\.pth\.tar|\.pt|\.pth|\.ckpt|\.bin|\.npz|\.safetensors)")
_SURE = (".pt", ".pth", ".pth.tar", ".ckpt")
"""Endings that checkpoints have; of the others a word must say so."""
_WITHOUT = re.compile(
    r"(?:.*[_.-])?(?:last|latest|best|final|ckpt|checkpoint|model)(?:[_.-](?:best|last|latest|final|model))?(?:-v\d+)?",
    re.IGNORECASE,
)
_METRIC = re.compile(r"([A-Za-z][\w/.]*?)=(-?\d+\.\d+(?:e[+-]?\d+)?)(?=$|[-_=]|\.)")


def single(name: str) -> tuple[Layout, int | None, int | None] | None:
    """Return layout, step and epoch of a file that is a checkpoint by itself, going by its name."""
    match = _ENDING.fullmatch(name)
    if match is None:
        return None
    stem, ending = match["stem"], match["ending"]
    layout = SAFETENSORS if ending == ".safetensors" else LIGHTNING if ending == ".ckpt" else TORCH
    step, epoch = places.place(stem)
    if step is not None or epoch is not None:
        return layout, step, epoch
    saved = places.numbered(stem)
    if saved is not None and (saved[1] or ending in _SURE):
        return layout, saved[0], None
    named = ending in _SURE and _WITHOUT.fullmatch(stem) and not places.DATA.search(stem)
    return (layout, None, None) if named else None


def metrics(name: str) -> dict[str, float]:
    """Return the metrics that a file name states, as `epoch=3-val_loss=0.27.ckpt` does."""
    match = _ENDING.fullmatch(name)
    found = _METRIC.findall(match["stem"] if match else name)
    return {canonical(key): float(value) for key, value in found if key not in ("step", "epoch")}
