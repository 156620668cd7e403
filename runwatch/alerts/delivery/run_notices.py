"""Messages that are not alerts: a run started, finished or crashed, and the daily digest."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping

import msgspec

from runwatch.alerts.routing.notification import Notification, digest
from runwatch.core.decoding import UNDECODABLE
from runwatch.core.ending import CUT_SHORT, OVER
from runwatch.core.plural import counted
from runwatch.core.snapshot import IncidentRow
from runwatch.render import numbers

MOST_RUNS = 1024
"""Most runs remembered; the oldest is forgotten."""
YOUNG = 200
"""Records up to which a run seen for the first time counts as just started."""
KEY = "run/"
"""Prefix of the keys of the saved state."""


class Look(msgspec.Struct, frozen=True):
    """One run as it is now."""

    id: str
    group: str
    """The group that contains it: a log may hold several runs."""
    name: str
    phase: str
    live: bool
    """Its log is being written."""
    records: int = 0
    step: int | None = None
    stage: str = ""
    """The stage of a pipeline that it is in."""
    total: int | None = None
    health: str = "ok"
    """Its health: ok, warning or critical."""
    reason: str = ""
    """The problem of a finished run."""
    eta: float | None = None
    """Seconds."""
    metrics: Callable[[], tuple[str, ...]] = tuple
    """Gives the newest values, in words."""
    checkpoint: Callable[[], str] = str
    """Gives the best or the last good checkpoint, in words."""
    look: str = ""
    report: str = ""
    """Where its report is written when it ends; "" if none is."""


class Known(msgspec.Struct):
    """What was sent about a run."""

    phase: str
    group: str
    began: float | None = None
    """Unix time at which it was first seen running."""
    end: str = ""
    """Id of the message about its newest end."""


class Lifecycle:
    """Looks and times in, notices out. No I/O."""

    def __init__(self, epoch: str, host: str, saved: Mapping[str, bytes] | None = None) -> None:
        """Begin with `saved`: what `changes` gave to the process that this one replaces."""
        self._epoch, self._host = epoch, host
        self._known: dict[str, Known] = {}
        self._groups: dict[str, None] = {}  # read before, so that what comes in them is new
        self._dirty: set[str] = set()
        for key, body in (saved or {}).items():
            if key.startswith(KEY):
                name = key.removeprefix(KEY)
                try:
                    self._known[name] = msgspec.msgpack.decode(body, type=Known)
                    self._groups[self._known[name].group] = None
                except UNDECODABLE:  # another version's
                    self._dirty.add(name)

    def fold(self, looks: Iterable[Look], now: float, read: Iterable[str] = ()) -> list[Notification]:
        """Return the messages to send. `read` are the groups whose history is read; others wait."""
        notices, complete = [], set(read)
        for look in looks:
            if look.group not in complete:
                continue
            known = self._known.get(look.id)
            if known is None:
                if look.records == 0:
                    continue  # not yet a run
                known = self._remember(look, now)
                new = look.group in self._groups or look.records <= YOUNG
                if look.live and new and look.phase not in OVER:
                    notices.append(self._notice(look, "started", known, now))
            elif look.phase != known.phase:
                ended = look.phase in OVER and known.phase not in OVER and known.began is not None
                known.phase = look.phase
                self._dirty.add(look.id)
                if look.live and known.began is None:
                    known.began = now
                if ended:
                    notices.append(self._notice(look, look.phase, known, now))
        self._groups |= dict.fromkeys(complete)
        while len(self._groups) > 4 * MOST_RUNS:
            del self._groups[next(iter(self._groups))]
        return notices

    def end(self, run_id: str) -> str:
        """Return the id of the message about the end of a run; "" if none was sent."""
        known = self._known.get(run_id)
        return "" if known is None else known.end

    def report(self, run_id: str, name: str, file: str, place: str, key: str, now: float) -> Notification:
        """Return the message that brings the report of a run that ended; `key` names that end."""
        row = IncidentRow(f"{digest(run_id)}-report", name, "report", "info", "report", f"how {name} went")
        return Notification(
            f"{self._epoch}.{digest(run_id)}.report.{key}",
            name, "notice", row, self._host, now, groups=_order(run_id), lines=(f"Report: {place}",),
            epoch=self._epoch, attachment=file,
        )  # fmt: skip

    def changes(self) -> dict[str, bytes | None]:
        """Return what to keep since the last call, by key; None is to be removed."""
        found = {
            f"{KEY}{name}": msgspec.msgpack.encode(self._known[name]) if name in self._known else None
            for name in self._dirty
        }
        self._dirty.clear()
        return found

    def _remember(self, look: Look, now: float) -> Known:
        known = self._known[look.id] = Known(look.phase, look.group, now if look.live else None)
        self._dirty.add(look.id)
        if len(self._known) > MOST_RUNS:
            oldest = next(iter(self._known))
            del self._known[oldest]
            self._dirty.add(oldest)
        return known

    def _notice(self, look: Look, what: str, known: Known, now: float) -> Notification:
        said, severity = CUT_SHORT.get(what, (what, "info"))
        at = "" if look.step is None else f" at step {look.step:,}"
        of = "" if look.total is None else f" of {look.total:,}"
        stage = f" in {look.stage}" if look.stage and what in CUT_SHORT else ""
        title = f"{look.name} {said}{'' if what == 'started' and not look.step else stage + at + of}"
        if what == "finished" and look.reason:
            title, severity = f"{look.name} {look.reason}", look.health
        lines = []
        if known.began is not None and what != "started":
            lines.append(f"Watched for: {numbers.duration(now - known.began)}")
        lines += look.metrics()
        if what != "started" and (checkpoint := look.checkpoint()):
            lines.append(checkpoint)
        if what != "started" and look.report:
            lines.append(f"Report: {look.report}")
        row = IncidentRow(f"{digest(look.id)}-{what}", look.name, what, severity, what, title)
        key = f"{self._epoch}.{digest(look.id + look.stage)}.{what}.{int(known.began or 0)}"
        if what != "started":
            known.end = key
        return Notification(
            key, look.name, "notice", row, self._host, now,
            groups=_order(look.id), look=look.look, lines=tuple(lines),
        )  # fmt: skip


def _order(run_id: str) -> tuple[str, ...]:
    """Return the key within which messages about the life of a run keep their order."""
    return (f"life {digest(run_id)}",)


def daily(
    epoch: str, host: str, looks: Iterable[Look], counts: Mapping[str, int], now: float
) -> Notification:
    """Return the digest of a day: the state of each run, and the number of new incidents by severity."""
    every = list(looks)
    each = [f"{counts[name]} {name}" for name in ("critical", "warning", "info") if counts.get(name)]
    total = sum(counts.values())
    incidents = counted(total, "incident")
    lines = [f"{incidents} in a day" + (f": {', '.join(each)}" if each else "")]
    lines += [_line(look) for look in every[:20]]
    if len(every) > 20:
        lines.append(f"and {counted(len(every) - 20, 'run')} more")
    title = f"{counted(len(every), 'run')}, {incidents}"
    row = IncidentRow("digest", "", "digest", "info", "digest", title)
    day = time.strftime("%Y-%m-%d", time.localtime(now))
    return Notification(f"{epoch}.digest.{day}", host, "notice", row, host, now, lines=tuple(lines))


def next_digest(
    minute: int, now: float, local: Callable[[float], time.struct_time] = time.localtime
) -> float:
    """Return the next Unix time at which it is that minute of the local day."""
    clock = local(now)
    left = minute * 60 - (clock.tm_hour * 3600 + clock.tm_min * 60 + clock.tm_sec)
    return now - now % 1 + (left if left > 0 else left + 86400)


def _line(look: Look) -> str:
    step = "" if look.step is None else f", step {look.step:,}"
    of = "" if look.total is None or look.step is None else f" of {look.total:,}"
    eta = "" if look.eta is None or look.phase in OVER else f", {numbers.left(look.eta)} to go"
    newest = "".join(f", {said}" for said in look.metrics()[:1])
    stage = f" {look.stage}" if look.stage and look.phase not in OVER else ""
    return f"{look.name}: {look.phase}{stage}{step}{of}{eta}{newest}"
