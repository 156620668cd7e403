"""Reads one log to its end as `runwatch check` does, and gives what was found.

usage: python -m benchmarks.detection.logs.observe LOG
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import msgspec

from benchmarks.detection.corpus import LATER
from runwatch.alerts.rules import CATALOGUE
from runwatch.alerts.rules.base import RunRule
from runwatch.alerts.rules.ruleset import Ruleset
from runwatch.core.block import Block
from runwatch.core.errors import SourceError
from runwatch.core.findings import Finding
from runwatch.watcher.engine.check import check
from runwatch.watcher.engine.views.document import document


class Incident(msgspec.Struct, frozen=True):
    """One incident of the engine."""

    rule: str
    severity: str
    line: int | None
    title: str
    text: str = ""
    """Title, cause and evidence."""
    symptom: bool = False
    """It is reported with another one, not by a message of its own."""
    lasts: bool = True
    """It was not resolved."""
    signature: str = ""
    """What a crash was classified as."""


class Run(msgspec.Struct, frozen=True):
    """How the document says that a run ended."""

    kind: str
    """The kind of its `ending`, "none" if that is null; its state where the document has no `ending`."""
    exact: bool = False
    """Whether the document has one."""
    text: str = ""


class Observed(msgspec.Struct, frozen=True):
    """What the engine says of one log."""

    incidents: tuple[Incident, ...] = ()
    runs: tuple[Run, ...] = ()
    rows: tuple[int, ...] = ()
    """Lines of the training records, ascending."""
    error: str = ""


@dataclass
class Records(RunRule):
    """Finds nothing: it notes the lines of training records."""

    name: ClassVar[str] = "records"
    summary: ClassVar[str] = "Notes the lines of training records."
    lines: ClassVar[set[int]] = set()

    def judge(self, block: Block) -> Sequence[Finding]:
        """Note the lines of a block."""
        if block.progress is not None:
            self.lines.update(int(line) for line in block.progress.line if isfinite(line))
        return ()


def observe(path: str) -> Observed:
    """Return what the engine says of a log."""
    Records.lines.clear()
    try:
        engine = check([path], Ruleset(rules=(*CATALOGUE, Records)), now=LATER)
    except SourceError as error:
        return Observed(error=str(error))
    incidents = tuple(
        Incident(
            rule=row.rule,
            severity=row.severity,
            line=row.line,
            title=row.title,
            text=" | ".join([row.title, row.cause, *map(str, row.evidence.values())]),
            symptom=bool(row.lead),
            lasts=row.state != "resolved",
            signature=str(row.evidence.get("signature", "")),
        )
        for _, watched in engine.runs()
        for row in watched.incidents.every()
        if row.state != "pending"
    )
    runs = tuple(map(_run, document(engine, LATER)["runs"]))
    return Observed(incidents, runs, tuple(sorted(Records.lines)), "; ".join(engine.troubles))


def _run(run: dict[str, Any]) -> Run:
    ending = run.get("ending") or {}
    kind = ending.get("kind", "none") if "ending" in run else run["state"]
    return Run(kind, "ending" in run, " ".join(map(str, ending.values())))


def observe_apart(path: Path, limit: float) -> Observed:
    """Return what a process of its own says of a log, within `limit` seconds.

    It sees the log alone: rotated files and others beside it were not labelled.
    """
    with TemporaryDirectory() as alone:
        link = Path(alone) / path.name
        link.symlink_to(path.absolute())
        try:
            command = [sys.executable, "-m", __spec__.name, str(link)]
            done = subprocess.run(command, capture_output=True, timeout=limit, check=False)
        except subprocess.TimeoutExpired:
            return Observed(error=f"no answer within {limit:g} s")
    if done.returncode:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        return Observed(error=f"exit code {done.returncode}: {''.join(last)}")
    return msgspec.json.decode(done.stdout, type=Observed)


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(observe(sys.argv[1])))
