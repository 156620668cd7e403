"""Notices that are no alerts: a run began, finished or crashed, and what a day brought."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping

import msgspec

from runwatch.alerts.notification import Notification, digest
from runwatch.snapshot import IncidentRow

MOST_RUNS = 1024
"""Runs that are kept in mind; the oldest is forgotten."""
YOUNG = 100
"""Records up to which a run that is seen for the first time has just begun."""
KEY = "run/"
"""Begins the keys under which it is kept what was told."""
_ENDS = {"finished": "finished", "crashed": "crashed"}


class Look(msgspec.Struct, frozen=True):
    """One run as it is now."""

    id: str
    name: str
    phase: str
    live: bool
    """Its log is being written."""
    records: int = 0
    step: int | None = None
    total: int | None = None
    eta: float | None = None
    """Seconds."""
    metrics: tuple[str, ...] = ()
    """The newest values, in words."""
    checkpoint: str = ""
    """The best or the last good checkpoint, in words."""
    look: str = ""


class Known(msgspec.Struct):
    """What was told of a run."""

    phase: str
    began: float | None = None
    """Unix time at which it was first seen running."""


class Lifecycle:
    """Looks and times in, notices out. Pure of I/O."""

    def __init__(self, epoch: str, host: str, saved: Mapping[str, bytes] | None = None) -> None:
        """Begin with `saved`: what `changes` gave to a process that this one goes on for."""
        self._epoch, self._host = epoch, host
        self._known: dict[str, Known] = {}
        self._dirty: set[str] = set()
        for key, body in (saved or {}).items():
            if key.startswith(KEY):
                try:
                    self._known[key.removeprefix(KEY)] = msgspec.msgpack.decode(body, type=Known)
                except msgspec.MsgspecError:  # another version's
                    self._dirty.add(key.removeprefix(KEY))

    def fold(self, looks: Iterable[Look], now: float) -> list[Notification]:
        """Return what is to be told."""
        notices = []
        for look in looks:
            known = self._known.get(look.id)
            if known is None:
                if look.records == 0:
                    continue  # not yet a run
                known = self._remember(look, now)
                if look.live and look.phase not in _ENDS and look.records <= YOUNG:
                    notices.append(self._notice(look, "started", known, now))
            elif look.phase != known.phase:
                ended = look.phase in _ENDS and known.phase not in _ENDS and known.began is not None
                known.phase = look.phase
                self._dirty.add(look.id)
                if look.live and known.began is None:
                    known.began = now
                if ended:
                    notices.append(self._notice(look, _ENDS[look.phase], known, now))
        return notices

    def changes(self) -> dict[str, bytes | None]:
        """Return what to keep since the last call, by key; None is to be removed."""
        found = {
            f"{KEY}{name}": msgspec.msgpack.encode(self._known[name]) if name in self._known else None
            for name in self._dirty
        }
        self._dirty.clear()
        return found

    def _remember(self, look: Look, now: float) -> Known:
        known = self._known[look.id] = Known(look.phase, now if look.live else None)
        self._dirty.add(look.id)
        if len(self._known) > MOST_RUNS:
            oldest = next(iter(self._known))
            del self._known[oldest]
            self._dirty.add(oldest)
        return known

    def _notice(self, look: Look, what: str, known: Known, now: float) -> Notification:
        grave = "critical" if what == "crashed" else "info"
        at = "" if look.step is None else f" at step {look.step:,}"
        of = "" if look.total is None else f" of {look.total:,}"
        title = f"{look.name} {what}{'' if what == 'started' and not look.step else at + of}"
        lines = []
        if known.began is not None and what != "started":
            lines.append(f"Watched for: {duration(now - known.began)}")
        lines += look.metrics
        if look.checkpoint and what != "started":
            lines.append(look.checkpoint)
        row = IncidentRow(f"{digest(look.id)}-{what}", look.name, what, grave, what, title)
        return Notification(
            f"{self._epoch}.{digest(look.id)}.{what}.{int(known.began or 0)}",
            look.name, "notice", row, self._host, now, look=look.look, lines=tuple(lines),
        )  # fmt: skip


def daily(
    epoch: str, host: str, looks: Iterable[Look], counts: Mapping[str, int], now: float
) -> Notification:
    """Return the digest of a day: how each run stands, and how many incidents began by severity."""
    every = list(looks)
    told = [f"{counts[grave]} {grave}" for grave in ("critical", "warning", "info") if counts.get(grave)]
    total = sum(counts.values())
    incidents = f"{total} incident{'' if total == 1 else 's'}"
    lines = [f"{incidents} in a day" + (f": {', '.join(told)}" if told else "")]
    lines += [_line(look) for look in every[:20]]
    if len(every) > 20:
        lines.append(f"and {len(every) - 20} runs more")
    title = f"{len(every)} run{'' if len(every) == 1 else 's'}, {incidents}"
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


def duration(seconds: float) -> str:
    """Return a length of time in words, such as "3 h 20 min"."""
    minutes = int(seconds) // 60
    if minutes < 1:
        return f"{int(seconds)} s"
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = ((days, "d"), (hours, "h"), (minutes, "min"))
    return " ".join(f"{count} {unit}" for count, unit in parts if count)


def _line(look: Look) -> str:
    step = "" if look.step is None else f", step {look.step:,}"
    of = "" if look.total is None or look.step is None else f" of {look.total:,}"
    eta = "" if look.eta is None or look.phase in _ENDS else f", {duration(look.eta)} to go"
    metrics = f", {look.metrics[0]}" if look.metrics else ""
    return f"{look.name}: {look.phase}{step}{of}{eta}{metrics}"
