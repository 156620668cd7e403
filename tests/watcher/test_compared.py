"""What a picture holds for runs that are compared, and which marks it has."""

import numpy as np
import pytest

from runwatch.parsers.log import LogParser
from runwatch.watcher.engine.engine import Engine
from runwatch.watcher.engine.views.comparison import MAX_COMPARED
from runwatch.watcher.engine.views.views import Shown, snapshot
from runwatch.watcher.protocol import Chart, View

NOW = 1_700_000_000.0


def log(loss: float, steps: int = 40) -> bytes:
    lines = [
        f"step {s:05d}/00100 ({s}.00%) | loss: {loss + s / 100:.4f} | dt: 10.00ms\n" for s in range(steps)
    ]
    lines.insert(20, "Step 00019 | Validation bpb: 1.2345\n")
    return "".join(lines).encode()


def pictured(runs: int, compare) -> tuple:
    engine = Engine()
    for number in range(runs):
        engine.add_source(f"{number}.log", f"run{number}", f"{number}.log")
        engine.fold(f"{number}.log", LogParser().feed(log(number)), written=NOW)
    shown = [Shown(group) for group in engine.groups.values()]
    ids = [row.id for row in snapshot(shown, View(), NOW).runs]
    charts = (Chart("train/loss", 20), Chart("nothing", 20))
    return ids, snapshot(shown, View(ids[0], charts, compare=compare(ids)), NOW)


def test_the_charts_of_other_runs_come_along():
    ids, picture = pictured(3, lambda ids: (ids[2], "no such run", ids[2], ids[1]))
    assert [other.id for other in picture.compared] == [ids[2], ids[1]]
    loss, nothing = picture.compared[0].charts
    assert (loss.metric, loss.low[0]) == ("train/loss", 2.0)
    assert (nothing.metric, nothing.x) == ("nothing", ())
    assert picture.run.charts[0].low[0] == 0.0


@pytest.mark.parametrize("width", [7, 40, 400])
def test_how_far_runs_are_apart_depends_on_their_data_alone(width):
    rng, engine = np.random.default_rng(3), Engine()
    for number in range(2):
        engine.add_source(f"{number}.log", f"run{number}", f"{number}.log")
        losses = 2 + number / 10 + np.exp(-np.arange(600) / 100) + rng.normal(0, 0.02, 600)
        rows = "".join(f"step {s:05d}/00600 | loss: {x:.4f} | dt: 10.00ms\n" for s, x in enumerate(losses))
        engine.fold(f"{number}.log", LogParser().feed(rows.encode()), written=NOW)
    shown = [Shown(group) for group in engine.groups.values()]
    ids = [row.id for row in snapshot(shown, View(), NOW).runs]
    view = View(ids[0], (Chart("train/loss", width, first=500.0),), compare=(ids[1],))
    (other,) = snapshot(shown, view, NOW).compared
    assert (other.metric, other.gap.last) == ("train/loss", 599.0)
    assert (round(other.gap.value, 4), round(other.gap.half, 4)) == (0.0981, 0.0264)


def test_no_more_than_a_few_and_none_unless_asked():
    assert len(pictured(MAX_COMPARED + 2, tuple)[1].compared) == MAX_COMPARED
    assert pictured(2, lambda ids: ())[1].compared == ()


def test_evaluations_are_marked_and_printed_names_reported():
    _, picture = pictured(1, lambda ids: ())
    assert [(mark.kind, mark.step) for mark in picture.run.marks] == [("eval", 19)]
    assert {item.metric: item.printed for item in picture.run.latest}["perf/step_time"] == "dt"


def marks_of(text: bytes) -> list[tuple[str, str]]:
    """The incidents of a run that has ended, by rule, and the severities of its marks of alerts."""
    engine, parser = Engine(), LogParser()
    engine.add_source("run.log", "run", "run.log")
    engine.fold("run.log", parser.feed(text), live=True, arrival=NOW, written=NOW)
    for seconds in range(5, 2000, 5):
        engine.tick(NOW + seconds)
    run = snapshot([Shown(group) for group in engine.groups.values()], View(), NOW + 2000).run
    assert run.incidents
    return [(mark.kind, mark.severity) for mark in run.marks if mark.kind in ("incident", "resolved")]


def test_alerts_are_marked_with_their_severity_and_what_only_informs_is_not():
    healthy = b"".join(b"step %05d/01000 (50.00%%) | loss: 2.0000 | dt: 10.00ms\n" % s for s in range(1000))
    assert marks_of(healthy) == []
    broken = healthy.replace(
        b"step 00020/01000 (50.00%) | loss: 2.0000", b"step 00020/01000 (50.00%) | loss: nan"
    )
    assert ("resolved", "critical") in marks_of(broken)
