"""A run of which little is known, or at the first byte of its log; and what is remembered of a long one."""

from __future__ import annotations

import math

import numpy as np
import pytest

from runwatch.core.batch import EVAL, PLAN, TRAIN, Batch, Event, Table
from runwatch.core.block import LATE, Block, Moment, RankProgress, Samples
from runwatch.core.checkpoint import Checkpoint, Look, State
from runwatch.core.fold.early_events import EarlyEvents
from runwatch.core.fold.launches import Launches
from runwatch.core.fold.lowest_rank import LowestRank
from runwatch.core.fold.next_plan import NextPlan
from runwatch.core.fold.planned import of_checkpoint, planned_steps
from runwatch.core.fold.rank_state import MAX_RANK_METRICS, RankState
from runwatch.core.fold.rows import Rows
from runwatch.core.fold.run import Run
from runwatch.core.fold.stages import named_by, trains
from runwatch.core.metrics import DONE as SHARE
from runwatch.core.metrics import STEP_TIME
from runwatch.core.series import LEAN, Series

from .test_run_edges import block, event, run_of, samples

NAN = math.nan


def table(kind: str, columns: dict[str, list[float]], pattern: str = "a") -> Table:
    """Return a table of some columns; without offsets its records are at 0, 100, 200 and so on."""
    count = len(next(iter(columns.values())))
    offsets = [100.0 * n for n in range(count)]
    columns = {"offset": offsets, "line": [at / 100 + 1 for at in offsets], **columns}
    return Table(kind, pattern, tuple(columns), count, np.array([*columns.values()], "<f8").tobytes())


def batch(*tables: Table, events: tuple[Event, ...] = ()) -> Batch:
    return Batch(0, 100_000, tables, events)


# -- ends ------------------------------------------------------------------------------------------------


def test_what_is_at_the_first_byte_counts():
    run = run_of(block(bar=(1, 5, 10), marks={"finished": 0}))
    assert (run.finished, run.stopped_early, run.goes_on) == (True, False, False)
    run.fold(block(marks={EVAL: 1}))
    assert run.goes_on
    assert run_of(block(bar=(1, 5, 10), marks={"early_stop": 0})).stopped_early


def test_an_end_before_the_first_record_is_none():
    run = run_of(block(marks={"early_stop": 5}), block(marks={EVAL: 9}))
    assert (run.finished, run.stopped_early, run.goes_on) == (False, False, False)


@pytest.mark.parametrize(
    ("block_", "offset", "later"),
    [
        ({"source": "b"}, 0, False),
        ({"source": "b", "attempt": 2}, 0, False),
        ({"source": "b", "attempt": 4}, 0, True),
        ({"source": "b", "attempt": 3, "written": LATE + 0.5}, 0, True),
    ],
)
def test_what_another_source_says_is_later_by_its_attempt_or_its_time(block_, offset, later):
    assert Moment("a", 0, 3, 0.5).precedes(Block({}, None, **block_), offset) is later


def test_an_end_at_the_first_byte_precedes_no_other_source_without_a_time():
    assert not Moment("a", 0).precedes(Block({}, None, source="b"), 0)
    assert Moment("a").precedes(Block({}, None, source="b"), 0)


@pytest.mark.parametrize(("line", "finished"), [(10, True), (11, False), (12, False)])
def test_a_crash_behind_the_line_of_the_newest_record_is_no_regular_end(line, finished):
    run = run_of(block(range(1, 12), by_epoch=True))
    run.plan.epochs = (11, "epochs")
    run.events.append(Event("traceback", 0, line, "crash"))
    run.end()
    assert run.finished is finished


def test_a_crash_before_the_first_record_is_no_regular_end():
    run = run_of(block(events=[event("traceback")]))
    run.end()
    assert not run.finished


def test_a_log_that_announces_another_stage_of_training_has_not_ended():
    run = run_of(block(range(1, 12), by_epoch=True, events=[event("stage", 5000, name="SFT")]))
    run.plan.epochs = (11, "epochs")
    run.end()
    assert not run.finished
    run.stage.announced = ()
    run.end()
    assert run.finished


@pytest.mark.parametrize(("evaluations", "finished"), [(3, True), (2, False)])
def test_an_epoch_that_was_not_evaluated_as_those_before_is_not_at_its_end(evaluations, finished):
    rows = samples(range(evaluations))
    run = run_of(block([1, 300], total=300, epoch_steps=100, samples={"val/loss": rows}))
    run.rest(1e9)
    assert run.finished is finished


def test_a_run_of_one_step_that_counts_from_zero_ends_after_it():
    run = run_of(block([0, 0, 1], total=1))
    run.rest(1e9)
    assert run.finished


# -- how far ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("steps", "planned", "total", "last_row"),
    [
        ([90, 95], None, 100, False),  # the row at 100 is due
        ([90, 96], None, 100, True),
        ([90, 96], 100, 100, True),
        ([90, 96], 200, 100, False),  # another epoch follows
        ([90, 96], 99, 100, True),
        ([NAN, NAN], None, 100, False),
    ],
)
def test_the_last_row_of_an_epoch_is_that_of_the_run_if_no_other_is_planned(steps, planned, total, last_row):
    run = run_of(block(steps, total=total, epoch_steps=100))
    run.plan.steps = None if planned is None else (planned, "max_steps")
    assert run.last_row is last_row
    assert (run.fraction is None) == math.isnan(steps[0])
    assert not run_of(block([96], total=100)).last_row


@pytest.mark.parametrize(("total", "size", "fraction"), [(3, 1, 0.0), (3, 2, 0.5), (2, 1, 1.0), (9, 0, 1.0)])
def test_the_share_of_an_epoch_that_is_done(total, size, fraction):
    assert run_of(block([1, 2], total=total, epoch_steps=size)).fraction == fraction


@pytest.mark.parametrize(
    ("share", "covered"), [(0.0, 0.0), (0.5, 0.5), (0.99, 0.99), (1.0, 1.0), (1.01, None), (NAN, None)]
)
def test_a_printed_share_is_how_far_a_run_is(share, covered):
    run = run_of(block([9], samples={SHARE: samples([9], [share])}))
    assert run.covered == covered
    if share == 0.99:
        run.finished = True
        assert run.covered == 1.0


def test_a_bar_at_zero_without_records_has_done_nothing_yet():
    assert run_of(block(bar=(0, 5, 10))).covered == 0.5
    assert run_of(block([0, 5], total=10)).covered == 0.6
    assert run_of(block([0], total=1)).covered == 1.0


def timed(steps, seconds: float, total=None, share=None) -> Run:
    more = {} if share is None else {SHARE: samples([1], [share])}
    return run_of(
        block(steps, total=total, samples={STEP_TIME: samples(steps, [seconds] * len(steps)), **more})
    )


@pytest.mark.parametrize(
    ("steps", "total", "share", "seconds"),
    [
        ([9, 10], 100, None, 180.0),
        ([9, 10], 100, 0.5, 180.0),  # a total counts more than a share
        ([9, 10], None, 0.5, 20.0),
        ([9, 10], None, 0.0, 0.0),
        ([9, 10], None, 1.0, 0.0),
        ([NAN, NAN], 100, 0.5, None),
    ],
)
def test_printed_step_times_and_a_total_or_a_share_give_the_time_left(steps, total, share, seconds):
    found = timed(steps, 2.0, total, share).progress()
    assert found.eta_seconds == seconds
    assert found.rate == 0.5


def test_without_a_step_or_a_share_no_time_is_left_that_is_known():
    assert timed([NAN], 2.0, None, 0.5).progress().eta_seconds == 0.0
    found = timed([9, 10], 0.0, 100).progress()
    assert (found.eta_seconds, found.rate) == (0.0, None)


def test_arrivals_of_records_without_a_step_or_that_came_late_make_no_pace():
    run = Run("run", "run")
    for n in range(9):
        run.fold(block([NAN], offset=100.0 * n, live=True, arrival=1e9 + n))
    assert run.progress().eta_seconds is None
    run = Run("run", "run")
    for n in range(9):
        run.fold(block([n], offset=100.0 * n, total=100, live=True, arrival=1e9 + n, late=n == 6))
    assert run.progress().eta_seconds is None, "two intervals since"
    run.fold(block([9], offset=900.0, total=100, live=True, arrival=1e9 + 9))
    assert run.progress().eta_seconds == pytest.approx(90.0)


def test_of_a_checkpoint_without_a_number_the_log_says_the_step():
    run = run_of(block([1, 9]))
    for name, step in (("last.pt", None), ("m3.pt", 3)):
        found = Checkpoint(name, f"out/{name}", "torch", State.COMPLETE, step=step, written=float(step or 9))
        run.checkpoints.fold(Look("out", (found,)))
    assert [run.good_before(at) for at in (None, 9, 8)] == [3, 3, 3]
    run.saves.add(Event("checkpoint", 0, 1, "saved", None, 8, {"path": "out/last.pt"}))
    assert [run.good_before(at) for at in (None, 9, 8, 7)] == [8, 8, 8, 3]


def test_where_the_newest_good_checkpoint_has_no_number_the_log_says_which_is_good():
    run = run_of(block([1, 9]))
    run.saves.add(Event("checkpoint", 0, 5, "saved", None, 8, {"path": "in/m8.pt"}))
    assert [run.good_before(None, line) for line in (4, 5)] == [8, 8], "none was reported before"
    run.checkpoints.fold(Look("out", (Checkpoint("m", "out/m.pt", "torch", State.COMPLETE, written=1.0),)))
    assert run.facts() == {}


# -- what is remembered ----------------------------------------------------------------------------------


def test_a_daemon_keeps_256_to_512_samples_and_512_buckets_of_each_metric():
    series, steps = Series("train/loss", LEAN), np.arange(300_000.0)
    series.add(Samples(steps, steps, steps, np.sin(steps)))
    assert len(series.newest()[0]) == 256 + 300_000 % 256
    assert (len(series.buckets().count), series.bucket) == (300_000 // 256 * 256 // 1024 + 1, 1024)
    assert series.stored == 2 * 256 + 8 * 512 + 2 * 512


def test_the_first_and_the_last_value_of_a_metric_without_a_number():
    series = Series("train/loss")
    values = np.array([NAN, math.inf, -math.inf])
    series.add(Samples(values, values, values, values))
    series.add(Samples(values, values, values, values))
    found = series.summary
    np.testing.assert_equal([found.first, found.last, found.minimum], [NAN, -math.inf, NAN])


def test_a_utilization_below_zero_is_not_known_and_zero_is():
    series, steps = Series("perf/mfu"), np.arange(4.0)
    series.add(Samples(steps, steps, steps, np.full(4, -100.0)))
    assert len(series.newest()[1]) == 0
    series.add(Samples(steps, steps, steps, np.array([-100.0, 0.0, -1e-9, 0.5])))
    assert series.newest()[1].tolist() == [0.0, 0.5]


def test_64_launches_are_remembered_each_once():
    launches = Launches()
    launches.observe(block([1], events=[event("launch", 0), event("load", 1)]), 0, None)
    assert not launches.known, "the first launch"
    for number in range(1, 71):
        said = [event(kind, 0) for kind in ("launch", "load", "resume", "launch")]
        launches.observe(block(events=said), number, 10 * number)
        assert launches.known[-1] == (number, 10 * number)
    assert [records for records, _ in launches.known] == [*range(7, 71)]
    launches.observe(block([NAN, 5, 6], events=[event("launch", 150), event("resume", 160)]), 80, 7)
    assert launches.known[-1] == (82, 5)


def test_64_events_before_the_first_record_are_remembered():
    early = EarlyEvents()
    for number in range(70):
        early.placed(batch(events=(event("note", number),)), False)
    found, seen = early.placed(batch(table(TRAIN, {"step": [1.0]})), False)
    assert [each.offset for each in found.events] == [each.offset for each in seen] == [*range(6, 70)]


def test_64_settings_behind_the_newest_record_are_kept_for_the_next():
    plan, nothing = NextPlan(), np.empty(0)
    for number in range(70):
        setting = event("facts", number, max_steps=str(number))
        assert not list(plan.place([setting], nothing, trained=True))
    placed = list(plan.place([], np.array([500.0, 600.0]), trained=True))
    assert [(at, each.offset) for at, each in placed] == [(500.0, number) for number in range(6, 70)]


@pytest.mark.parametrize(("offset", "total"), [(99.0, 7), (100.0, 5), (101.0, 5)])
def test_a_plan_from_the_newest_record_on_is_for_the_next(offset, total):
    rows, plan = Rows.of(batch(table(TRAIN, {"step": [1.0, 2.0]})), TRAIN), NextPlan(total=5)
    planned = table(PLAN, {"offset": [offset], "line": [1.0], "total": [7.0]})
    assert plan.take(rows, Rows.of(batch(planned), PLAN), trained=True)
    assert plan.total == total


@pytest.mark.parametrize(("led", "again"), [(3, True), (4, True), (5, False)])
def test_a_lower_rank_leads_from_its_first_step_if_few_records_were_before(led, again):
    lowest = LowestRank()
    lowest.records(batch(table(TRAIN, {"rank": [1.0] * led, "step": [*range(1, led + 1)]})))
    found, others, anew = lowest.records(batch(table(TRAIN, {"rank": [0.0, 1.0], "step": [1.0, 9.0]})))
    assert (anew, lowest.rank) == (again, 0)
    assert (found.tables[0].rows, others[0].rows) == (1, 1)


def test_printed_numbers_of_steps_are_those_that_a_float_can_count():
    for value, known in ((0, False), (1, True), (2**53 - 1, True), (2**53, False)):
        assert planned_steps({"max_steps": str(value)}) == ((value, "max_steps") if known else None)
    saved = of_checkpoint({"max_steps": "9"})
    assert planned_steps(saved) == (9, "max_steps in its checkpoint")
    assert planned_steps({**saved, "max_steps": "7"}) == (7, "max_steps")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("mid_checkpoints/d20", "mid"),
        ("out/sft-ckpts", "sft"),
        ("Model_checkpoints/1", ""),
        ("my/best.pt", ""),
    ],
)
def test_the_folder_of_checkpoints_names_a_stage_unless_it_is_called_anything(path, name):
    assert named_by(path) == name


def test_a_rank_remembers_32_metrics_and_its_steps_by_source():
    state = RankState()
    state.fold(Block({f"m{n}": samples([1]) for n in range(MAX_RANK_METRICS)}, None))
    state.fold(Block({"m0": samples([1], [5]), "more": samples([1])}, None))
    assert (state.latest["m0"], len(state.latest)) == (5.0, MAX_RANK_METRICS)
    state.fold(block([7], offset=500.0, source="a"))
    state.evaluate(Block({}, None, source="b"), RankProgress(3, 9, offset=10.0))
    assert (state.done, state.total, state.training) == (3, 9, False), "another source has its own offsets"
    state.evaluate(Block({}, None, source="b"), RankProgress(2, 9, offset=9.0))
    assert (state.done, state.seen) == (3, None)
    state.evaluate(Block({}, None, source="b", live=True, arrival=5.0), RankProgress(2, 9, offset=9.0))
    assert (state.done, state.seen) == (3, 5.0)
    state = RankState()
    state.fold(Block({"m": samples([])}, None))
    for arrival in (1.0, 3.0):
        state.fold(block([NAN], live=True, arrival=arrival))
    assert (state.latest, state.step_time(0), state.seen) == ({}, None, 3.0)


def test_only_a_line_that_announces_training_does():
    assert trains(event("stage", name="SFT"))
    assert not trains(event("stage", name="Evaluate all"))
    assert not trains(event("launch", name="SFT"))


def test_a_pause_at_a_save_comes_again():
    steps = np.arange(31.0)
    times = 1e9 + steps + 30 * (steps > 20)
    run = run_of(block(steps, total=100, moments=samples(steps, times)))
    assert run.progress().eta_seconds == pytest.approx(69)  # they count from 0
    run.fold(block(events=[Event("checkpoint", 4000, 41, "saved", None, 20)]))
    assert run.progress().eta_seconds == pytest.approx(69 + 3 * 30)


def test_64_steps_from_which_training_continued_are_remembered():
    run = run_of(block(range(70), restarts=[100 * n for n in range(70)]))
    assert list(run.restarts) == [*range(6, 70)]
