"""What is near a run's checkpoints and is written whole: configurations, reports, arrays of metrics.

A file is read again when its size, time or identity has changed. One that is
half written is no error: it is read again when it has changed once more.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from runwatch.core import text
from runwatch.core.batch import Batch
from runwatch.core.metrics import goal
from runwatch.parsers import document
from runwatch.parsers.resume_state import ResumeState
from runwatch.parsers.stream import MAX_DOCUMENT, StreamParser
from runwatch.watcher.layouts import run_facts
from runwatch.watcher.layouts.layout import Size
from runwatch.watcher.layouts.run_facts import Facts
from runwatch.watcher.sources import files
from runwatch.watcher.sources.sidecar_facts import SidecarFacts

FACTS = re.compile(
    r"run_manifest\.json|(?:training_)?args\.json|(?:model_|training_|train_)?config\.(?:json|ya?ml)"
    r"|hparams\.(?:json|ya?ml)|(?:params|settings|metadata)\.(?:json|ya?ml)|wandb-metadata\.json|report\.md"
)
"""Files that contain facts."""
META = re.compile(r"meta_(\d{1,15})\.json")
"""Files that contain facts of one checkpoint; the newest counts for the run."""
_PLACES = frozenset({"step", "epoch", "iteration"})
_STATE = "state_dict/"
"""How PyTorch calls what an object saves of itself, such as the place of a loader in the data."""
SERIES = re.compile(r"training_metrics\.json|trainer_state\.json")
"""Files that contain series, written whole again and again."""
REPORTS = "report"
"""A directory of sections, one `.md` file each."""
MAX_READ = 64
"""Files that are read of one directory."""
_MAX_FACTS_FILE = 1 << 20


@dataclass(slots=True)
class _File:
    """What is remembered of one file."""

    size: Size | None = None
    parser: StreamParser | None = field(default=None)


def _of_checkpoint(facts: Facts) -> Facts:
    """Return the facts of a checkpoint: how far it is and how good are values, not settings; no state."""
    kept = {name: value for name, value in facts.items() if _STATE not in name}
    return {f"summary.checkpoint.{n}" if n in _PLACES or goal(n) else n: value for n, value in kept.items()}


class SidecarSource:
    """The metadata files in one directory and in its `report/`. No threads; a look reads what has changed."""

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self._known: dict[str, _File] = {}

    def recall(self, name: str, resume_state: ResumeState, offset: int, line: int) -> None:
        """Take over what a predecessor sent of one file, and where its stream was."""
        self._known[name] = _File(
            parser=StreamParser(start=offset, first_line=line, resume_state=resume_state)
        )

    def places(self) -> Iterator[tuple[str, ResumeState, int, int]]:
        """Yield for each file that contains series what a successor has to recall."""
        for name, known in self._known.items():
            if known.parser is not None:
                yield name, known.parser.resume_state, *known.parser.place

    def look(self) -> SidecarFacts:
        """Return the facts and records that are new since the last look."""
        try:
            inside = files.listing(self.directory)
        except OSError:
            return SidecarFacts()
        wanted = self._wanted(inside)
        for name in self._known.keys() - set(wanted):
            del self._known[name]
        found: dict[str, Facts] = {}
        batches: dict[str, Batch] = {}
        for name in wanted:
            data = self._new(name)
            if data is None:
                continue
            if SERIES.fullmatch(os.path.basename(name)):
                batch = self._series(self._known[name], data)
                if batch is not None:
                    batches[text.path(name)] = batch
            reported = None if name.endswith("training_metrics.json") else run_facts.of_file(name, data)
            if reported is not None:
                found[text.path(name)] = _of_checkpoint(reported) if META.fullmatch(name) else reported
        return SidecarFacts(found, batches)

    def _wanted(self, inside: files.Listing) -> list[str]:
        """Return the names of the files to read, a bounded number."""
        names = sorted(n for n in inside.files if FACTS.fullmatch(n) or SERIES.fullmatch(n))
        metas = [(int(match[1]), name) for name in inside.files if (match := META.fullmatch(name))]
        names += [name for _, name in sorted(metas)[-1:]]
        if REPORTS in inside.directories:
            try:
                sections = files.listing(os.path.join(self.directory, REPORTS)).files
            except OSError:
                sections = []
            names += [f"{REPORTS}/{name}" for name in sorted(sections) if name.endswith(".md")]
        return names[:MAX_READ]

    def _new(self, name: str) -> bytes | None:
        """Return a file's bytes if it has changed since they were read."""
        path = os.path.join(self.directory, name)
        size = files.size_of(path)
        known = self._known.setdefault(name, _File())
        if size is None or size == known.size:
            return None
        limit = MAX_DOCUMENT if SERIES.fullmatch(os.path.basename(name)) else _MAX_FACTS_FILE
        if size.bytes > limit:
            return None
        try:
            data = files.contents(path, limit + 1)
        except OSError:
            return None
        known.size = size if len(data) == size.bytes else None  # it changed while it was read
        return data

    def _series(self, known: _File, data: bytes) -> Batch | None:
        """Return the records that earlier writings did not hold; None if it is not complete, or has none."""
        if not isinstance(document.parse(data), document.Document):
            return None
        if known.parser is None:
            known.parser = StreamParser()
        else:
            known.parser.break_off()
        first, rest = known.parser.feed(data), known.parser.flush()
        batch = first if first.tables or first.events else rest
        return batch if batch.tables or batch.events else None
