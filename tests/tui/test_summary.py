"""Where values without a chart are shown: the summary of the overview, the table of the metrics view."""

import msgspec
import pytest

from runwatch.core import metrics
from runwatch.core.snapshot import Latest, Saving

from .fake_engine import METRICS, SLOW, SPIKE, picture

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


@pytest.mark.few(1)
@pytest.mark.parametrize("size", [(100, 30), (110, 36), (120, 40), (150, 45)])
async def test_the_summary_is_no_wider_than_its_lines_and_none_is_cut(open_app, size):
    async with open_app(size, make=with_single, **GOOD) as s:
        card = s.drawn("#card")
        for said in ("best val loss", "2.125 @40,000", "checkpoints", "14, good @40,000", "mmlu"):
            assert said in card
        assert "…" not in card
        assert "more" not in card
        assert "total flos" not in s.text()
        assert s.view.query_one("#card").size.width <= size[0] // 3


@pytest.mark.few(1)
@pytest.mark.parametrize("size", [(120, 40), (150, 50), (160, 40), (200, 50)])
async def test_a_value_of_the_summary_is_next_to_its_label(open_app, size):
    async with open_app(size, make=with_single, phase="crashed", **GOOD) as s:
        panel = "#card" if s.view.query_one("#card").display else "#summary"
        row = next(row for row in s.drawn(panel).splitlines() if "mmlu" in row)
        assert "0.500" in row


async def test_what_the_card_of_the_end_says_is_not_in_the_summary(open_app):
    async with open_app((120, 50), make=with_single, **GOOD) as s:
        assert "duration" in s.drawn("#card")
        await s.push(phase="finished", **GOOD)
        assert "duration" in s.drawn("#end")
        assert not s.view.query_one("#card").display or "duration" not in s.drawn("#card")


async def test_rows_that_the_summary_leaves_have_newest_values_and_checkpoints(open_app):
    shown = (*METRICS, "aux_loss")

    def make(view, **changes):
        return with_single(view, metrics=shown, **GOOD, **changes)

    async with open_app((120, 60), make=make) as s:
        card = s.drawn("#card")
        assert "aux loss" in card
        assert "grad norm" not in card, "it has a chart"
        rows = card.splitlines()
        at = next(i for i, row in enumerate(rows) if "newest checkpoints" in row)
        assert "40,000" in rows[at + 1]
    async with open_app((120, 40), make=make, checkpoints=()) as s:
        assert "newest checkpoints" not in s.drawn("#card")

    def alone(view, **changes):
        shown = make(view, ranks=8, facts={}, **changes)
        return msgspec.structs.replace(shown, runs=shown.runs[:1])

    async with open_app((200, 50), make=alone) as s:
        assert s.view.query_one("#checkpoints").display
        assert "newest checkpoints" not in s.drawn("#card")


async def test_without_much_to_say_the_place_is_a_charts(open_app):
    async with open_app((120, 40)) as s:
        assert not s.view.query_one("#card").display
        assert len(s.view.visible_charts()) == 5


async def test_beside_few_charts_the_summary_is_low(open_app):
    async with open_app((120, 40), make=with_single, metrics=("train/loss", "val/loss"), **GOOD) as s:
        assert s.view.query_one("#card").display
        assert s.view.query_one("#minor").size.height == 6


@pytest.mark.few(1)
@pytest.mark.parametrize(("size", "panel"), [((80, 24), "#stats"), ((200, 50), "#summary")])
async def test_the_summary_is_in_the_table_of_a_narrow_screen_and_at_the_side_of_a_wide_one(
    open_app, size, panel
):
    async with open_app(size, make=with_single, **GOOD) as s:
        assert "summary" in s.drawn(panel)
        assert "2.125" in s.drawn(panel)
        assert not s.view.query_one("#card").display


async def test_labels_and_values_are_columns(open_app):
    async with open_app((200, 50), make=with_single, **GOOD) as s:
        rows = s.drawn("#summary").splitlines()
        best = next(row for row in rows if "best val loss" in row)
        assert next(row for row in rows if "mmlu" in row).index("0.500") == best.index("2.125")


async def test_the_side_does_not_repeat_the_titles_of_charts_and_keeps_to_facts_people_want(open_app):
    facts = {"host": "login03", "lines": "50,000", "unrecognized lines": "7", "cannot be seen": "x.log: gone"}
    metrics = (*METRICS, "aux_loss")
    async with open_app((200, 50), make=with_single, metrics=metrics, facts=facts, **GOOD) as s:
        side = s.drawn("#summary")
        assert "aux loss" in side
        for shown in ("grad norm", "step time", "MFU", "tok/s"):
            assert shown not in side
            assert shown in s.text()
        assert "login03" in side
        assert "x.log: gone" in side
        assert "lines" not in side
        assert "…" not in side


async def test_values_of_a_narrow_screen_are_whole(open_app):
    async with open_app((80, 24), make=with_single, **GOOD) as s:
        rows = [row.split() for row in s.drawn("#stats").splitlines()]
        assert ["best", "val", "loss", "2.125", "@40,000"] in rows
        assert "…" not in s.drawn("#stats")


async def test_next_to_the_only_chart_the_summary_is_as_wide_as_its_lines_need(open_app):
    async with open_app((80, 24), make=with_single, names=("mmlu", "helpfulness_score"), **GOOD) as s:
        assert "14, good @40,000" in s.drawn("#stats")


async def test_a_constant_has_no_sparkline(open_app):
    def flat(view):
        shown = picture(view)
        latest = tuple(
            msgspec.structs.replace(item, minimum=0.5, maximum=0.5) if "grad" in item.metric else item
            for item in shown.run.latest
        )
        return msgspec.structs.replace(shown, run=msgspec.structs.replace(shown.run, latest=latest))

    async with open_app((80, 24), make=flat) as s:
        rows = s.drawn("#stats").splitlines()
        assert next(row for row in rows if "grad norm" in row).split() == ["grad", "norm", "0.597"]
        assert next(row for row in rows if "step time" in row).split()[3:]


async def test_what_has_an_open_incident_is_charted_on_a_narrow_screen_too(open_app):
    slow = msgspec.structs.replace(SLOW, metric="perf/step_time")
    async with open_app((80, 24), incidents=(slow,)) as s:
        assert [part.metrics[0] for part in s.view.visible_charts()] == ["perf/step_time"]
        assert "loss" in s.drawn("#stats").splitlines()[1]
        assert "step time" not in s.drawn("#stats")


async def test_metrics_without_a_chart_are_a_table_below_the_last_charts(open_app):
    async with open_app((120, 60), make=with_single) as s:
        await s.press("2")
        assert [part.metrics[0] for part in s.view.visible_charts()][:2] == ["train/loss", "val/loss"]
        assert not {part.metrics[0] for part in s.view.visible_charts()} & set(SINGLE)
        assert s.drawn("#values").count("\n") == len(SINGLE) // 2 + 2, "side by side"
        assert all(f"{metrics.label(name)} " in s.drawn("#values") for name in SINGLE)
        assert "4 without a chart" in s.drawn("#values")


@pytest.mark.deep
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


@pytest.mark.few(1)
@pytest.mark.parametrize("size", [(120, 60), (200, 60)])
async def test_the_first_chart_takes_the_places_that_others_leave(open_app, size):
    async with open_app(size, metrics=METRICS[:5]) as s:
        await s.press("2")
        first, *others = s.view.visible_charts()
        assert len(others) == 4
        assert first.size.width == size[0]
        assert max(part.size.width for part in others) <= size[0] // 2
        await s.press("z")
        assert [part.size.width for part in s.view.visible_charts()] == [size[0]]


@pytest.mark.parametrize("incidents", [(), (SPIKE,)])
async def test_the_newest_good_checkpoint_is_on_a_small_screen(open_app, incidents):
    more = {"ranks": 8, "incidents": incidents, "facts": {"parameters": "124M"}}
    async with open_app((80, 24), make=with_single, **more, **GOOD) as s:
        assert "14, good @40,000" in s.drawn("#stats")
