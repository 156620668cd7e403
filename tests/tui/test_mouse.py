"""What the mouse does: tabs, footer, lists, panels, wheel and scrollbar, each as its key does."""

import msgspec
import pytest
from textual import events

from runwatch.core.snapshot import EventRow, Progress, RunRow
from runwatch.tui import actions
from runwatch.watcher.protocol import Silence

from .fake_engine import ALERTS, CHECKPOINTS, SOURCES, picture
from .test_plots import with_other
from .test_summary import GOOD, with_single


async def click(s, text, row=None):
    """Click on the first place of the screen that shows a text, or that of a row."""
    lines = s.text().splitlines()
    y = next(y for y, line in enumerate(lines) if text in line and row in {None, y})
    await s.pilot.click(offset=(lines[y].index(text), y))
    await s.settle()


async def wheel(s, text, down=True, times=1):
    """Turn the wheel over the first place that shows a text."""
    lines = s.text().splitlines()
    y = next(y for y, line in enumerate(lines) if text in line)
    kind = events.MouseScrollDown if down else events.MouseScrollUp
    for _ in range(times):
        await s.pilot._post_mouse_events([kind], offset=(lines[y].index(text), y), button=0)
    await s.settle()


@pytest.mark.few(1)
@pytest.mark.parametrize("size", [(80, 24), (120, 40), (40, 12)])
async def test_tabs_open_views_at_every_width(open_app, size):
    async with open_app(size, ranks=8) as s:
        for place, view in enumerate(actions.VIEWS):
            names = s.drawn("#head").splitlines()[2].split()
            await click(s, names[place if size[0] == 40 else names.index(str(place))], row=2)
            assert s.view.view == view


async def test_no_tap_at_the_corner_of_a_phone_leaves(open_app):
    async with open_app((40, 30)) as s:
        assert "Quit" not in s.drawn("#keys")
        await s.pilot.click(offset=(0, 29))
        await s.settle()
        assert s.app.return_value is None


async def test_a_click_selects_an_alert_and_another_shows_its_chart(open_app):
    async with open_app((120, 40), incidents=ALERTS) as s:
        await s.press("5")
        wanted = s.scene.incidents()[1]
        await click(s, wanted.rule)
        assert s.scene.selected().id == wanted.id
        first = s.scene.incidents()[0]
        await click(s, first.rule)
        await click(s, first.rule)
        assert s.scene.cursor == first.step


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_what_an_alert_is_about_is_a_link(open_app, size):
    spike = msgspec.structs.replace(ALERTS[0], rank=3)
    async with open_app(size, incidents=(spike,), ranks=8) as s:
        for text, view in (
            ("line 40,112", actions.LOGS),
            ("step 31,800", actions.OVERVIEW),
            ("rank 3", actions.RANKS),
            ("rule loss_spike", actions.ALERTS),
        ):
            await s.press("5")
            about = s.drawn("#alert-detail").splitlines()
            y = next(y for y, line in enumerate(about) if text in line)
            await s.pilot.click("#alert-detail", offset=(about[y].index(text), y))
            await s.settle()
            assert s.view.view == view
            if view == actions.RANKS:
                assert s.view.detail
        assert s.scene.cursor == 31_800


@pytest.mark.parametrize("text", ["grad norm", "tok/s"])
async def test_a_metric_next_to_the_chart_shows_its_own(open_app, text):
    async with open_app((80, 24)) as s:
        y = next(y for y, line in enumerate(s.drawn("#stats").splitlines()) if text in line)
        await s.pilot.click("#stats", offset=(3, y))
        await s.settle()
        assert s.drawn("#main-0").splitlines()[0].startswith(f"╭─ {text}")


@pytest.mark.parametrize(
    ("size", "panel"), [((120, 40), "#card"), ((80, 24), "#stats"), ((200, 50), "#summary")]
)
async def test_lines_of_the_summary_lead_to_the_checkpoints_and_to_curves(open_app, size, panel):
    async with open_app(size, make=with_single, **GOOD) as s:
        for text in ("best val loss", "checkpoints  "):
            lines = s.drawn(panel).splitlines()
            y = next(y for y, line in enumerate(lines) if text in line)
            await s.pilot.click(panel, offset=(lines[y].index(text), y))
            await s.settle()
            if text == "best val loss":
                assert "val loss" in s.drawn("#main-0").splitlines()[0]
                assert s.view.query_one("#main-0").size.width == size[0]
                await s.press("escape")
        assert s.view.view == actions.CHECKPOINTS


async def test_a_run_at_the_side_is_shown(open_app):
    async with open_app((200, 50)) as s:
        await click(s, "abl-17-wd")
        assert (s.view.view, s.engine.view.run) == (actions.OVERVIEW, "r2")


async def test_the_card_of_the_end_closes_and_leads_on(open_app):
    crash = msgspec.structs.replace(ALERTS[0], rule="crash", title="crashed: ValueError: x")
    async with open_app((120, 40), phase="crashed", incidents=(crash,), checkpoints=CHECKPOINTS) as s:
        if "last good" in s.drawn("#end"):
            await click(s, "last good")
            assert s.view.view == actions.CHECKPOINTS
            await s.press("1")
        await click(s, "duration")
        assert s.view.view == actions.ALERTS
        await s.press("1")
        await click(s, "esc closes")
        assert not s.view.query_one("#end").display


async def test_what_is_known_of_the_selected_run_opens_it(open_app):
    async with open_app((120, 40)) as s:
        await s.press("0")
        await click(s, "enter opens")
        assert s.view.view == actions.OVERVIEW


async def test_a_click_selects_a_rank_and_another_shows_its_detail(open_app):
    async with open_app((120, 40), ranks=64) as s:
        await s.press("3")
        table = s.view.query_one("#rank-table")
        third = table.sorted()[3].rank
        await s.pilot.click("#rank-table", offset=(4, 2 + 3))
        await s.settle()
        assert table.selected().rank == third
        await s.pilot.click("#rank-table", offset=(4, 2 + 3))
        await s.settle()
        assert s.view.detail


@pytest.mark.deep
async def test_a_click_selects_a_line_and_another_shows_the_charts_there(open_app):
    async with open_app((100, 30)) as s:
        await s.press("4")
        view = s.view.log_view
        await s.pilot.click("#log-view", offset=(10, 5))
        await s.settle()
        assert view.at == view.bottom - view.room + 5
        assert not view.following
        await s.pilot.click("#log-view", offset=(10, 5))
        await s.settle()
        assert s.view.view == actions.OVERVIEW
        assert s.scene.cursor is not None


async def test_panels_of_the_overview_open_their_views(open_app):
    shown = {"ranks": 8, "incidents": ALERTS, "checkpoints": CHECKPOINTS}
    async with open_app((200, 50), **shown) as s:
        for panel, view in (
            ("#alerts", actions.ALERTS), ("#log", actions.LOGS), ("#ranks", actions.RANKS),
            ("#checkpoints", actions.CHECKPOINTS), ("#summary", actions.RUNS),
        ):  # fmt: skip
            await s.pilot.click(panel, offset=(5, 0 if panel == "#summary" else 2))
            await s.settle()
            assert s.view.view == view
            await s.press("1")


async def test_the_wheel_scrolls_the_list_beneath_it(open_app):
    events = tuple(EventRow("error", f"error {i}", i, i) for i in range(60))
    async with open_app((80, 24), checkpoints=CHECKPOINTS * 20, events=events) as s:
        await s.press("6")
        await wheel(s, "error 1", times=2)
        assert "error 0" not in s.text()
        assert "error 6" in s.text()
        assert s.view.query_one("#checkpoint-table").at == 0
        await wheel(s, "step_40000")
        assert s.view.query_one("#checkpoint-table").at == 3
        await s.press("4")
        before = s.view.log_view.bottom
        await wheel(s, "iteration", down=False)
        assert s.view.log_view.bottom == before - 3


async def test_below_the_checkpoints_is_the_curve_that_they_are_chosen_by(open_app):
    async with open_app((120, 40), checkpoints=CHECKPOINTS) as s:
        await s.press("6")
        chart = s.view.query_one("#checkpoint-chart")
        assert chart.display
        assert chart.metrics == ("val/loss",)
        assert "checkpoint" in s.drawn("#checkpoint-chart")
        await s.pilot.click("#checkpoint-chart", offset=(30, 5), times=2)
        await s.settle()
        assert s.view.view == actions.OVERVIEW
        await s.resize(80, 16)
        await s.press("6")
        assert not chart.display, "tables first"


@pytest.mark.deep
async def test_the_scrollbar_of_a_long_list(open_app):
    def many(view):
        rows = tuple(RunRow(f"r{n}", f"exp_{n}", "training", Progress()) for n in range(200))
        return msgspec.structs.replace(picture(view, id="r0"), runs=rows)

    async with open_app((100, 30), make=many) as s:
        await s.press("0")
        edge = [line[-1] for line in s.drawn("#runs").splitlines()]
        assert edge[1] == "█"
        assert edge[-2] == "│"
        height = s.view.query_one("#runs").size.height
        await s.pilot.click("#runs", offset=(99, height - 2))
        await s.settle()
        table = s.view.query_one("#runs")
        assert table.found().index(table.selected()) > 150
        assert [line[-1] for line in s.drawn("#runs").splitlines()][1] == "│"
        await s.press("end")
        assert [line[-1] for line in s.drawn("#runs").splitlines()][-2] == "█"


async def test_a_list_that_fits_has_no_scrollbar(open_app):
    async with open_app((100, 30)) as s:
        await s.press("0")
        assert "█" not in s.drawn("#runs")


async def test_an_alert_of_the_overview_opens_with_its_evidence(open_app):
    async with open_app((160, 50), incidents=ALERTS) as s:
        wanted = s.scene.incidents()[1]
        panel = s.view.query_one("#alerts")
        row = next(y for y, line in enumerate(s.drawn("#alerts").splitlines()) if wanted.title[:20] in line)
        await s.pilot.click("#alerts", offset=(6, row))
        await s.settle()
        assert (s.view.view, s.scene.selected().id) == (actions.ALERTS, wanted.id)
        assert panel.display


async def test_a_checkpoint_leads_to_its_charts_and_an_event_to_its_line(open_app):
    events = (EventRow("nccl", "slow allreduce", 39_990, 49_990, 37, SOURCES[1]),)
    async with open_app((100, 40), checkpoints=CHECKPOINTS, events=events) as s:
        await s.press("6")
        await click(s, "damaged")
        assert (s.view.view, s.scene.cursor) == (actions.OVERVIEW, 30_000)
        await s.press("6")
        await click(s, "slow allreduce")
        assert s.view.view == actions.LOGS
        assert (s.view.log_view.at, s.engine.view.log_source) == (49_990, SOURCES[1])


async def test_the_bar_of_an_incident_leads_to_its_evidence(open_app):
    async with open_app((100, 40), incidents=ALERTS) as s:
        await s.pilot.click("#incident-bar", offset=(20, 0))
        await s.settle()
        assert s.view.view == actions.ALERTS


@pytest.mark.deep
async def test_one_click_on_a_duration_silences(open_app):
    for size in ((80, 24), (40, 12)):
        async with open_app(size, incidents=ALERTS) as s:
            await click(s, "CRITICAL")
            await click(s, "Silence")
            text = s.text()
            assert "Send nothing about loss_spike" in text
            assert "until it is done" in text
            assert "shows it." in text
            assert text.count("esc Cancel") == 2, "in the frame and in the footer"
            await click(s, "1 hour")
            (asked,) = [request for request in s.engine.requests if isinstance(request, Silence)]
            assert asked.ends == 1_000_000 + 3600
            assert s.app.screen is s.view


def with_others(view):
    rows = tuple(RunRow(f"r{n}", f"exp_{n}", "training", Progress(step=5)) for n in range(1, 5))
    return msgspec.structs.replace(picture(view), runs=rows)


@pytest.mark.deep
async def test_runs_are_compared_with_clicks_alone(open_app):
    for size in ((120, 40), (80, 24)):
        async with open_app(size, make=with_others) as s:
            await click(s, "Compare")
            await click(s, "exp_2")
            await click(s, "exp_4")
            await click(s, "exp_2")
            await click(s, "[ ] exp_3")
            await click(s, "enter Done")
            assert s.engine.view.compare == ("r3", "r4")


def compared(view):
    shown = msgspec.structs.replace(with_other(view), runs=with_others(view).runs)
    return msgspec.structs.replace(shown, run=msgspec.structs.replace(shown.run, id="r1"))


async def test_on_a_small_screen_the_verdict_has_no_frame_and_the_chart_stays(open_app):
    async with open_app((40, 12), make=compared) as s:
        await s.press("c", "down", "enter")
        assert s.drawn("#comparison").startswith("exp_3: too few steps in common")
        assert s.view.query_one("#main-0").size.height >= 5
        await click(s, "too few steps")
        assert "compare with" in s.text()


async def test_a_click_on_what_was_compared_ends_it(open_app):
    async with open_app((120, 40), make=compared) as s:
        await click(s, "Compare")
        await click(s, "[ ] exp_3")
        await click(s, "enter Done")
        assert s.view.query_one("#comparison").display
        assert "c changes or ends it" in s.drawn("#comparison")
        await click(s, "too few steps in common")
        await click(s, "[x] exp_3")
        await click(s, "enter Done")
        assert s.engine.view.compare == ()
        assert not s.view.query_one("#comparison").display


async def test_a_dialog_has_its_own_footer_and_ends_with_a_click(open_app):
    async with open_app((80, 24), make=with_others) as s:
        for key, text, end in (
            ("c", "m Mark", "esc Cancel"),
            ("T", "enter Choose", "esc Cancel"),
            ("colon", "enter Run", "esc Close"),
            ("question_mark", "/ Filter", "esc Close"),
        ):
            for place in (end, None):
                await s.press(key)
                assert s.app.screen is not s.view
                assert text in s.text().splitlines()[-1]
                assert "View" not in s.text().splitlines()[-1]
                if place:
                    await click(s, place, row=23)
                else:
                    await s.pilot.click(offset=(0, 22))
                    await s.settle()
                assert s.app.screen is s.view, (key, place)
        assert s.scene.compare == ()


@pytest.mark.deep
async def test_on_a_phone_a_thumb_hits_a_tab(open_app):
    async with open_app((58, 64)) as s:
        tabs = s.drawn("#head").splitlines()[2]
        x = tabs.index("6Ckpt") + len("6Ckpt")  # the gap behind it is a part of it
        await s.pilot.click("#head", offset=(x, 1))
        await s.settle()
        assert s.view.view == actions.CHECKPOINTS
    async with open_app((120, 40)) as s:
        await s.pilot.click("#head", offset=(s.drawn("#head").splitlines()[2].index("Logs"), 1))
        await s.settle()
        assert s.view.view == actions.OVERVIEW, "there is room enough"


async def test_a_click_on_the_bar_of_a_rank_opens_it_and_in_its_view_selects_it_first(open_app):
    async with open_app((120, 40), ranks=8) as s:
        await click(s, "r2 ")
        assert (s.view.view, s.view.query_one("#rank-table").selected().rank) == (actions.RANKS, 2)
        assert "rank 2" in s.drawn("#rank-detail"), "as Enter does"
        await s.press("escape")
        await click(s, "r6 ")
        assert s.view.query_one("#rank-table").selected().rank == 6
        assert not s.view.detail
        await click(s, "r6 ")
        assert "rank 6" in s.drawn("#rank-detail")


@pytest.mark.few(2)
@pytest.mark.parametrize(("count", "width"), [(64, 120), (512, 120), (64, 80), (4096, 120)])
async def test_each_cell_of_a_grid_shows_the_rank_that_a_click_on_it_opens(open_app, count, width):
    async with open_app((width, 40), ranks=count) as s:
        await s.press("3")
        grid, table = s.view.query_one("#rank-grid"), s.view.query_one("#rank-table")
        seen = []
        for y in range(1, grid.size.height - 1):
            for x in range(1, width - 1, 1 if count <= 512 else 3):
                row = grid._rank_at(x - 1, y - 1)
                seen += [] if row is None else [row.rank]
        assert set(seen) == set(range(count)) if count <= 512 else len(set(seen)) > 200
        await s.pilot.click("#rank-grid", offset=(9, 1))
        await s.settle()
        assert table.selected().rank in range(64)


async def test_a_line_of_the_help_does_what_its_key_does(open_app):
    async def click(words):
        lines = s.text().splitlines()
        y = next(y for y, line in enumerate(lines) if words in line)
        await s.pilot.click(offset=(lines[y].index(words), y))
        await s.settle()

    async with open_app((120, 80)) as s:
        await s.press("question_mark")
        await click("on this screen")
        assert s.app.screen is not s.view, "this line is about no key"
        await click("linear or logarithmic y axis")
        assert s.app.screen is s.view
        assert s.scene.log_y
        await s.press("question_mark", "slash", *"theme", "enter")
        await click("choose a theme")
        assert "color-blind" in s.text()
        await s.press("escape", "question_mark", "slash", *"bookmark", "enter")
        await click("(logs)")
        assert s.view.view == "logs", "a key of another view leads there"
