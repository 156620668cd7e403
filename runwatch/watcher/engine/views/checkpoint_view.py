"""A run's checkpoints as clients see them: those seen in directories, and those only the log reports."""

from __future__ import annotations

from msgspec import structs

from runwatch.core.checkpoint import LOOK_EVERY, Checkpoint, State, Summary
from runwatch.core.ending import ENDED
from runwatch.core.fold.run import Run
from runwatch.core.fold.saves import Save
from runwatch.core.snapshot import CheckpointRow, Saving

_JITTER = 0.05
"""Part of the usual distance by which one may come later than usual without being late."""


def rows(
    run: Run, now: float, limit: int, spoilt: tuple[int, str] | None = None
) -> tuple[CheckpointRow, ...]:
    """Return up to `limit` checkpoints, the newest first; `now` is Unix time.

    `spoilt`: the step up to which weights are good, and what they are after it.
    """
    reported = run.reconciled()
    seen = [
        _seen(each, reported.steps.get(each.id, each.at), now) for each in reversed(list(run.checkpoints))
    ]
    unseen = [_logged(save) for save in reversed(reported.unseen)]
    newest = max((row.at for row in seen if row.at is not None), default=-1)
    early = [row for row in unseen if row.at is not None and row.at > newest]  # not looked at yet
    found = [*early, *seen, *(row for row in unseen if row not in early)][:limit]
    return tuple(found if spoilt is None else (_marked(row, *spoilt) for row in found))


def _marked(row: CheckpointRow, sound: int, after: str) -> CheckpointRow:
    return row if row.at is None or row.at <= sound else structs.replace(row, spoilt=after)


def saving(run: Run, phase: str, now: float, sound: int | None = None) -> Saving:
    """Return what the checkpoints say together; after the end, or the last step, none is next.

    Those after step `sound` are not good, however complete.
    """
    summary = run.checkpoints.summary()
    good = run.last_good(sound)
    beyond = run.planned is not None and (summary.next_at or 0) > run.planned
    if phase in ENDED or beyond:
        summary = structs.replace(summary, next_at=None, next_time=None, full_time=None)
    return Saving(
        last_good=good.at if good is not None else None,
        interval=summary.interval,
        interval_seconds=summary.interval_seconds,
        next_in=_due(summary, now),
        usual_bytes=summary.usual_bytes,
        room=summary.room,
        full_in=None if summary.full_time is None else summary.full_time - now,
        next_at=summary.next_at,
        present=summary.present,
        deleted=summary.deleted,
        rotates=summary.rotates,
        size_ratio=summary.size_ratio,
    )


def _due(summary: Summary, now: float) -> float | None:
    """Return the seconds until the next one is due; 0 where it may be there by now, not seen yet."""
    if summary.next_time is None:
        return None
    due, every = summary.next_time - now, max(LOOK_EVERY, summary.every)
    unseen = max(2 * every, _JITTER * (summary.interval_seconds or 0.0))
    return 0.0 if -unseen <= due < 0 else due


def _seen(saved: Checkpoint, at: int | None, now: float) -> CheckpointRow:
    return CheckpointRow(
        name=saved.path.rpartition("/")[2] or saved.path,
        at=at,
        kind=saved.kind,
        state=saved.state.value,
        reason=saved.reason,
        bytes=None if saved.state is State.DELETED else saved.bytes,
        age=None if saved.written is None else max(0.0, now - saved.written),
        seconds=saved.seconds,
        ranks=saved.ranks,
        ranks_expected=saved.ranks_expected,
    )


def _logged(save: Save) -> CheckpointRow:
    return CheckpointRow(name=save.path or f"line {save.line}", at=save.at)
