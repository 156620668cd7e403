"""What short logs of anything come to is what was read last: records and events at random, of few values.

Of most of them a digest is kept. UPDATE_GOLDEN=1 writes tests/golden again. Read the difference before you
commit it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from hashlib import md5
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from runwatch.core.batch import BAR, BY_EPOCH, BY_FIT, BY_LAUNCH, BY_ROUND, EPOCH_STEPS, EVAL, PLAN, TRAIN
from runwatch.core.fold.run import Run
from runwatch.core.fold.segments import Splitter
from runwatch.core.metrics import EPOCH, LEARNING_RATE, LOSS, STEP_TIME

from .made_folds import T0, Record, batch
from .test_fold_golden import shown

GOLDEN = Path(__file__).with_name("golden")
READ, MOST = 4, 160
"""Logs of which all is kept, and how many there are."""
RECORDS = 36
NOTHING = float("nan")
SAID = (
    *("finished", "over", "early_stop", "budget", "stage", "traceback", "nccl", "killed", "signal"),
    *("launch", "load", "resume", "checkpoint", "error", "eval_begin", "eval_end", "facts", "result"),
)
DATA: tuple[dict[str, object], ...] = (
    *({}, {}, {"path": "out/10", "state": "saved", "step": 10}, {"path": "out/last.pt", "state": "begun"}),
    *({"path": "out/10", "state": "failed"}, {"max_steps": "20"}, {"epochs": "3"}, {"name": "SFT"}),
)


def anything(rng: np.random.Generator) -> Iterator[Record]:
    """Yield records whose steps mostly grow, with totals, epochs and losses of few values."""
    endings = rng.choice(["", "", BY_EPOCH, BY_FIT, BY_LAUNCH, BY_ROUND], 2)
    patterns = [f"line{endings[0]}", f"{rng.choice(['line', 'other'])}{endings[1]}"]
    with_step, with_total, with_epoch, with_time = rng.random(4) < (0.85, 0.6, 0.4, 0.3)
    inner, often = rng.random() < 0.2, float(rng.choice([0.05, 0.25]))
    step, total, epoch, loss, now = int(rng.integers(0, 2)), float(rng.choice([10, 20])), 0.0, 5.0, T0
    for _ in range(RECORDS):
        match int(rng.integers(24)):
            case 0 | 1:
                step = int(rng.choice([0, 1, 1, 2]))
            case 2:
                step = max(0, step - int(rng.integers(0, 4)))
            case 3:
                step += 10
            case 4:
                total = float(rng.choice([10, 20, 30, NOTHING]))
            case 5:
                epoch = float(rng.choice([0, 1, epoch + 1]))
            case _:
                step += 1
        loss = float(rng.choice([5.0, 2.0, 1.0, NOTHING])) if rng.random() < 0.2 else max(1.0, loss - 0.25)
        now += float(rng.choice([1, 1, 60]))
        row: dict[str, float] = {"step": step} if with_step else {}
        if with_total and inner:  # the total is where the epoch ends
            row |= {"total": float(10 * (step // 10 + 1)), EPOCH_STEPS: 10.0}
        elif with_total:
            row |= {"total": total}
        row |= {EPOCH: epoch} if with_epoch else {}
        row |= {"time": now} if with_time else {}
        yield TRAIN, patterns[int(rng.random() < 0.15)], {**row, LOSS: loss, LEARNING_RATE: 1e-3 * loss}
        if rng.random() < 0.1:
            yield TRAIN, patterns[0], {**row, LOSS: loss, LEARNING_RATE: 1e-3 * loss}
        if rng.random() < often:
            data = dict(DATA[int(rng.integers(len(DATA)))])
            yield str(rng.choice(SAID)), "", {"name": "mmlu", "value": "0.5", **data, "after": str(step)}
        if rng.random() < often / 4:
            yield PLAN, "plan", {"total": float(rng.choice([10, 20]))}
        if rng.random() < often / 2:
            yield EVAL, "eval", {**({"step": step} if rng.random() < 0.5 else {}), "val/loss": loss}


def among_bars(rng: np.random.Generator) -> Iterator[Record]:
    """Yield such records with bars before half of them; half of the logs print some without a step."""
    without = rng.random() < 0.5
    for record in anything(rng):
        kind, pattern, row = record
        if kind == TRAIN and rng.random() < 0.5:
            step, total = row.get("step", rng.integers(0, 20)), rng.choice([10, 20])
            yield BAR, "bar", {"step": float(step), "total": float(total), STEP_TIME: 0.5}
        if kind == TRAIN and without and rng.random() < 0.5:
            row = {name: value for name, value in row.items() if name != "step"}
        yield kind, pattern, row


def came_to(run: Run) -> str:
    """Return what is known of a run."""
    ends = (run.phase, run.finished, run.stopped_early, run.goes_on, run.stage_name, run.records, run.lead)
    place = (run.first_step, run.last_step, run.total, run.planned, run.fraction, run.covered, run.last_line)
    found = run.progress()
    rest = (found.epoch, found.eta_source, found.total_source, run.good_before(None), run.good_before(5))
    kept = (list(run.restarts), list(run.launches.known), len(run.events), sorted(run.stage.results.items()))
    saves = [(save.step, save.path, save.done, save.again) for save in run.saves.newest()]
    sums = [(name, s.summary.count, s.summary.last, s.summary.last_step) for name, s in run.series.items()]
    return shown([*ends, *place, *rest, *kept, saves, sorted(sums)])


def folded(records: list[Record], edges: list[int]) -> list[str]:
    """Return what records come to that are read in pieces."""
    splitter, runs, lines = Splitter(), [Run("run", "run")], []
    for low, high in pairwise(edges):
        for segment in splitter.split(batch(records[low:high], low)):
            if segment.begins_run:
                runs.append(Run("run", "run"))
                runs[-1].stage.follow(runs[-2].stage)
                lines.append(f"another one, {'a stage' if segment.is_stage else 'a launch'}")
            if segment.leads_anew:
                runs[-1] = runs[-1].led_anew(None)
            runs[-1].fold(segment.block)
    lines += map(came_to, runs)
    runs[-1].rest(20.0)
    lines.append(came_to(runs[-1]))
    runs[-1].end((), ())
    return [*lines, f"{came_to(runs[-1])} {runs[-1].probable}"]


@pytest.mark.parametrize("part", range(8))
def test_a_short_log_of_anything_comes_to_what_was_read_last(part):
    found = []
    for seed in range(part, MOST, 8):
        rng = np.random.default_rng([seed, 19])
        records = list(anything(rng))
        count = len(records)
        lines = folded(records, [0, count])
        assert folded(records, sorted({0, *rng.integers(1, count, 5).tolist(), count})) == lines
        text = "\n".join(lines)
        found.append(f"{seed}: {text if seed < READ else md5(text.encode()).hexdigest()[:8]}")
    text = "\n".join([*found, ""])
    path = GOLDEN / f"short-{part}.txt"
    if "UPDATE_GOLDEN" in os.environ:
        path.write_text(text, encoding="utf-8")
    assert text.splitlines() == path.read_text(encoding="utf-8").splitlines()


@pytest.mark.few(2)
@pytest.mark.parametrize("part", range(4))
def test_records_among_bars_come_to_the_same_in_pieces(part):
    for seed in range(part, MOST, 4):
        rng = np.random.default_rng([seed, 77])
        records = list(among_bars(rng))
        count = len(records)
        # what a log is read in never parts a record without a step and the bar that is drawn for it
        apart = [at for at in range(1, count) if records[at][0] != BAR or "step" in records[at - 1][2]]
        edges = sorted({0, *rng.choice(apart, 5).tolist(), count})
        assert folded(records, edges) == folded(records, [0, count]), seed


def test_what_is_planned_does_not_replace_a_total_that_lines_print():
    records: list[Record] = [
        (PLAN, "plan", {"total": 20.0}),
        (TRAIN, "line", {"step": 1, "total": 10.0, LOSS: 1.0}),
        (TRAIN, "other", {"step": 2, LOSS: 1.0}),
    ]
    assert folded(records, [0, 1, 2, 3]) == folded(records, [0, 3])
