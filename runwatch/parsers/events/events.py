"""Events: what a log says that is not a number. Tracebacks, OOM, NCCL, saves, ends.

The scanner sees the lines that gave no record, in order. What spans lines is joined into one event: a
traceback carries its last line, torchrun's table of failures the rank that failed first and its exit code.
What may repeat without end (retries) is counted, see Tally.
"""

from __future__ import annotations

import re
from itertools import chain
from typing import NamedTuple

from runwatch.core.batch import Event
from runwatch.core.fold.planned import NAMES, of_end
from runwatch.core.text import decode
from runwatch.parsers.envelope.header import message, opened
from runwatch.parsers.envelope.stamps import stamped
from runwatch.parsers.events import plans, saves, sizes, stages
from runwatch.parsers.events.continued import Continued
from runwatch.parsers.events.failures import ROOT_CAUSE, FailureTables, Root
from runwatch.parsers.events.milestones import milestone
from runwatch.parsers.events.tracebacks import (
    CUT_HEAD,
    HEAD,
    IGNORED,
    MODULE,
    WORD,
    Ended,
    Tracebacks,
    quoted,
)
from runwatch.parsers.events.triggers import TRIGGER
from runwatch.parsers.events.trouble import TROUBLE, trouble

_XID = re.compile(rb"Xid \(([^)]*)\): (\d+)")
_EXIT = re.compile(rb"(?:code\s*[:=]? *|exitcode: *)(-?\d+)")
_TASK = re.compile(rb"\btask (\d+): ")
_COMMAND = re.compile(rb"(?<=CalledProcessError: )Command ('.{60}).*'(?= (?:died with|returned))")
_ASSERTED = re.compile(r"\n\s*(assert\b[^\n]*)(?:\n[\s~^]*)?\Z")
"""The last line of code of a traceback, and the marks below it."""
_LEFT = re.compile(rb"\bSystemExit(?:: (?:0|None))?\s*\Z")
"""What a program raises to end itself without an error."""
_LOOK = 4096
"""Bytes of a line in which words are looked for, so that no line takes long."""
_REDRAWN = frozenset({"eval_begin", "load", "compile"})
"""Kinds whose lines are redrawn: the same words right behind each other are one event."""
_BLIND = re.compile(rb"%\||[Ee]valuati|[Vv]alidati|[Tt]raining|[Cc]heckpoint|Load")
"""Words of bars; what finds events by them alone looks at no digits."""
_DIGIT = re.compile(rb"\d")
_REACHED = re.compile(rb"`Trainer\.fit` stopped: `(max_epochs|max_steps)=(\d{1,15})` reached")
_NAMING = {"stage": stages.stage, "tracker": stages.tracker, "result": stages.result}
"""Kinds of line that are read for what they name."""
_COUNTED = frozenset({"retry", "compile", "nan", "skip"})
_OF_CHECKPOINTS = frozenset({saves.CHECKPOINT, saves.FAILED, "load", "resume"})
_APART = 100
"""Records between two lines of a kind from which the later begins a count of its own."""
_NEAR = {"nan": 1 << 62, "skip": 4}
"""The same for kinds that are counted whatever the time: in all, and in a row."""
_AFTERMATH = {"left": 1000, "hooks": 20, "last_save": 20}
"""Records after trouble in which what a tracker's summary or a hook prints at any end shows no good one."""


class Line(NamedTuple):
    """A record as the scanner sees it."""

    text: bytes
    """Without its tag; only so much of a long line as is looked at."""
    tag: bytes
    """What a launcher put before each line of one process."""
    offset: int
    number: int
    """Of its line in the log."""
    ordinal: int
    """Of the record; a gap means that step lines were between."""
    rank: int | None = None
    whole: bytes = b""
    """With its tag and the time that may precede it; empty if there is none."""

    @classmethod
    def of(cls, text: bytes, offset: int, number: int, ordinal: int) -> Line:
        """Return a record's line, its tag taken off."""
        header = opened(text, lenient=True)
        end = header.launched if header is not None else 0
        if header is None or not end:
            return cls(text[:_LOOK], b"", offset, number, ordinal)
        rank = header.rank(text)
        return cls(text[end : end + _LOOK], header.process, offset, number, ordinal, rank, text[:end])

    def data(self) -> dict[str, str]:
        """Return when it was written, if it says so; see stamps for what that means."""
        seconds = stamped(self.whole)
        seconds = stamped(self.text) if seconds is None else seconds
        return {} if seconds is None else {"time": f"{seconds:.3f}"}


class Tally:
    """Counts what may repeat without end: an event is due at the 1st, 2nd, 4th, 8th, ... of a minute.

    Lines without a time count on, unless `apart` records came between. Each event carries the
    count so far, so the greatest of a minute is how many there were, to within a factor of two.
    """

    def __init__(self) -> None:
        self._counts: dict[str, tuple[int | None, int, int]] = {}

    def add(self, kind: str, minute: int | None, ordinal: int, apart: int = _APART) -> int | None:
        """Count one more, of record `ordinal`; return the count if an event is due."""
        last, count, newest = self._counts.get(kind, (None, 0, ordinal))
        continues = ordinal - newest <= apart if minute is None else minute == last
        count = count + 1 if continues else 1
        self._counts[kind] = (last if minute is None else minute, count, ordinal)
        return count if count & (count - 1) == 0 else None


class EventScanner:
    """Turns lines into events. Its state is bounded: open tracebacks, tables and counts."""

    def __init__(self) -> None:
        self.use(())
        self._tracebacks = Tracebacks()
        self._failures = FailureTables()
        self._continued = Continued()
        self.inside = False
        """Whether the next line may belong to what has begun before."""
        self._tally = Tally()
        self._drawn: tuple[str, bytes, int] = ("", b"", -1)
        """Kind, words and record number of the newest event that may be redrawn."""
        self._sizes: dict[str, str] = {}
        """The size of the model, as far as lines said it."""
        self._trouble = -max(_AFTERMATH.values())
        """Number of the newest record that reported trouble."""

    def use(self, markers: tuple[tuple[bytes, str], ...]) -> None:
        """Add a format's markers: (text a line begins with, event kind)."""
        self.markers = markers
        self.heads = tuple(text for text, _ in markers)

    def feed(self, line: bytes, offset: int, number: int, ordinal: int) -> list[Event] | None:
        """Return the events of one record, [] for a line that belongs to one, None for any other line.

        `ordinal` counts records: a gap in it means that step lines were between.
        """
        marker = self._marker(line)
        if not self.inside and marker is None and not TRIGGER.search(line):
            return None
        seen = Line.of(line, offset, number, ordinal)
        belongs, reported = self._continue(seen) if self.inside else (False, [])
        if not belongs and HEAD in line and (ended := quoted(line, offset, number)) is not None:
            self._trouble = ordinal
            return reported + _of_traceback(ended)
        if belongs or self._begin(seen):
            return reported
        if marker is not None:
            seen = Line(line, b"", offset, number, ordinal)
            return reported + self._milestone(marker, seen, _redrawn(line))
        return reported + (self._line(seen) or []) or None

    def redraws(self, line: bytes) -> bytes | None:
        """Return the words of the one event that redraws like a line show; empty if they show none.

        None if any may show one of its own. Nothing has begun before them.
        """
        if TRIGGER.search(_BLIND.sub(b"", line)):
            return None
        kind, words = self._marker(line), _redrawn(line)
        reported = None if kind else trouble(line) or milestone(line)
        if reported is not None:
            kind, words = reported[0], reported[1][0]
        if kind is None:
            return b""
        return words if kind in _REDRAWN and not _DIGIT.search(words) else None

    def drew(self, ordinal: int) -> bool:
        """Return whether a record reported an event that is not repeated right after it."""
        return self._drawn[2] == ordinal

    def repeat(self, line: bytes, last: int) -> bool:
        """Take records like `line`, up to number `last`, as the newest event; return if they belong to it."""
        self._drawn = *self._drawn[:2], last
        return self._marker(line) is not None

    def flush(self) -> list[Event]:
        """Return the events of what the log's end (or a break in it) cut off."""
        self.inside = False
        ended = [*chain.from_iterable(map(_of_traceback, self._tracebacks.flush()))]
        return [*ended, *map(_of_root, self._failures.flush()), *self._continued.flush()]

    def _marker(self, line: bytes) -> str | None:
        if not line.startswith(self.heads):
            return None
        for text, kind in self.markers:
            if line.startswith(text):
                return kind
        return None

    def _continue(self, line: Line) -> tuple[bool, list[Event]]:
        """Return whether a line belongs to what has begun before, and what that became."""
        belongs, ended = self._tracebacks.feed(*line[:5])
        reported = _of_traceback(ended) if ended else []
        if not belongs:
            belongs, root = self._failures.feed(*line[:5])
            reported += [_of_root(root)] if root else []
        if not belongs:
            belongs, complete = self._continued.feed(line.text, line.ordinal)
            reported += complete
        self._trouble = line.ordinal if reported else self._trouble
        self.inside = bool(self._tracebacks) or bool(self._failures) or bool(self._continued)
        return belongs, reported

    def _begin(self, line: Line) -> bool:
        """Return whether something that spans lines begins with this one."""
        self._tracebacks.link(line.text, line.tag)
        if line.text.startswith(IGNORED):
            self._tracebacks.ignore(line.tag, line.ordinal)
        known = HEAD in line.text or MODULE in line.text or line.text.startswith(ROOT_CAUSE)
        if not known and not (WORD in line.text and CUT_HEAD.search(line.text)):
            return False
        begun = self._tracebacks.begin(*line[:6]) or self._failures.begin(*line[:5])
        self.inside |= begun
        return begun

    def _line(self, line: Line) -> list[Event] | None:
        sign = trouble(line.text)
        if sign is None:
            sign = milestone(line.text)
            return None if sign is None else self._milestone(sign[0], line, sign[1][0])
        kind, words = sign
        self._trouble = line.ordinal
        # the scheduler's word may be behind half a step line
        reported = line.text[words.start() :] if kind == "scheduler" else message(line.text)
        rank, data = line.rank, line.data() | saves.broken_off(reported)
        if kind == "xid" and (xid := _XID.search(reported)):
            data |= {"gpu": decode(xid[1], 80), "xid": xid[2].decode()}
        if code := _EXIT.search(reported):
            data["exitcode"] = code[1].decode()
        if rank is None and (task := _TASK.search(reported)):
            rank = int(task[1])
        event = Event(kind, line.offset, line.number, decode(reported.strip(), 300), rank, data=data)
        held = not self.inside and self._continued.begin(event, line.ordinal)
        self.inside |= held
        return [] if held else [event]

    def _milestone(self, kind: str, line: Line, words: bytes) -> list[Event]:
        """Return the event of something that happens during training; [] where it only repeats the last."""
        if kind in _REDRAWN:
            repeats = self._drawn == (kind, words, line.ordinal - 1)
            self._drawn = kind, words, line.ordinal
            if repeats:
                return []
        if kind in _AFTERMATH:
            near = line.ordinal - self._trouble < _AFTERMATH[kind]
            if near and kind != "last_save":
                return []
            kind = saves.CHECKPOINT if near else "over"
        if kind in ("plan", "size"):
            return _plan(line) if kind == "plan" else self._size(line)
        if kind in _NAMING:
            found = _NAMING[kind](line.text)
            title = decode(line.text.strip(), 300)
            return [Event(kind, line.offset, line.number, title, line.rank, data=found)] if found else []
        data, step = line.data(), None
        if kind in _COUNTED:
            timed = "time" in data and kind not in _NEAR
            minute = int(float(data["time"]) // 60) if timed else None
            count = self._tally.add(kind, minute, line.ordinal, _NEAR.get(kind, _APART))
            if count is None:
                return []
            data["count"] = str(count)
        if kind in _OF_CHECKPOINTS:
            save = saves.read(line.text)
            data, step = data | save.data(), save.step
            if kind not in ("load", "resume"):
                kind, data["state"] = save.kind, save.state
        event = Event(kind, line.offset, line.number, decode(line.text.strip(), 300), line.rank, step, data)
        return [event, *_reached(line)] if kind == "finished" else [event]

    def _size(self, line: Line) -> list[Event]:
        """Return the size of the model, where a line says another one than those before it."""
        data = {name: x for name, x in sizes.size(line.text).items() if self._sizes.get(name) != x}
        self._sizes |= data
        return [Event("facts", line.offset, line.number, "model size", data=data)] if data else []


_NAMED = {
    b"epoch": b"epochs",
    b"num_steps": b"num_train_steps",
    b"progress_on": b"total_steps",
    b"steps": b"total_steps",
    b"iterations": b"total_iterations",
}
"""Names of settings that have another name here."""


def _plan(line: Line) -> list[Event]:
    """Return the settings of a line that say how many steps or epochs are planned."""
    data = {}
    for found in plans.PLAN.finditer(line.text):
        name, value = sorted(filter(None, found.groups()), key=lambda part: part[:1].isdigit())
        name = re.sub(rb"[ -]", b"_", name.strip(b"#").lower())
        name = name.replace(b"number_of_training_", b"num_").replace(b"number_of_", b"num_")
        name = _NAMED.get(name, name)
        if name.decode() in NAMES:
            data[name.decode()] = value.decode()
    return [Event("facts", line.offset, line.number, "settings", data=data)] if data else []


def _reached(line: Line) -> list[Event]:
    """Return the setting that a line says to be reached: that was the plan, whatever else is printed."""
    found = _REACHED.search(line.text)
    if found is None:
        return []
    data = of_end({found[1].decode(): found[2].decode()})
    return [Event("facts", line.offset, line.number, "settings", data=data)]


def _redrawn(line: bytes) -> bytes:
    """Return what stays the same of a line where it is redrawn: what precedes a bar."""
    text, bar, _ = line.partition(b"%|")
    return text.rstrip(b" 0123456789") if bar else line


def _of_traceback(ended: Ended) -> list[Event]:
    """Return the event of a traceback, unless Python continued after it, or a program only ended itself."""
    kind = (TROUBLE.first(ended.raised) or ("traceback",))[0]
    if "gone" in ended.data and kind == "traceback":
        return [Event("tracker_gone", ended.offset, ended.line, _title(ended.raised), ended.rank)]
    if ("ignored" in ended.data and kind == "traceback") or _LEFT.search(ended.raised):
        return []
    title = _title(_said(ended)) if ended.raised else "Traceback without its last line"
    data = ended.data | (saves.broken_off(ended.raised) if ended.raised else {})
    return [Event(kind, ended.offset, ended.line, title, ended.rank, data=data)]


def _said(ended: Ended) -> bytes:
    """Return what was raised; of an assertion without words, what it asserts."""
    asserted = _ASSERTED.search(ended.data["frames"]) if ended.raised.strip() == b"AssertionError" else None
    return b"AssertionError: " + asserted[1].encode() if asserted else ended.raised


def _title(raised: bytes) -> str:
    """Return an exception as text; of a failed command how it ended, not all of its arguments."""
    return decode(_COMMAND.sub(rb"Command \1...'", raised[:_LOOK].strip()), 300)


def _of_root(root: Root) -> Event:
    return Event(root.kind, root.offset, root.line, root.title, root.rank, data=root.data)
