"""Where in a training a checkpoint was made: the step and the epoch that its name or path says."""

from __future__ import annotations

import re

_STEP = re.compile(
    r"(?:^|[^a-zA-Z])(?:global[_-]?)?(?:steps?|iters?|iterations?|it|updates?)[_=.-]{0,2}(\d{1,15})(?!\d)",
    re.IGNORECASE,
)
_COUNTED = re.compile(r"(?<!\d)(\d{1,15})[_-]?(?:steps?|iters?|its?)(?![a-zA-Z])", re.IGNORECASE)
_EPOCH = re.compile(r"(?:^|[^a-zA-Z])(?:epochs?|ep|(?<!\d)e)[_=.-]{0,2}(\d{1,9})(?!\d)", re.IGNORECASE)
_SAVED = re.compile(
    r"(?:^|[^a-zA-Z])(?:model|checkpoint|ckpt|chkpt|weights?|snapshot|net|ema|state)[a-zA-Z]*[_=.-]{0,2}(\d{1,15})$"
    r"|^[a-zA-Z](?:[a-zA-Z_.-]*?|.*[_=.-])(\d{2,15})$|^(\d{3,15})$",
    re.IGNORECASE,
)
DATA = re.compile(
    r"(?:^|[^a-zA-Z])(?:data|dataset|shard|train|val|valid|test|split|part|chunk|rank|cache|batch|tokens?|fold"
    r"|sample|image|feature|embed\w*|fineweb|corpus|\d+[_-]of[_-]\d+)(?:$|[^a-zA-Z])",
    re.IGNORECASE,
)
"""Names of data, and of pieces of it: their numbers count something else."""
_ENDING = re.compile(r"\.(?:pth\.tar|pt|pth|ckpt|bin|npz|safetensors|h5|keras|json|tar|distcp)$")
_PIECE = re.compile(r"[_-](?:rank|shard|part)_?\d+$", re.IGNORECASE)


def place(stem: str) -> tuple[int | None, int | None]:
    """Return the step and the epoch that a name states in words."""
    step, epoch = _STEP.search(stem) or _COUNTED.search(stem), _EPOCH.search(stem)
    return int(step[1]) if step else None, int(epoch[1]) if epoch else None


def numbered(stem: str) -> tuple[int, bool] | None:
    """Return the number that a name without words for it ends in; None if it has none, or counts data.

    And whether a word says that it is a checkpoint's.
    """
    saved = None if DATA.search(stem) else _SAVED.search(stem)
    return None if saved is None else (int(saved[1] or saved[2] or saved[3]), saved[1] is not None)


def place_of(path: str) -> tuple[int | None, int | None]:
    """Return the step and the epoch of the checkpoint at a path: of its file, else of its directory."""
    parts = [part for part in path.replace("\\", "/").split("/")[-4:] if part]
    for part in reversed(parts):
        stem = _PIECE.sub("", _ENDING.sub("", part))
        step, epoch = place(stem)
        found = numbered(stem)
        if step is None and epoch is None and found is not None:
            alone = part is parts[-1] and (stem != part or stem.isdigit())
            step = found[0] if found[1] or alone else None
        if step is not None or epoch is not None:
            return step, epoch
    return None, None
