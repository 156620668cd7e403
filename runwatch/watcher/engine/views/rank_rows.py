"""The ranks of a run as rows."""

from __future__ import annotations

from msgspec.structs import replace

from runwatch.core import rank_pace
from runwatch.core.batch import NODE
from runwatch.core.fold.rank_state import RankState, trained
from runwatch.core.fold.run import Run
from runwatch.core.machine import Machine
from runwatch.core.metrics import LOSS
from runwatch.core.snapshot import RankPlace, RankRow, finite, not_finite
from runwatch.watcher.engine.views import machine_view


def as_counted(run: Run, machine: Machine, now: float) -> tuple[RankRow, ...]:
    """Return the ranks as people count steps: those of a run that made steps 0 to 339 have done 340."""
    found = rows(run, machine, now)
    last = run.last_step
    if not run.finished or run.covered != 1.0 or last is None or last + 1 != run.planned:
        return found
    return tuple(
        replace(row, done=row.done + 1) if row.done is not None and row.total == run.planned else row
        for row in found
    )


def rows(run: Run, machine: Machine, now: float) -> tuple[RankRow, ...]:
    """Return the ranks, also those of which only a process is known; one rank has none to compare with."""
    places = machine_view.places(machine, now)
    # Ranks that a log names by their node are not those of the processes' environment.
    silent = set() if any(rank >= NODE for rank in run.ranks) else set(places) - set(run.ranks)
    steps = trained(run.ranks.values())
    edge = rank_pace.newest(state.pace for state in run.ranks.values())
    found = [
        _rank(rank, state, edge, state.progress(steps, run.total), now, places.get(rank))
        for rank, state in run.ranks.items()
    ]
    found += [RankRow(rank, None, place=places[rank]) for rank in silent]
    if len(found) == 1 and all(state.training for state in run.ranks.values()):
        return ()
    return tuple(sorted(found, key=lambda row: row.rank))


def _rank(
    rank: int,
    state: RankState,
    edge: int,
    progress: tuple[int | None, int | None],
    now: float,
    place: RankPlace | None,
) -> RankRow:
    loss = state.latest.get(LOSS)
    return RankRow(
        rank,
        *progress,
        None if state.seen is None else max(0.0, now - state.seen),
        step_time=finite(state.step_time(edge)),
        loss=finite(loss),
        loss_text=not_finite(loss),
        place=place,
    )
