"""Chooses the inputs that are committed: a few small ones that reach lines which the made seeds do not."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from types import FrameType

from .target import SEEDS, Target, attempt
from .targets import target_of

MOST = 4096
"""Bytes of a target's inputs in the repository."""
LARGEST = 700
TRIED = 400
"""Inputs that are looked at, the shortest first."""

Lines = set[tuple[str, int]]


def keep(name: str, corpus: Path) -> int:
    """Add inputs of a corpus to the committed ones of a target; return how many bytes there are then."""
    target = target_of(name)
    folder = SEEDS / name
    folder.mkdir(parents=True, exist_ok=True)
    size = sum(path.stat().st_size for path in target.kept())
    reached: Lines = set()
    for data in [*target.seeds(), *(path.read_bytes() for path in target.kept())]:
        reached |= _reached(target, data)
    found = sorted(
        (path for path in corpus.glob("*") if path.stat().st_size <= LARGEST), key=lambda p: p.stat().st_size
    )
    gains: list[tuple[int, bytes, Lines]] = []
    for path in found[:TRIED]:
        lines = _reached(target, path.read_bytes()) - reached
        if lines:
            gains.append((len(lines), path.read_bytes(), lines))
    for _, data, lines in sorted(gains, key=lambda gain: gain[0] / (20 + len(gain[1])), reverse=True):
        if lines - reached and size + len(data) <= MOST:
            reached |= lines
            size += len(data)
            (folder / hashlib.sha1(data).hexdigest()[:12]).write_bytes(data)
    return size


def _reached(target: Target, data: bytes) -> Lines:
    """Return the lines of runwatch that an input reaches; none if it is a finding."""
    lines: Lines = set()

    def trace(frame: FrameType, event: str, argument: object) -> object:
        if "/runwatch/" not in frame.f_code.co_filename:
            return None
        if event == "line":
            lines.add((frame.f_code.co_filename, frame.f_lineno))
        return trace

    sys.settrace(trace)
    try:
        failed = attempt(target, data, 1e9)
    finally:
        sys.settrace(None)
    return set() if failed else lines
