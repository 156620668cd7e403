"""What the list of runs says of each."""

from runwatch.parsers.stream import StreamParser
from runwatch.watcher.engine.engine import Engine
from runwatch.watcher.engine.views import Shown, rows, snapshot
from runwatch.watcher.protocol import View

NOW = 1_700_000_000.0
LOG = "/runs/sweep/lr1/train.log"


def lines(first, last, loss="2.0"):
    return "".join(
        f"step {n:05d}/09000 ({n}.00%) | loss: {loss} | dt: 10.00ms | tok/sec: 41,200\n"
        for n in range(first, last)
    ).encode()


def test_a_row_has_the_worst_alert_the_throughput_and_the_directory():
    engine = Engine()
    engine.add_source(LOG, "lr1", LOG)
    engine.fold(LOG, StreamParser().feed(lines(0, 40) + lines(40, 60, "nan")), live=True, arrival=NOW)
    (row,) = rows([Shown(group) for group in engine.groups.values()], NOW)
    assert (row.worst_severity, row.critical) == ("critical", 1)
    assert row.worst.startswith("loss is NaN")
    assert (row.speed, row.speed_metric) == (41_200.0, "perf/tokens_per_sec")
    assert (row.folder, row.gpu, row.trend) == ("/runs/sweep", None, ())


def test_sparklines_are_made_where_they_are_shown_and_follow_the_run():
    engine, parser = Engine(), StreamParser()
    engine.add_source(LOG, "lr1", LOG)
    shown = [Shown(group) for group in engine.groups.values()]

    def trend(width):
        (row,) = snapshot(shown, View(trends=width), NOW).runs
        return row.trend

    engine.fold(LOG, parser.feed(lines(0, 500)))
    assert trend(0) == ()
    assert set(trend(32)) == {2.0}
    assert len(trend(32)) <= 32
    engine.fold(LOG, parser.feed(lines(500, 2000, "7.12345")))
    assert trend(32)[-1] == 7.123
    assert len(trend(8)) <= 8
    engine.fold(LOG, parser.feed(lines(2000, 3000, "nan")))
    assert trend(32)[-1] is None
