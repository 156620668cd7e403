"""Notifications and their outcomes: shared by routing, the outbox and channels."""

from __future__ import annotations

from typing import Literal, Protocol, TypeAlias

import msgspec

from runwatch.core.snapshot import IncidentRow
from runwatch.system.import_guards import blake2b


class Wording(msgspec.Struct, frozen=True):
    """The user's templates, with fields such as {title}; empty: the default text."""

    title: str = ""
    body: str = ""


class Notification(msgspec.Struct, frozen=True, omit_defaults=True):
    """One message about one change of one incident, or of a group led by it."""

    id: str
    """Idempotency key: the same change has the same id in every attempt."""
    run: str
    """Name of the run, as people know it."""
    change: Literal["firing", "resolved", "notice"]
    """A notice has no end: the start or end of a run, or the digest."""
    incident: IncidentRow
    """The incident, or the most severe of a group."""
    host: str
    time: float
    """Unix time of the change."""
    may_repeat: bool = False
    """True if an earlier attempt may have arrived although no answer came."""
    groups: tuple[str, ...] = ()
    """Messages that share a group keep their order; without one, those of one incident do."""
    more: tuple[IncidentRow, ...] = ()
    """Other incidents of the group, the most severe first."""
    left_out: int = 0
    """Number of further incidents that are not in `more`."""
    note: str = ""
    """One line about the message itself: a repetition, or messages held back."""
    checkpoint: int | None = None
    """Step of the last good checkpoint before the incident, if one is known."""
    trend: tuple[float, ...] = ()
    """Newest values of the incident's metric, oldest first; may hold NaN and infinities."""
    span: tuple[int, int] | None = None
    """Steps of the first and the last value of the trend, where known."""
    look: str = ""
    """The command that shows it."""
    answer: str = ""
    """The command that acknowledges it."""
    lines: tuple[str, ...] = ()
    """The text of a notice, one fact per line."""
    report: str = ""
    """Where the report of a run that is over is, or will be: a path or an address."""
    attachment: str = ""
    """The file that a channel with `uploads` is to upload."""
    below: tuple[str, ...] = ()
    """Keys in a channel's memory of the threads that the attachment belongs to, the best first."""
    epoch: str = ""
    """Id of the fold: the same log read by another process is another one."""
    wording: Wording | None = None
    """The user's templates, if any. Not saved."""
    late: float = 0.0
    """Seconds without watching before the incident was found."""

    def thread(self, incident_id: str) -> str:
        """Return the key of an incident in a channel's memory."""
        return f"{self.epoch}.{incident_id}"

    @property
    def orders(self) -> tuple[str, ...]:
        """Return the key within which order is kept."""
        return self.groups or (f"{self.run}\n{self.incident.id}",)


class Memory(Protocol):
    """The memory of channels between messages, such as the thread of an incident."""

    def recall(self, channel: str, key: str) -> str:
        """Return what was noted under a key; "" if nothing was, or long ago."""
        ...

    def note(self, channel: str, key: str, value: str) -> None:
        """Keep a value; `channel` is the channel's identity."""
        ...


class Recent:
    """A memory of the newest few thousand notes, lost at the end of the process."""

    MOST = 4096

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], str] = {}

    def recall(self, channel: str, key: str) -> str:
        """Return what was noted under a key; "" if nothing was, or long ago."""
        return self._kept.get((channel, key), "")

    def note(self, channel: str, key: str, value: str) -> None:
        """Keep a value."""
        self._kept.pop((channel, key), None)
        self._kept[channel, key] = value
        if len(self._kept) > self.MOST:
            del self._kept[next(iter(self._kept))]


class Sent(msgspec.Struct, frozen=True):
    """The channel has it."""


class Retry(msgspec.Struct, frozen=True):
    """It did not arrive; it may later."""

    reason: str
    after: float | None = None
    """Seconds for which the whole channel asked to pause."""


class Rejected(msgspec.Struct, frozen=True):
    """It did not arrive and never will."""

    reason: str


class Unsure(msgspec.Struct, frozen=True):
    """It was sent, but no answer came back: it may have arrived."""

    reason: str


Outcome: TypeAlias = Sent | Retry | Rejected | Unsure


class Channel(Protocol):
    """A way to reach people."""

    @property
    def name(self) -> str:
        """Its name in notices: "slack"."""
        ...

    @property
    def identity(self) -> str:
        """Its name and a digest of its address: its saved messages are never sent elsewhere."""
        ...

    def send(self, notification: Notification) -> Outcome:
        """Try once. May take its time: runs in the channel's own thread. Does not raise."""
        ...


def digest(secret: str) -> str:
    """Return a short digest that identifies a destination without revealing it."""
    return blake2b(secret.encode("utf-8", "backslashreplace"), digest_size=6).hexdigest()
