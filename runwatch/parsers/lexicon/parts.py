"""Losses that programs print in parts only: those of a detector, and those of networks next to each other."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from runwatch.core.metrics import DISCRIMINATOR_LOSSES, GENERATOR_LOSSES, LOSS
from runwatch.parsers.lexicon.words import is_val, words

_HEADS = [f"{head}{ending}" for head in ("om", "oo") for ending in ("", "_loss")]
"""Of YOLOv10: one to many, one to one."""
_BOXES = frozenset({"train/box_loss", "train/giou_loss", *(f"train/box_{head}" for head in _HEADS)})
_OTHERS = frozenset(
    ["obj", "cls", "dfl", "l1", "seg", "pose", "kobj", "rle", "angle", "theta", "landmark", "kpt", "kptv"]
)
_UNNAMED = {f"train/loss_{column}" for column in range(2, 9)}
"""Columns next to that of the boxes whose header was not printed."""
PARTS = _BOXES.union(
    (f"train/{name}_loss" for name in _OTHERS),
    (f"train/{name}_{head}" for name in ("cls", "dfl") for head in _HEADS),
    _UNNAMED,
)
"""Losses that are added, if one of them is of boxes."""
_JUDGES = frozenset(b"d dis disc discriminator discrim critic fake real".split())
"""Words of the losses of networks that judge another one."""
LETTERS = ("D", "G")
"""Two adversaries by their letters."""
ADVERSARIES = _JUDGES | frozenset(b"g gen generator".split())
"""Words of the losses of both."""
PLAYERS = ADVERSARIES | frozenset(b"actor policy value".split())
"""Words of losses that are against, or next to, each other: none is the sum of the others."""


def parts_of_loss(names: Sequence[str]) -> tuple[str, ...]:
    """Return the metrics of one record whose sum is its loss of training; none where it shows that itself.

    Of adversaries it is the loss of the generator, which is trained for use, or of the first of several.
    """
    if LOSS not in names and any(map(_is_judges, names)):
        return next(((name,) for name in names if _is_one(name, GENERATOR_LOSSES)), ())
    found = tuple(name for name in names if name in PARTS)
    return found if len(found) > 1 and LOSS not in names and not _BOXES.isdisjoint(found) else ()


def adversaries(names: Sequence[str]) -> list[int]:
    """Return where the losses of two adversaries are that only their letters name, `D=0.7, G=0.6`."""
    found = [i for i, name in enumerate(names) if name in LETTERS]
    return found if len(found) == len(LETTERS) else []


def foremost(losses: Sequence[bytes]) -> bytes:
    """Return which of several losses, in the order of print, is shown as that of training: no sum is printed.

    It is the first, as programs print first what they are about; but no network is trained for its judge,
    nor a policy for its entropy.
    """
    own = (name for name in losses if not _is_judges(name.decode(errors="replace")))
    return next((n for n in own if b"entropy" not in words(n) or b"cross" in words(n)), losses[0])


def _is_judges(name: str) -> bool:
    said = name.encode(errors="replace")
    return _is_one(name, DISCRIMINATOR_LOSSES) or not (is_val(said) or _JUDGES.isdisjoint(words(said)))


def _is_one(name: str, losses: Collection[str]) -> bool:
    """Return whether a metric of training is one of these, by its whole or by its last parts."""
    if is_val(name.encode(errors="replace")):
        return False
    heads, _, last = name.lower().replace(" ", "_").removeprefix("train_").rpartition("/")
    return last in losses or f"{heads.rpartition('/')[2]}/{last}" in losses
