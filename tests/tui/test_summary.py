"""Where values without a chart are shown: the summary of the overview, the table of the metrics view."""

import msgspec
import pytest

from runwatch.core.snapshot import Latest, Saving

from .fake_engine import METRICS, picture

SINGLE = ("total_flos", "train_runtime", "train_loss", "mmlu")
GOOD = {"saving": Saving(last_good=40_000, present=14)}


def with_single(view, names=SINGLE, metrics=METRICS, **changes):
    """The usual run, with validation and metrics of one value each."""
    shown = picture(view, metrics=(*metrics, *names), **changes)
    latest = tuple(
        Latest(item.metric, 0.5, "", 41_000, 1, 0, 0.5, 0.5, "", 41_000.0, 41_000.0)
        if item.metric in names
        else msgspec.structs.replace(item, minimum=2.125, minimum_at=40_000.0)
        for item in shown.run.latest
    )
    return msgspec.structs.replace(shown, run=msgspec.structs.replace(shown.run, latest=latest))


async def test_the_summary_takes_the_place_of_the_least_chart(open_app):
    async with open_app((120, 40), make=with_single, **GOOD) as s:
        card = s.drawn("#card")
        assert "best val loss 2.125 @40,000" in card
        assert "checkpoints   14, good @40,000" in card
        assert "total flos" not in s.text()
        charts = [part.metrics[0] for part in s.view.visible_charts()]
        assert charts == ["train/loss", "train/grad_norm", "train/learning_rate", "perf/tokens_per_sec"]


async def test_without_much_to_say_the_place_is_a_charts(open_app):
    async with open_app((120, 40)) as s:
        assert not s.view.query_one("#card").display
        assert len(s.view.visible_charts()) == 5


async def test_beside_few_charts_the_summary_is_low(open_app):
    async with open_app((120, 40), make=with_single, metrics=("train/loss", "val/loss"), **GOOD) as s:
        assert s.view.query_one("#card").display
        assert s.view.query_one("#minor").size.height == 6


@pytest.mark.parametrize(("size", "panel"), [((80, 24), "#stats"), ((200, 50), "#summary")])
async def test_the_summary_is_in_the_table_of_a_narrow_screen_and_at_the_side_of_a_wide_one(
    open_app, size, panel
):
    async with open_app(size, make=with_single, **GOOD) as s:
        assert "summary" in s.drawn(panel)
        assert "2.125 @40,000" in s.drawn(panel)
        assert not s.view.query_one("#card").display


async def test_labels_and_values_are_columns(open_app):
    async with open_app((200, 50), make=with_single, **GOOD) as s:
        rows = s.drawn("#summary").splitlines()
        newest = next(row for row in rows if "grad norm" in row)
        best = next(row for row in rows if "best val loss" in row)
        assert newest.index("0.597") == best.index("2.125")


async def test_metrics_without_a_chart_are_a_table_below_the_last_charts(open_app):
    async with open_app((120, 60), make=with_single) as s:
        await s.press("2")
        assert [part.metrics[0] for part in s.view.visible_charts()][:2] == ["train/loss", "val/loss"]
        assert not {part.metrics[0] for part in s.view.visible_charts()} & set(SINGLE)
        assert s.drawn("#values").count("\n") == len(SINGLE) + 2
        assert "4 without a chart" in s.drawn("#values")


async def test_a_table_that_does_not_fit_has_pages_of_its_own(open_app):
    names = tuple(f"score_{n}" for n in range(40))
    async with open_app((80, 24), make=with_single, names=names) as s:
        await s.press("2")
        seen = ""
        for _ in range(6):
            if s.view.query_one("#values").display:
                seen += s.drawn("#values")
            await s.press("pagedown")
        assert all(f"score {n} " in seen for n in range(40))


async def test_the_filter_finds_metrics_without_a_chart(open_app):
    async with open_app((120, 40), make=with_single) as s:
        await s.press("2", "slash", *"flos", "enter")
        assert not s.view.visible_charts()
        assert "total flos" in s.drawn("#values")
        assert "1 without a chart" in s.drawn("#values")
