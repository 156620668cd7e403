"""The fold: the same bytes give the same runs and incidents, however they arrive."""

from __future__ import annotations

import random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runwatch.alerts.rules.ruleset import Ruleset
from runwatch.core.errors import ConfigError
from runwatch.core.sample import Process, Processes
from runwatch.parsers.log import LogParser
from runwatch.watcher.engine.engine import Engine
from runwatch.watcher.engine.headless import Headless
from runwatch.watcher.engine.views.document import document

NOW = 1_700_000_000.0
MAIN = Process(4711, NOW - 60, "main", "python train.py", "running", 1)


def log(steps: int = 400, *, faults: dict[int, str] | None = None, tail: bytes = b"") -> bytes:
    """A steady nanochat run; a fault replaces the loss at its step, or is a text before it."""
    rng = random.Random(7)
    out = []
    for step in range(steps):
        loss = f"{2 + 5 / (1 + step / 30) + 0.01 * rng.gauss(0, 1):.6f}"
        fault = (faults or {}).get(step, "")
        if fault in ("nan", "inf", "99.0"):
            loss = fault
        elif fault:
            out.append(fault + "\n")
        out.append(
            f"step {step:05d}/{steps:05d} ({100 * step / steps:.2f}%) | loss: {loss} | "
            f"grad norm: {0.5 + 0.02 * rng.gauss(0, 1):.4f} | dt: {100 + rng.gauss(0, 1):.2f}ms\n"
        )
    return "".join(out).encode() + tail


def fold(
    data: bytes, cuts: list[int] | None = None, *, now: float = NOW, written: float = NOW - 9e5
) -> Engine:
    engine, parser, start = Engine(), LogParser(), 0
    engine.add_source("run", "run", "run.log")
    for cut in [*sorted(cuts or []), len(data)]:
        engine.fold("run", parser.feed(data[start:cut]), written=written)
        start = cut
    engine.fold("run", parser.flush(), written=written)
    engine.finish(now)
    return engine


def only_run(engine: Engine) -> dict:
    (run,) = document(engine, NOW)["runs"]
    return run


TRACE = "Traceback (most recent call last):\n  File x\nValueError: bad shard"
FAULTY = {
    "healthy": log(),
    "nan": log(faults={200: "nan", 201: "nan"}),
    "nan for good": log(faults=dict.fromkeys(range(300, 400), "nan")),
    "spike": log(faults={250: "99.0"}),
    "handled": log(faults={100: TRACE}),
    "crash": b"".join(log(400).splitlines(keepends=True)[:300]) + TRACE.encode() + b"\n",
    "ends": log(400)[:20_000],
}


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_chunking_changes_nothing(data):
    text = FAULTY[data.draw(st.sampled_from(sorted(FAULTY)))]
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=10))
    whole, pieces = (msgspec.json.encode(document(fold(text, c), NOW)) for c in ([], cuts))
    assert whole == pieces


def found(name: str) -> list[tuple[str, str, str]]:
    return [(i["rule"], i["severity"], i["state"]) for i in only_run(fold(FAULTY[name]))["incidents"]]


def test_a_healthy_run_is_silent():
    run = only_run(fold(log(tail=b"Total training time: 1.00m\n")))
    assert run["incidents"] == []
    assert run["state"] == "finished"


def test_nan_is_found_at_its_step_and_line():
    incidents = only_run(fold(FAULTY["nan for good"]))["incidents"]
    first = next(i for i in incidents if i["rule"] == "nonfinite")
    assert (first["metric"], first["step"], first["line"]) == ("train/loss", 300, 301)
    assert (first["severity"], first["state"]) == ("critical", "firing")


def test_a_nan_that_goes_away_is_resolved():
    assert ("nonfinite", "critical", "resolved") in found("nan")


def test_a_crash_is_named_by_its_exception():
    run = only_run(fold(FAULTY["crash"]))
    assert run["state"] == "crashed"
    (crash,) = [i for i in run["incidents"] if i["rule"] == "crash"]
    assert "ValueError: bad shard" in crash["title"]
    assert crash["line"] == 303


def test_an_exception_that_training_survives_is_no_crash():
    assert not any(severity == "critical" for _, severity, _ in found("handled"))


def test_an_exception_behind_the_last_step_is_a_crash_where_nothing_says_that_it_finished():
    """An epoch's bar ends at its total also where more epochs were to come."""
    bars = b"".join(
        b"\rEpoch 2: %d%%|##| %d/20 [00:01<00:00, 9.99it/s, v_num=0, loss=%d.5]" % (5 * i, i, 30 - i)
        for i in range(1, 21)
    )
    run = only_run(fold(bars + b"\n" + TRACE.encode() + b"\n"))
    assert (run["steps"]["last"], run["steps"]["total"]) == (
        60,
        None,
    )  # how many epochs there are is not said
    assert (run["state"], [(i["rule"], i["severity"]) for i in run["incidents"]]) == (
        "crashed",
        [("crash", "warning")],
    )
    reported = b"\n`Trainer.fit` stopped: `max_epochs=3` reached.\n"
    assert only_run(fold(bars + reported + TRACE.encode() + b"\n"))["state"] == "finished"


def ranks(first: int, steps: int = 30) -> bytes:
    """Two ranks print each step; the `first` is first to print, after that they take turns."""
    order = [first, 1 - first, *(rank for step in range(1, steps) for rank in ((0, 1), (1, 0))[step % 2])]
    return b"".join(
        b"[rank%d]:[titan] 2030-01-02 03:04:05,678 - root - INFO - step: %2d  loss: %8.5f  grad_norm: 1.5\n"
        % (rank, 1 + at // 2, 9 / (1 + at // 2) + rank)
        for at, rank in enumerate(order)
    )


@pytest.mark.few(2)
@pytest.mark.parametrize("cuts", [[], range(0, 6000, 50), [5], [120], [180]])
def test_whichever_rank_is_first_to_print_the_lowest_shows_the_run(cuts):
    runs = [only_run(fold(ranks(first), [*cuts])) for first in (0, 1)]
    loss = runs[1]["metrics"]["train/loss"]
    assert (loss["count"], loss["first"], runs[1]["steps"]["records"], runs[1]["steps"]["first"]) == (
        30,
        9,
        30,
        1,
    )
    assert loss == runs[0]["metrics"]["train/loss"]
    assert list(runs[1]["ranks"]) == ["0", "1"]


def test_a_lower_rank_that_comes_much_later_takes_nothing_back():
    alone = b"".join(line for line in ranks(1).splitlines(keepends=True)[:40] if b"[rank1]" in line)
    run = only_run(fold(alone + ranks(0)[-400:]))
    assert run["metrics"]["train/loss"]["first"] == 10


@pytest.mark.parametrize("cuts", [[], range(0, 6000, 50)])
def test_a_launch_reported_by_a_lower_rank_takes_no_launch_before_it_back(cuts):
    first = b"".join(line for line in ranks(1).splitlines(keepends=True) if b"[rank1]" in line)
    run = only_run(fold(first + TRACE.encode() + b"\n" + ranks(0), [*cuts]))
    assert run["metrics"]["train/loss"]["first"] == 10
    assert "crash" in [incident["rule"] for incident in run["incidents"]]


def test_a_log_that_just_ends_is_a_hang():
    run = only_run(fold(FAULTY["ends"]))
    assert run["state"] == "stalled"
    assert [i["rule"] for i in run["incidents"]] == ["hang"]


def test_a_log_written_a_moment_ago_is_running():
    run = document(fold(FAULTY["ends"], written=NOW - 5), NOW)["runs"][0]
    assert run["state"] == "running"
    assert run["incidents"] == []


def live(engine: Engine, parser: LogParser, data: bytes, at: float) -> list:
    return engine.fold("run", parser.feed(data), live=True, arrival=at, written=at)


def test_silence_becomes_a_hang_and_progress_ends_it():
    engine, parser = Engine(), LogParser()
    engine.add_source("run", "run", "run.log")
    rows = log(1000).splitlines(keepends=True)
    for i, row in enumerate(rows[:200]):
        live(engine, parser, row, NOW + i)
    assert not [c for c in engine.tick(NOW + 320) if c.kind == "firing"]
    changes = [c for s in range(400, 900, 10) for c in engine.tick(NOW + s)]
    assert [c.row.rule for c in changes if c.kind == "firing"] == ["hang"]
    ((_, watched),) = engine.runs()
    assert watched.phase == "stalled"
    resolved = [c for c in live(engine, parser, b"".join(rows[200:205]), NOW + 900) if c.kind == "resolved"]
    resolved += [c for c in engine.tick(NOW + 901) if c.kind == "resolved"]
    assert [c.row.rule for c in resolved] == ["hang"]


def test_history_is_shown_but_not_sent_and_live_is_sent():
    engine, parser = Engine(), LogParser()
    engine.add_source("run", "run", "run.log")
    rows = log(100, faults={50: "nan"}).splitlines(keepends=True)
    changes = engine.fold("run", parser.feed(b"".join(rows)))
    assert changes
    assert not any(c.send for c in changes)
    changes = live(engine, parser, rows[50].replace(b"step 00050", b"step 00101"), NOW)
    assert [c.send for c in changes if c.kind == "firing"] in ([True], [])
    fresh = live(
        engine, parser, rows[60].replace(b"step 00060", b"step 00102").replace(b"norm: ", b"norm: nan x"), NOW
    )
    assert fresh is not None


def test_a_bad_threshold_is_an_error_at_once():
    with pytest.raises(ConfigError, match="hang"):
        Engine(Ruleset({"hangg": {"least": 3}}))


def test_runs_of_a_source_are_bounded():
    engine, parser = Engine(), LogParser()
    engine.add_source("run", "run", "run.log")
    one = log(5, tail=b"Total training time: 1.00m\n")
    for _ in range(100):
        engine.fold("run", parser.feed(one))
    runs = [watched.run.name for _, watched in engine.runs()]
    assert len(runs) == 64
    assert runs[-1] == "run#100"


def rows(first: int, last: int, total: int = 1000) -> bytes:
    return "".join(
        f"step {step:05d}/{total:05d} (1.00%) | loss: 2.000000 | dt: 100.00ms\n"
        for step in range(first, last)
    ).encode()


def watched(data: bytes) -> tuple[Engine, LogParser]:
    """An engine that has seen `data` arrive live at NOW."""
    engine, parser = Engine(), LogParser()
    engine.add_source("run", "run", "run.log")
    live(engine, parser, data, NOW)
    return engine, parser


def test_a_run_that_falls_silent_after_its_last_step_is_finished():
    engine, parser = watched(rows(0, 1000))
    fired = [c.row for s in range(5, 2000, 5) for c in engine.tick(NOW + s) if c.kind == "firing"]
    assert [(row.rule, row.severity) for row in fired] == [("finished", "info")]
    ((source, run),) = engine.runs()
    assert engine.state(source, run, NOW + 2000) == "finished"
    live(engine, parser, rows(990, 995), NOW + 3000)
    assert not run.run.finished  # it went on after all


def test_without_a_total_silence_is_only_a_warning():
    text = b"".join(b"step %5d | loss: 2.0 | dt: 100.00ms\n" % step for step in range(300))
    engine, _ = watched(text)
    (change,) = [c for s in range(5, 2000, 5) for c in engine.tick(NOW + s) if c.kind == "firing"]
    assert (change.row.rule, change.row.severity) == ("hang", "warning")


def opened(data: bytes) -> tuple[Engine, LogParser]:
    """An engine that has begun to watch beside a log that was written at NOW."""
    engine, parser = Engine(), LogParser()
    engine.add_source("run", "run", "run.log")
    engine.fold("run", parser.feed(data), written=NOW)
    return engine, parser


def fired(engine: Engine, first: int = 5, last: int = 2000) -> list[tuple[str, str, bool]]:
    changes = [c for s in range(first, last, 5) for c in engine.tick(NOW + s) if c.kind == "firing"]
    return [(c.row.rule, c.row.severity, c.send) for c in changes]


ENDLESS = b"".join(b"step %5d | loss: 2.0 | dt: 100.00ms\n" % step for step in range(300))


def test_a_log_that_never_grew_had_ended_before_it_was_watched():
    assert fired(opened(ENDLESS)[0]) == []
    assert fired(opened(rows(0, 300))[0]) == [("hang", "warning", False)], "cut short: shown, not sent"


@pytest.mark.parametrize(("data", "severity"), [(ENDLESS, "warning"), (rows(0, 300), "critical")])
def test_a_log_that_grew_and_falls_silent_is_reported(data, severity):
    engine, parser = opened(data)
    live(engine, parser, b"a line that says nothing of its steps\n", NOW + 1)
    assert fired(engine) == [("hang", severity, True)]


@pytest.mark.few(2)
@pytest.mark.parametrize("data", [ENDLESS, rows(0, 300)])
@pytest.mark.parametrize("found", [1, 1000])
def test_a_process_that_is_there_and_silent_is_reported_as_soon_as_it_is_found(data, found):
    engine, _ = opened(data)
    before = fired(engine, last=found)
    engine.sample("run", Processes(NOW + found, (MAIN,)))
    reported = fired(engine, found)
    assert reported == [("hang", "critical", True)]
    assert not any(sent for *_, sent in before)
    engine.sample("run", Processes(NOW + 2000, ()))
    assert fired(engine, 2005, 2100) == [], "and told once"


def test_a_log_that_grows_after_all_is_judged_again():
    engine, parser = opened(rows(0, 300))
    assert fired(engine) == [("hang", "warning", False)]
    live(engine, parser, b"evaluating\n", NOW + 2000)
    assert [(c.kind, c.send) for c in engine.tick(NOW + 2001)] == [("resolved", False)]
    assert fired(engine, 2005, 4000) == [("hang", "critical", True)]


def epochs(last: int) -> bytes:
    """A home-made log of three epochs of 100 batches, which ends at `last` of the third."""
    ends = (100, 100, last)
    return "".join(
        f"Epoch {epoch} Batch {batch}/100 loss {2 / epoch + batch / 1e4:.4f}\n"
        for epoch, end in enumerate(ends, 1)
        for batch in range(1, end + 1)
    ).encode()


@pytest.mark.parametrize(
    ("shown", "found"),
    [
        (range(0, 40, 10), False),
        (range(0, 30, 10), True),
        (range(10, 40, 10), True),
        (range(1, 40, 10), False),
    ],
    ids=["from 0", "a row is due", "from 10", "from 1"],
)
def test_an_epoch_whose_last_row_is_printed_may_be_complete(shown, found):
    lines = "".join(
        f"Epoch {epoch} Batch {batch}/40 loss {2 / epoch + batch / 1e4:.4f}\n"
        for epoch, batches in enumerate(([*range(shown[0], 41 - (shown[0] < 10), 10)],) * 6 + (shown,), 1)
        for batch in batches
    ).encode()
    run = document(fold(lines, written=NOW - 9000), NOW)["runs"][0]
    assert [i["rule"] for i in run["incidents"]] == ["hang"] * found


def test_the_end_of_an_epoch_is_not_taken_for_that_of_the_run():
    run = document(fold(epochs(67), written=NOW - 9000), NOW)["runs"][0]
    assert [(i["rule"], i["severity"], i["title"]) for i in run["incidents"]] == [
        ("hang", "info", "log ends within an epoch, at step 267, without an error or a finish line")
    ]
    assert run["steps"]["total"] is None
    whole = document(fold(epochs(100), written=NOW - 9000), NOW)["runs"][0]
    assert (whole["state"], whole["incidents"]) == ("finished", [])


def test_a_silence_within_an_epoch_is_a_hang_and_one_behind_it_may_be_the_end():
    assert fired(watched(epochs(67))[0]) == [("hang", "critical", True)]
    assert fired(watched(epochs(100))[0]) == [("hang", "warning", True)]


def test_another_total_from_the_start_is_another_run():
    engine, _ = watched(rows(0, 50) + rows(0, 20, total=2000))
    assert [run.run.records for _, run in engine.runs()] == [50, 20]


@pytest.mark.parametrize(
    "line",
    [
        b"step " + b"9" * 400 + b"/10 (1.00%) | loss: 1.0\n",
        b"step 1/" + b"9" * 40 + b" (1.00%) | loss: 1.0\n",
        b"Rank " + b"9" * 400 + b" | 1/2 (50.00%)\n",
        b" 5%|# | " + b"9" * 400 + b"/10 [00:01<00:09, 2.0it/s]\n",
        b"Saved model checkpoint to /x/model_" + b"1" * 5000 + b".pt\n",
        b"[rank" + b"9" * 5000 + b"]: ValueError: x\n",
    ],
)
def test_numbers_that_can_count_nothing(line):
    engine, _ = watched(rows(0, 30) + line + rows(30, 60))
    ((_, run),) = engine.runs()
    assert run.run.last_step == 59
    assert run.run.total in (1000, 10)
    assert engine.troubles == []


def test_an_overlong_line_is_no_run():
    engine, _ = watched(b"x" * 100_000 + b"\n")
    assert list(engine.runs()) == []


def test_a_failing_rule_is_switched_off_and_reported():
    engine, parser = watched(rows(0, 50))
    ((_, run),) = engine.runs()
    run.rules[0].observe = None
    live(engine, parser, rows(50, 60), NOW)
    assert len(engine.troubles) == 1
    assert "is off for run" in engine.troubles[0]
    live(engine, parser, rows(60, 70), NOW)
    assert len(engine.troubles) == 1


def test_how_far_a_run_came_is_reported_before_its_end():
    """Between two times at which its progress is due a run may go on to its end."""
    engine, parser = Engine(), LogParser()
    engine.add_source("run", "run", "run.log")
    text = log(40)
    half = text.index(b"step 00020")
    stream = Headless(engine, interval=1e6, every=None)
    engine.fold("run", parser.feed(text[:half]), written=NOW)
    reported = [*stream.progress(NOW)]
    engine.fold("run", parser.feed(text[half:]), written=NOW)
    engine.finish(NOW + 1e4)
    reported += stream.progress(NOW + 1e4)
    assert [(o["type"], o.get("step")) for o in reported if o["type"] in ("progress", "end")] == [
        ("progress", 19),
        ("progress", 39),
        ("end", None),
    ]


def test_the_past_is_announced_in_the_order_of_the_log():
    data = log(faults={2: "nan", 3: "nan"}, tail=f"{TRACE}\n".encode())
    engine = fold(data)
    reported = [body for body in Headless(engine, 1e6, None).progress(NOW) if body["type"] == "incident"]
    assert [body["incident"]["rule"] for body in reported] == ["nonfinite", "crash"]
