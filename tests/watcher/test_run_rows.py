"""What the list of runs says of each."""

from runwatch.parsers.stream import StreamParser
from runwatch.watcher.engine.engine import Engine
from runwatch.watcher.engine.views.views import Shown, rows, snapshot, unrecognized
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


def test_one_message_names_the_loss_where_the_gradient_norm_is_nan_on_the_same_line():
    engine = Engine()
    engine.add_source(LOG, "lr1", LOG)
    rows_of = lines(0, 40) + lines(40, 60, "nan")
    rows_of = rows_of.replace(b"loss: 2.0 ", b"loss: 2.0 | grad norm: 0.5 ").replace(
        b"nan ", b"nan | grad norm: nan "
    )
    changes = engine.fold(LOG, StreamParser().feed(rows_of), live=True, arrival=NOW)
    assert [change.row.title for change in changes if change.send] == ["loss is NaN since step 40"]
    (row,) = next(iter(engine.groups.values())).runs[0].incidents.rows()
    assert (row.title, row.symptoms) == ("loss is NaN since step 40", ("grad norm is NaN since step 40",))


def test_what_is_still_being_read_is_reading_whatever_its_first_lines_say():
    engine, parser = Engine(), StreamParser()
    engine.add_source(LOG, "lr1", LOG)
    (shown,) = (Shown(group) for group in engine.groups.values())

    def phase():
        ((of_rows,), (of_picture,)) = (rows([shown], NOW), snapshot([shown], View(), NOW).runs)
        assert of_rows.phase == of_picture.phase
        return of_rows.phase

    assert phase() == "reading", "nobody looked at it"
    shown.opened(LOG, 9_000, NOW - 3_000.0)
    assert phase() == "reading"
    engine.fold(LOG, parser.feed(lines(0, 40)))
    shown.read(LOG, 4_000)
    assert phase() == "reading", "its newest line is not known"
    engine.fold(LOG, parser.feed(lines(40, 80)))
    shown.read(LOG, 0)
    assert phase() == "unknown"


def test_the_newest_lines_of_an_old_log_do_not_make_it_run():
    engine = Engine()
    engine.add_source(LOG, "lr1", LOG)
    (shown,) = (Shown(group) for group in engine.groups.values())
    shown.opened(LOG, 9_000, NOW - 9_000.0)
    newest = StreamParser().feed(lines(0, 40))
    for written, phase in ((NOW - 9_000.0, "reading"), (NOW - 1.0, "training")):
        shown.take_preview(LOG, newest, written)
        assert [row.phase for row in rows([shown], NOW)] == [phase]


def test_a_run_that_is_alive_is_not_reading_because_of_one_more_source():
    engine, parser = Engine(), StreamParser()
    engine.add_source(LOG, "lr1", LOG)
    (shown,) = (Shown(group) for group in engine.groups.values())
    shown.opened(LOG, 0, NOW)
    shown.read(LOG, 0)
    engine.fold(LOG, parser.feed(lines(0, 40)), live=True, arrival=NOW)
    shown.left += 100
    assert [row.phase for row in rows([shown], NOW)] == ["training"]


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


def test_while_many_logs_are_read_it_is_said_that_none_is_of_a_run_so_far():
    engine = Engine()
    for number in range(3):
        engine.add_source(f"/n/{number}.log", f"{number}", f"/n/{number}.log")
    shown = [Shown(group) for group in engine.groups.values()]
    for item in shown:
        item.opened(item.group.id, 100, None)
    assert unrecognized(shown, NOW, 3.0) == ""
    shown[0].read(shown[0].group.id, 0)
    assert unrecognized(shown, NOW, 3.0) == ""
    said = "reading 3 logs: no training run recognized in those that were read"
    assert unrecognized(shown, NOW + 4, 3.0) == said
    for item in shown:
        item.read(item.group.id, 0)
    assert unrecognized(shown, NOW + 5, 3.0) == said
    assert unrecognized(shown, NOW + 9, 3.0).startswith("no line yet in any of 3 logs")
    engine.fold(shown[2].group.id, StreamParser().feed(lines(0, 40)))
    assert unrecognized(shown, NOW + 9, 3.0) == ""
