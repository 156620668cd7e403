"""Records of several tables are one stream: a list of rows in the order of their offsets says the same."""

from __future__ import annotations

import math

import numpy as np
import pytest

from runwatch.core.batch import BAR, EPOCH_STEPS, EVAL, NODE, TRAIN, Batch, Table
from runwatch.core.fold.rows import Rows, by_rank, column_of, marks_of, pick, samples_of, step_of_last
from runwatch.core.metrics import EPOCH, LOSS, STEP_TIME

NAN = math.nan
COLUMNS = ("step", "total", EPOCH_STEPS, STEP_TIME, "time", EPOCH, LOSS)
FIELDS = ("step", "total", "epoch_steps", "seconds", "time", "epoch", "loss")


def tables(rng: np.random.Generator) -> tuple[list[Table], list[dict[str, float]]]:
    """Return tables of three kinds, and their rows: a dict of the columns each, its kind and pattern too."""
    rows, offsets = [], np.sort(rng.choice(1000, 12, replace=False)).astype(float)
    shapes = [
        (kind, pattern, [name for name in COLUMNS if rng.random() < 0.6])
        for kind, pattern in ((TRAIN, "a"), (TRAIN, "other"), (EVAL, "e"), (EVAL, "f"), (BAR, "b"))
    ]
    found: list[list[dict[str, float]]] = [[] for _ in shapes]
    for line, offset in enumerate(offsets.tolist(), 1):
        number = int(rng.integers(0, int(rng.choice([1, len(shapes)]))))
        row = {"offset": offset, "line": float(line)}
        row |= {name: float(rng.choice([-1, 0, 3, 9.5, 2.0**53, NAN])) for name in shapes[number][2]}
        found[number].append(row)
    made = []
    for (kind, pattern, names), mine in zip(shapes, found, strict=True):
        if mine:
            matrix = np.array([[row[name] for row in mine] for name in ("offset", "line", *names)])
            made.append(Table(kind, pattern, ("offset", "line", *names), len(mine), matrix.tobytes()))
            rows += [{**row, "kind": kind, "pattern": pattern} for row in mine]
    return made, sorted(rows, key=lambda row: row["offset"])


def count(row: dict, name: str) -> float:
    """Return a number of steps; NaN where it can be none."""
    value = row.get(name, NAN)
    return value if 0 <= value < 2**53 else NAN


def shown(row: dict, name: str) -> float:
    if name in ("step", "total", EPOCH_STEPS):
        return count(row, name)
    if name == LOSS and math.isnan(row.get(LOSS, 0.0)):
        return math.inf
    return row.get(name, NAN)


@pytest.mark.parametrize("part", range(4))
def test_rows_and_samples_of_several_tables_are_those_of_a_list(part):
    for seed in range(part, 120, 4):
        rng = np.random.default_rng([seed, 67])
        made, rows = tables(rng)
        read, places = Batch(0, 1000, tuple(made)), {}
        for kind in (TRAIN, EVAL):
            mine = [row for row in rows if row["kind"] == kind]
            found = places[kind] = Rows.of(read, kind)
            assert len(found) == len(mine)
            assert (found.offset.tolist(), found.pattern.tolist()) == (
                [row["offset"] for row in mine],
                [row["pattern"] for row in mine],
            )
            for field, name in zip(FIELDS, COLUMNS, strict=True):
                np.testing.assert_equal(getattr(found, field), [shown(row, name) for row in mine])
            low, high = sorted(rng.choice([0.0, 300.0, *(row["offset"] for row in rows)], 2).tolist())
            inside = [row["offset"] for row in mine if low <= row["offset"] < high]
            assert found.between(low, high).offset.tolist() == inside
            assert marks_of(read, low, high).get(kind, -1) == max(inside, default=-1)
        trained = [row for row in rows if row["kind"] == TRAIN]
        steps = []
        for row in (row for row in rows if row["kind"] == EVAL):
            before = [count(other, "step") for other in trained if other["offset"] < row["offset"]]
            own = count(row, "step")
            steps.append((before[-1] if before else 7.0) if math.isnan(own) else own)
        evals = step_of_last(places[EVAL], places[TRAIN], 7.0)
        np.testing.assert_equal(evals.step, steps)
        samples = samples_of(read, {TRAIN: places[TRAIN], EVAL: evals})
        step_at = dict(zip(evals.offset.tolist(), evals.step.tolist(), strict=True))
        for name in (STEP_TIME, EPOCH, LOSS):
            mine = [row for row in rows if row["kind"] != BAR and name in row]
            assert (name in samples) == bool(mine)
            if mine:
                np.testing.assert_equal(samples[name].value, [row[name] for row in mine])
                assert samples[name].line.tolist() == [row["line"] for row in mine]
                wanted = [step_at.get(row["offset"], count(row, "step")) for row in mine]
                np.testing.assert_equal(samples[name].step, wanted)


def test_of_a_table_some_rows_are_kept():
    matrix = np.array([[0.0, 1.0, 2.0], [1.0, 2.0, 3.0], [7.0, 8.0, 9.0]])
    table = Table(TRAIN, "a", ("offset", "line", LOSS), 3, matrix.tobytes())
    kept = pick(table, np.array([True, False, True]))
    assert (kept.rows, kept.column(LOSS).tolist(), kept.column("line").tolist()) == (
        2,
        [7.0, 9.0],
        [1.0, 3.0],
    )
    np.testing.assert_equal(column_of([kept, table], "step"), [NAN] * 5)


def test_ranks_of_several_nodes_have_their_own_records_and_evaluations():
    names = ("offset", "line", "rank", "node", "step", LOSS)
    matrix = np.array([[0, 1, 2], [1, 2, 3], [0, 1, 0], [1, 0, NAN], [5, 6, -1], [1, 2, 3]], float)
    train = Table(TRAIN, "a", names, 3, matrix.tobytes())
    evals = Table(EVAL, "e", (*names[:5], "val/loss"), 3, (matrix + 10).tobytes())
    found = by_rank([train], 0, 10)
    assert list(found) == [0, 1, NODE]
    assert {rank: each["progress"].step.tolist() for rank, each in found.items() if rank} == {
        1: [6],
        NODE: [5],
    }
    np.testing.assert_equal(found[0]["progress"].step, [NAN])
    assert [each[LOSS].value.tolist() for each in found.values()] == [[3], [2], [1]]
    found = by_rank([train, evals], 0, 100)
    assert [len(each["progress"]) for each in found.values()] == [1, 1, 0, 1, 0, 0]
    assert [list(each)[-1] for each in found.values()] == [
        LOSS,
        LOSS,
        "val/loss",
        LOSS,
        "val/loss",
        "val/loss",
    ]
