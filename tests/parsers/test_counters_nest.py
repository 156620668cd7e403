"""The model of nested counters at its edges: what one line more or less, or one number more or less, decides."""

from __future__ import annotations

import math

import numpy as np
import pytest

from runwatch.core.batch import BY_EPOCH, EPOCH_STEPS, EVAL, TRAIN, Event, Table
from runwatch.core.metrics import EPOCH
from runwatch.parsers.counters.nesting import HEADING, PER, PLANNED, WITHIN, Nest, Nests

NO = -1.0
"""Not printed."""


def printed(epoch, steps, per=NO, planned=NO, loss=math.nan):
    return [(float(epoch), float(step), float(per), float(planned), loss / (1 + step)) for step in steps]


def placed(lines, nest=None):
    """Return step, total and steps of the epoch of each line; None where it is not known."""
    nest = nest or Nest()
    rows = [nest.place(float(at), *line) for at, line in enumerate(lines)]
    return [tuple(None if math.isnan(x) else x for x in row) for row in rows]


NEXT = {
    "the length is printed": (printed(1, range(1, 6), 5) + printed(2, [1], 5), (6, 10, 5)),
    "its second line": (printed(1, range(1, 6), 5) + printed(2, [1, 2], 5), (7, 10, 5)),
    "an epoch goes back": (printed(1, range(1, 6), 5) + printed(2, [1], 5) + printed(1, [1], 5), (1, 5, 5)),
    "the same epoch again": (printed(2, range(1, 6), 5) + printed(2, [1], 5), (6, 10, 5)),
    "two epochs later": (printed(1, range(1, 6), 5) + printed(3, [1], 5), (11, 15, 5)),
    "it begins in epoch 3": (printed(3, [1], 5), (11, 15, 5)),
    "it begins in epoch 0": (printed(0, [1], 5), (1, 5, 5)),
    "it begins in epoch 0, and moves on": (printed(0, [4, 5], 5) + printed(1, [1], 5), (6, 10, 5)),
    "more epochs are planned": (printed(1, [3], 5, 4) + printed(1, [4], 5, 8), (4, 40, None)),
    "the step counts all epochs": (printed(1, range(1, 6), 5) + printed(2, [6], 5), (6, 5, None)),
    "and later falls": (printed(1, [5], 5) + printed(2, [10], 5) + printed(3, [1], 5), (1, 5, None)),
    "and goes back": (printed(1, [5], 5) + printed(2, [10], 5) + printed(1, [2], 5), (2, 5, None)),
    "the step stays the same": (printed(1, [5], 5) + printed(2, [5], 5), (10, 10, 5)),
    "no epoch": (printed(NO, range(1, 6), 5), (5, 5, None)),
    "no epoch, and it falls at the end": (printed(NO, range(1, 6), 5) + printed(NO, [1], 5), (6, 10, 5)),
    "and the loss continues": (
        printed(NO, range(1, 6), 5, NO, 9.0) + printed(NO, [1], 5, NO, 2.0),
        (6, 10, 5),
    ),
    "and the loss is back": (
        printed(NO, range(1, 6), 5, NO, 9.0) + printed(NO, [1], 5, NO, 8.0),
        (1, 5, None),
    ),
    "and it is back after the second time": (
        printed(NO, range(1, 6), 5, NO, 9.0)
        + printed(NO, range(1, 6), 5, NO, 2.0)
        + printed(NO, [1], 5, NO, 9.0),
        (1, 5, None),
    ),
    "one before the end": (printed(NO, range(1, 5), 5) + printed(NO, [1], 5), (6, 10, 5)),
    "two before the end": (printed(NO, range(1, 4), 5) + printed(NO, [1], 5), (1, 5, None)),
    "every second, within its stride": (printed(NO, [2, 4], 6) + printed(NO, [2], 6), (8, 12, 6)),
    "every second, one more is missing": (printed(NO, [2, 4], 7) + printed(NO, [2], 7), (2, 7, None)),
    "no epoch, no length": (printed(NO, range(1, 6)) + printed(NO, [1]), (1, None, None)),
    "no length, and the loss continues": (
        printed(NO, [0, 10, 20], NO, NO, 9.0) + printed(NO, [0], NO, NO, 0.4),
        (30, None, None),
    ),
    "no length, and the loss is back": (
        printed(NO, [0, 10, 20], NO, NO, 9.0) + printed(NO, [0], NO, NO, 8.0),
        (0, None, None),
    ),
    "no length, and it begins elsewhere": (
        printed(NO, [0, 10, 20], NO, NO, 9.0) + printed(NO, [10], NO, NO, 4.4),
        (10, None, None),
    ),
    "no length, and the loss stayed the same": (
        printed(NO, [0, 0, 0], NO, NO, 9.0) + printed(NO, [10, 0], NO, NO, 90.0),
        (0, None, None),
    ),
    "a share of an epoch": (printed(0.5, [5], 10) + printed(0.6, [6], 10), (6, 10, None)),
    "no length, and the epochs are alike": (
        printed(1, [1, 2, 3], NO, 4) + printed(2, [1], NO, 4),
        (4, 12, None),
    ),
    "no length in the first epoch": (printed(1, [1, 2, 3], NO, 4), (3, None, None)),
    "an epoch is shorter": (
        printed(1, [1, 2, 3], NO, 4) + printed(2, [1, 2], NO, 4) + printed(3, [1], NO, 4),
        (6, None, None),
    ),
    "and the next is as long as the first": (
        printed(1, [1, 2], NO, 4)
        + printed(2, [1], NO, 4)
        + printed(3, [1, 2], NO, 4)
        + printed(4, [1], NO, 4),
        (6, None, None),
    ),
    "no length, it begins in epoch 2": (
        printed(2, [1, 2, 3], NO, 4) + printed(3, [1], NO, 4),
        (4, None, None),
    ),
    "a step 0 counts": (printed(0, [0, 1, 2], NO, 4) + printed(1, [0], NO, 4), (3, 12, None)),
    "the last one is printed": (printed(1, [4, 8, 10], NO, 4) + printed(2, [4], NO, 4), (14, 40, None)),
    "the last one is not": (printed(1, [4, 8], NO, 4) + printed(2, [4], NO, 4), (12, None, None)),
    "nor is it from 0": (printed(0, [0, 4, 8], NO, 4) + printed(1, [0], NO, 4), (12, None, None)),
    "nor is it from 1": (printed(1, [1, 5, 9], NO, 4) + printed(2, [1], NO, 4), (13, None, None)),
    "one line of an epoch": (
        printed(1, [4, 8], NO, 4) + printed(2, [4], NO, 4) + printed(3, [4], NO, 4),
        (16, None, None),
    ),
    "every second, no length": (printed(1, [2, 4], NO, 4) + printed(2, [2], NO, 4), (6, None, None)),
    "the last one is printed at once": (
        printed(1, [3, 6, 7], NO, 4) + printed(2, [3], NO, 4),
        (10, 28, None),
    ),
    "one line of an epoch, before its end": (
        printed(1, [4, 8], NO, 4) + printed(2, [6], NO, 4) + printed(3, [3], NO, 4),
        (18, None, None),
    ),
    "an epoch is cut, and the next is printed late": (
        printed(1, range(1, 6), 5) + printed(2, [1, 2], 5) + printed(3, [4], 5),
        (14, 15, 5),
    ),
    "that, but no length": (printed(1, range(1, 6)) + printed(2, [1, 2]) + printed(3, [4]), (11, None, None)),
    "it begins in epoch 3, but all epochs count": (printed(3, [5], 5) + printed(4, [6], 5), (6, 5, None)),
    "two epochs later, no length": (printed(1, [1, 2, 3]) + printed(3, [1]), (7, None, None)),
    "the length and the plan": (printed(1, [1], 5, 4), (1, 20, None)),
    "the plan of one step": (printed(1, [1], 1, 4), (1, 4, None)),
    "the plan, but all epochs count": (printed(1, [5], 5, 4) + printed(2, [6], 5, 4), (6, 5, None)),
    "it is as long as a float counts": (printed(1, [2**53]) + printed(2, [1]), (1, None, None)),
    "one less": (printed(1, [2**53 - 1]) + printed(2, [0]), (2**53 - 1, None, None)),
    "no epoch, and then one": (printed(NO, [1, 2, 3]) + printed(2, [1]), (1, None, None)),
}


@pytest.mark.parametrize("name", NEXT)
def test_the_newest_line_is_placed_by_those_before(name):
    lines, expected = NEXT[name]
    assert placed(lines)[-1] == expected


def test_an_epoch_that_is_reported_when_it_has_ended_is_that_of_the_steps_before():
    nest = Nest()
    assert placed(printed(NO, [1, 2, 3]), nest)[-1] == (3, None, None)
    nest.close(1.0)
    assert placed(printed(2, [1]), nest) == [(4, None, None)]
    nest.close(7.0)  # lines show another by now
    assert nest.epoch == 2.0
    untouched = Nest()
    untouched.close(3.0)
    assert untouched == Nest()


@pytest.mark.parametrize(("epochs", "known"), [(512, True), (513, False)])
def test_the_first_steps_of_512_epochs_are_remembered(epochs, known):
    nest = Nest()
    placed([line for epoch in range(1, epochs + 1) for line in printed(epoch, [1, 2])], nest)
    assert placed(printed(2, [1]), nest) == [(3 if known else 1, None, None)]


def table(kind, names, rows, pattern="words"):
    data = np.array(rows, float).T.tobytes()
    return Table(kind, pattern, ("offset", *names), len(rows), data)


def steps(tables, name="step"):
    """Return offset -> a column, of all tables that have it."""
    return {
        at: value
        for t in tables
        if name in t.names
        for at, value in zip(t.column("offset").tolist(), t.column(name).tolist(), strict=True)
    }


def stream(epochs, per, width=10, planned=9.0):
    """Return (offset, epoch, planned) of headings, and (offset, step) of the lines below them."""
    heads = [(e * per * width, float(e + 1), planned) for e in range(epochs)]
    lines = [(e * per * width + b * width, float(b)) for e in range(epochs) for b in range(1, per)]
    return heads, lines


@pytest.mark.parametrize("planned", [9.0, NO])
def test_headings_hold_for_the_lines_below_also_in_the_tables_that_follow(planned):
    count = 20
    heads, lines = stream(4, count, planned=planned)
    total = {9.0 * (count - 1)} if planned != NO else set()
    nests = Nests()
    for half in (0, 1):
        low, high = half * 2 * count * 10, (half + 1) * 2 * count * 10
        part = [
            table(HEADING, (EPOCH, PLANNED), [row for row in heads if low <= row[0] < high]),
            table(TRAIN, (WITHIN, "loss"), [(*row, 2.0) for row in lines if low <= row[0] < high]),
        ]
        found = nests.placed(tuple(part))
        assert [t.kind for t in found if t.kind == HEADING] == []
        expected = {at: half * 2 * (count - 1) + i for i, (at, _) in enumerate(lines[: 2 * (count - 1)], 1)}
        assert steps(found) == {at + low: step for at, step in expected.items()}
        if half:
            assert set(steps(found, "total").values()) == total
    for lines in (2, 300, 300, 2):
        late = [(high + 10.0 * b, float(b)) for b in range(1, lines + 1)]
        found, high = nests.placed((table(TRAIN, (WITHIN,), late),)), high + 10 * lines
        assert list(steps(found).values())[-1] == lines + 3.0 * (count - 1)
        assert set(steps(found, "total").values()) == total


@pytest.mark.parametrize("count", [20, 300])
def test_the_lengths_that_lines_print_and_the_plan_of_a_heading(count):
    heads, lines = stream(2, count)
    tables = (
        table(HEADING, (EPOCH, PLANNED), heads),
        table(TRAIN, (WITHIN, PER, "loss"), [(at, b, count - 1.0, 2.0) for at, b in lines]),
    )
    (found,) = Nests().placed(tables)
    assert found.names == ("offset", "step", "total", "loss")
    assert found.column("step").tolist() == [float(i) for i in range(1, 2 * count - 1)]
    assert set(found.column("total")) == {9.0 * (count - 1)}


@pytest.mark.parametrize("count", [20, 300])
def test_ranks_nodes_and_tables_count_for_themselves(count):
    rows = [(10.0 * i, 1.0 + i // count, 1.0 + i % count) for i in range(2 * count)]
    tables = [table(TRAIN, (EPOCH, WITHIN), rows)]
    for rank, node in ((1.0, 0.0), (1.0, 1.0)):  # whose epoch is twice as long
        own = [(at + rank + node, 1.0, 1.0 + i, rank, node) for i, (at, _, _) in enumerate(rows)]
        tables.append(table(TRAIN, (EPOCH, WITHIN, "rank", "node"), own))
    found = Nests().placed(tuple(tables))
    assert [t.column("step").tolist() for t in found] == [[float(i) for i in range(1, 2 * count + 1)]] * 3


@pytest.mark.parametrize("count", [20, 300])
def test_a_heading_of_a_later_epoch_above_lines_that_print_its_length(count):
    heads, lines = stream(1, count)
    tables = (
        table(HEADING, (EPOCH, PLANNED), [(at, epoch + 2, planned) for at, epoch, planned in heads]),
        table(TRAIN, (WITHIN, PER), [(at, b, count - 1.0) for at, b in lines]),
    )
    (found,) = Nests().placed(tables)
    assert found.column("step")[0] == 2 * (count - 1) + 1


def test_rows_that_know_no_total_and_those_that_do_are_tables_of_their_own():
    lines = [(10.0, 1.0, NO), (20.0, 2.0, 5.0), (30.0, 3.0, 5.0)]
    found = Nests().placed((table(TRAIN, (WITHIN, PER), lines),))
    assert [t.names for t in found] == [("offset", "step"), ("offset", "step", "total")]
    assert [t.rows for t in found] == [1, 2]
    epochs = [(10.0, 1.0, 5.0, 5.0), (20.0, 2.0, 1.0, 5.0)]
    (found,) = Nests().placed((table(TRAIN, (EPOCH, WITHIN, PER), epochs),))
    assert found.names == ("offset", EPOCH, "step", "total", EPOCH_STEPS)
    assert found.column(EPOCH_STEPS).tolist() == [5.0, 5.0]


def test_evaluations_have_the_step_until_it_starts_again():
    nests = Nests()
    train = [(10.0, 1.0, 5.0), (30.0, 2.0, 1.0)]
    evals = [(20.0, 1.0, 5.0, 0.5), (30.0, 2.0, 1.0, 0.4), (40.0, 2.0, 1.0, 0.3)]
    found = nests.placed(
        (table(TRAIN, (EPOCH, WITHIN), train), table(EVAL, (EPOCH, WITHIN, "val/loss"), evals))
    )
    assert [(t.kind, t.names, t.rows) for t in found] == [
        (TRAIN, ("offset", EPOCH, "step"), 2),
        (EVAL, ("offset", EPOCH, "step", "val/loss"), 1),
        (EVAL, ("offset", EPOCH, "val/loss"), 2),
    ]


def test_records_by_epoch_take_what_they_do_not_show_from_the_heading_above():
    pattern = f"summary{BY_EPOCH}"
    head = table(HEADING, (EPOCH, PLANNED), [(10.0, 1.0, 9.0), (30.0, 2.0, 9.0)])
    bare = table(TRAIN, ("loss",), [(5.0, 3.0), (20.0, 2.0), (40.0, 1.0)], pattern)
    rest, known = Nests().placed((head, bare))
    assert (rest.names, rest.rows) == (("offset", "loss"), 1)
    assert (known.names, known.column("step").tolist()) == (("offset", "loss", "step", "total"), [1.0, 2.0])
    epochs = table(TRAIN, ("step", "loss"), [(20.0, 1.0, 2.0), (40.0, 2.0, 1.0)], pattern)
    (totals,) = Nests().placed((head, epochs))
    assert totals.column("total").tolist() == [9.0, 9.0]
    both = table(TRAIN, ("step", "total", "loss"), [(20.0, 1.0, 7.0, 2.0)], pattern)
    assert Nests().placed((head, both)) == (both,)
    other = table(TRAIN, ("loss",), [(20.0, 2.0)])
    assert Nests().placed((head, other)) == (other,)


@pytest.mark.parametrize(("ranks", "known"), [(4096, True), (4097, False)])
def test_4096_ranks_are_counted(ranks, known):
    nests = Nests()
    rows = [(float(r), 1.0, 5.0, float(r)) for r in range(ranks)]
    nests.placed((table(TRAIN, (EPOCH, WITHIN, "rank"), rows),))
    (found,) = nests.placed((table(TRAIN, (EPOCH, WITHIN, "rank"), [(1e6, 2.0, 1.0, 0.0)]),))
    assert found.column("step").tolist() == [6.0 if known else 1.0]


@pytest.mark.parametrize(("kind", "known"), [("launch", False), ("finished", False), ("note", True)])
@pytest.mark.parametrize("count", [5, 300])
@pytest.mark.parametrize("pieces", [1, 2])
def test_behind_a_line_that_says_that_a_training_ended_no_epoch_begins(kind, known, count, pieces):
    rows = [(10.0 * at, 1.0 + at % count, float(count)) for at in range(3 * count)]
    event = Event(kind, 20 * count - 5, 1, "so it is")  # above the third time
    edge = 2 * count + 3 if pieces == 1 else 2 * count
    nests, found = Nests(), {}
    for part, events in ((rows[:edge], [event] * (pieces == 1)), (rows[edge:], [event] * (pieces == 2))):
        found |= steps(nests.placed((table(TRAIN, (WITHIN, PER), part),), events))
    last = [step for _, step in sorted(found.items())]
    assert last[: 2 * count] == [float(i) for i in range(1, 2 * count + 1)]
    assert last[2 * count :] == [float(i) + 2 * count * known for i in range(1, count + 1)]
