"""Whether the runs of a group can be seen, and the state of the newest at a moment, for the rules."""

from __future__ import annotations

from itertools import takewhile

from runwatch.core.block import Reference, Status
from runwatch.core.ending import CUT_SHORT
from runwatch.core.fold.run import Run
from runwatch.core.readability import Lost
from runwatch.watcher.engine.group import Group

CLOSING = 256
"""Newest lines of a log at rest in which words that close it are looked for."""


def why_unseen(group: Group) -> Lost | None:
    """Return why the newest run of a group, which may continue, cannot be seen; None if it can."""
    lost = group.lost
    if lost is None:
        return None
    expected = lost.always or group.lives(lost.since)
    if not group.runs:
        return lost if expected and not lost.gone else None
    watched = group.runs[-1]
    over = watched.phase in CUT_SHORT or (watched.run.finished and not lost.grows)
    over |= lost.gone and watched.phase in ("stalled", "vanished")
    return lost if (expected or group.lived) and not over else None


def sight(group: Group, now: float) -> Lost | None:
    """See at Unix time `now` whether the newest run of a group can be seen; return why not."""
    lost = why_unseen(group)
    if lost is not None:
        group.dark_since = lost.since
    elif group.dark_since is not None:
        group.dark.append((group.dark_since, now))
        group.dark_since = None
    for watched in group.runs[-1:]:
        watched.blind = lost if lost is not None and lost.counts(now) else None
    return lost


def status_of(group: Group, run: Run, now: float, reference: Reference | None, *, live: bool) -> Status:
    """Return the state of a run of the group at Unix time `now`; `live`: it is watched."""
    machine = group.machine
    written = group.written if group.written is not None else now
    moved_at = run.progressed if run.progressed is not None else written
    silent_for = max(0.0, now - moved_at - group.unseen_for(moved_at, now))
    lost = why_unseen(group)
    # An epoch's end that is watched may be followed by another.
    if lost is None and (not live or run.planned is not None):
        run.rest(silent_for)
    if lost is None and not live and not group.lives(now):
        run.end(*_around(group, run), alike=_alike(group, run))
    return Status(
        now=now,
        phase=run.phase,
        silent_for=silent_for,
        log_silent_for=max(0.0, now - written - group.unseen_for(written, now)),
        live=live,
        finished=run.finished,
        stopped_early=run.stopped_early,
        fraction=run.covered,
        epoch=run.fraction if run.planned is None else None,
        last_row=run.last_row,
        last_step=run.last_step,
        last_line=run.last_line,
        lines={source.path: source.lines for source in group.sources.values()},
        total=run.planned,
        deadline=group.ends,
        eta=run.progress().eta_seconds,
        checkpoints=run.checkpoints.summary() if len(run.checkpoints) else None,
        facts=run.facts(),
        machine=machine if live else None,
        lived=group.lived,
        reference=reference,
        blind=lost,
        blind_ranks=lost is None and group.lost_ranks,
    )


def _alike(group: Group, run: Run) -> int:
    """Return how many runs right before it have the same steps."""
    before = (watched.run for watched in reversed(group.runs[:-1]))
    return sum(1 for _ in takewhile(lambda other: _steps(other) == _steps(run), before))


def _steps(run: Run) -> tuple[int | None, int | None, int]:
    return run.first_step, run.last_step, run.records


def _around(group: Group, run: Run) -> tuple[list[str], list[str]]:
    """Return the newest lines up to a run's newest training record, and those behind it if known."""
    newest = list(group.leader.log)[-CLOSING:] if group.leader is not None else []
    if run.last_line is None or not newest or newest[0][0] > run.last_line:
        return [], []
    before = [text for number, text in newest if number <= run.last_line]
    return before, [text for number, text in newest if number > run.last_line]
