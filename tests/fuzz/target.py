"""A target, and what makes an input a finding: an error, a broken promise, too much time or memory."""

from __future__ import annotations

import resource
import shutil
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..parsers.fuzzing import NASTY

SEEDS = Path(__file__).parent / "seeds"
SECONDS = 1.0
"""CPU time that an input may take..."""
SECONDS_PER_MIB = 60.0
"""... and more for its size: a line of 100 bytes read four times over, with other cuts, takes a millisecond."""
MEMORY_MIB = 256
"""What the process may grow by for one input."""


@contextmanager
def new_folder() -> Iterator[Path]:
    """Give a new folder that is gone afterwards."""
    path = Path(tempfile.mkdtemp(prefix="fuzz-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@dataclass(frozen=True)
class Target:
    """A surface that takes bytes of others."""

    name: str
    check: Callable[[bytes], object]
    """Raises only for what is wrong: errors that the surface declares are caught by it."""
    seeds: Callable[[], Sequence[bytes]]
    """Inputs that look real."""
    words: Sequence[bytes] = tuple(NASTY)
    """Pieces that matter to this surface."""
    most: int = 12_000
    """Bytes of an input."""
    slow: float = 1.0
    """By how many times more time an input may take."""

    def kept(self) -> list[Path]:
        """Return the committed inputs."""
        return sorted((SEEDS / self.name).glob("*"))


@dataclass(frozen=True)
class Finding:
    """What is wrong with an input."""

    kind: str
    """The same for all inputs that show the same."""
    text: str


def attempt(target: Target, data: bytes, pace: float = 1.0) -> Finding | None:
    """Try one input; `pace` is how many times slower this process is than a bare one."""
    before = _peak()
    begin = time.process_time()
    try:
        target.check(data)
    except Exception as error:
        return Finding(f"{type(error).__name__}-{_place(error)}", traceback.format_exc())
    took, grown = time.process_time() - begin, _peak() - before
    limit = (SECONDS + SECONDS_PER_MIB * len(data) / (1 << 20)) * pace * target.slow
    if took > limit:
        return Finding("slow", f"{took:.2f} s of CPU time for {len(data)} bytes (limit {limit:.2f} s)")
    if grown > MEMORY_MIB:
        return Finding("memory", f"the process grew by {grown} MiB for {len(data)} bytes")
    return None


def _peak() -> int:
    """Return the most memory that the process has used, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def _place(error: BaseException) -> str:
    """Return the innermost line of ours that an error went through."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "/runwatch/" in frame.filename] or frames
    return f"{Path(ours[-1].filename).stem}-{ours[-1].lineno}"
