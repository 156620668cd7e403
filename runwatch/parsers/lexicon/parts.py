"""Losses that programs print in parts only: of boxes, classes and masks, whose sum a detector minimizes."""

from __future__ import annotations

from collections.abc import Sequence

from runwatch.core.metrics import LOSS

_BOXES = frozenset({"train/box_loss", "train/giou_loss"})
_OTHERS = frozenset(
    ["obj", "cls", "dfl", "l1", "seg", "pose", "kobj", "rle", "angle", "landmark", "kpt", "kptv"]
)
PARTS = _BOXES | {f"train/{name}_loss" for name in _OTHERS}
"""Losses that are added, if one of them is of boxes."""


def parts_of_loss(names: Sequence[str]) -> tuple[str, ...]:
    """Return the metrics of one record whose sum is its loss of training; none where it shows that itself."""
    found = tuple(name for name in names if name in PARTS)
    return found if len(found) > 1 and LOSS not in names and not _BOXES.isdisjoint(found) else ()
