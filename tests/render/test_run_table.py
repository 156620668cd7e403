"""The table of runs: what is shown at which width, in which order, in which groups."""

import msgspec
import pytest

from runwatch.core.snapshot import Progress, RunRow
from runwatch.render import cells, run_table
from runwatch.render.glyphs import ASCII
from runwatch.render.run_table import Heading, Order

NAN = RunRow(
    "1", "lr1e-3/seed7", "training", Progress(458, 1000, 0.458, 135.0, rate=4.0), critical=1, warning=1,
    loss_text="nan", age=8.0, worst="loss is NaN since step 320, and has been for 138 steps",
    worst_severity="critical", speed=41_200.0, speed_metric="perf/tokens_per_sec", gpu=0.97, folder="/runs/lr1e-3",
    trend=(8.0, 4.0, None, None), host="node01",
)  # fmt: skip
FINE = RunRow(
    "2", "lr3e-4/seed0", "training", Progress(384, 1000, 0.384, 154.0), loss=2.079, age=90.0, folder="/runs/lr3e-4",
    trend=(8.0, 4.0, 2.1), host="node02",
)  # fmt: skip
DONE = RunRow("3", "base", "finished", Progress(1000, 1000, 1.0), loss=2.01, folder="/runs", host="node02")
NEW = RunRow("4", "new", "starting", Progress(), folder="/runs", host="node01")
ALL = [FINE, DONE, NEW, NAN]


def drawn(width, rows=ALL, **how):
    places = run_table.layout(rows, width)
    lines = [
        run_table.heading(places, how.pop("order", Order())),
        *(run_table.line(row, places, **how) for row in rows),
    ]
    assert all(cells.row_width(line) <= width for line in lines)
    return [cells.row_text(line) for line in lines]


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (38, ["name", "done", "loss", "alerts"]),
        (78, ["state", "name", "host", "done", "ETA", "loss", "alerts"]),
        (118, ["state", "name", "host", "progress", "done", "step", "ETA", "loss", "trend", "alerts"]),
        (198, ["state", "name", "host", "progress", "done", "step", "ETA", "loss", "trend", "speed", "GPU",
               "updated", "alerts"]),
    ],
)  # fmt: skip
def test_columns_drop_out_by_importance(width, shown):
    heading = drawn(width)[0]
    assert [name for name in heading.split() if name != "s"] == shown


def test_the_worst_alert_is_said_in_words():
    assert "▲ loss is NaN since step 320, and has been for 138 steps +1" in drawn(198)[4]
    assert "▲ loss is NaN" in drawn(78)[4]
    assert "1 crit" in drawn(38)[4]
    assert drawn(198)[1].rstrip().endswith("none")


def test_a_run_that_is_stale_is_called_so_as_in_its_own_header():
    updated = [
        next(word for word in line.split("  ") if "90s" in word or "1m" in word) for line in drawn(198)[1:2]
    ]
    assert [text.strip() for text in updated] == ["STALE 1m"]
    assert "8s ago" in drawn(198)[4]
    assert "STALE" not in "".join(drawn(198, [msgspec.structs.replace(DONE, age=9e3)])), "it has ended"


def test_what_is_not_known_is_a_dash():
    assert drawn(198)[3].split()[:5] == ["◌", "STARTING", "new", "node01", "-"]


def test_a_log_that_was_silent_long_before_its_first_step_is_not_starting():
    old = msgspec.structs.replace(NEW, age=90.0)
    assert "NO STEPS" in drawn(198, [old])[1]
    assert "STARTING" in drawn(198, [msgspec.structs.replace(old, age=5.0)])[1]
    assert "STARTING" in drawn(198, [msgspec.structs.replace(old, progress=Progress(step=0))])[1]


def test_a_sparkline_shows_what_is_not_finite():
    assert "!!" in drawn(198)[4]


def test_a_column_of_which_nothing_is_known_is_left_out():
    assert drawn(198, [DONE])[0].split() == ["state", "name", "progress", "done", "step", "loss"]


@pytest.mark.parametrize(
    ("order", "ids"),
    [
        (Order(), "1243"),  # what is wrong, what runs, what has ended
        (Order("name"), "3124"),
        (Order("name", backwards=True), "4213"),
        (Order("loss"), "3241"),  # NaN and nothing are last either way
        (Order("loss", backwards=True), "2341"),
        (Order("done"), "3124"),
        (Order("alerts"), "1234"),
        (Order("ETA"), "1234"),
    ],
)
def test_runs_are_sorted_and_what_is_unknown_is_last(order, ids):
    assert "".join(row.id for row in run_table.ordered(ALL, order)) == ids


def test_the_column_that_is_sorted_by_has_an_arrow():
    cells_of = {
        text.strip(): role for text, role in run_table.heading(run_table.layout(ALL, 198), Order("loss"))
    }
    assert cells_of["loss▲"] == "title"
    assert cells_of["ETA"] == "dim"
    assert "step▼" in drawn(198, order=Order("step"))[0]


def test_groups_have_a_heading_and_are_where_their_first_run_was():
    found = run_table.groups(run_table.ordered(ALL, Order()), "host")
    assert [line.text if isinstance(line, Heading) else line.id for line in found] == [
        "node01  2 runs, 1 critical", "1", "4", "node02  2 runs", "2", "3",
    ]  # fmt: skip
    assert run_table.groupings(ALL) == ["", "state", "host", "directory"]
    assert run_table.groupings([DONE]) == [""]


def test_ascii_has_no_other_characters():
    places = run_table.layout(ALL, 198, ASCII)
    for row in ALL:
        assert cells.row_text(run_table.line(row, places, ASCII, here=True, marked=True)).isascii()
    assert cells.row_text(run_table.heading(places, Order("loss"), ASCII)).isascii()


def test_long_names_that_differ_at_the_end_stay_apart():
    rows = [
        RunRow(str(n), f"experiment-with-a-very-long-name-lr3e-4-seed{n}", "training", Progress())
        for n in range(3)
    ]
    rows.append(RunRow("9", "実験-日本語の長い名前のランとその続きの名前", "training", Progress()))
    for width in (30, 40):
        places = run_table.layout(rows, width)
        names = run_table.names(rows, places)
        lines = [cells.row_text(run_table.line(row, places, name=names[row.id])) for row in rows]
        assert len({line.strip() for line in lines}) == len(rows), lines
        assert all("seed" in line or "実験" in line for line in lines)
        assert all(cells.width(line) <= width for line in lines)


@pytest.mark.parametrize("width", [118, 198])
def test_a_run_that_counts_from_0_has_all_its_steps_at_the_end(width):
    done = msgspec.structs.replace(DONE, progress=Progress(119_999, 120_000, 1.0))
    assert " 120,000 " in drawn(width, [FINE, done])[2]


@pytest.mark.parametrize(
    ("progress", "phase", "shown"),
    [
        (Progress(41, 651), "training", "41/651"),
        (Progress(41, 651, stage="sft"), "training", "sft: 41/651"),
        (Progress(41_230, 1_200_000, stage="a long stage's name"), "training", "41,230/1,200,000"),
        (Progress(None, None, epoch=1.5), "training", "epoch 1.5"),
        (Progress(339, 340, 1.0), "finished", "340"),
        (Progress(340, 340, 1.0), "finished", "340/340"),
    ],
)
def test_the_column_of_steps_says_the_step_and_as_much_else_as_fits(progress, phase, shown):
    row = RunRow("1", "a", phase, progress, loss=1.0, age=1.0)
    place = next(place for place in run_table.layout([row], 110) if place.column.name == "step")
    heading, line = drawn(110, [row])
    assert line[heading.index("step") + 4 - place.width : heading.index("step") + 4].strip() == shown
