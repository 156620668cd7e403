"""A run's checkpoints as clients see them: those seen in directories, and those only the log tells of."""

from __future__ import annotations

from msgspec import structs

from runwatch.core.checkpoint import Checkpoint, State, Summary
from runwatch.core.run import Run, Saved
from runwatch.core.snapshot import CheckpointRow, Saving
from runwatch.render.states import ended
from runwatch.watcher.ingest.directories import LOOK_EVERY

_JITTER = 0.05
"""Part of the usual distance by which one may come later than usual without being late."""


def rows(run: Run, now: float, limit: int) -> tuple[CheckpointRow, ...]:
    """Return up to `limit` checkpoints, the newest first; `now` is Unix time."""
    seen = [_seen(saved, now) for saved in reversed(list(run.checkpoints))]
    steps = {saved.at for saved in run.checkpoints}
    told = [_told(saved) for saved in reversed(run.saved) if saved.step not in steps]
    return tuple((seen + told)[:limit])


def saving(run: Run, phase: str, now: float, sound: int | None = None) -> Saving:
    """Return what the checkpoints say together; after the end, or the last step, none is next.

    Those after step `sound` are not good, however complete.
    """
    summary = run.checkpoints.summary()
    good = summary.last_good if sound is None else run.checkpoints.last_good(sound + 1)
    beyond = run.planned is not None and (summary.next_at or 0) > run.planned
    if ended(phase) or beyond:
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
    due, unseen = summary.next_time - now, max(2 * LOOK_EVERY, _JITTER * (summary.interval_seconds or 0.0))
    return 0.0 if -unseen <= due < 0 else due


def _seen(saved: Checkpoint, now: float) -> CheckpointRow:
    return CheckpointRow(
        name=saved.path.rpartition("/")[2] or saved.path,
        at=saved.at,
        kind=saved.kind,
        state=saved.state.value,
        reason=saved.reason,
        bytes=None if saved.state is State.DELETED else saved.bytes,
        age=None if saved.written is None else max(0.0, now - saved.written),
        seconds=saved.seconds,
        ranks=saved.ranks,
        ranks_expected=saved.ranks_expected,
    )


def _told(saved: Saved) -> CheckpointRow:
    return CheckpointRow(name=saved.path or f"line {saved.line}", at=saved.step)
