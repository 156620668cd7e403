"""One series a metric for people, whichever sources report it; JSON goes by the one that leads."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runwatch.core.snapshot import Columns, Latest
from runwatch.watcher.engine.views.views import Shown, snapshot
from runwatch.watcher.protocol import Chart, View
from runwatch.watcher.sources.member import Member

from .test_groups import NOW, Fold, steps

LOSS = "train/loss"
MEMBERS = {"log": Member("g"), "csv": Member("g", kind="metrics")}


def log(*numbers: int, scale: float = 1.0) -> str:
    return "".join(steps(n, n + 1, loss=value(n) * scale) for n in numbers)


def csv(*numbers: int, scale: float = 1.0) -> str:
    return "".join(f"{n},{value(n) * scale}\n" for n in numbers)


def value(step: int) -> float:
    return 3 - step / 100


def shown(fold: Fold, width: int = 200) -> tuple[Columns, Latest]:
    """Return the chart of the loss, and what is said of it."""
    picture = snapshot([Shown(fold.engine.groups["g"])], View(charts=(Chart(LOSS, width),)), NOW)
    assert picture.run is not None
    (latest,) = (item for item in picture.run.latest if item.metric == LOSS)
    return picture.run.charts[0], latest


def test_a_tracker_that_has_more_steps_shows_them():
    fold = Fold(**MEMBERS)
    fold.read("log", log(*range(0, 100, 10)))
    fold.read("csv", "step,loss\n" + csv(*range(100)))
    chart, latest = shown(fold)
    assert chart.x == tuple(range(100))
    assert (latest.count, latest.step, latest.value) == (100, 99, value(99))
    assert (latest.minimum, latest.minimum_at) == (value(99), 99)
    assert (latest.maximum, latest.maximum_at) == (3.0, 0)
    assert fold.runs()[0]["metrics"][LOSS]["count"] == 10


def test_each_source_fills_what_the_other_lacks():
    fold = Fold(**MEMBERS)
    fold.read("log", log(*range(40, 100)))
    fold.read("csv", "step,loss\n" + csv(*range(50)))
    chart, latest = shown(fold)
    assert chart.x == tuple(range(100))
    assert chart.mean == pytest.approx([value(n) for n in range(100)])
    assert latest.step == 99


def test_a_copy_that_counts_from_one_adds_no_point_between():
    fold = Fold(**MEMBERS)
    fold.read("log", log(*range(0, 100, 2)))
    fold.read("csv", "step,loss\n" + "".join(f"{n + 1},{value(n)}\n" for n in range(0, 100, 2)))
    chart, latest = shown(fold)
    assert chart.x == tuple(range(0, 100, 2))
    assert latest.step == 98


def test_where_sources_differ_the_leading_one_is_shown_alone():
    fold = Fold(**MEMBERS)
    fold.read("log", log(*range(0, 100, 2)))
    fold.read("csv", "step,loss\n" + csv(*range(100), scale=2.0))
    chart, latest = shown(fold)
    assert chart.x == tuple(range(0, 100, 2))
    assert (latest.count, latest.maximum) == (50, 3.0)


def test_sources_that_count_something_else_are_not_mixed():
    """Epochs in the log, batches in the tracker: no step in common shows that they are the same."""
    fold = Fold(**MEMBERS)
    fold.read("log", log(*range(1, 10)))
    fold.read("csv", "step,loss\n" + csv(*range(100, 1000, 100)))
    chart, latest = shown(fold)
    assert chart.x == tuple(range(1, 10))
    assert latest.step == 9


def test_what_a_tracker_reported_before_the_log_led_is_not_lost():
    one, other = Fold(**MEMBERS), Fold(**MEMBERS)
    texts = {"log": log(*range(50, 100)), "csv": "step,loss\n" + csv(*range(70))}
    for name in ("log", "csv"):
        one.read(name, texts[name])
    for name in ("csv", "log"):
        other.read(name, texts[name])
    assert shown(one)[0] == shown(other)[0]
    assert shown(one)[0].x == tuple(range(100))


@settings(max_examples=40, deadline=None)
@given(turns=st.lists(st.tuples(st.sampled_from(["log", "csv"]), st.integers(1, 900)), max_size=10))
def test_the_series_does_not_depend_on_how_the_sources_were_read(turns):
    texts = {"log": log(*range(30, 100, 3)), "csv": "step,loss\n" + csv(*range(80))}
    whole, cut = Fold(**MEMBERS), Fold(**MEMBERS)
    for name, text in texts.items():
        whole.read(name, text)
    left = dict(texts)
    for name, size in [*turns, ("csv", 1 << 20), ("log", 1 << 20)]:
        cut.read(name, left[name][:size])
        left[name] = left[name][size:]
    assert shown(whole) == shown(cut)


def test_a_long_history_is_filled_from_its_buckets():
    fold = Fold(**MEMBERS)
    fold.read("csv", "step,loss\n" + "".join(f"{n},2.5\n" for n in range(30_000)))
    fold.read("log", "".join(steps(n, n + 1, loss=2.5, total=40_000) for n in range(25_000, 32_000)))
    chart, latest = shown(fold, width=80)
    assert (chart.x[0], chart.x[-1]) == (0, 31_999)
    gaps = [b - a for a, b in zip(chart.x, chart.x[1:], strict=False)]
    assert max(gaps) < 1_100
    assert latest.step == 31_999


def test_a_second_launch_is_not_mixed_with_the_first():
    fold = Fold(**MEMBERS)
    fold.read("log", log(*range(0, 40, 4)) + "Total training time: 1.00m\n")
    fold.read("csv", "step,loss\n" + csv(*range(40)))
    fold.read("log", log(*range(0, 40, 4), scale=2.0))
    chart, latest = shown(fold)
    assert chart.x == tuple(range(0, 40, 4))
    assert (latest.count, latest.maximum) == (10, 6.0)


def test_names_are_those_of_the_source_that_leads():
    fold = Fold(**MEMBERS)
    fold.read("log", log(*range(20)))
    fold.read("csv", "step,training_loss,lr\n" + "".join(f"{n},{value(n)},0.1\n" for n in range(20)))
    metrics = fold.runs()[0]["metrics"]
    assert metrics[LOSS].get("printed") == "loss"
    assert metrics["train/learning_rate"]["printed"] == "lr"


@pytest.mark.parametrize(("printed", "seconds"), [("", 57.0), (" | total time: 2.00m", 120.0)])
def test_how_long_it_took_is_as_printed_or_as_the_records_are_dated(printed, seconds):
    fold = Fold(**MEMBERS)
    fold.read("log", "".join(f"2024-01-01T00:00:{n:02}Z {log(n).strip()}{printed}\n" for n in range(2, 60)))
    picture = snapshot([Shown(fold.engine.groups["g"])], View(), NOW)
    assert picture.run is not None
    assert picture.run.elapsed == seconds
