"""The mouse on charts does what the keys do: values, range, window, zoom."""

import msgspec
import pytest
from textual import events

from runwatch.core.snapshot import IncidentRow, Mark
from runwatch.tui.widgets.charts import ChartPanel

from .fake_engine import SPIKE, columns, picture


def wheel(s, kind, at):
    """Turn the wheel over a chart."""
    panel = s.view.query_one("#main-0")
    x, y = panel.region.x + at, panel.region.y + 4
    s.app.screen._forward_event(kind(None, x, y, 0, 0, 0, False, False, False, x, y))


def drag(s, at, name="#main-0"):
    """Move the pointer over a chart with the button down."""
    panel = s.view.query_one(name)
    x, y = panel.region.x + at, panel.region.y + 4
    s.app.screen._forward_event(events.MouseMove(None, x, y, 1, 0, 1, False, False, False, x, y))


async def test_hovering_shows_the_values_there_in_all_charts(open_app):
    async with open_app((120, 40)) as s:
        await s.pilot.hover("#main-0", offset=(30, 4))
        await s.settle()
        assert 19_000 < s.scene.cursor < 23_000
        for name in ("#main-0", "#main-1", "#minor-1"):
            assert f"@{int(s.scene.cursor):,}" in s.drawn(name).splitlines()[0]
        at = s.scene.cursor
        await s.pilot.hover("#main-0", offset=(30, 6))
        assert s.scene.cursor == at
        await s.pilot.hover("#main-0", offset=(40, 6))
        assert s.scene.cursor > at
        await s.pilot.hover("#log", offset=(10, 1))
        await s.settle()
        assert s.scene.cursor is None


@pytest.mark.deep
async def test_hovering_outside_the_plot_changes_nothing(open_app):
    async with open_app((120, 40)) as s:
        for x in (0, 1, 2, 59):
            await s.pilot.hover("#main-0", offset=(x, 4))
        await s.settle()
        assert s.scene.cursor is None


async def test_the_wheel_zooms_around_the_pointer(open_app):
    async with open_app((120, 40)) as s:
        wheel(s, events.MouseScrollUp, 30)
        await s.until(lambda: s.scene.window is not None)
        assert 26_000 < s.scene.window < 31_000
        await s.settle()
        (shown,) = {(c.first, c.last) for c in s.engine.view.charts}
        assert shown[0] > 4_000
        assert shown[1] < 40_000
        before = s.scene.window
        wheel(s, events.MouseScrollUp, 30)
        await s.until(lambda: s.scene.window < before)
        for _ in range(6):
            wheel(s, events.MouseScrollDown, 30)
            await s.settle()
        assert s.scene.window is None
        assert s.scene.right is None


@pytest.mark.deep
async def test_the_wheel_at_the_newest_keeps_following(open_app):
    async with open_app((120, 40)) as s:
        wheel(s, events.MouseScrollUp, 57)
        await s.until(lambda: s.scene.window is not None)
        assert s.scene.right is None
        assert 27_000 < s.scene.window < 31_000


@pytest.mark.deep
async def test_the_wheel_zooms_into_a_run_that_begins_late(open_app):
    def late(view):
        shown = picture(view, step=110_000)
        charts = tuple(columns(c.metric, c.width, 110_000, max(100_000, c.first or 0)) for c in view.charts)
        return msgspec.structs.replace(shown, run=msgspec.structs.replace(shown.run, charts=charts))

    async with open_app((120, 40), make=late) as s:
        wheel(s, events.MouseScrollUp, 30)
        await s.until(lambda: s.scene.window is not None)
        assert 6_000 < s.scene.window < 8_500
        for _ in range(12):
            wheel(s, events.MouseScrollDown, 30)
            await s.settle()
        assert s.scene.window is None


@pytest.mark.deep
async def test_hovering_beyond_the_newest_shows_the_newest(open_app):
    async with open_app((120, 40), step=33_000) as s:
        await s.pilot.hover("#main-0", offset=(58, 4))
        await s.settle()
        assert s.scene.cursor == 33_000


async def test_a_range_is_picked_by_dragging(open_app):
    async with open_app((120, 40)) as s:
        await s.pilot.mouse_down("#main-0", offset=(20, 4))
        drag(s, 40)
        await s.until(lambda: s.scene.picked is not None)
        await s.settle()
        first, last = s.scene.picked
        roles = {role for row in s.view.query_one("#main-1")._drawn for _, role in row}
        assert " on picked" in roles
        await s.pilot.mouse_up("#main-0", offset=(40, 4))
        await s.settle()
        assert s.scene.picked is None
        assert s.scene.right == round(last)
        assert s.scene.window == pytest.approx(last - first, abs=1)
        assert s.view.focused.id == "main-0"
        await s.press("minus")
        assert s.scene.window == 20_000
        await s.press("escape")
        assert s.scene.right is None


async def test_back_from_a_picked_range_shows_all(open_app):
    async with open_app((120, 40)) as s:
        await s.pilot.mouse_down("#main-0", offset=(20, 4))
        await s.pilot.mouse_up("#main-0", offset=(40, 4))
        await s.settle()
        assert s.scene.window is not None
        await s.press("escape")
        assert s.scene.window is None
        assert s.scene.right is None


async def test_a_click_picks_nothing_and_two_enlarge(open_app):
    async with open_app((120, 40)) as s:
        await s.pilot.click("#main-1", offset=(20, 4))
        await s.settle()
        assert s.scene.window is None
        assert s.view.focused.id == "main-1"
        await s.pilot.click("#main-1", offset=(22, 4), times=2)
        await s.settle()
        assert s.view.zoomed is s.view.query_one("#main-1")
        await s.pilot.click("#main-1", offset=(22, 4), times=2)
        await s.settle()
        assert s.view.zoomed is None


@pytest.mark.deep
async def test_keys_zoom_around_the_cursor(open_app):
    async with open_app((120, 40)) as s:
        await s.press("left", "left", "left", "left", "left", "left", "left", "left")
        at = s.scene.cursor
        await s.press("plus")
        (first, last) = next((c.first, c.last) for c in s.engine.view.charts)
        assert first < at < last
        assert s.scene.window < 25_000
        await s.press("minus", "minus")
        assert s.scene.window is None


def shades(s, name):
    return {role.partition(" on ")[2] for row in s.view.query_one(name)._drawn for _, role in row} - {""}


async def test_incidents_shade_the_charts_they_are_about(open_app):
    slow = IncidentRow(
        "i9",
        "r1",
        "slow",
        "warning",
        "resolved",
        "slow",
        metric="perf/step_time",
        step=9_000,
        resolved_step=20_000,
    )
    vague = IncidentRow("i8", "r1", "straggler", "warning", "firing", "rank 3 is slow", step=100)
    async with open_app((120, 40), incidents=(SPIKE, slow, vague)) as s:
        assert "shade-crit" in shades(s, "#main-0")
        assert shades(s, "#main-1") <= {"band"}
        slow_chart = next(p for p in s.view.query(ChartPanel) if p.metrics[:1] == ("perf/step_time",))
        assert "shade-warn" in shades(s, f"#{slow_chart.id}")
        await s.press("a")
        assert shades(s, "#main-0") <= {"band"}
        await s.press("a", "T")
        style = s.view.query_one("#main-0")._style("smooth on shade-crit")
        assert style.bgcolor != s.view.query_one("#main-0")._style("smooth").bgcolor


async def test_the_legend_names_what_is_shown(open_app):
    async with open_app((120, 40)) as s:
        legend = s.drawn("#main-0").splitlines()[-1]
        assert "★ best val loss 2.3" in legend
        assert "▼ alert" in legend
        assert "◆ checkpoint" in legend
        assert "restart" not in legend
        await s.press("a")
        assert "alert" not in s.drawn("#main-0").splitlines()[-1]


async def test_on_a_phone_the_alerts_have_the_whole_width(open_app):
    over = msgspec.structs.replace(SPIKE, state="resolved", resolved_step=40_000)
    async with open_app((48, 40), ranks=8, incidents=(over,)) as s:
        assert s.view.query_one("#alerts").size.width == 48
        assert not s.view.query_one("#ranks").display
        await s.push(ranks=8, incidents=())
        assert s.view.query_one("#ranks").display


@pytest.mark.parametrize(
    ("width", "named"),
    [
        (52, "★ best val loss 2.303  ▼ alert  ◈ bad  ◆ ckpt"),
        (44, "★ 2.303  ▼ alert  ◈ bad  ◆ ckpt"),
        (30, "▼ alert  ◈ bad  ◆ ckpt"),
    ],
)
async def test_a_narrow_legend_names_every_mark(open_app, width, named):
    marks = (Mark("incident", 31_800), Mark("checkpoint", 30_000), Mark("spoilt", 40_000))
    async with open_app((width, 40), marks=marks) as s:
        assert named in s.drawn("#main-0").splitlines()[-1]


@pytest.mark.parametrize("width", [36, 60, 80])
async def test_the_sign_of_nan_is_explained_however_many_marks_there_are(open_app, width):
    kinds = ("incident", "resolved", "restart", "checkpoint", "spoilt", "eval")
    marks = tuple(Mark(kind, 5_000 * (i + 1)) for i, kind in enumerate(kinds))
    async with open_app((width, 24), marks=marks, bad=(20, 21)) as s:
        assert "!" in s.drawn("#main-0").splitlines()[1]
        assert "! NaN" in s.drawn("#main-0").splitlines()[-1]


@pytest.mark.deep
async def test_what_is_cut_off_is_said_in_the_title(open_app):
    def spiky(view):
        shown = picture(view)
        charts = tuple(
            msgspec.structs.replace(c, high=(*c.high[:9], 1e6, *c.high[10:]))
            if c.metric == "train/grad_norm"
            else c
            for c in shown.run.charts
        )
        return msgspec.structs.replace(shown, run=msgspec.structs.replace(shown.run, charts=charts))

    async with open_app((120, 40), make=spiky) as s:
        assert "↑ values above, to 1M" in s.drawn("#main-1").splitlines()[0]
        assert "above" not in s.drawn("#main-0").splitlines()[0]


@pytest.mark.deep
async def test_the_range_of_a_chart_stays_until_something_else_is_shown(open_app):
    async with open_app((120, 40)) as s:
        panel = s.view.query_one("#main-0")
        before = panel._plot.scale
        await s.press("plus", "plus", "plus")
        assert panel._plot.scale.high < before.high
        await s.press("f", "minus", "minus", "minus", "minus")
        assert panel._plot.scale == before


@pytest.mark.few(1)
@pytest.mark.parametrize("theme", ["dark", "light", "contrast", "ansi"])
async def test_the_curve_stands_out_from_its_band_in_every_theme(open_app, theme):
    async with open_app((120, 40), theme=theme) as s:
        look = s.view.query_one("#main-0")._style
        looks = {str(look(role)) for role in ("smooth", "edge", "axis")}
        assert len(looks) == 3
        assert look("smooth").color == look("value").color
        assert look("smooth on band").color == look("smooth").color


async def begin_to_drag(s):
    """Draw up a range, the button still down."""
    await s.pilot.mouse_down("#main-0", offset=(20, 4))
    drag(s, 40)
    await s.until(lambda: s.scene.picked is not None)


@pytest.mark.deep
async def test_a_range_that_ends_where_it_began_is_not_picked(open_app):
    async with open_app((120, 40)) as s:
        await begin_to_drag(s)
        await s.pilot.mouse_up("#main-0", offset=(20, 4))
        await s.until(lambda: s.scene.picked is None)
        assert s.scene.window is None
        assert s.app.mouse_captured is None


@pytest.mark.deep
async def test_a_range_is_dropped_when_the_button_went_up_elsewhere(open_app):
    async with open_app((120, 40)) as s:
        await begin_to_drag(s)
        await s.pilot.hover("#main-0", offset=(30, 4))
        await s.until(lambda: s.scene.picked is None)
        assert s.app.mouse_captured is None


@pytest.mark.deep
async def test_a_range_is_dropped_when_another_view_is_shown(open_app):
    async with open_app((120, 40)) as s:
        await begin_to_drag(s)
        await s.press("2")
        await s.until(lambda: s.scene.picked is None)
        await s.press("1")
        roles = {role for row in s.view.query_one("#main-1")._drawn for _, role in row}
        assert " on picked" not in roles


@pytest.mark.deep
async def test_the_chart_of_an_alert_answers_the_mouse(open_app):
    async with open_app((120, 40), incidents=(SPIKE,)) as s:
        await s.press("5")
        await s.settle()
        panel = s.view.query_one("#alert-chart")
        assert panel.display
        await s.pilot.hover("#alert-chart", offset=(panel.size.width // 2, 3))
        await s.until(lambda: s.scene.cursor is not None)
        await s.until(lambda: f"@{int(s.scene.cursor):,}" in s.drawn("#alert-chart").splitlines()[0])
        await s.pilot.hover("#alert-list", offset=(10, 1))
        await s.until(lambda: s.scene.cursor is None)


async def test_one_chart_explains_the_marks(open_app):
    async with open_app((120, 40)) as s:
        explaining = [name for name in ("#main-0", "#main-1", "#minor-0") if "checkpoint" in s.drawn(name)]
        assert explaining == ["#main-0"]
        s.view.query_one("#main-1").focus()
        await s.settle()
        s.engine.push()
        await s.until(lambda: "checkpoint" in s.drawn("#main-1") and "checkpoint" not in s.drawn("#main-0"))
