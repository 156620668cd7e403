"""Reads what people judged: one object a line in the index files of a folder, and the logs that they name."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from benchmarks.detection.logs import kinds

PARTS = ("tune", "validation", "test")


class Launch(msgspec.Struct, frozen=True):
    """One start of the program, and how it ended."""

    end: kinds.End
    first_line: int = 1
    end_line: int | None = None
    cause: str = ""
    cause_line: int | None = None


class Trouble(msgspec.Struct, frozen=True):
    """What is wrong while it trains; it lasts to the end of the log if `to_line` is none."""

    kind: str
    from_line: int
    severity: kinds.Severity
    certain: bool
    to_line: int | None = None
    why: str = ""

    def __post_init__(self) -> None:
        if self.kind not in kinds.RULES:
            raise ValueError(f"no kind of trouble is called {self.kind!r}")


class Label(msgspec.Struct, frozen=True):
    """What a careful engineer says of one log."""

    path: str
    sha256: str
    launches: tuple[Launch, ...]
    troubles: tuple[Trouble, ...]
    source: str = ""
    program: str = ""
    health: str = ""
    part: str = ""


def part_of(label: Label) -> str:
    """Return the part that the label names, else one drawn by its repository: half, a quarter, a quarter.

    So all logs of a repository are in one part, as they are much alike.
    """
    if label.part:
        return label.part
    source = re.sub(r"^(https?://[^/]+/|github:)", "", label.source)
    repository = re.match(r"[^/:@\s]+/[^/:@#\s]+", source)
    drawn = hashlib.sha256((repository[0].lower() if repository else label.sha256).encode()).digest()[0]
    return PARTS[0] if drawn < 128 else PARTS[1] if drawn < 192 else PARTS[2]


def read(folder: Path, say: Callable[[str], object]) -> list[Label]:
    """Return the labels of all index files; what is none is said. Of two for one path the last counts."""
    found: dict[str, Label] = {}
    for index in sorted(folder.glob("*.jsonl")):
        for number, line in enumerate(index.read_bytes().splitlines(), 1):
            if not line.strip():
                continue
            try:
                label = msgspec.json.decode(line, type=Label)
            except msgspec.DecodeError as error:
                say(f"{index}:{number}: no label, left out: {error}")
                continue
            if label.path in found:
                say(f"{index}:{number}: {label.path} is labelled twice, this one counts")
            found[label.path] = label
    return list(found.values())


def locate(labelled: str, sha256: str, folders: Iterable[Path], say: Callable[[str], object]) -> Path | None:
    """Return the log that was labelled; None, and said, if it is not there or is another one by now."""
    there = [path for folder in folders if (path := folder / labelled).is_file()]
    for path in there:
        if hashlib.sha256(path.read_bytes()).hexdigest() == sha256.lower():
            return path
    say(f"{labelled}: {'not the file that was labelled' if there else 'no such file'}, left out")
    return None
