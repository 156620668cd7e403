"""Where one process's records end and several processes' begin, number by number."""

from __future__ import annotations

import numpy as np
import pytest

from runwatch.core.batch import BY_EPOCH, EVAL, TRAIN, Batch, Table
from runwatch.core.fold.rank_dedup import Echoes

NAMES = ("offset", "line", "step", "train/loss")


def table(records, names=NAMES, kind=TRAIN, pattern="a") -> Table:
    """Return a table of records, each a tuple of what is behind `offset` and `line`."""
    rows = [(100.0 * i, i + 1.0, *record) for i, record in enumerate(records)]
    matrix = np.array(rows, "<f8").reshape(len(rows), len(names)).T
    return Table(kind, pattern, names, len(rows), matrix.tobytes())


def left(*tables: Table) -> int:
    """Return how many records are no echoes."""
    batch = Echoes().without(Batch(0, 1, tables))
    return sum(each.rows for each in batch.tables)


def printed(
    *counts: int, within: float = 0.0, beyond: float = 1.0, first: int = 1
) -> list[tuple[float, float]]:
    """Return records of steps in a row, each printed so often.

    The losses of a step span `within`; those of two steps in a row are `beyond` apart.
    """
    return [
        (step, beyond * (-1) ** step / 2 + within * i / max(count - 1, 1))
        for step, count in enumerate(counts, first)
        for i in range(count)
    ]


@pytest.mark.parametrize(
    ("counts", "echoes"),
    [
        ((3, 3, 3, 3, 3), 4),  # the fourth step is the first behind three alike
        ((3, 3, 2, 3, 3), 0),
        ((3, 3, 1, 3, 3), 0),
        ((2, 2, 2, 2, 2), 0),  # three repeats may be chance, four too
        ((2, 2, 2, 2, 2, 2, 2), 2),  # five are not
        ((3, 3, 4, 4, 4, 4), 3),  # it counts anew where another number of processes prints
        ((1, 1, 1, 1, 3, 3, 3, 3), 2),
    ],
)
def test_an_echo_needs_three_steps_alike_and_five_repeats(counts, echoes):
    records = printed(*counts)
    assert left(table(records)) == len(records) - echoes


@pytest.mark.parametrize(
    ("within", "several"),
    [(0.0, True), (0.12, True), (0.125, True), (0.13, False), (0.3, False), (0.34, False), (0.5, False)],
)
def test_what_is_eight_times_closer_within_a_step_comes_from_several(within, several):
    records = printed(*[4] * 5, within=within)
    assert (left(table(records)) < len(records)) is several


@pytest.mark.parametrize(
    ("others", "several"),
    [
        ((), True),
        ((0.5,), True),  # close, not equal, outweighs one that is apart
        ((0.5, 0.5), False),  # and not two
        ((0.33,), True),  # neither close nor apart
        ((0.33, 0.33, 0.33), True),
    ],
)
def test_what_is_close_outweighs_what_is_apart(others, several):
    records = printed(*[4] * 5, within=0.1)
    apart = [printed(*[4] * 5, within=within) for within in others]
    rows = [(*record, *(each[i][1] for each in apart)) for i, record in enumerate(records)]
    names = (*NAMES, *(f"train/other_{i}" for i in range(len(others))))
    assert (left(table(rows, names)) < len(rows)) is several


def test_what_is_equal_does_not_outweigh_what_is_apart():
    records = printed(*[4] * 5)
    rows = [(*record, apart[1]) for record, apart in zip(records, printed(*[4] * 5, within=0.5), strict=True)]
    assert left(table(rows, (*NAMES, "train/accuracy"))) == len(rows)


def test_an_equal_time_outweighs_what_is_apart():
    records = printed(*[4] * 5, within=0.5)
    rows = [(*record, 10.0 * record[0]) for record in records]
    assert left(table(rows, (*NAMES, "time"))) < len(rows)


@pytest.mark.parametrize(("shared", "several"), [(1, True), (2, False)])
def test_a_planned_value_shows_nothing(shared, several):
    """The learning rate and the epoch follow from the step."""
    records = printed(*[4] * 5)
    names = (*NAMES, "train/learning_rate", "train/epoch")
    rows = [(*record, 0.1 / record[0], record[0]) for record in records]
    if shared == 2:  # without the loss nothing is left that shows it
        names, rows = (*names[:3], *names[4:]), [(row[0], *row[2:]) for row in rows]
    assert (left(table(rows, names)) < len(rows)) is several


@pytest.mark.parametrize(("ahead", "is_echo"), [(0, True), (1, True), (2, True), (3, False)])
def test_a_process_lags_by_two_steps_at_most(ahead, is_echo):
    steady = printed(*[3] * 8)
    others = [*steady[:-1], *((9.0 + i, 0.5) for i in range(ahead))]
    assert left(table([*others, steady[-1]])) == left(table(others)) + (not is_echo)


@pytest.mark.parametrize(
    "other",
    [
        {"kind": EVAL},
        {"pattern": "a" + BY_EPOCH},
        {"names": ("offset", "line", "rank", "train/loss")},
        {"names": ("offset", "line", "epoch", "train/loss")},
    ],
)
def test_tables_that_can_have_no_echoes_are_left_alone(other):
    records = printed(*[4] * 6)
    assert left(table(records, **{"names": NAMES, **other})) == len(records)


def test_a_step_that_is_not_printed_is_no_echo():
    records = [(float("nan"), loss) for _, loss in printed(*[4] * 6)]
    assert left(table(records)) == len(records)


def test_lines_of_other_shapes_are_judged_apart():
    records = printed(*[3] * 6)
    alone = left(table(records))
    assert left(table(records), table(records, pattern="b")) == 2 * alone
    both = left(table(records), table([(*r, 1.0) for r in records], (*NAMES, "train/constant")))
    assert both == 2 * alone


def test_only_the_newest_shapes_are_remembered():
    echoes, records = Echoes(), printed(*[3] * 6)
    echoes.without(Batch(0, 1, (table(records),)))
    many = tuple(table([(1.0, 1.0)], pattern=f"b{i}") for i in range(32))
    for shapes, again in ((many[:31], 0), (many[31:], 1)):
        echoes.without(Batch(0, 1, shapes))
        kept = echoes.without(Batch(0, 1, (table(printed(3, 3, first=7)),))).tables
        assert sum(each.rows for each in kept) == (6 if again else 2)


def test_a_counter_of_batches_grows_and_is_no_echo():
    records = printed(*[4] * 6, within=0.1)
    rows = [(*record, float(i)) for i, record in enumerate(records)]
    assert left(table(rows, (*NAMES, "train/iter"))) == len(rows)
    rows = [(*record, i + 0.5) for i, record in enumerate(records)]
    assert left(table(rows, (*NAMES, "train/iter"))) < len(rows), "no counter: not whole"


def test_what_is_no_echo_is_the_very_batch():
    batch = Batch(0, 1, (table(printed(1, 1, 1, 1)), table(printed(1, 1), kind=EVAL)))
    assert Echoes().without(batch) is batch


@pytest.mark.parametrize("cut", range(1, 19))
def test_records_whose_step_is_nan_hide_no_echoes_wherever_a_batch_ends(cut):
    records = printed(*[3] * 6)
    records[7:7] = [(float("nan"), 1.0)]
    echoes = Echoes()
    parts = [echoes.without(Batch(0, 1, (table(part),))) for part in (records[:cut], records[cut:])]
    assert sum(each.rows for part in parts for each in part.tables) == left(table(records)) < len(records)
