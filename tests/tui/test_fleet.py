"""The list of runs: sorted, grouped, marked and clicked; where it comes up first; who is in the sidebar."""

import msgspec
import pytest

from runwatch.core.snapshot import Progress, RunRow
from runwatch.tui import actions
from runwatch.tui.app import RunwatchApp
from runwatch.watcher import protocol

from .fake_engine import FakeEngine, picture
from .test_mouse import click

STATES = ("training", "training", "finished", "crashed")


def fleet(count=12, **fields):
    rows = tuple(
        RunRow(
            f"run{n}.log", f"exp-{n:02}", STATES[n % 4], Progress(100 * n, 2000, n / 20, 60.0 * n),
            critical=int(n % 4 == 3), loss=3.0 - n / 10, folder=f"/runs/{'ab'[n % 2]}",
            worst="crashed: CUDA error" if n % 4 == 3 else "", worst_severity="critical" if n % 4 == 3 else "",
        )
        for n in range(count)
    )  # fmt: skip

    def make(view):
        shown = picture(view, id=view.run or "run0.log", name="exp", **fields)
        trends = tuple((3.0, 2.5, 2.0) if view.trends else () for _ in rows)
        return msgspec.structs.replace(
            shown,
            runs=tuple(msgspec.structs.replace(r, trend=t) for r, t in zip(rows, trends, strict=True)),
        )

    return make


def listed(s):
    """Return the numbers of the runs in the order of the table."""
    found = (line.partition("exp-")[2][:2] for line in s.drawn("#runs").splitlines())
    return [int(number) for number in found if number.isdigit()]


async def test_runs_are_sorted_by_each_column_and_the_other_way_round(open_app):
    async with open_app((120, 40), make=fleet()) as s:
        await s.press("0")
        assert listed(s)[:3] == [3, 7, 11]  # what is wrong
        while s.view.table.order.column != "loss":
            await s.press(">")
        assert listed(s) == [*range(11, -1, -1)]
        await s.press("r")
        assert listed(s) == [*range(12)]
        await s.press("<")
        assert s.view.table.order.column == "ETA"


@pytest.mark.deep
async def test_runs_are_grouped_by_what_distinguishes_them(open_app):
    async with open_app((120, 40), make=fleet()) as s:
        await s.press("0", "n")
        assert "CRASHED  3 runs, 3 critical" in s.drawn("#runs")
        await s.press("n")
        assert "/runs/b  6 runs" in s.drawn("#runs")
        await s.press("n")
        assert "6 runs" not in s.drawn("#runs")


async def test_the_selected_run_is_that_of_the_screen_and_is_shown_below(open_app):
    async with open_app((120, 40), make=fleet()) as s:
        await s.press("0", "home", "down")
        assert s.engine.view.run == "run7.log"
        assert "loss" in s.drawn("#run-chart")
        assert "no alerts" in s.drawn("#run-detail")
        assert s.engine.view.trends > 0
        await s.press("1")
        assert s.engine.view.run == "run7.log"
        assert s.engine.view.trends == 0


async def test_many_runs_have_the_view_to_themselves(open_app):
    async with open_app((80, 24), make=fleet(40)) as s:
        await s.press("0")
        assert not s.view.query_one("#run-lower").display
        await s.press("end")
        assert "exp-38" in s.drawn("#runs")


async def test_marked_runs_are_laid_over_each_other(open_app):
    async with open_app((120, 40), make=fleet()) as s:
        await s.press("0", "home", "m", "m")
        assert "2 marked" in s.drawn("#runs")
        await s.press("c")
        assert s.view.view == actions.OVERVIEW
        assert (s.engine.view.run, s.engine.view.compare) == ("run3.log", ("run7.log",))
        await s.press("0", "escape")
        assert "marked" not in s.drawn("#runs")
        assert s.view.view == actions.RUNS


async def test_two_runs_of_the_table_are_compared_in_three_actions(open_app):
    async with open_app((120, 40), make=fleet()) as s:
        await s.press("0", "home")
        here = s.view.table.selected().id
        await s.press("c", "down", "enter")  # nothing is marked: the one at the pointer
        assert s.view.view == actions.OVERVIEW
        assert s.engine.view.run == here
        (other,) = s.engine.view.compare
        assert other != here
        await s.press("0", "c")
        assert "[x]" in s.text()
        await s.press("escape")
        assert s.scene.compare == (other,)


@pytest.mark.deep
async def test_two_runs_of_the_table_are_compared_with_three_clicks(open_app):
    async with open_app((120, 40), make=fleet()) as s:
        await s.press("0", "home")
        await click(s, "Compare")
        await click(s, "[ ] exp-07")
        await click(s, "enter Done")
        assert s.view.view == actions.OVERVIEW
        assert s.engine.view.compare == ("run7.log",)


@pytest.mark.deep
async def test_marked_runs_are_silenced_together(open_app):
    async with open_app((120, 40), make=fleet()) as s:
        await s.press("0", "home", "m", "m", "s", "enter")
        asked = [r for r in s.engine.requests if isinstance(r, protocol.Silence)]
        assert [r.matchers for r in asked] == [("run=exp-03",), ("run=exp-07",)]
        assert {r.ends for r in asked} == {1_003_600.0}


@pytest.mark.deep
async def test_marked_runs_of_other_hosts_are_silenced_there(open_app):
    def hosts(view):
        shown = fleet()(view)
        rows = tuple(
            msgspec.structs.replace(row, host=f"gpu{n % 2}", name=f"gpu{n % 2}:{row.name}", critical=0)
            for n, row in enumerate(shown.runs)
        )
        return msgspec.structs.replace(shown, runs=rows)

    async with open_app((120, 40), make=hosts) as s:
        await s.press("0", "home", "m", "end", "m", "s", "down", "enter")
        asked = [r for r in s.engine.requests if isinstance(r, protocol.Silence)]
        assert {r.host for r in asked} == {"gpu0", "gpu1"}
        assert all(len(r.matchers) == 1 and r.matchers[0].startswith("run=exp-") for r in asked)


async def test_a_click_on_a_heading_sorts_and_one_on_a_run_selects_and_opens_it(open_app):
    async with open_app((120, 40), make=fleet()) as s:
        await s.press("0")
        x = s.drawn("#runs").splitlines()[1].index("loss")
        await s.pilot.click("#runs", offset=(x, 1))
        await s.settle()
        assert listed(s)[0] == 11
        await s.pilot.click("#runs", offset=(x, 1))
        await s.settle()
        assert listed(s)[0] == 0
        await s.pilot.click("#runs", offset=(x, 4))
        await s.settle()
        assert s.engine.view.run == "run2.log"
        assert s.view.view == actions.RUNS
        await s.pilot.click("#runs", offset=(x, 4))
        await s.settle()
        assert s.view.view == actions.OVERVIEW


@pytest.mark.few(1)
@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
async def test_no_row_of_the_table_is_wider_than_the_screen(open_app, width):
    async with open_app((width, 30), make=fleet()) as s:
        await s.press("0")
        assert "cannot show" not in s.drawn("#runs")
        assert "exp-03" in s.drawn("#runs")


async def begun(make):
    """Return the view that a screen that may begin with the list comes up with."""
    engine = FakeEngine(make)
    app = RunwatchApp(await engine.start(), fleet=True)
    try:
        async with app.run_test(size=(120, 40)) as pilot:
            while app.scene.snapshot is None:
                await pilot.pause()
            seen = engine.frames
            while engine.frames < seen + 2:
                engine.push()
                await pilot.pause()
            await pilot.pause()
            return app.view.view
    finally:
        await engine.stop()


async def test_several_runs_begin_with_their_list():
    assert await begun(fleet()) == actions.RUNS


async def test_one_run_begins_with_its_overview():
    assert await begun(fleet(1)) == actions.OVERVIEW


async def test_logs_that_are_read_slowly_begin_with_the_list_of_their_runs():
    now, read = [0.0], [1]

    def reading(view):
        shown = fleet(20)(view)
        unread = {"phase": "starting", "progress": Progress(), "critical": 0}
        rows = tuple(
            row if n <= read[0] else msgspec.structs.replace(row, **unread)
            for n, row in enumerate(shown.runs, start=1)
        )
        return msgspec.structs.replace(shown, runs=rows)

    engine = FakeEngine(reading)
    app = RunwatchApp(await engine.start(), fleet=True, clock=lambda: now[0])
    try:
        async with app.run_test(size=(120, 40)) as pilot:
            while app.scene.snapshot is None:
                await pilot.pause()
            now[0] = 30.0
            assert app.view.view == actions.OVERVIEW
            assert app.scene.wanted_run() is None, "another may be more urgent"
            engine.push()
            await pilot.pause()
            read[0] = 20
            while app.view.view == actions.OVERVIEW:
                engine.push()
                await pilot.pause()
            assert app.view.view == actions.RUNS
            assert app.scene.wanted_run() == app.scene.run.id, "from now on it stays"
    finally:
        await engine.stop()


async def test_attempts_of_one_run_begin_with_the_newest():
    def attempts(view):
        shown = fleet(2)(view)
        rows = tuple(
            msgspec.structs.replace(row, id=f"a.log#{n}", progress=Progress(5))
            for n, row in enumerate(shown.runs)
        )
        return msgspec.structs.replace(shown, runs=rows)

    assert await begun(attempts) == actions.OVERVIEW


async def test_the_sidebar_has_the_run_of_the_screen(open_app):
    async with open_app((200, 50), make=fleet(22)) as s:
        for _ in range(3):
            await s.press("[")
        assert s.scene.run.id == "run19.log"
        assert "exp-19" in s.drawn("#summary")
        assert "and " in s.drawn("#summary")


@pytest.mark.deep
async def test_on_a_phone_the_alerts_of_a_run_are_below_its_chart(open_app):
    async with open_app((58, 64), make=fleet()) as s:
        await s.press("0")
        chart, detail = s.view.query_one("#run-chart"), s.view.query_one("#run-detail")
        assert chart.display
        assert detail.display
        assert chart.size.width == detail.size.width > 50
        assert chart.region.bottom <= detail.region.y
        await s.resize(58, 30)
        assert chart.display != detail.display, "both have no room"
        await s.resize(120, 40)
        assert chart.region.y == detail.region.y, "side by side"
