"""Records of one place after the other, to the byte and to the line: what repeats, and what a bar shows."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest

from runwatch.core.batch import BAR, EVAL, RANK, TRAIN, Table
from runwatch.core.fold.bar_steps import BarSteps
from runwatch.core.fold.bars import Bars
from runwatch.core.fold.duplicate_records import DuplicateRecords
from runwatch.core.fold.rank_dedup import Echoes
from runwatch.core.fold.rows import Rows, by_rank, marks_of, ranks_of, times_of
from runwatch.core.fold.segments import Splitter
from runwatch.core.metrics import EPOCH, GRAD_NORM, LEARNING_RATE, LOSS, STEP_TIME

from .test_run_edges import event
from .test_run_rare import batch, table

NAN = math.nan


def test_only_times_with_a_date_are_those_of_records():
    rows = table(TRAIN, {"step": [1.0, 2.0, 3.0], "time": [86_399.0, 86_400.0, 1e9]})
    assert times_of(batch(rows)).value.tolist() == [86_400.0, 1e9]
    assert len(times_of(batch(table(TRAIN, {"step": [1.0]})))) == 0


def test_what_is_between_two_places_begins_at_the_first_and_ends_before_the_second():
    rows = table(RANK, {"rank": [0.0, 1.0, 2.0, NAN], "done": [1.0, 2.0, 3.0, 4.0]})
    said = tuple(event(kind, offset) for kind, offset in (("a", 99), ("b", 100), ("c", 199), ("d", 200)))
    assert set(ranks_of(batch(rows), 100, 200)) == {1}
    assert marks_of(batch(rows, events=said), 100, 200) == {RANK: 100, "b": 100, "c": 199}
    assert marks_of(batch(rows), 301, 400) == {}
    train = table(TRAIN, {"rank": [0.0, 1.0, 2.0], "step": [1.0, 2.0, 3.0], LOSS: [1.0, 2.0, 3.0]})
    found = by_rank([train], 100, 200)
    assert {rank: some[LOSS].value.tolist() for rank, some in found.items()} == {1: [2.0]}


def test_what_a_line_that_begins_a_run_says_is_of_that_run():
    lines = table(TRAIN, {"step": [1.0, 2.0, 1.0], LOSS: [3.0, 2.0, 3.0]})
    said = (event("finished", 150), event("note", 200))
    first, second = Splitter().split(batch(lines, events=said))
    assert ([each.kind for each in first.block.events], "note" in first.block.marks) == (["finished"], False)
    assert ([each.kind for each in second.block.events], "note" in second.block.marks) == (["note"], True)


def test_tables_without_records_repeat_nothing():
    empty = batch(*(table(kind, {"line": [], LOSS: []}) for kind in (TRAIN, EVAL)),
                  table(TRAIN, {"line": [], "step": [], LOSS: []}, "b"))  # fmt: skip
    assert DuplicateRecords().without(empty) == Echoes().without(empty) == empty


def left(*tables: Table) -> list[int]:
    """Return how many records of tables, read one after the other, are not printed again."""
    duplicates = DuplicateRecords()
    return [sum(each.rows for each in duplicates.without(batch(one)).tables) for one in tables]


def printed(line: float, handler: int = 0, **columns: float) -> Table:
    more = {"time": [1e9]} if handler else {}
    names = {"loss": LOSS, "rate": LEARNING_RATE, "epoch": EPOCH, "norm": GRAD_NORM, "step": "step"}
    own = {names[name]: [value] for name, value in columns.items()}
    return table(TRAIN, {"offset": [100.0 * line], "line": [line], **more, **own})


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({}, True),
        ({"line": 4.0}, True),
        ({"line": 5.0}, False),
        ({"loss": 5.9e-5}, True),
        ({"loss": 6e-5}, False),
        ({"epoch": 5.9e-3}, True),
        ({"epoch": 6e-3}, False),
        ({"rate": 1001.0}, True),
        ({"rate": 1001.5}, False),
    ],
)
def test_the_trainer_prints_again_what_a_callback_has_logged_with_some_digits(change, same):
    logged = {"loss": 0.0, "rate": 1000.0, "epoch": 0.0}
    first, again = printed(1.0, 1, **logged), printed(**{"line": 2.0, **logged, **change})
    assert left(first, again) == [1, 0 if same else 1]


def test_what_two_handlers_printed_is_known_for_32_shapes():
    def shape(number: int, line: float, handler: int) -> Table:
        return msgspec.structs.replace(printed(line, handler, step=1.0), pattern=f"p{number}")

    for others, same in ((31, True), (32, False)):
        between = [shape(number, 1.0, 1) for number in range(1, others + 1)]
        assert left(shape(0, 1.0, 1), *between, shape(0, 2.0, 0))[-1] == (0 if same else 1)


def test_a_handler_prints_a_record_again_up_to_three_lines_below():
    for line, same in ((4.0, True), (5.0, False)):
        assert left(printed(1.0, 1, step=1.0), printed(line, step=1.0)) == [1, 0 if same else 1]


def filled(*bars: tuple[float, float, float, float], at: float, line: float, step: float) -> float:
    """Return the step of a record at a place, next to bars of 10: (offset, line, step, seconds) each."""
    columns = dict(
        zip(("offset", "line", "step", STEP_TIME), map(list, zip(*bars, strict=True)), strict=True)
    )
    drawn = table(BAR, {**columns, "total": [10.0] * len(bars)}, "bar")
    row = {"offset": [at], "line": [line], LOSS: [1.0]} | ({} if math.isnan(step) else {"step": [step]})
    read = batch(drawn, table(TRAIN, row))
    train, _ = BarSteps().fill(read, Rows.of(read, TRAIN), Rows.of(read, BAR))
    return train.step.item()


@pytest.mark.parametrize(("at", "step"), [(1024.0, 5.0), (1025.0, 4.0)])
def test_a_bar_is_drawn_again_for_a_record_within_1024_bytes(at, step):
    bars = (0.0, 1.0, 4.0, 0.1), (2000.0, 2.0, 5.0, 0.1)
    assert filled(*bars, at=at, line=1.0, step=NAN) == step


@pytest.mark.parametrize(("at", "step"), [(1024.0, 10.0), (1025.0, NAN)])
def test_a_full_bar_is_that_of_a_record_within_1024_bytes(at, step):
    np.testing.assert_equal(filled((0.0, 1.0, 10.0, 1.0), at=at, line=1.0, step=NAN), step)


def test_the_training_bar_is_that_of_most_records_of_which_64_totals_are_counted():
    def count(bars: Bars, totals: list[float]) -> None:
        rows = Rows.of(batch(table(TRAIN, {"step": totals, "total": totals})), TRAIN)
        bars.count(Rows.of(batch(), BAR), rows, np.ones(len(totals), bool), np.empty(0))

    for more, total in (([101.0, 101.0], 101), ([2000.0] * 9, 100)):
        bars = Bars()
        drawn = table(BAR, {"step": [1.0] * 3, "total": [100.0, 101.0, 2000.0]}, "bar")
        read = batch(drawn)
        bars.count(Rows.of(read, BAR), Rows.of(read, TRAIN), np.empty(0, bool), np.empty(0))
        count(bars, [100.0, *(100.0 + n for n in range(64))])
        count(bars, more)
        count(bars, [3000.0])
        assert bars.of_training() == (1, 1, total)


def test_the_training_bar_is_that_whose_total_is_planned_however_often_another_was_drawn():
    bars, steps = Bars(), [1.0, 250.0, *range(63), 500.0]
    drawn = table(BAR, {"step": steps, "total": [1542.0] * 2 + [63.0] * 63 + [1542.0]}, "bar")
    rows = table(TRAIN, {"step": [63.0] * 5, "total": [63.0] * 5, LOSS: [1.0] * 5})
    read = batch(drawn, rows)
    bars.count(Rows.of(read, BAR), Rows.of(read, TRAIN), np.ones(5, bool), np.empty(0))
    assert bars.of_training() == bars.of_training(2000) == (0, 62, 63)
    assert bars.of_training(1542) == (1, 500, 1542)


@pytest.mark.parametrize("seconds", [NAN, 1.0])
def test_a_bar_that_ended_within_another_shows_no_step_of_the_training(seconds):
    at = {"offset": [0.0, 200.0], "line": [1.0, 3.0]}
    drawn = table(BAR, {**at, "step": [4.0, 2.0], "total": [10.0, 2.0], STEP_TIME: [seconds, 0.3]}, "bar")
    read = batch(drawn, table(TRAIN, {"offset": [100.0, 300.0], "line": [2.0, 4.0], LOSS: [1.0, 1.0]}))
    train, _ = BarSteps().fill(read, Rows.of(read, TRAIN), Rows.of(read, BAR))
    assert (train.step.tolist(), train.total.tolist()) == ([4.0, 4.0], [10.0, 10.0])


def test_of_64_bars_that_which_was_updated_least_is_forgotten_and_begins_again():
    def draw(*bars_: tuple[float, float]) -> None:
        steps, totals = map(list, zip(*bars_, strict=True))
        read = batch(table(BAR, {"step": steps, "total": totals}, "bar"))
        bars.count(Rows.of(read, BAR), Rows.of(read, TRAIN), np.empty(0, bool), np.empty(0))

    bars = Bars()
    draw((1.0, 100.0), *((step, 101.0 + n) for n in range(63) for step in (1.0, 2.0)))
    draw((1.0, 200.0))
    draw((7.0, 100.0), (8.0, 100.0), (9.0, 100.0))
    assert bars.of_training() == (7, 9, 100)
