"""How a run of several files ended: a file's end in words, and what the others show later."""

from __future__ import annotations

import pytest

from runwatch.parsers.formats import catalogue
from runwatch.parsers.stream import StreamParser
from runwatch.watcher.engine.engine import Engine
from runwatch.watcher.engine.views.document import document
from runwatch.watcher.sources.member import LOG, METRICS, Member

from .test_endings import NOW, TRACE, steps

LIGHTNING = "GPU available: False, used: False\n"
STOPPED = "`Trainer.fit` stopped: `max_epochs=3` reached.\n"


def table(first: int, last: int) -> str:
    head = "epoch,step,train_loss\n" * (first == 0)
    return head + "".join(f"{at // 20},{at},{3 - at * 0.01:.4f}\n" for at in range(first, last))


def of_files(*pieces: tuple[str, str, float], live: bool, attempts: bool = False) -> dict:
    """Return what is said of a run in several files, read in this order; each piece has its seconds."""
    engine, parsers, when = Engine(), {}, {}
    for name, text, at in pieces:
        if name not in parsers:
            parsers[name] = StreamParser(catalogue())
            attempt = int(name.rpartition("-")[2]) if attempts else 0
            kind = METRICS if name.endswith("csv") else LOG
            engine.add_source(name, "run", name, Member("run", kind, attempt=attempt))
        when[name] = NOW + at
        reported = {"live": live, "arrival": when[name] * live, "written": when[name]}
        engine.fold(name, parsers[name].feed(text.encode()), **reported)
    for name, parser in parsers.items():
        reported = {"live": live, "arrival": when[name] * live, "written": when[name]}
        engine.fold(name, parser.flush(), **reported)
    for second in range(60 if live else 0):
        engine.tick(max(when.values()) + second)
    if not live:
        engine.finish(NOW + 1e6)
    (run,) = document(engine, NOW)["runs"]
    return run


@pytest.mark.parametrize(
    ("end", "state"), [(STOPPED, "finished"), (TRACE.format("ValueError: b"), "crashed")]
)
@pytest.mark.parametrize(("late", "survived"), [(0.3, False), (8.0, True)])
def test_rows_that_another_file_brings_late_do_not_survive_an_end(end, state, late, survived):
    pieces = [("log", LIGHTNING, 0.0), ("a.csv", table(0, 40), 5.0), ("log", end, 9.0)]
    run = of_files(*pieces, ("a.csv", table(40, 60), 9.0 + late), live=True)
    assert run["state"] == ("running" if survived else state)
    assert [i["state"] for i in run["incidents"] if i["rule"] == "finished"] in ([], ["firing"])


@pytest.mark.parametrize("end", [STOPPED, TRACE.format("ValueError: bad shard")])
@pytest.mark.parametrize(("late", "survived"), [(0.3, False), (60.0, True)])
def test_of_files_at_rest_the_times_of_their_last_words_order_them(end, late, survived):
    run = of_files(("log", LIGHTNING + end, 0.0), ("a.csv", table(0, 60), late), live=False)
    assert run["state"] == ("running" if survived else "finished" if end == STOPPED else "crashed")


def test_an_exception_in_the_file_of_standard_error_ends_the_rows_in_that_of_standard_output():
    run = of_files(
        ("job.err", TRACE.format("ValueError: b"), 0.1), ("job.out", steps(0, 200), 0.0), live=False
    )
    assert (run["state"], run["reason"]) == ("crashed", "crashed: ValueError: b")


def test_a_second_attempt_survives_the_end_of_the_first():
    failed = steps(0, 200) + TRACE.format("ValueError: b")
    again = steps(150, 400) + "Training completed\n"
    for live in (False, True):
        run = of_files(("log-0", failed, 0.0), ("log-1", again, 1.0), live=live, attempts=True)
        assert (run["state"], run["health"]) == ("finished", "ok"), live
