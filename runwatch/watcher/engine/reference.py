"""The losses of a run next to those of the run that it is compared with."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from runwatch.core.block import Reference
from runwatch.core.metrics import LOSS

if TYPE_CHECKING:
    from runwatch.alerts.rules.ruleset import Ruleset
    from runwatch.core.fold.run import Run
    from runwatch.core.series import Floats, Series
    from runwatch.watcher.engine.watched import WatchedRun


_STRETCHES = 256


def named(rules: Ruleset, watched: WatchedRun) -> str:
    """Return the name of the run that one is compared with, by its name or one that it had; "" if none is."""
    return rules.reference(watched.run.name, watched.incidents.former) if rules.references else ""


def of(rules: Ruleset, watched: WatchedRun, runs: Iterable[WatchedRun]) -> Reference | None:
    """Return the run of `runs` that one is compared with, by its name, else by one that it had."""
    name = named(rules, watched)
    others = [each for each in runs if each is not watched] if name else []
    called = [each for each in others if each.run.name == name]
    called += [each for each in others if name in each.incidents.former]
    return compared(watched.run, called[0].run) if called else None


def compared(run: Run, other: Run) -> Reference | None:
    """Return `other` as the reference of `run`; None if one of them has no training loss."""
    ours, theirs = run.series.get(LOSS), other.series.get(LOSS)
    if ours is None or theirs is None:
        return None
    return Reference(other.name, lambda: _losses(ours, theirs))


def _losses(ours: Series, theirs: Series) -> tuple[Floats, Floats, Floats]:
    """Return (step, our loss, their loss), of steps that both have; arrays of shape (n,)."""
    import numpy as np

    steps, mine = _curve(ours)
    at, usual = _curve(theirs)
    both = (steps >= at.min(initial=np.inf)) & (steps <= at.max(initial=-np.inf))
    if not both.any():
        return np.empty(0), np.empty(0), np.empty(0)
    return steps[both], mine[both], np.interp(steps[both], at, usual)


def _curve(series: Series) -> tuple[Floats, Floats]:
    import numpy as np

    columns = series.columns(None, None, _STRETCHES)
    known = [(x, mean) for x, mean in zip(columns.x, columns.mean, strict=True) if mean is not None]
    points = np.array(known, np.float64).reshape(-1, 2)
    return points[:, 0], points[:, 1]
