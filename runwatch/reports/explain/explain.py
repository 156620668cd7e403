"""What a log was found to be, how sure that is, and what was read from which lines: for people."""

from __future__ import annotations

import codecs
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from runwatch.core.batch import BAR, PLAN, TRAIN, Batch
from runwatch.core.plural import counted
from runwatch.parsers.api import Format
from runwatch.parsers.inference.fields import fields
from runwatch.parsers.inference.roles import EPOCH_RANK, RATIO, counters, relevant
from runwatch.parsers.inference.sections import opens
from runwatch.parsers.lexicon.words import is_loss, is_quality, is_val, split_of
from runwatch.parsers.stream import StreamParser
from runwatch.reports.explain.course import courses
from runwatch.reports.explain.doubts import SLIGHT, Doubt, Grounds, certainty, doubts
from runwatch.reports.explain.samples import Sample, sample, template

WORDS = ((0.95, "sure"), (0.8, "fairly sure"), (0.6, "likely"), (0.0, "unsure"))
"""What a certainty of at least so much is called."""
_SPOKE = 3
_SEVERAL = 3
"""Lines with a loss that were not read, from which on they are no chance."""
_BELOW = 8
"""Lines below a heading that are about what it says."""
_LONGEST = 4096
"""Bytes of a line that are looked at, to see whether it should have been read."""

Row = dict[str, float]


@dataclass(frozen=True, slots=True)
class Records:
    """Records of one kind, and one of them in full."""

    kind: str
    pattern: str
    count: int
    first_line: int
    last_line: int
    sample: Sample


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a log is."""

    format: str | None
    title: str
    certainty: float
    """From 0 to 1."""
    reasons: tuple[str, ...]
    """What was read, and what speaks against it, the most severe first."""
    lines: int
    understood: int
    spoke: tuple[tuple[int, str], ...]
    """(line number, text) of the first lines that were taken for training."""
    records: tuple[Records, ...]
    events: dict[str, int]
    template: str
    """A [[formats]] section that reads training lines as they were read here; empty if there is none."""

    @property
    def recognized(self) -> bool:
        """Whether anything of a training run was read."""
        return self.format is not None or any(found.kind not in (BAR, PLAN) for found in self.records)

    @property
    def words(self) -> str:
        """The certainty in words."""
        return next(word for least, word in WORDS if self.certainty >= least)


@dataclass(slots=True)
class _Reading:
    """All that was read from a log, line by line."""

    lines: list[bytes]
    parser: StreamParser
    unread: list[int] = field(default_factory=list)
    """Numbers of the lines that contained nothing when they came."""
    rows: dict[tuple[str, str], list[Row]] = field(default_factory=dict)
    """By table kind and pattern, in stream order."""
    printed: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    events: Counter[str] = field(default_factory=Counter)
    unparsed: int = 0

    def take(self, batch: Batch) -> None:
        """Take what a line, or the end, has given."""
        for table in batch.tables:
            key = (table.kind, table.pattern)
            rows = self.rows.setdefault(key, [])
            rows += (dict(zip(table.names, row, strict=True)) for row in table.matrix().T.tolist())
            self.printed.setdefault(key, {}).update(batch.printed)
        self.events.update(event.kind for event in batch.events)
        self.unparsed += batch.unparsed

    def training(self) -> list[Row]:
        """Return the rows of training in stream order."""
        rows = [row for (kind, _), found in self.rows.items() if kind == TRAIN for row in found]
        return sorted(rows, key=lambda row: row["offset"])

    def sample(self, key: tuple[str, str], row: Row) -> Sample:
        """Return one row as a person can check it."""
        return sample(self.lines, row, self.printed[key])

    def evidence(self) -> tuple[tuple[int, str], ...]:
        """Return the first lines that were taken for training."""
        firsts = [
            (row["offset"], self.sample(key, row).lines[-1])
            for key, rows in self.rows.items()
            for row in rows[:_SPOKE]
            if key[0] == TRAIN
        ]
        return tuple(dict.fromkeys(line for _, line in sorted(firsts)))[:_SPOKE]


def explain(data: bytes, formats: Sequence[Format]) -> Explanation:
    """Read `data`, a log or its beginning in whole lines, and say what it is."""
    reading = _read(data, formats)
    records = sorted(
        (_records(reading, *key) for key in reading.rows), key=lambda r: (r.kind != TRAIN, -r.count)
    )
    name = reading.parser.format
    fmt = next((fmt for fmt in formats if fmt.name == name), None)
    found = _doubts(reading, data, fmt, records, formats) if name else []
    own = fmt is not None and fmt.own
    return Explanation(
        format=name,
        title=fmt.title if fmt else "learned from this log" if name else "",
        certainty=certainty(found) if name else 0.0,
        reasons=(*_basis(reading, fmt), *(doubt.reason for doubt in found if doubt.weight >= SLIGHT))
        if name
        else (),
        lines=len(reading.lines),
        understood=len(reading.lines) - reading.unparsed,
        spoke=reading.evidence(),
        records=tuple(records),
        events=dict(reading.events),
        template="" if own or not records else _template(reading, records[0]),
    )


def _read(data: bytes, formats: Sequence[Format]) -> _Reading:
    if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        data = data.decode("utf-16", "replace").encode()
    lines = data.split(b"\n")
    ends = [b"\n"] * (len(lines) - 1) + [b""]
    if not lines[-1]:
        lines.pop()
    reading = _Reading(lines, StreamParser(formats, bulk=False))
    for number, (line, end) in enumerate(zip(lines, ends, strict=False), 1):
        batch = reading.parser.feed(line + end)
        reading.take(batch)
        if batch.unparsed > 0:
            reading.unread.append(number)
    batch = reading.parser.flush()
    reading.take(batch)
    if batch.unparsed > 0 and not data.endswith(b"\n"):
        reading.unread.append(len(lines))
    return reading


def _records(reading: _Reading, kind: str, pattern: str) -> Records:
    """Return records of one kind with a sample: the newest of those with the most usual columns."""
    rows = reading.rows[kind, pattern]
    usual = Counter(tuple(row) for row in rows).most_common(1)[0][0]
    newest = next(row for row in reversed(rows) if tuple(row) == usual)
    lines = [int(row["line"]) for row in rows]
    one = reading.sample((kind, pattern), newest)
    return Records(kind, pattern, len(rows), min(lines), max(lines), one)


def _template(reading: _Reading, records: Records) -> str:
    if records.kind != TRAIN:
        return ""
    rows = reading.rows[records.kind, records.pattern]
    return template(records.sample, set(rows[0]).intersection(*rows))


def _basis(reading: _Reading, fmt: Format | None) -> list[str]:
    """Return what a reading is made of."""
    rows = reading.training()
    steps = [row["step"] for row in rows if "step" in row]
    said = [f"{counted(len(rows), 'record')} of training read"]
    if steps:
        said.append(f"the step goes from {steps[0]:,.0f} to {steps[-1]:,.0f}")
    if fmt is not None and fmt.own:
        said.append("as you described it in runwatch.toml")
    return said


def _doubts(
    reading: _Reading, data: bytes, fmt: Format | None, records: Sequence[Records], formats: Sequence[Format]
) -> list[Doubt]:
    """Return what speaks against a reading."""
    rows, learned, missed = reading.training(), reading.parser.certainty, _missed(reading)
    first = next((found for found in records if found.kind == TRAIN), None)
    reported = {} if first is None else {taken.name: taken.text for taken in first.sample.taken}
    grounds = Grounds(
        courses=courses(data, formats),
        records=len(rows),
        head_start=10 if fmt is None or fmt.weak else 20,
        learned=learned,
        weak=learned is None and fmt is not None and fmt.weak,
        unread=_unread(reading, rows, missed),
        missed=missed,
        lost=_lost(reading),
        unvalidated=_unvalidated(reading),
        counted=reported.get("step") == "",
        step_of_bar="step" not in reported,
        drawn=fmt is not None and fmt.weak and bool(fmt.readers),
    )
    return doubts(grounds, data)


def _unread(reading: _Reading, rows: list[Row], missed: list[int]) -> float:
    """Return half the share that lines not read have of the bytes of all that look like records.

    By bytes, for the records that a program printed without a line's end between them are one line.
    """
    read = sum(len(reading.lines[n - 1]) for n in {int(row["line"]) for row in rows})
    unread = sum(len(reading.lines[number - 1]) for number in missed)
    return unread / (2 * (read + unread or 1))


def _missed(reading: _Reading) -> list[int]:
    """Return the lines behind the first record of training that look like one and were not read."""
    read = {int(row["line"]) for rows in reading.rows.values() for row in rows}
    first = min((row["line"] for row in reading.training()), default=0)
    by_epoch = reading.parser.certainty is not None  # who learns does so of epochs too
    return [
        number
        for number in reading.unread
        if number > first and number not in read and _speaks(reading.lines[number - 1], by_epoch=by_epoch)
    ]


def _lost(reading: _Reading) -> int | None:
    """Return the first of several lines not read that print a loss of training; None if there are few."""
    found = [n for n in reading.unread if _prints_loss(reading.lines[n - 1][:_LONGEST])][:_SEVERAL]
    return found[0] if len(found) == _SEVERAL else None


def _unvalidated(reading: _Reading) -> int | None:
    """Return the first line behind a record of training that prints a score of held-out data, not read.

    The line says what it is about, or a heading above it does. None if scores of such data were read.
    """
    names = {name.encode() for rows in reading.rows.values() for name in rows[0]}
    if any(is_val(name) and is_quality(name) for name in names):
        return None
    first = int(min((row["line"] for row in reading.training()), default=0))
    unread, below = set(reading.unread), -_BELOW
    for number, line in enumerate(reading.lines[first:], first + 1):
        if opens(line):
            below = -_BELOW if split_of(line) == "train" else number
        elif number in unread and _prints_score(line[:_LONGEST], below=number - below < _BELOW):
            return number
    return None


def _prints_score(line: bytes, *, below: bool) -> bool:
    """Whether a line names a score that is no whole number, of held-out data as it or a heading says."""
    if not (below or is_val(line)) or not relevant(line):
        return False
    scores = (f for f in fields(line) if is_quality(f.name) and b"." in line[f.start : f.end])
    return any(below or is_val(line[: f.end]) for f in scores)


def _prints_loss(line: bytes) -> bool:
    return b"oss" in line and any(is_loss(f.name) and not is_val(line[: f.end]) for f in fields(line))


def _speaks(line: bytes, *, by_epoch: bool) -> bool:
    """Whether a line names a step (or an epoch) and a loss or the like, and not one of an evaluation."""
    line = line[:_LONGEST]
    if not relevant(line):
        return False
    found = fields(line)
    scores = [number for number in found if is_quality(number.name)]
    if not scores or is_val(line[: scores[0].end]):
        return False
    return any(rank <= RATIO or (by_epoch and rank == EPOCH_RANK) for rank, _ in counters(line, found))
