"""Silences from the screen: for how long, and which one ends."""

from __future__ import annotations

from collections.abc import Sequence

from runwatch.core.snapshot import IncidentRow, RunRow
from runwatch.render import plain
from runwatch.tui.screens.pick import Pick
from runwatch.watcher import protocol

RUN = "run"
SPANS = {"15m": 900.0, "1h": 3600.0, "4h": 14_400.0, "1d": 86_400.0, RUN: 90 * 86_400.0}
"""What can be chosen, in seconds; no run that is silenced to its end lasts longer than the last."""


def how_long(row: IncidentRow) -> Pick:
    """Return the question for how long alerts of a rule are not told."""
    rows = [(name, f"{name}: send nothing about {row.rule} of this run") for name in SPANS if name != RUN]
    rows.append((RUN, f"until it is done: nothing more about {row.rule} of this run"))
    return Pick("silence", rows, set(), 1)


def request(row: IncidentRow, span: str, now: float) -> protocol.Silence:
    """Return what asks the engine for it.

    The run is named as its own daemon calls it, not as the list of several hosts does.
    """
    return protocol.Silence((f"run={row.run}", f"rule={row.rule}"), now + SPANS[span], "from the screen")


def how_long_runs(runs: Sequence[RunRow]) -> Pick:
    """Return the question for how long nothing is told about runs."""
    what = runs[0].name if len(runs) == 1 else f"these {len(runs)} runs"
    rows = [(name, f"{name}: send nothing about {what}") for name in SPANS if name != RUN]
    rows.append((RUN, f"until done: nothing more about {what}"))
    return Pick("silence", rows, set(), 1)


def of_run(run: RunRow, span: str, now: float) -> protocol.Silence:
    """Return what asks the engine to send nothing about a run."""
    name = run.name.removeprefix(f"{run.host}:") if run.host else run.name
    return protocol.Silence((f"run={name}",), now + SPANS[span], "from the screen", host=run.host)


def which(silences: Sequence[protocol.SilenceRow]) -> Pick:
    """Return the question which silences end now."""
    rows = [(s.id, f"{' '.join(s.matchers)} until {plain.clock(s.ends)} {s.comment}") for s in silences]
    return Pick("end silences", rows, set(), len(rows) + 1)
