"""Where a run ends and another begins, record by record, and in any pieces."""

from __future__ import annotations

import numpy as np
import pytest

from runwatch.core.batch import BAR, BY_EPOCH, BY_FIT, EPOCH_STEPS, EVAL, PLAN, TRAIN, Batch, Event, Table
from runwatch.core.fold.segments import Segment, Splitter
from runwatch.core.metrics import STEP_TIME

NAN = float("nan")
Record = tuple[str, str, dict[str, float]]
"""Kind, pattern and columns of a record; or the kind of an event, and nothing."""


def t(step: float, total: float = NAN, pattern: str = "a", **more: float) -> Record:
    return TRAIN, pattern, {"step": step, "total": total, **more, "train/loss": 1.0}


def trained(*steps: float, total: float = NAN, pattern: str = "a") -> list[Record]:
    return [t(step, total, pattern) for step in steps]


def evaluated(step: float) -> Record:
    return EVAL, "e", {"step": step, "val/loss": 1.0}


def bar(step: float, total: float, seconds: float = 1.0) -> Record:
    return BAR, "bar", {"step": step, "total": total, STEP_TIME: seconds}


def plan(total: float) -> Record:
    return PLAN, "plan", {"total": total}


def said(kind: str) -> Record:
    return kind, "", {}


def batch(records: list[Record], first: int) -> Batch:
    """Return what is read of these records, each 100 bytes and a line of its own."""
    tables, events = [], []
    for at, (kind, pattern, columns) in enumerate(records, first):
        if not columns:
            data = {"name": "Pretraining"} if kind == "stage" else {}
            events.append(Event(kind, 100 * at, at + 1, kind, None, None, data))
            continue
        values = np.array([100.0 * at, at + 1.0, *columns.values()])
        tables.append(Table(kind, pattern, ("offset", "line", *columns), 1, values.tobytes()))
    return Batch(100 * first, 100 * (first + len(records)), tuple(tables), tuple(events))


def split(records: list[Record], size: int) -> list[Segment]:
    splitter = Splitter()
    pieces = [batch(records[at : at + size], at) for at in range(0, len(records), size)]
    return [segment for piece in pieces for segment in splitter.split(piece)]


def runs(records: list[Record]) -> tuple[list[list[float]], int]:
    """Return the steps of each run, and how often one restarted; the same in any pieces."""
    results = []
    for size in (1, 2, 3, len(records)):
        steps: list[list[float]] = [[]]
        restarts = 0
        for segment in split(records, size):
            if segment.begins_run:
                steps.append([])
            restarts += len(segment.block.restarts)
            if segment.block.progress is not None:
                steps[-1] += segment.block.progress.step.tolist()
        results.append((steps, restarts))
    assert all(result == results[0] for result in results), results
    return results[0]


BY_EPOCHS, BY_FITS = "a" + BY_EPOCH, "a" + BY_FIT

CASES = {
    "a step that goes back restarts its run": (trained(1, 2, 3, 2, 3), [5], 1),
    "also where it begins again from the first": (trained(1, 2, 3, 1, 2), [5], 1),
    "a step that is repeated is no restart": (trained(1, 2, 2, 3), [4], 0),
    # what was said of its end
    "what follows an end from the first": ([*trained(1, 2, 3), said("finished"), *trained(1, 2)], [3, 2], 0),
    "what follows an end from later": ([*trained(1, 2, 5), said("finished"), *trained(4, 5)], [3, 2], 0),
    "what goes on behind an end": ([*trained(1, 2), said("finished"), *trained(3, 2)], [4], 1),
    "an end before the first step": ([said("finished"), *trained(1, 2, 1)], [3], 1),
    "a finished run that repeats its last step": (
        [*trained(1, 2, total=9), said("finished"), *trained(2, 3, total=9)], [4], 0),
    "and another total with it": (
        [*trained(1, 2, total=9), said("finished"), *trained(2, 3, total=8)], [2, 2], 0),
    "an early stop, then the first": ([*trained(1, 2, 3), said("early_stop"), *trained(1, 2)], [3, 2], 0),
    "an early stop that was none": ([*trained(1, 2, 3), said("early_stop"), *trained(4, 2)], [5], 1),
    "an early stop before the first step": ([said("early_stop"), *trained(1, 2, 1)], [3], 1),
    "over, then from the first": ([*trained(1, 2, 3), said("over"), *trained(1, 2)], [3, 2], 0),
    "over, then from the second": ([*trained(1, 2, 3), said("over"), *trained(2, 3)], [5], 1),
    "over, then on": ([*trained(1, 2, 3), said("over"), *trained(4, 1)], [5], 1),
    "a crash": ([*trained(1, 2, 3), said("traceback"), *trained(1, 2)], [5], 1),
    "a crash, then over": ([*trained(1, 2, 3), said("oom"), said("over"), *trained(1, 2)], [5], 1),
    "over, then a crash": ([*trained(1, 2, 3), said("over"), said("killed"), *trained(1, 2)], [5], 1),
    "a crash that it survived": (
        [*trained(1, 2, 3), said("traceback"), *trained(4), said("over"), *trained(1, 2)], [4, 2], 0),
    "resumed": ([*trained(1, 2, 3), said("resume"), said("over"), *trained(1, 2)], [5], 1),
    "another event says nothing": ([*trained(1, 2, 3), said("checkpoint"), *trained(1, 2)], [5], 1),
    # the kind of its lines
    "lines of another kind that go back": ([*trained(1, 2, 3), *trained(1, 2, pattern="b")], [3, 2], 0),
    "lines of another kind that go on": ([*trained(1, 2), *trained(3, 4, pattern="b")], [4], 0),
    "a restart before lines of another kind": (
        [*trained(1, 2, 3), *trained(2), *trained(3, 4, pattern="b")], [6], 1),
    "and go back later": ([*trained(1, 2), *trained(3, 4, 1, pattern="b")], [5], 1),
    # stages
    "a stage of training": ([*trained(1, 2, 3), said("stage"), *trained(1, 2)], [3, 2], 0),
    "a stage of training that goes on": ([*trained(1, 2, 3), said("stage"), *trained(4, 2)], [5], 1),
    "a stage before the first step": ([said("stage"), *trained(1, 2, 1)], [3], 1),
    # evaluations
    "an evaluation at an earlier step": ([*trained(1, 2, 3), evaluated(1), *trained(4)], [4], 0),
    "an evaluation from the first behind the end": (
        [*trained(1, 2, 3), said("finished"), evaluated(0), *trained(1, 2)], [3, 2], 0),
    "an evaluation of the last step behind the end": (
        [*trained(1, 2, 3), said("finished"), evaluated(3), *trained(4)], [4], 0),
    # totals
    "another total, from the first": ([*trained(1, 2, total=9), *trained(1, 2, total=8)], [2, 2], 0),
    "another total, from the zeroth": ([*trained(0, 2, total=9), *trained(0, 2, total=8)], [2, 2], 0),
    "another total, from the second": ([*trained(1, 2, 3, total=9), *trained(2, 3, total=8)], [5], 1),
    "a total that is shown no more": ([*trained(1, 2, 3, total=9), *trained(1, 2)], [5], 1),
    "a total that was not shown before": ([*trained(1, 2, 3), *trained(1, 2, total=9)], [5], 1),
    "the same total, at its end": (2 * trained(1, 2, 3, total=3), [3, 3], 0),
    "the same total, before its end": (2 * trained(1, 2, total=3), [4], 1),
    "counted from zero, at its end": (2 * trained(0, 1, 2, total=3), [3, 3], 0),
    "counted from zero, before its end": (2 * trained(0, 1, total=3), [4], 1),
    "less than a stride before its end": (2 * trained(4, 8, total=11), [2, 2], 0),
    "a stride before its end": (2 * trained(4, 8, total=12), [4], 1),
    "from zero, a stride before its end": (2 * trained(0, 4, 8, total=12), [3, 3], 0),
    "from zero, more than a stride before its end": (2 * trained(0, 4, 8, total=13), [6], 1),
    "at its end, from later": ([*trained(1, 2, 3, total=3), *trained(2, 3, total=3)], [5], 1),
    "resumed at its first step": ([*trained(4, 8, total=8), *trained(4, 8, total=8)], [2, 2], 0),
    "after a crash at its end": (
        [*trained(1, 2, 3, total=3), said("traceback"), *trained(1, 2, 3, total=3)], [6], 1),
    # epochs and fits
    "epochs from the first": (2 * trained(1, 2, 3, pattern=BY_EPOCHS), [3, 3], 0),
    "epochs from the second": (trained(1, 2, 3, 2, 3, pattern=BY_EPOCHS), [5], 1),
    "epochs of a total": (2 * trained(1, 2, total=9, pattern=BY_EPOCHS), [4], 1),
    "epochs after a crash": (
        [*trained(1, 2, pattern=BY_EPOCHS), said("cuda_error"), *trained(1, 2, pattern=BY_EPOCHS)], [4], 1),
    "fits of one model": (3 * trained(1, 2, total=2, pattern=BY_FITS), [6], 2),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_log_is_cut_where_another_run_begins(case):
    records, lengths, restarts = CASES[case]
    found, seen = runs(records)
    assert [len(steps) for steps in found] == lengths
    assert seen == restarts


def test_the_end_of_an_epoch_is_not_the_end_of_a_run():
    records = 2 * [t(step, 3.0, **{EPOCH_STEPS: 3.0}) for step in (1, 2, 3)]
    assert runs(records) == ([[1, 2, 3, 1, 2, 3]], 1)


@pytest.mark.parametrize(
    ("behind", "is_stage"),
    [
        (trained(1, 2), False),
        (trained(1, 2, pattern="b"), True),
        ([said("stage"), *trained(1, 2)], True),
        ([said("stage"), *trained(1, 2, pattern="b")], True),
        ([evaluated(0), *trained(1, 2, pattern="b")], True),
        ([evaluated(0), *trained(1, 2)], False),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 9])
def test_a_stage_is_announced_or_has_lines_of_another_kind(behind, is_stage, size):
    found = split([*trained(1, 2, 3), said("finished"), *behind], size)
    assert [segment.is_stage for segment in found].count(True) == is_stage
    assert sum(segment.begins_run for segment in found) == 1


@pytest.mark.parametrize("size", [1, 9])
@pytest.mark.parametrize(
    ("records", "totals"),
    [
        (trained(1, 2, total=9), [9]),
        ([*trained(1, total=9), *trained(2, total=8)], [8]),
        ([plan(7), *trained(1)], [7]),
        ([plan(7), plan(6), *trained(1)], [6]),
        ([plan(7), *trained(1, total=9)], [9]),
        ([*trained(1, total=9), *trained(2)], [9]),
        (trained(1, 2), []),
        ([evaluated(1)], []),
        ([plan(7), evaluated(1)], [7]),
    ],
)
def test_the_newest_total_is_that_of_steps_else_as_planned(records, totals, size):
    known = [s.block.total for s in split(records, size) if s.block.total is not None]
    assert known[-1:] == totals


@pytest.mark.parametrize(
    ("records", "shown"),
    [
        ([bar(1, 10), bar(2, 10), bar(5, 10)], (1, 5, 10)),
        ([bar(1, 10), bar(1, 99), bar(2, 99)], (1, 2, 99)),  # the most updates
        ([bar(1, 10), bar(2, 10), bar(1, 99)], (1, 2, 10)),
        ([bar(1, 10), bar(2, 10), bar(3, 10), bar(1, 99), t(NAN)], (1, 1, 99)),  # the one next to records
        ([bar(1, 10), *trained(3)], None),  # what the records print counts
        ([bar(1, NAN), bar(NAN, 10)], None),
        (trained(1), None),
    ],
)
def test_the_bar_of_the_training_is_next_to_records_or_is_updated_most(records, shown):
    assert split(records, len(records))[-1].block.bar == shown


def test_a_bar_of_more_steps_is_of_a_run_that_was_resumed():
    records = [each for i in (1, 2, 3, 4) for each in (bar(i, 10), t(NAN))]
    one = [*records, bar(5, 20), t(NAN)]
    two = [*one, bar(6, 20), t(NAN)]
    assert split(one, len(one))[-1].block.bar == (1, 4, 10)
    assert split(two, len(two))[-1].block.bar == (5, 6, 20)
    less = [*records, bar(5, 8), t(NAN), bar(6, 8), t(NAN)]
    assert split(less, len(less))[-1].block.bar == (1, 4, 10)


def test_a_bar_that_begins_again_behind_the_end_is_of_the_next_launch():
    records = [bar(10, 20), t(NAN), bar(20, 20), t(NAN), said("finished"), bar(0, 20), bar(1, 20)]
    for size in (1, 2, 3, len(records)):
        assert split(records, size)[-1].block.bar == (10, 20, 20), size
        goes_on = split([*records, t(NAN), bar(2, 20)], size)[-1].block.bar
        assert goes_on is not None
        assert goes_on[1] == 2, size


def test_the_bars_that_are_updated_least_are_forgotten():
    records = [bar(1, 1000), bar(2, 1000), *(bar(1, 100 + i) for i in range(80))]
    splitter = Splitter()
    for at, record in enumerate(records):
        for segment in splitter.split(batch([record], at)):
            assert segment.block.bar is not None
    assert segment.block.bar == (1, 2, 1000)


@pytest.mark.parametrize("size", [1, 2, 9])
def test_what_is_planned_behind_the_records_of_a_run_is_for_the_next_records(size):
    records = [*trained(1, 2, 3), said("finished"), evaluated(0), plan(7)]
    assert [each.block.total for each in split(records, size)] == [None] * len(split(records, size))
    assert split([*records, *trained(1)], size)[-1].block.total == 7
