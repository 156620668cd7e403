"""The data of routing: the state of one incident, groups of incidents, and the news of a group."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from runwatch.alerts.routing.policy import Labels
from runwatch.core.findings import Severity
from runwatch.core.snapshot import IncidentRow


class Alert(msgspec.Struct, frozen=True):
    """The newest state of one incident, with what a message about it needs."""

    row: IncidentRow
    host: str
    changed: float
    """Unix time of its newest change."""
    checkpoint: int | None = None
    trend: tuple[float, ...] = ()
    span: tuple[int, int] | None = None
    look: str = ""
    answer: str = ""
    number: int = 0
    """Number of this change among those of the incident."""
    late: float = 0.0
    """Seconds without watching before it was found."""
    report: str = ""
    """Where the report of its run is, where that is over."""
    scope: str = ""
    """Key of its subject: the same for the next incident there. Empty: none is expected."""
    story: str = ""
    """Id of the incident under which it is sent, if different."""

    @property
    def name(self) -> str:
        """Return the id under which it is sent."""
        return self.story or self.row.id

    @property
    def shown(self) -> IncidentRow:
        """Return the row under that id."""
        return msgspec.structs.replace(self.row, id=self.story) if self.story else self.row

    @property
    def change(self) -> str:
        """Return a key of the change: the same whenever the log is read again, and unique."""
        row = self.row
        known = (row.state, row.severity, row.step, row.line, row.resolved_step)
        return f"{row.id}.{self.number}.{'.'.join('' if part is None else str(part) for part in known)}"

    @property
    def firing(self) -> bool:
        """Return whether it still fires."""
        return self.row.state != "resolved"

    @property
    def rank(self) -> int:
        """Return the rank of its severity."""
        return Severity.of(self.row.severity).rank

    @property
    def place(self) -> tuple[int, int | None, int | None]:
        """Return what identifies its sent state: it is sent again when it escalates or moves."""
        return (self.rank, self.row.step, self.row.line)

    def labels(self) -> Labels:
        """Return the labels for matchers and groups."""
        row = self.row
        labels = Labels(
            run=row.run,
            rule=row.rule,
            severity=row.severity,
            host=self.host,
            metric=row.metric or "",
            rank="" if row.rank is None else str(row.rank),
            incident=self.name,
        )
        labels.former = row.former
        return labels


class AlertGroup(msgspec.Struct):
    """Alerts that share messages to one channel."""

    channel: str
    route: int
    members: dict[str, None] = {}  # a set that remembers its order; msgspec copies the default
    sent: dict[str, tuple[int, int | None, int | None]] = msgspec.field(name="told", default_factory=dict)
    """Alerts sent as firing whose end is not sent yet."""
    sent_at: float | None = msgspec.field(name="told_at", default=None)
    due: float | None = None
    """When to check it again."""
    began: float | None = None
    """When its first member came."""
    repeats: int = 0
    """Number of repetitions."""


class News(NamedTuple):
    """The news of a group."""

    key: str
    group: AlertGroup
    fresh: list[Alert]
    over: list[Alert]
    still: list[Alert]
    wakes: float | None = None
    """When the first mute ends that holds something back."""

    @property
    def rank(self) -> int:
        """Return the rank of its highest severity."""
        return max((alert.rank for alert in self.fresh or self.still or self.over), default=0)


FLAPPING = (-1, -1)
"""The place of an alert sent as flapping."""


def worse(alert: Alert, sent: tuple[int, int | None, int | None] | None, *, flaps: bool) -> bool:
    """Return whether to send a firing alert: it is not sent yet, has escalated, or is at another place.

    One that flaps has no place, and one that somebody has seen is where it was.
    """
    if sent is None or alert.rank > sent[0]:
        return True
    place = FLAPPING if flaps else alert.place[1:]
    return alert.row.state != "acknowledged" and place != tuple(sent[1:])


def eased(alert: Alert, sent: tuple[int, int | None, int | None] | None) -> bool:
    """Return whether an alert that is not acknowledged is less severe than what was sent."""
    return sent is not None and alert.row.state == "firing" and alert.rank < sent[0]


def earliest(one: float | None, other: float | None) -> float | None:
    """Return the earlier of two times; None is never."""
    return other if one is None else one if other is None else min(one, other)
