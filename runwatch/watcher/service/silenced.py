"""Which alerts and runs of a picture are silenced."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from runwatch.core.snapshot import Silenced, Snapshot

if TYPE_CHECKING:
    from runwatch.alerts.routing.silences import Silence

_OF_A_RUN = frozenset({"run", "host"})
"""Labels of a silence that is about whole runs."""


def marked(picture: Snapshot, silences: Sequence[Silence], host: str) -> Snapshot:
    """Return a picture that says which of its alerts and runs are silenced."""
    if not silences:
        return picture
    from runwatch.alerts.routing.grouping import Alert

    now = picture.time
    held = [each for each in silences if each.until(now) > 0]
    whole = [each for each in held if {matcher.label for matcher in each.matchers} <= _OF_A_RUN]
    rows = picture.run.incidents if picture.run is not None else ()
    known = {row.id: _of(held, Alert(row, host, now).labels()) for row in rows}
    known |= {row.id: _of(whole, {"run": row.name, "host": host}) for row in picture.runs}
    return replace(picture, silenced={name: found for name, found in known.items() if found is not None})


def _of(silences: Sequence[Silence], labels: Mapping[str, str]) -> Silenced | None:
    from runwatch.alerts.routing.policy import matches

    found = [each for each in silences if matches(each.matchers, labels)]
    return Silenced(max(s.ends for s in found), tuple(s.id for s in found)) if found else None
