"""Stages of a pipeline: a log in which one training follows another, and what is evaluated behind each.

A line may announce a stage (`=== Stage 2/4: SFT ===`). Where none does, the folder of its checkpoints
names it: `mid_checkpoints/`. Results are what was evaluated after the last training record.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from runwatch.core.batch import BAR, EVAL, RANK, Batch, Event
from runwatch.core.block import Block, Samples

MAX_HEADERS = 16
"""Stages without a training record that are remembered between two with some."""
MAX_RESULTS = 64
"""Results of a stage that are kept."""
_NO_TRAINING = re.compile(
    r"(?i)\b(?:eval\w*|test\w*|valid\w*|report\w*|token\w*|data\w*|download\w*|prepar\w*|export\w*|deploy\w*|"
    r"infer\w*|benchmark\w*|merge\w*|setup|install\w*|serve|upload\w*|convert\w*|inference|sampl\w*)\b"
)
"""What the name of a stage begins with or says in which nothing is trained."""
_EVALUATES = (EVAL, RANK, BAR, "eval_begin", "result", "stage")
"""Kinds of records and events that show, behind the end of training, that more is to come."""
_NO_RESULT = re.compile(
    r"(?i)^(?:perf|train|system|host|proc)(?:/|_)|(?:^|[_/ ])(?:run)?time|per_sec"
    r"|(?:^|_)(?:wps|wpb|bsz|ups|step_avg|total_flos|lr)$"
)
"""Names of what says nothing of how good the model is."""
_FOLDER = re.compile(r"(?:\A|/)([A-Za-z][A-Za-z0-9]*)[_-]?(?:checkpoints?|ckpts?)(?:/|\Z)")
_ANY = frozenset(
    ("model", "models", "my", "the", "save", "saved", "out", "output", "train", "training", "last")
)


@dataclass(frozen=True, slots=True)
class Header:
    """A line that announces a stage."""

    name: str
    offset: int
    number: int | None = None
    """Which stage it is, from 1, and of how many, as far as printed."""
    of: int | None = None

    @property
    def trains(self) -> bool:
        """Whether its name speaks of training, or of nothing else."""
        return _NO_TRAINING.search(self.name) is None


def header_of(event: Event) -> Header:
    """Return what an event of kind `stage` announces."""
    number, of = (int(digits) if (digits := event.data.get(key)) else None for key in ("number", "of"))
    return Header(event.data.get("name", event.title), event.offset, number, of)


def trains(event: Event) -> bool:
    """Return whether an event announces a stage of training."""
    return event.kind == "stage" and header_of(event).trains


def named_by(path: str | None) -> str:
    """Return what the folder of a checkpoint calls its stage: `mid` for `mid_checkpoints/d20`."""
    found = _FOLDER.search(path or "")
    return found[1] if found is not None and found[1].lower() not in _ANY else ""


@dataclass(slots=True)
class Stage:
    """What a log says of one stage in addition to its steps."""

    header: Header | None = None
    """The line that announced it, if one did."""
    announced: tuple[Header, ...] = ()
    """Stages announced since its newest training record: those that nobody trains in, and the next one."""
    trackers: tuple[str, ...] = ()
    """Names of the directories of trackers' runs that its log names."""
    next_trackers: tuple[str, ...] = ()
    """Those named since its newest training record: its own, or of the stage that follows."""
    results: dict[str, float] = field(default_factory=dict)
    """What was evaluated since its newest training record: metric -> newest value."""
    newest: dict[str, int] = field(default_factory=dict)
    """Path of a source -> offset of its newest evaluation or bar."""

    @property
    def next_trains(self) -> bool:
        """Whether another stage of training was announced behind it."""
        return bool(self.announced) and self.announced[-1].trains

    def observe(self, block: Block, *, first: bool) -> None:
        """Take in a block of the run; `first` if it has no training record so far."""
        headers = [header_of(event) for event in block.events if event.kind == "stage"]
        trackers = [(event.data["id"], event.offset) for event in block.events if event.kind == "tracker"]
        if block.progress is not None:
            begin, end = float(block.progress.offset[0]), float(block.progress.offset[-1])
            if first:
                before = [*self.announced, *(header for header in headers if header.offset < begin)]
                trained = [header for header in before if header.trains]
                self.header = trained[-1] if trained else None
            headers = [header for header in headers if header.offset > end]
            self.announced = ()
            named = [name for name, offset in trackers if offset < end]
            self.trackers = (*self.trackers, *self.next_trackers, *named)[-MAX_HEADERS:]
            trackers, self.next_trackers = [each for each in trackers if each[1] > end], ()
            self.results.clear()
        self.announced = (*self.announced, *headers)[-MAX_HEADERS:]
        self.next_trackers = (*self.next_trackers, *(name for name, _ in trackers))[-MAX_HEADERS:]
        for name, value in block.results.items():
            if name in self.results or len(self.results) < MAX_RESULTS:
                self.results[name] = value
        behind = max(block.marks.get(kind, -1) for kind in _EVALUATES)
        if behind >= 0:
            self.newest[block.source] = behind

    def follow(self, before: Stage) -> None:
        """Take over what was announced behind the stage before."""
        self.announced = (*before.announced, *self.announced)
        self.next_trackers = (*before.next_trackers, *self.next_trackers)
        before.announced = before.next_trackers = ()

    def named(self, paths: Iterable[str | None]) -> str:
        """Return its name, if need be from the newest path of its checkpoints that has one."""
        return self.header.name if self.header else next(filter(None, map(named_by, paths)), "")


def results_of(
    batch: Batch, samples: Mapping[str, Samples], low: float, high: float, after: float
) -> dict[str, float]:
    """Return what was evaluated between two offsets and behind `after`: metric -> newest value."""
    if not any(table.kind == EVAL for table in batch.tables) and not any(
        event.kind == "result" for event in batch.events
    ):
        return {}
    evaluated = {name for table in batch.tables if table.kind == EVAL for name in table.names}
    found: dict[str, float] = {}
    for name in (name for name in samples if name in evaluated):
        here = (samples[name].offset >= max(low, after)) & (samples[name].offset < high)
        if here.any() and not _NO_RESULT.search(name):
            found[name] = float(samples[name].value[here][-1])
    for event in batch.events:
        if event.kind == "result" and max(low, after) <= event.offset < high:
            found[event.data["name"]] = float(event.data["value"])
    return found
