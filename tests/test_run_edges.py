"""A run at the edges of its fold: what counts as its end, how far it is, what is kept of it."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from runwatch.core.batch import BY_EPOCH, EVAL, RANK, TRAIN, Batch, Event, Table
from runwatch.core.block import LATE, Block, Moment, RankProgress, Samples
from runwatch.core.checkpoint import Checkpoint, Look, State
from runwatch.core.ending import COMPLETE
from runwatch.core.fold.position import Position
from runwatch.core.fold.rank_state import MAX_RANK_METRICS, RankState, trained
from runwatch.core.fold.rows import Rows, column_of, counts, newest_of
from runwatch.core.fold.run import MAX_EVENTS, MAX_FACTS, MAX_RANKS, MAX_SERIES, REST, Run
from runwatch.core.fold.stages import MAX_HEADERS, MAX_RESULTS, Stage, results_of
from runwatch.core.metrics import DONE as SHARE
from runwatch.core.metrics import EPOCH, STEP_TIME


def samples(steps, values=None, offset=0.0) -> Samples:
    steps = np.asarray(steps, float)
    at = offset + 100.0 * np.arange(len(steps))
    return Samples(at, at / 100 + 1, steps, steps if values is None else np.asarray(values, float))


def block(steps=None, offset=0.0, **more) -> Block:
    """Return a block with training records at these steps."""
    if steps is None:
        return Block({}, None, **more)
    rows = samples(steps, offset=offset)
    marks = {TRAIN: int(rows.offset[-1]), **more.pop("marks", {})}
    return Block(more.pop("samples", {}), rows, marks=marks, **more)


def run_of(*blocks: Block) -> Run:
    run = Run("run", "run")
    for each in blocks:
        run.fold(each)
    return run


def event(kind: str, offset: int = 0, **data: str) -> Event:
    return Event(kind, offset, offset // 100 + 1, kind, None, None, data)


# -- the end -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("last", "silent", "finished"),
    [
        (97, 1e9, False),
        (98, REST, True),
        (98, REST - 1, False),
        (98, REST / 4, False),
        (100, REST / 4, True),
        (100, REST / 4 - 1, False),
    ],
)
def test_a_run_that_reached_its_end_is_finished_when_it_was_silent_for_a_minute(last, silent, finished):
    run = run_of(block([1, last], total=100))
    run.rest(silent)
    assert run.finished is finished
    run.rest(0.0)
    assert run.finished is finished, "it stays so"


@pytest.mark.parametrize(
    ("steps", "finished"),
    [
        ([100, 100, 100], False),
        ([500, 501, 502], False),  # it began at 500: 100 is of something else
        ([100, 100], True),  # two rows of an only epoch
        ([99, 100, 100], True),
    ],
)
def test_what_began_at_its_end_has_not_reached_it(steps, finished):
    run = run_of(block(steps, total=100))
    run.rest(1e9)
    assert run.finished is finished


@pytest.mark.parametrize(
    ("then", "source", "attempt", "written", "later"),
    [
        (101, "a", 0, 0.0, True),
        (100, "a", 0, 0.0, True),
        (99, "a", 0, 0.0, False),
        (0, "b", 1, 0.0, True),
        (1000, "b", 0, 50.0 + LATE, True),
        (1000, "b", 0, 49.0 + LATE, False),
    ],
)
def test_what_is_later_than_an_end_is_known_by_offsets_attempts_and_times(
    then, source, attempt, written, later
):
    end = Moment("a", 100, 0, 50.0)
    assert end.precedes(Block({}, None, source=source, attempt=attempt, written=written), then) is later
    assert Moment().precedes(Block({}, None, source="b"), 0)
    unknown = Block({}, None, source="b", written=0.0)
    assert not Moment("a", 100).precedes(unknown, 0)
    assert not Moment("a", 100, 1).precedes(Block({}, None, source="b"), 0)
    assert not Moment("a", 100).precedes(Block({}, None, source="b", written=1e9), 0), "the end has no time"


def test_a_run_that_trains_on_behind_its_end_has_not_ended():
    run = run_of(block([1, 2]), block(marks={"finished": 250}))
    assert (run.finished, run.phase) == (True, "finished")
    run.fold(block([2], offset=240))  # read late
    assert run.finished
    run.fold(block([3], offset=300))
    assert (run.finished, run.phase) == (False, "training")
    assert not run_of(block(marks={"finished": 250})).finished, "it never trained"


def test_a_run_has_stopped_early_until_it_trains_on():
    run = run_of(block([1, 2], marks={"early_stop": 200}))
    assert run.finished
    assert run.stopped_early
    run.fold(block([3], offset=300))
    assert not run.stopped_early
    run.fold(block(marks={"finished": 400}))
    assert run.finished
    assert not run.stopped_early


@pytest.mark.parametrize(("behind", "early"), [([3], True), ([3, 4], False), ([], True)])
def test_the_record_of_the_epoch_behind_which_it_stopped_may_be_its_last_line(behind, early):
    run = run_of(block([1, 2], marks={"early_stop": 200}))
    for step in behind:
        run.fold(block([step], offset=100 * step))
    assert run.finished is (not behind)
    run.end()
    assert (run.finished, run.stopped_early) == (early, early)


def test_something_goes_on_behind_its_end():
    run = run_of(block([1, 2], marks={"finished": 200}))
    assert not run.goes_on
    run.fold(block(marks={EVAL: 200}))
    assert not run.goes_on
    run.fold(block(marks={EVAL: 201}))
    assert run.goes_on


def test_the_newest_mark_is_the_phase_and_none_trains_before_the_first_step():
    assert run_of(block(marks={EVAL: 5})).phase == "starting"
    assert run_of(block(marks={RANK: 5})).phase == "evaluating"
    assert run_of(block([1], marks={RANK: 5, "checkpoint": 3})).phase == "evaluating"
    assert run_of(block([1], marks={RANK: 3, "checkpoint": 5})).phase == "checkpointing"
    assert run_of(block([1], marks={"unheard": 5})).phase == "training"


# -- how far -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("steps", "total", "covered"),
    [
        ([1, 50], 100, 0.5),
        ([0, 49], 100, 0.5),  # counted from 0
        ([0, 100], 100, 1.0),
        ([0, 99], 100, 1.0),
        ([1, 120], 100, 1.0),
        ([1, 50], 0, None),
        ([np.nan], 100, None),
    ],
)
def test_how_much_is_covered(steps, total, covered):
    assert run_of(block(steps, total=total)).covered == covered


@pytest.mark.parametrize(("last", "covered"), [(97, 0.97), (98, 1.0)])
def test_what_finishes_at_98_percent_has_done_all(last, covered):
    assert run_of(block([1, last], total=100, marks={"finished": 500})).covered == covered


@pytest.mark.parametrize(
    ("share", "end", "covered"),
    [(0.4, False, 0.4), (COMPLETE, True, 1.0), (0.97, True, 0.97), (1.2, False, None), (-0.1, False, None)],
)
def test_a_printed_share_counts_where_no_total_is_known(share, end, covered):
    marks = {"finished": 500} if end else {}
    run = run_of(block([1, 10], marks=marks, samples={SHARE: samples([10], [share])}))
    assert run.covered == covered


def test_a_printed_share_shows_how_long_the_rest_takes():
    columns = {SHARE: samples([10, 60], [0.1, 0.6]), STEP_TIME: samples([10, 60], [1.0, 1.0])}
    progress = run_of(block([10, 60], samples=columns)).progress()
    assert progress.eta_seconds == pytest.approx(40)
    assert (progress.total, progress.eta_source) == (None, "printed step times")


@pytest.mark.parametrize(
    ("last", "total", "per", "fraction"),
    [(150, 200, 100, 0.5), (200, 200, 100, 1.0), (210, 200, 100, 1.0), (1, 5, 0, 1.0)],
)
def test_where_only_the_end_of_the_epoch_is_known_it_is_a_share_of_that(last, total, per, fraction):
    run = run_of(block([1, last], total=total, epoch_steps=per))
    assert (run.fraction, run.covered, run.planned) == (fraction, None, None)


def test_settings_plan_the_steps_unless_more_were_done():
    run = Run("run", "run")
    run.add_facts({"max_steps": "100"})
    assert run.planned == 100
    run.fold(block([1, 50]))
    assert (run.planned, run.progress().total_source) == (100, "max_steps")
    run.fold(block([100], offset=500))
    assert run.planned == 100
    run.fold(block([101], offset=600))
    assert run.planned is None


def test_the_epochs_of_the_settings_are_steps_where_an_epoch_is_known():
    run = run_of(block([1, 150], total=200, epoch_steps=100))
    run.add_facts({"epochs": "3"})
    assert (run.planned, run.progress().total_source) == (300, "epochs x 100 steps of an epoch")
    assert run_of(block([1, 2])).planned is None
    by_epoch = run_of(block([1, 2], by_epoch=True))
    by_epoch.add_facts({"epochs": "3"})
    assert (by_epoch.planned, by_epoch.covered) == (3, 2 / 3)


def test_first_last_and_restarts():
    run = run_of(block([np.nan]), block([5, 6, 3, 4], offset=100, restarts=[300]))
    assert (run.records, run.first_step, run.last_step, run.last_line) == (5, 5, 4, 5)
    assert list(run.restarts) == [3]
    run.fold(block([np.nan], offset=600))
    assert (run.first_step, run.last_step, run.last_line) == (5, 4, 7)


def test_a_bar_gives_the_steps_that_records_do_not_print():
    run = run_of(block(bar=(0, 0, 10)))
    assert (run.first_step, run.last_step, run.total) == (0, 0, 10)
    run.fold(block([np.nan], bar=(0, 4, 10)))
    assert (run.first_step, run.last_step) == (1, 4)
    run.fold(block([np.nan], offset=100, bar=(0, 9, 12), marks={"finished": 200}))
    assert (run.last_step, run.total) == (9, 12)
    assert run_of(block([7, 8], bar=(3, 8, 10))).first_step == 7
    run = run_of(block([np.nan], bar=(0, 5, 10)), block([np.nan], offset=100, bar=(0, 2, 10)))
    assert run.last_step == 2, "it has not ended"


def test_live_progress_is_dated_where_something_moved():
    run = run_of(block([1], live=True, arrival=10.0))
    run.fold(block(live=True, arrival=20.0, marks={EVAL: 5}))
    assert run.progressed == 10.0
    run.fold(block([2], offset=100, arrival=30.0))
    assert run.progressed == 10.0
    run.fold(block([4], offset=100, rank=3, live=True, arrival=40.0))
    assert (run.progressed, run.last_step) == (40.0, 2), "as long as any rank continues"


# -- bounds and sources ------------------------------------------------------------------------------


def test_what_is_kept_is_bounded():
    run = run_of(block([1], samples={f"m{n}": samples([1]) for n in range(MAX_SERIES + 5)}))
    assert len(run.series) == MAX_SERIES
    assert (MAX_SERIES, MAX_RANKS, MAX_FACTS, MAX_EVENTS, MAX_RANK_METRICS) == (512, 8192, 1024, 200, 32)
    run.fold(block([2], offset=100, samples={"m0": samples([2]), "new": samples([2])}))
    assert (len(run.series["m0"]), "new" in run.series) == (2, False)
    run.fold(block(ranks={n: RankProgress(n) for n in range(MAX_RANKS + 1)}))
    assert len(run.ranks) == MAX_RANKS
    run.add_facts({f"f{n}": "1" for n in range(MAX_FACTS + 5)})
    run.add_facts({"f0": "2", "more": "1"})
    assert (len(run.about), run.about["f0"]) == (MAX_FACTS, "2")
    run.fold(block(events=[event("warning", n) for n in range(MAX_EVENTS + 5)]))
    assert (len(run.events), run.events[0].offset) == (MAX_EVENTS, 5)
    state = RankState()
    state.fold(block([1], samples={f"m{n}": samples([1]) for n in range(MAX_RANK_METRICS + 5)}))
    assert len(state.latest) == MAX_RANK_METRICS


def test_a_stage_keeps_so_many_headers_and_results():
    assert (MAX_HEADERS, MAX_RESULTS) == (16, 64)
    stage = Stage()
    stage.observe(block(events=[event("stage", n, name=f"s{n}") for n in range(MAX_HEADERS + 4)]), first=True)
    assert [header.name for header in stage.announced] == [f"s{n}" for n in range(4, MAX_HEADERS + 4)]
    results = {f"r{n}": 1.0 for n in range(MAX_RESULTS)}
    stage.observe(block(results=results), first=False)
    stage.observe(block(results={"r0": 2.0, "more": 3.0}), first=False)
    assert stage.results == results | {"r0": 2.0}


def test_headers_before_the_first_record_name_the_stage_and_later_ones_announce_the_next():
    stage, names = Stage(), ("pretrain", "sft", "evaluation")
    at = [event("stage", offset, name=name) for offset, name in zip((50, 100, 300), names, strict=True)]
    trackers = [event("tracker", offset, id=f"t{offset}") for offset in (50, 200, 300)]
    rows = block([1, 2], offset=100, events=[*at, *trackers])
    stage.observe(rows, first=True)
    assert stage.header is not None
    assert (stage.header.name, [header.name for header in stage.announced]) == ("pretrain", ["evaluation"])
    assert (stage.trackers, stage.next_trackers) == (("t50",), ("t300",))
    assert not stage.next_trains
    following = Stage()
    following.follow(stage)
    assert [header.name for header in following.announced] == ["evaluation"]
    assert (following.next_trackers, stage.announced) == (("t300",), ())


def test_results_are_what_was_evaluated_since_the_newest_record():
    stage = Stage()
    stage.observe(block(results={"acc": 0.5}), first=False)
    assert stage.results == {"acc": 0.5}
    stage.observe(block([1], results={"bleu": 20.0}), first=False)
    assert stage.results == {"bleu": 20.0}


def test_of_several_headers_before_the_first_record_the_last_of_training_counts():
    stage = Stage()
    names = ("pretrain", "sft", "evaluation")
    stage.observe(block(events=[event("stage", n, name=name) for n, name in enumerate(names)]), first=True)
    assert not stage.next_trains
    stage.observe(block([1], offset=50), first=True)
    assert stage.header is not None
    assert stage.header.name == "sft"
    stage.observe(
        block(events=[event("stage", 60 + n, name=name) for n, name in enumerate(names[::-1])]), first=False
    )
    assert stage.next_trains


@pytest.mark.parametrize(
    ("name", "kind", "low", "after", "found"),
    [
        ("acc", EVAL, -np.inf, 50, {"acc": 0.75}),
        ("acc", EVAL, -np.inf, 100, {"acc": 0.75}),
        ("acc", EVAL, 101, 0, {}),
        ("acc", EVAL, 0, 101, {}),
        ("acc", TRAIN, -np.inf, 0, {}),
        (EPOCH, EVAL, -np.inf, 0, {}),
        ("eval_runtime", EVAL, -np.inf, 0, {}),
    ],
)
def test_a_result_is_evaluated_behind_the_newest_record_and_says_how_good_it_is(
    name, kind, low, after, found
):
    values = np.array([[50.0, 100.0], [1.0, 2.0], [0.5, 0.75]])
    batch = Batch(0, 200, (Table(kind, "p", ("offset", "line", name), 2, values.tobytes()),))
    of = {name: Samples(values[0], values[1], values[1], values[2])}
    assert results_of(batch, of, low, np.inf, after) == found
    assert results_of(batch, of, -np.inf, 50, 0) == {}


def test_a_printed_result_counts_too():
    batch = Batch(0, 200, (), (event("result", 100, name="mmlu", value="0.5"),))
    assert results_of(batch, {}, 0, 200, 100) == {"mmlu": 0.5}
    assert results_of(batch, {}, 0, 100, 0) == results_of(batch, {}, 0, 200, 101) == {}


def test_the_good_checkpoint_before_a_step():
    run = run_of(block([1, 40]))
    assert run.good_before(None) is None
    for line, step in ((1, 10), (2, 20), (3, 30)):
        run.saves.add(Event("checkpoint", line, line, "saved", None, step))
    assert [run.good_before(at) for at in (None, 30, 29, 10, 9)] == [30, 30, 20, 10, None]
    assert run.good_before(None, line=2) == 20
    assert run.facts() == {"last_checkpoint": "30"}
    run.checkpoints.fold(
        Look(
            "out",
            tuple(
                Checkpoint(f"m{at}", f"out/m{at}", "torch", state, step=at, written=float(at), bytes=1)
                for at, state in ((10, State.COMPLETE), (20, State.COMPLETE), (30, State.INCOMPLETE))
            ),
        )
    )
    assert [run.good_before(at) for at in (None, 20, 19, 9)] == [20, 20, 10, None]
    assert run.facts() == {"last_checkpoint": "20"}


def test_a_metric_is_of_the_first_source_that_provides_it():
    run = run_of(block([1], samples={"a": samples([1]), "b": samples([1])}))
    assert run.claim(["a", "c"], "x") == {"a", "c"}
    assert run.claim(["a", "d"], "y") == {"d"}
    assert run.claim(["a"], "x") == {"a"}
    assert run.claim(["a"], "y", older=["x"]) == {"a"}
    assert "a" in run.series
    assert run.claim(["a"], "z", over=["y"]) == {"a"}
    assert "a" not in run.series
    run.take_over(["b"])
    assert "b" in run.series
    run.owners["b"] = "x"
    run.take_over(["b"])
    assert ("b" in run.series, run.owners["b"]) == (False, "")


def test_another_source_that_leads_keeps_what_others_provide():
    run = run_of(block([1, 9], samples={"a": samples([1]), "b": samples([1]), "c": samples([1])}))
    run.owners.update({"a": "", "b": "x", "gone": "x"})
    anew = run.led_anew("log")
    assert (anew.records, anew.last_step, anew.owners) == (0, None, {"a": "log", "b": "x"})
    assert set(anew.series) == {"a", "b"}
    assert run.led_anew(None).owners == {"b": "x"}


@pytest.mark.parametrize(
    "change",
    [
        *({"records": 1}, {"position": Position(newest=0)}, {"ranks": {0: RankState()}}),
        *({"series": {"a": None}}, {"events": [1]}),
    ],
)
def test_a_run_of_which_anything_is_known_is_not_bare(change):
    assert Run("run", "run").bare
    assert not Run("run", "run", **change).bare


def test_a_run_of_which_only_a_checkpoint_was_seen_is_not_bare():
    run = Run("run", "run")
    run.checkpoints.fold(Look("out", (Checkpoint("m", "out/m", "torch", State.COMPLETE, step=1),)))
    assert not run.bare


@pytest.mark.parametrize(
    ("source", "later", "kept"),
    [
        *(("a", [9.0], 2), ("a", [1.0], 2), ("b", [9.0], 2), ("b", [1.0], 1)),
        *(("b", [5.0], 1), ("b", [4.0, 9.0], 1), ("b", [6.0, 9.0], 3)),
    ],
)
def test_moments_are_of_one_source_and_of_one_that_continues_it(source, later, kept):
    first = block([1], source="a", moments=samples([1], [1e9 + 5.0]))
    times = [1e9 + seconds for seconds in later]
    run = run_of(first, block([2], source=source, moments=samples(range(2, 2 + len(times)), times)))
    assert len(run.moments) == kept


@pytest.mark.parametrize(("seconds", "source"), [(19.0, "printed step times"), (20.0, "when its lines came")])
def test_arrivals_say_more_than_printed_step_times_after_20_seconds(seconds, source):
    run = Run("run", "run")
    for step in range(8):
        row = samples([step], [9.0], offset=100.0 * step)
        part = {"samples": {STEP_TIME: row}, "live": True, "arrival": 1e9 + seconds * step / 7}
        run.fold(block([step], offset=100.0 * step, total=100, **part))
    assert run.progress().eta_source == source


# -- ranks and rows ----------------------------------------------------------------------------------


def test_the_step_time_of_a_rank_is_printed_or_between_arrivals():
    state = RankState()
    assert state.step_time(0) is None
    for step, time in ((10, 100.0), (12, 101.0), (20, 107.0)):
        state.fold(block([step], live=True, arrival=time))
        assert state.step_time(0) == (None if step == 10 else (time - 100) / (step - 10))
    state.fold(block([10], live=True, arrival=200.0))
    assert state.step_time(0) is None, "it went back"
    state.fold(block([11], samples={"perf/step_time": samples([11], [0.5])}))
    assert (state.step_time(0), state.seen, state.step) == (0.5, 200.0, 11)


def test_ranks_are_compared_by_steps_where_several_print_them():
    one, other, evaluating = RankState(), RankState(), RankState(done=3, total=7)
    one.fold(block([5]))
    assert not trained([one, other])
    other.fold(block([np.nan]))
    assert not trained([one, other])
    other.fold(block([4]))
    assert trained([one, other, evaluating])
    assert one.progress(True, 100) == one.progress(False, 100) == (5, 100)
    assert evaluating.progress(False, 100) == (3, 7)
    assert evaluating.progress(True, 100) == (None, 100)


def test_rows_between_offsets_and_the_newest_of_a_column():
    rows = samples([1, 2, 3])
    for low, high in pairwise((-np.inf, 0, 100, 101, 200, np.inf)):
        inside = (rows.offset >= low) & (rows.offset < high)
        assert rows.between(low, high).step.tolist() == rows.step[inside].tolist()
    assert rows.between(-np.inf, np.inf) is rows
    assert newest_of(np.array([1.0, 7.0, np.nan])) == 7
    assert newest_of(np.array([np.nan])) is None
    np.testing.assert_array_equal(
        counts(np.array([-1.0, 0.0, 2.0**53 - 1, 2.0**53, np.nan])), [np.nan, 0, 2.0**53 - 1, np.nan, np.nan]
    )
    assert len(column_of([], "step")) == 0
    a = np.zeros(2)
    rows = Rows(a, a, np.array([1, np.nan]), a, a, a, np.array([5.0, 6.0]), a, a, np.array(["", ""]))
    moments = rows.moments()
    assert moments is not None
    assert (moments.step.tolist(), moments.value.tolist()) == ([1.0], [5.0])
    assert rows.epochs() is None
    for patterns, steps in (
        (["a" + BY_EPOCH] * 2, [1.0]),
        (["a", "b" + BY_EPOCH], []),
        (["a" + BY_EPOCH, ""], [1.0]),
    ):
        epochs = replace(rows, pattern=np.array(patterns)).epochs()
        assert (epochs.value.tolist() if epochs is not None else []) == steps
