"""What short logs of several ranks, handlers, processes and bars come to is what was read last.

Of most of them a digest is kept. UPDATE_GOLDEN=1 writes tests/golden again. Read the difference before you
commit it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from hashlib import md5
from pathlib import Path

import numpy as np
import pytest

from runwatch.core.batch import BAR, EVAL, NODE, PLAN, RANK, TRAIN
from runwatch.core.fold.segments import Splitter
from runwatch.core.metrics import EPOCH, GRAD_NORM, LEARNING_RATE, LOSS, STEP_TIME

from .made_folds import T0, Record, batch
from .test_fold_golden import shown, summed
from .test_fold_short import among_bars, folded

GOLDEN = Path(__file__).with_name("golden")
READ, MOST = 2, 120
"""Logs of which all is kept, and how many of each kind there are."""
NOTHING = float("nan")


def of_ranks(rng: np.random.Generator) -> Iterator[Record]:
    """Lines of several ranks of one node or two, the lowest of which may come late; evaluations on each."""
    ranks = [
        (rank, node) for node in range(int(rng.integers(1, 3))) for rank in range(int(rng.integers(1, 4)))
    ]
    late, step_from = int(rng.choice([0, 0, 1, 2, 3, 8])), int(rng.integers(0, 2))
    total, behind = float(rng.choice([9, NOTHING])), rng.random() < 0.5
    noded, patterns = rng.random() < 0.7, (["a"], ["a", "b"])[int(rng.integers(2))]
    for at in range(10):
        step = step_from + at - 5 * (at > 6 and rng.random() < 0.3)
        for place in rng.permutation(len(ranks)).tolist():
            rank, node = ranks[place]
            if place == 0 and at * len(ranks) < late:
                continue
            who = {"rank": rank, **({"node": node} if noded else {})}
            own = step - -(-late // len(ranks)) * behind if place == 0 else step
            row = {"step": float(own), LOSS: 3.0 - 0.1 * at + 0.01 * place, STEP_TIME: 1.0 + place}
            row |= {"total": total} if rng.random() < 0.7 else {}
            if rng.random() < 0.05:
                row["step"] = NOTHING
            yield TRAIN, str(rng.choice(patterns)), {**who, **row, "time": T0 + 10 * at + place}
            if rng.random() < 0.1:
                yield EVAL, "eval", {**who, "step": float(step), "val/loss": 2.0 + place}
        if rng.random() < 0.1:
            yield str(rng.choice(["finished", "over", "traceback", "facts"])), "", {"max_steps": "12"}
        if rng.random() < 0.1:
            yield PLAN, "plan", {"total": 20.0}
        if rng.random() < 0.3:
            more = {"passed": float(at)} if rng.random() < 0.5 else {}
            more |= {"total": float(rng.choice([9, 12]))} if rng.random() < 0.5 else {}
            rank = float(rng.choice([0, 1, NODE + 1, NOTHING], p=[0.3, 0.3, 0.3, 0.1]))
            yield RANK, "rank", {"rank": rank, "done": float(rng.choice([at, at, NOTHING])), **more}


def of_processes(rng: np.random.Generator) -> Iterator[Record]:
    """Lines that several processes print, whose number changes; one may lag by a few steps."""
    spread = float(rng.choice([0.0, 0.01, 0.12, 0.13, 0.5]))
    timed, count, step = rng.random() < 0.3, int(rng.integers(1, 5)), int(rng.integers(0, 2))
    counted = rng.random() < 0.2
    waiting: list[tuple[int, int]] = []
    for at in range(24):
        if rng.random() < 0.08:
            count = int(rng.integers(1, 5))
        if rng.random() < 0.04:
            step = int(rng.choice([0, 1, max(0, step - 2)]))
        waiting += [(step, n) for n in range(count)]
        kept = [each for each in waiting if rng.random() < 0.05 and each[0] == step]
        for number, process in [each for each in waiting if each not in kept]:
            loss = (-1.0) ** number / 2 + spread * process / max(count - 1, 1)
            row = {"step": float(number), LOSS: loss, LEARNING_RATE: 1e-3 / (1 + number)}
            row |= {"time": T0 + number + 0.01 * process} if timed else {}
            row |= {"train/tokens": float(10 * at + process)} if counted else {}
            yield TRAIN, "line", row
        waiting = kept
        step += 1
        if rng.random() < 0.05:
            yield EVAL, "eval", {"val/loss": 1.0}


def twice(rng: np.random.Generator) -> Iterator[Record]:
    """Records without a step that are printed again: with or without the time, rounded, some lines below."""
    normed, with_step = rng.random() < 0.7, rng.random() < 0.2
    same = [0.0, 0.0, 0.0, 0.0]
    for at in range(14):
        loss = NOTHING if rng.random() < 0.05 else 3.0 - 0.125 * at * (rng.random() < 0.9)
        row = {LOSS: loss, LEARNING_RATE: 1e-3 * (1 - at / 20), EPOCH: 0.25 * at}
        row |= {GRAD_NORM: float(rng.choice([0, 0.5, at, NOTHING], p=[0.1, 0.2, 0.6, 0.1]))} if normed else {}
        row |= {"step": float(at)} if with_step else {}
        first = {"time": T0 + at, **row} if rng.random() < 0.7 else row
        kind, pattern = (EVAL, "e") if rng.random() < 0.2 else (TRAIN, str(rng.choice(["d", "d", "c"])))
        yield kind, pattern, first
        for _ in range(int(rng.choice([0, 0, 0, 1, 2, 3]))):
            yield "note", "", {}
        if rng.random() < 0.8:
            again = dict(row)
            again[LOSS] += float(rng.choice([*same, 5e-5, 7e-5, -5e-5, -7e-5]))
            again[LEARNING_RATE] *= 1 + float(rng.choice([*same, 9e-4, 2e-3]))
            again[EPOCH] += float(rng.choice([*same, 0.005, 0.007, -0.005]))
            if rng.random() < 0.1 and normed:
                again[GRAD_NORM] += 0.5
            yield kind, pattern, {"time": T0 + at, **again} if rng.random() < 0.3 else again


def below_bars(rng: np.random.Generator) -> Iterator[Record]:
    """Records without a step among bars: quick and slow ones, drawn again, of evaluations, or held back."""
    total, pace = int(rng.choice([8, 12])), float(rng.choice([0.05, 0.1, 0.2, 0.5, 1.0, NOTHING]))
    lag, above = int(rng.choice([0, 0, 1, 2])), rng.random() < 0.5
    whole, often = rng.random() < 0.4, float(rng.choice([0.8, 0.8, 0.4]))
    epochs = float(rng.choice([2, 3]))
    if whole:
        yield BAR, "bar", {"step": float(total), "total": float(total), STEP_TIME: pace}
    rows = int(rng.choice([2, 3, 4, 6])) if whole else total
    for step in range(1, rows + 1):
        drawn = {"step": float(max(0, step - lag)), "total": float(total), STEP_TIME: pace}
        if not whole and rng.random() < often:
            yield BAR, "bar", drawn
        if rng.random() < 0.1:
            yield from (("note", "", {}) for _ in range(12))  # 1,200 bytes
        if rng.random() < 0.9:
            epoch = epochs * step / rows + float(rng.choice([0, 0, 0, 0.005, 0.01, 0.02]))
            row = {LOSS: 3.0 - 0.1 * step, EPOCH: epoch}
            row |= {"step": float(step)} if rng.random() < 0.05 else {}
            yield TRAIN, "dict", row
        if not whole and rng.random() < 0.7 * often:
            again = pace if above else pace * float(rng.choice([0.9, 1.0]))
            more = int(rng.choice([0, 0, lag, 1, 2]))
            yield BAR, "bar", {**drawn, "step": float(min(total, drawn["step"] + more)), STEP_TIME: again}
        if not whole and rng.random() < 0.1:
            yield from ((BAR, "bar", {"step": float(n), "total": 2.0, STEP_TIME: 0.3}) for n in (0, 1, 2))
            yield EVAL, "eval", {"val/loss": 2.0, EPOCH: float(step)}
        if rng.random() < 0.03:
            yield str(rng.choice(["finished", "over"])), "", {}
    if rng.random() < 0.7:
        kind = EVAL if rng.random() < 0.9 else TRAIN
        yield kind, "end", {"train_runtime": 9.0, EPOCH: epochs + float(rng.choice([0, 0, 1]))}


def columns(records: list[Record]) -> list[str]:
    """Return the sums of all columns of the blocks that records come to."""
    lines = []
    for segment in Splitter().split(batch(records, 0, redrawn=True)):
        block = segment.block
        named = {"": block.progress, **block.samples}
        sums = [
            (name, len(s), *(summed(np.asarray(part)) for part in (s.offset, s.step, s.value)))
            for name, s in sorted(named.items())
            if s is not None
        ]
        ranks = [
            (n, each.done, each.total, each.passed, each.offset) for n, each in sorted(block.ranks.items())
        ]
        kept = (segment.begins_run, segment.leads_anew, block.rank, block.lead, block.total, block.bar)
        lines.append(shown([*kept, sorted(block.marks.items()), ranks, sums]))
    return lines


@pytest.mark.parametrize("part", range(4))
@pytest.mark.parametrize(
    "kind", [among_bars, below_bars, of_processes, of_ranks, twice], ids=lambda k: k.__name__
)
def test_a_short_log_comes_to_what_was_read_last(kind, part):
    found = []
    for seed in range(part, MOST, 4):
        records = list(kind(np.random.default_rng([seed, 23])))
        text = "\n".join([*columns(records), *folded(records, [0, len(records)])])
        found.append(f"{seed}: {text if seed < READ else md5(text.encode()).hexdigest()[:8]}")
    text = "\n".join([*found, ""])
    path = GOLDEN / f"short-{kind.__name__}-{part}.txt"
    if "UPDATE_GOLDEN" in os.environ:
        path.write_text(text, encoding="utf-8")
    assert text.splitlines() == path.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("part", range(2))
@pytest.mark.parametrize("kind", [of_processes, twice], ids=lambda k: k.__name__)
def test_it_comes_to_the_same_in_pieces(kind, part):
    for seed in range(part, MOST, 4):
        rng = np.random.default_rng([seed, 23])
        records = list(kind(rng))
        edges = sorted({0, *rng.integers(1, len(records), 5).tolist(), len(records)})
        assert folded(records, edges) == folded(records, [0, len(records)]), seed
