"""What made-up logs come to is what was read last: a change of the fold shows what it changes.

UPDATE_GOLDEN=1 writes tests/golden again. Read the difference before you commit it.
"""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from runwatch.core.fold.run import Run
from runwatch.core.fold.segments import Splitter
from runwatch.core.series import Detail, Series

from .made_folds import KINDS, Record, batch, held

GOLDEN = Path(__file__).with_name("golden")
SEEDS = range(6)
DETAIL = Detail(64, 16, 10)
ARRIVES = 3.0
"""Seconds from one batch that is read live to the next."""


def shown(value: object) -> str:
    """Show a value; the last digits of floats differ between processors."""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, (tuple, list)):
        return f"[{' '.join(map(shown, value))}]"
    return str(value)


def summed(values: np.ndarray) -> float:
    """Return a sum in which places count; of what is finite."""
    known = np.where(np.isfinite(values), values, 0.0)
    return float((known * (1 + np.arange(len(known)) % 7)).sum())


def state(run: Run) -> str:
    """Return how far a run is."""
    near = (run.records, run.first_step, run.last_step, run.total, run.phase, run.fraction, run.lead)
    progress = run.progress()
    rest = (progress.total, progress.fraction, progress.eta_seconds, progress.eta_spread, progress.rate)
    words = (progress.epoch, progress.eta_source, progress.total_source)
    return " ".join(map(shown, (*near, "|", *rest, *words, "|", run.good_before(None), run.good_before(100))))


def history(series: Series) -> str:
    """Return what is kept of a metric."""
    s, points = series.summary, series.points()
    facts = (s.count, s.nonfinite, s.first, s.last, s.minimum, s.maximum, s.minimum_step, s.maximum_step)
    kept = [summed(getattr(points, name)) for name in points.__slots__]
    parts = [
        [summed(np.array(part, float)) for part in (c.x, c.low, c.high, c.mean, c.last, c.nonfinite)]
        for c in (
            series.columns(None, None, 9),
            series.columns(20, 90, 5),
            series.columns(None, 200, 7, True),
        )
    ]
    return shown([*facts, s.last_step, series.bucket, len(points.count), kept, parts])


def whole(run: Run) -> list[str]:
    """Return lines about all that is kept of a run."""
    saves = [(s.step, s.after, s.epoch, s.line, s.path, s.until, s.done, s.again) for s in run.saves.newest()]
    stage = (run.stage_name, sorted(run.stage.results.items()), run.stage.next_trains, run.stage.trackers)
    ranks = [
        (number, rank.done, rank.total, rank.training, rank.step_time(0), list(rank.latest.values()))
        for number, rank in sorted(run.ranks.items())
    ]
    lines = [
        f"{list(run.restarts)} {list(run.launches.known)} {run.stopped_early} {run.goes_on} {len(run.events)}",
        f"stage {shown(stage)} saves {shown(saves)}",
        *([f"ranks {shown(ranks)}"] if ranks else []),
        *([f"moments {history(run.moments)}"] if run.moments is not None else []),
        *(f"{name} {history(series)}" for name, series in sorted(run.series.items())),
    ]
    run.end((), ())
    return [*lines, f"at its end: {run.phase} {run.probable}", state(run)]


def folded(records: list[Record], size: int, live: bool) -> list[str]:
    """Return what records come to that are read in batches of so many: at four places, and at the end."""
    splitter, runs, lines = Splitter(), [Run("run", "run", detail=DETAIL)], []
    places = [len(records) * part // 4 for part in range(1, 5)]
    edges = sorted({*range(0, len(records), size), *places, 0})
    for number, (low, high) in enumerate(pairwise(edges)):
        for segment in splitter.split(batch(records[low:high], low), live=live, arrival=ARRIVES * number):
            if segment.begins_run:
                runs.append(Run("run", "run", detail=DETAIL))
                runs[-1].stage.follow(runs[-2].stage)
            if segment.leads_anew:
                runs[-1] = runs[-1].led_anew(None)
            runs[-1].fold(segment.block)
        if high in places:
            lines += [f"{number}: {state(run)}" for number, run in enumerate(runs)]
    return [*lines, *(line for run in runs for line in whole(run))]


@pytest.mark.few(6)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_log_comes_to_what_was_read_last_in_pieces_of_any_size(kind):
    found = []
    for seed in SEEDS:
        records = list(kind(np.random.default_rng([seed, 3])))
        lines = folded(records, 10_000, live=False)
        few = len(records) // 60
        if kind is not held:  # what is held back comes at once
            assert folded(records, 1 + few, live=False) == lines
        found += [
            f"seed {seed}, {len(records)} records",
            *lines,
            "live",
            *folded(records, 4 + few, live=True)[:4],
        ]
    path = GOLDEN / f"{kind.__name__}.txt"
    if "UPDATE_GOLDEN" in os.environ:
        GOLDEN.mkdir(exist_ok=True)
        path.write_text("\n".join(found) + "\n", encoding="utf-8")
    assert found == path.read_text(encoding="utf-8").splitlines()
