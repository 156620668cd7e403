"""What the store holds, as data."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from runwatch.alerts.incidents.incidents import Change
from runwatch.core.snapshot import IncidentRow, PastRun
from runwatch.watcher.ingest import wire
from runwatch.watcher.sources.member import Member


class ReadPlace(msgspec.Struct, frozen=True):
    """Where a source is, as of the commit."""

    path: bytes
    """As the system spells it."""
    member: Member
    resume: wire.Resume | None
    """None until anything was read."""


@dataclass(frozen=True)
class Saved:
    """One group to be committed."""

    id: str
    body: bytes
    places: dict[str, ReadPlace]
    runs: tuple[PastRun, ...] = ()


class Record(msgspec.Struct, frozen=True):
    """One incident of the history; times are Unix times."""

    run_id: str
    row: IncidentRow
    found: float
    changed: float
    sent: bool
    """Whether people received it."""


@dataclass(frozen=True)
class Kept:
    """What an engine before us left."""

    groups: dict[str, bytes] = field(default_factory=dict)
    places: dict[str, dict[str, ReadPlace]] = field(default_factory=dict)
    """Group -> source -> where it is."""
    changes: tuple[Change, ...] = ()
    """Committed, and perhaps not handed to delivery."""
    alive: float | None = None
    """When it committed last."""
    roots: tuple[bytes, ...] = ()
    """The paths it was to watch."""
