"""Rules about speed, ranks, storage and time."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from runwatch.alerts.rules.checkpoints.checkpoint_overdue import CheckpointOverdue
from runwatch.alerts.rules.life.finished import Finished
from runwatch.alerts.rules.life.restart_loop import RestartLoop
from runwatch.alerts.rules.life.retries import Retries
from runwatch.alerts.rules.ranks.rank_divergence import RankDivergence
from runwatch.alerts.rules.ranks.silent_rank import SilentRank
from runwatch.alerts.rules.ranks.straggler import Straggler
from runwatch.alerts.rules.speed.deadline import Deadline
from runwatch.alerts.rules.speed.jitter import Jitter
from runwatch.alerts.rules.speed.step_time import StepTime
from runwatch.alerts.rules.speed.throughput import Throughput
from runwatch.core.batch import Event
from runwatch.core.block import Block, Samples, Status
from runwatch.core.findings import Verdict
from runwatch.core.metrics import LOSS

from .columns import END, GRAD, TIME, TOKENS, Log, brief, fired, healthy

# -- speed -----------------------------------------------------------------------------------------


def test_throughput_that_collapses_is_a_warning_within_a_few_rows_and_critical_if_it_lasts():
    log = healthy()
    log.columns[TIME][1500:1600] *= 5
    found = log.judge(Throughput())
    assert fired(found) == [("warning", 1500)]  # the first slow row
    assert found[-1].verdict is Verdict.CLEAR
    log.columns[TIME][1600:1900] *= 5
    found = log.judge(Throughput())
    assert fired(found) == [("warning", 1500), ("critical", 1500)]
    assert log.judge(Throughput(), range(1500, 1900, 7)) == found


def test_a_collapse_of_a_second_is_a_note():
    log = healthy()
    log.columns[TIME][20:] /= 33  # 15 ms
    log.columns[TIME][1500:1513] *= 5
    found = log.judge(Throughput())
    assert [f.severity.value for f in found] == ["info", "info"]
    assert log.judge(Throughput(), range(1500, 1520)) == found


@pytest.mark.parametrize(("rule", "factor"), [(Throughput, 5), (StepTime, 2), (StepTime, 5)])
def test_a_slowdown_that_came_and_went_before_is_a_note_until_it_lasts_longer(rule, factor):
    log = healthy(8000)
    for low in (3000, 5000):
        log.columns[TIME][low : low + 100] *= factor
    assert [severity for severity, _ in fired(log.judge(rule()))] == ["warning", "info"]
    log.columns[TIME][5100:6000] *= factor
    found = log.judge(rule())
    severities = [severity for severity, _ in fired(found)]
    assert (severities[:2], severities[-1]) == (["warning", "info"], "critical")
    assert log.judge(rule(), range(3000, 6000, 11)) == found


def test_on_a_machine_whose_pace_comes_and_goes_a_somewhat_slower_time_is_a_note():
    log = healthy(9000)
    for low, factor in ((3000, 1.7), (5000, 1.9), (7000, 2.2)):
        log.columns[TIME][low : low + 100] *= factor
    assert [severity for severity, _ in fired(log.judge(StepTime()))] == ["warning", "info", "info"]
    log.columns[TIME][7000:7400] *= 2
    assert "warning" in [severity for severity, _ in fired(log.judge(StepTime()))[2:]]


def test_a_fifth_more_is_a_note_and_a_quarter_a_warning():
    for factor, severity in ((1.22, "info"), (1.27, "warning")):
        log = healthy(6000)
        log.columns[TIME][3000:] *= factor
        assert [severity for severity, _ in fired(log.judge(StepTime()))][-1:] == [severity]


@pytest.mark.parametrize("rule", [Throughput, StepTime])
def test_as_slow_as_in_much_of_the_run_is_a_note(rule):
    log = healthy(6000)
    log.columns[TIME][:200] *= 5
    log.columns[TIME][2000:] *= 5
    assert {severity for severity, _ in fired(log.judge(rule()))} == {"info"}


def test_what_a_few_milliseconds_a_step_cost_is_a_note_until_it_is_much():
    log = healthy(20_000)
    log.columns[TIME][20:] /= 33  # 15 ms
    log.columns[TIME][1500:] *= 1.4
    found = fired(log.judge(StepTime()))
    assert [severity for severity, _ in found] == ["info", "warning"]
    assert [severity for severity, _ in fired(log.judge(StepTime(lost=1e4)))] == ["info"]


def test_a_rate_that_forgets_a_pause_is_no_collapse():
    log = healthy()
    log.columns[TIME][1500:1512] *= 1 + 30 * 0.7 ** np.arange(12)
    assert log.judge(Throughput()) == []
    log.columns[TIME][1506] *= 2.8  # a slow step in it
    assert log.judge(Throughput()) == []
    log.columns[TIME][1506:1600] *= 5  # and then it does
    assert fired(log.judge(Throughput())) != []


@pytest.mark.parametrize("rule", [Throughput, StepTime])
@pytest.mark.parametrize("cuts", [(), (1500,), range(1480, 1640, 7)])
def test_the_rate_of_a_bar_that_passed_what_was_trained_before_is_none(rule, cuts):
    log = healthy()
    log.columns[TIME][1500:1595] = 0.001  # tqdm measures again after as many steps
    log.restarts = [1500]
    log.steps[1500:] -= 30
    assert log.judge(rule(), cuts) == []
    log.columns[TIME][1500:] = np.r_[
        np.full(300, 0.5), np.full(1200, 3.0)
    ]  # a rounded one is judged in the end
    assert fired(log.judge(rule(), cuts)) != []


def test_a_larger_batch_is_no_collapse():
    log = healthy().set(TOKENS, 1e6 / healthy().columns[TIME])
    log.columns[TIME][1500:] *= 5
    log.columns[TOKENS][1500:] = 1e6 / log.columns[TIME][1500:] * 5
    assert log.judge(Throughput()) == []
    log = healthy().set("global batch size", np.where(np.arange(3000) < 1500, 64.0, 256.0))
    log.columns[TIME][1500:] *= 4
    assert log.judge(Throughput()) + log.judge(StepTime()) + log.judge(Jitter()) == []


@pytest.mark.parametrize("rule", [StepTime, Throughput])
@pytest.mark.parametrize("name", ["seq_len", "batch_size", "img_size"])
def test_what_is_longer_or_larger_takes_longer(rule, name):
    half = np.arange(400) // 200
    log = Log(perf__step_time=np.random.default_rng(1).normal(5, 0.05, 400) * (1 + 2.5 * half))
    assert fired(log.judge(rule()))
    log.set(name, 32 * 2.0**half)
    assert log.judge(rule()) == []
    slower = Log(perf__step_time=log.columns[TIME] * np.repeat([1, 1, 1, 2], 100)).set(name, 32 * 2.0**half)
    severity, since = fired(slower.judge(StepTime()))[-1]
    assert (severity, 290 < since < 320) == ("critical", True)
    assert slower.judge(rule(), range(0, 400, 17)) == slower.judge(rule())


def test_a_smaller_batch_need_not_be_faster():
    log = healthy().set("global batch size", np.where(np.arange(3000) < 1500, 32.0, 8.0))
    assert log.judge(Throughput()) + log.judge(StepTime()) + log.judge(Jitter()) == []
    log.columns[TIME][1500:] /= 4
    log.set("global batch size", np.where(np.arange(3000) % 1500 < 1000, 8.0, 32.0))
    log.columns[TIME][:] = 0.1 * log.columns["global batch size"]
    assert log.judge(Throughput()) + log.judge(StepTime()) + log.judge(Jitter()) == []


def test_steps_that_stall_now_and_then_are_a_warning():
    log = healthy()
    rows = np.flatnonzero(np.random.default_rng(0).random(1500) < 0.15) + 1500
    log.columns[TIME][rows] *= 4
    (_, first), (severity, step) = fired(log.judge(Jitter()))
    assert severity == "warning"
    assert 1500 < first < step < 1700


def test_stalls_that_cost_little_are_a_note():
    log = healthy()
    rows = np.flatnonzero(np.random.default_rng(0).random(1500) < 0.1) + 1500
    log.columns[TIME][rows] *= 2.1
    found = log.judge(Jitter())
    assert {severity for severity, _ in fired(found)} == {"info"}
    assert log.judge(Jitter(), range(1500, 3000, 17)) == found


def test_every_nth_step_that_is_slow_is_a_note_and_old_habits_are_silent():
    log = healthy()
    log.columns[TIME][1500::12] *= 4
    (found, *_) = log.judge(Jitter())
    assert found.severity.value == "info"
    assert found.title.startswith("every 12th logged step is slow")
    log = healthy()
    log.columns[TIME][::12] *= 4
    assert log.judge(Jitter()) == []


# -- ranks -----------------------------------------------------------------------------------------


def ranks(count, steps, times=None, norms=None):
    """Blocks of `count` ranks, 10 steps at a time; times and norms are (count, steps)."""
    for low in range(0, steps, 10):
        for rank in range(count):
            rows = np.arange(low, min(low + 10, steps), dtype=float)

            def samples(values, rows=rows):
                return Samples(rows * 100, rows + 1, rows, np.asarray(values, float))

            found = {}
            if times is not None:
                found[TIME] = samples(times[rank, low : low + 10])
            if norms is not None:
                found[GRAD] = samples(norms[rank, low : low + 10])
            yield Block(found, samples(rows), rank=rank)


def judged(rule, blocks):
    return [f for block in blocks for f in rule.observe(block)] + rule.tick(END)


def noise(count, steps, scale=0.02):
    return np.exp(scale * np.random.default_rng(0).normal(size=(count, steps)))


@pytest.mark.parametrize("seed", range(12))
def test_stalls_at_random_are_not_called_regular(seed):
    rng = np.random.default_rng(seed)
    log = healthy(1000, seed)
    log.columns[TIME][:] = 0.5
    log.columns[TIME][300:][rng.random(700) < 0.15] = 1.5
    found = log.judge(Jitter())
    assert fired(found)[-1][0] == "warning"
    assert "every" not in found[0].title


@pytest.mark.parametrize("since", [100, 94, 113])
def test_a_slow_rank_is_named(since):
    times = 0.5 * noise(8, 400)
    assert judged(Straggler(), ranks(8, 400, times)) == []
    times[5, since:300] *= 1.4
    found = judged(Straggler(), ranks(8, 400, times))
    assert {(f.verdict.value, f.rank) for f in found[:-1]} == {("firing", 5)}, "also while it lasts"
    assert all(old.title != new.title for old, new in pairwise(found)), "and only what is new"
    assert (found[-1].verdict.value, found[-1].rank) == ("clear", 5)
    assert len({(f.step, f.line) for f in found[:-1]}) == 1
    assert (found[0].step, found[0].line) == (
        since,
        since + 1,
    )  # the first slow step, not the last that was compared
    assert "rank 5 is" in found[0].title
    times[5, since:300] *= 1.5
    found = judged(Straggler(), ranks(8, 400, times))
    assert found[0].title == "rank 5 takes 2.1x as long as the median of 8 ranks"


@pytest.mark.parametrize(("slower", "expected"), [(1.2, []), (1.5, [1])])
def test_two_ranks_need_a_clear_difference(slower, expected):
    times = 0.5 * noise(2, 300)
    times[1, 50:] *= slower
    assert [*{f.rank for f in judged(Straggler(), ranks(2, 300, times))}] == expected


def test_ranks_that_agreed_and_no_longer_do():
    norms = np.repeat(noise(1, 200, 0.3), 4, axis=0)
    norms[2, 100:] *= 1 + 0.002 * np.arange(1, 101)
    (found,) = judged(RankDivergence(), ranks(4, 200, norms=norms))
    assert (found.severity.value, found.step) == ("critical", 104)
    assert "rank 2" in found.title
    assert judged(RankDivergence(), ranks(4, 200, norms=noise(4, 200, 0.3))) == []  # they never agreed


def test_a_loss_that_is_finite_again_where_its_rank_printed_no_line_is_reported():
    """Nine of ten ranks are enough for a step to count."""
    rule, found = RankDivergence(), []
    for step in range(80):
        for rank in range(10):
            if rank == 3 and step == 55:
                continue
            row, value = np.array([float(step)]), np.nan if rank == 3 and step == 50 else 2.0
            part = Samples(row * 100, row + 1, row, np.array([value]))
            found += rule.observe(Block({LOSS: part}, Samples(row * 100, row + 1, row, row), rank=rank))
    found += rule.tick(END)
    assert brief(found) == [("firing", "critical", 50), ("clear", "info", 55)]
    assert found[0].evidence["failed_rank"] == 3


def received(rank, at):
    row = np.array([1.0])
    return Block({}, Samples(row, row, row, row), rank=rank, live=True, arrival=at)


def test_a_rank_that_falls_silent_is_named():
    rule = SilentRank()
    for second in range(0, 300, 10):
        for rank in range(4):
            if rank != 3 or second < 100:
                assert rule.observe(received(rank, 1000.0 + second)) == []
        found = rule.tick(Status(now=1000.0 + second + 5, phase="training"))
        if found:
            break
    assert [(f.rank, f.severity.value) for f in found] == [(3, "critical")]
    assert 205 <= second + 5 <= 225
    assert [(f.verdict.value, f.rank) for f in rule.observe(received(3, 1400.0))] == [("clear", 3)]


def test_when_all_fall_silent_no_rank_is_named():
    rule = SilentRank()
    for second in range(0, 100, 10):
        for rank in range(4):
            rule.observe(received(rank, 1000.0 + second))
    assert rule.tick(Status(now=5000.0, phase="training")) == []


# -- storage and restarts --------------------------------------------------------------------------


def events(kind, rows, **more):
    return [Event(kind, row * 100 - 50, row, f"{kind}!", **more) for row in rows]


def test_a_storm_of_retries_is_a_warning_and_a_few_are_not():
    log = healthy()
    log.events = events("retry", [10, 500, 1000, 1001, 1500])
    assert log.judge(Retries()) == []
    log.events = events("retry", range(1000, 1020, 2))
    found = log.judge(Retries())
    assert brief(found) == [("firing", "warning", None), ("clear", "info", 1068)]


def counted(rows):
    """Retry events as the parser tells them: at the 1st, 2nd, 4th, 8th, ..."""
    reported = [(row, number) for number, row in enumerate(rows, 1) if number & (number - 1) == 0]
    return [
        Event("retry", row * 100 - 50, row, "retry!", data={"count": str(number)}) for row, number in reported
    ]


def test_retries_that_are_counted_are_a_storm_by_their_number():
    log = healthy()
    log.events = counted(range(1000, 1100))  # 7 events
    found = log.judge(Retries())
    assert [f.line for f in found[:1]] == [1007]
    assert [f.verdict.value for f in found] == ["firing", "clear"]
    assert found[1].step > 1100
    log.events = counted(range(0, 3000, 60))  # one now and then
    assert log.judge(Retries()) == []


def test_a_second_slowdown_is_dated_to_where_it_began_and_ends_by_itself():
    log = healthy(3000)
    log.columns[TIME] = 0.7 * np.exp(0.005 * np.random.default_rng(1).normal(size=3000))
    log.columns[TIME][500:] *= 1.14
    log.columns[TIME][2000:2300] *= 1.45
    found = log.judge(StepTime())
    assert fired(found)[0][0] == "info"
    assert fired(found)[0][1] == pytest.approx(500, abs=16)
    (second,) = [step for severity, step in fired(found) if severity == "warning"]
    assert second == pytest.approx(2000, abs=16)
    worse, clear = [f for f in found if f.verdict is Verdict.CLEAR]
    assert (worse.step, clear.step) == (pytest.approx(2000, abs=50), pytest.approx(2330, abs=40))
    assert fired(found)[-1] == fired(found)[0]  # what is left of it
    assert log.judge(StepTime(), range(0, 3000, 7)) == found


@pytest.mark.parametrize(("rows", "critical"), [(40, False), (400, True)])
def test_steps_must_be_slow_enough_to_be_critical_for_as_long(rows, critical):
    log = healthy(1000)
    log.columns[TIME] = np.full(1000, 1.0)
    log.columns[TIME][100:] = 1.5
    log.columns[TIME][600 : 600 + rows] = 2.5
    found = {each for each, _ in fired(log.judge(StepTime()))}
    assert ("critical" in found) == critical


def test_a_checkpoint_that_does_not_come():
    log = healthy()
    log.events = events("checkpoint", range(100, 1100, 100))
    found = log.judge(CheckpointOverdue())
    assert fired(found) == [("warning", 1199), ("critical", 1399)]
    log.events = events("checkpoint", range(100, 3000, 100))
    assert log.judge(CheckpointOverdue()) == []
    log.events = events("checkpoint", [100, 150, 400, 500, 900])  # only the best are saved
    assert log.judge(CheckpointOverdue()) == []
    log.events = events("checkpoint", range(3, 43, 3))  # at first each epoch is the best
    assert log.judge(CheckpointOverdue()) == []
    files = [row + part for row in range(100, 1100, 100) for part in range(3)]
    log.events = events("checkpoint", files)
    assert fired(log.judge(CheckpointOverdue())) == [("warning", 1199), ("critical", 1399)]


def test_what_is_best_is_saved_and_nothing_else():
    log = healthy()
    best = np.interp(np.arange(3000), [0, 1000, 3000], [3.0, 2.0, 2.5])
    log.set("val/loss", np.where(np.arange(3000) % 100 == 99, best, np.nan))
    log.events = events("checkpoint", range(100, 1100, 100))
    assert log.judge(CheckpointOverdue()) == []
    log.columns["val/loss"] = np.roll(log.columns["val/loss"], 50)  # no save is about an evaluation
    assert fired(log.judge(CheckpointOverdue())) == [("warning", 1199), ("critical", 1399)]


def test_the_evaluation_of_what_was_saved_may_be_printed_behind_it():
    log = healthy()
    best = np.interp(np.arange(3000), [0, 1000, 3000], [3.0, 2.0, 2.5])
    log.set("val/loss", np.where(np.arange(3000) % 100 == 99, best, np.nan))
    log.events = events("checkpoint", range(99, 1099, 100))
    assert log.judge(CheckpointOverdue()) == []
    log.set("val/loss", -log.columns["val/loss"])  # never the best again
    assert fired(log.judge(CheckpointOverdue()))[0][0] == "warning"


@pytest.mark.parametrize(("metric", "sign"), [("val/accuracy", -1), ("val/wer", 1)])
def test_what_is_best_by_a_score_is_saved_and_nothing_else(metric, sign):
    log = healthy()
    best = sign * np.interp(np.arange(3000), [0, 1000, 3000], [3.0, 2.0, 2.5])
    log.set(metric, np.where(np.arange(3000) % 100 == 99, best, np.nan))
    log.events = events("checkpoint", range(100, 1100, 100))
    assert log.judge(CheckpointOverdue()) == []
    log.set(metric, -log.columns[metric])  # never the best again
    assert fired(log.judge(CheckpointOverdue())) == [("warning", 1199), ("critical", 1399)]


def test_saves_of_the_best_are_no_schedule_but_saves():
    log = healthy()
    best = {"best": "1"}
    log.events = events("checkpoint", range(100, 1100, 100), data=best)
    assert log.judge(CheckpointOverdue()) == []
    log.events += events("checkpoint", [row + 2 for row in range(100, 1100, 100)])  # and the last, each time
    log.events.sort(key=lambda e: e.offset)
    assert fired(log.judge(CheckpointOverdue())) == [("warning", 1199), ("critical", 1399)]
    log.events = events("checkpoint", range(100, 1100, 100))
    log.events[3:6] = events("checkpoint", range(400, 700, 100), data=best)
    assert fired(log.judge(CheckpointOverdue())) == [("warning", 1199), ("critical", 1399)]


def test_three_equal_distances_among_others_are_chance():
    log = healthy()
    log.events = events("checkpoint", [100, 120, 170, 200, 260, 290, 500, 600, 700, 800])
    assert log.judge(CheckpointOverdue()) == []


def looping(marker=True, gain=0):
    log = healthy(500)
    log.restarts = [200, 230, 260, 290]
    for number, row in enumerate(log.restarts):
        log.steps[row:] -= 30 - (gain if number else 0)
    log.events = events("traceback", log.restarts) if marker else []
    return log


def test_restarts_that_bring_no_progress():
    found = looping().judge(RestartLoop())
    assert fired(found) == [("critical", 170)]
    assert found[-1].verdict is Verdict.CLEAR
    assert looping(marker=False).judge(RestartLoop()) == []  # a counter that begins anew
    assert looping(gain=20).judge(RestartLoop()) == []


# -- time ------------------------------------------------------------------------------------------


def test_a_deadline_that_will_be_missed():
    rule = Deadline()

    def late(now, eta, **more):
        status = Status(now=now, eta=eta, deadline=10_000.0, fraction=0.5, phase="training", **more)
        return brief(rule.tick(status))

    assert late(0.0, 9_900.0) == []
    assert late(10.0, 12_000.0) == []
    assert late(400.0, 12_000.0) == [("firing", "warning", None)]
    assert late(7_000.0, 5_000.0) == [("firing", "critical", None)]
    assert late(7_010.0, 2_000.0) == [("clear", "info", None)]


def test_an_estimate_that_gets_better_is_not_believed():
    rule = Deadline()
    for now in range(0, 4_000, 100):  # the first step compiled
        status = Status(
            now=now, eta=9_500 - now + 8_000 * 0.7 ** (now / 100), deadline=10_000.0, fraction=0.1
        )
        assert rule.tick(status) == []


def test_the_last_of_steps_that_count_from_0_is_no_early_end():
    rule = Finished()
    rule.observe(received(0, 100.0))
    (found,) = rule.tick(Status(now=1.0, phase="finished", finished=True, last_step=19, total=20))
    assert found.title == "finished all 20 steps"


def test_the_end_is_a_note_when_it_was_watched():
    end = Status(now=1.0, phase="finished", finished=True, last_step=600, total=1000)
    assert Finished().tick(end) == []
    rule = Finished()
    rule.observe(received(0, 100.0))
    (found,) = rule.tick(end)
    assert found.title == "finished at step 600 of 1,000, before its end"
    assert rule.tick(end) == []
    assert rule.observe(received(0, 200.0)) == []
    assert [f.verdict.value for f in rule.tick(Status(now=2.0, last_step=601))] == ["clear"]


def test_no_rule_of_this_page_speaks_of_a_healthy_run():
    log = healthy()
    log.events = events("checkpoint", range(100, 3000, 100))
    for rule in (Throughput, Jitter, Retries, CheckpointOverdue, RestartLoop, Straggler, RankDivergence):
        assert log.judge(rule()) == []
    assert isinstance(log, Log)
