"""Where a screen of several runs comes up, and what is selected there."""

import msgspec

from runwatch.core.snapshot import Progress
from runwatch.tui import actions
from runwatch.tui.app import RunwatchApp

from .fake_engine import FakeEngine
from .test_run_list import several


async def begun(make):
    """Return the view that a screen that may begin with the list comes up with."""
    engine = FakeEngine(make)
    app = RunwatchApp(await engine.start(), list_first=True)
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
    assert await begun(several()) == actions.RUNS


async def test_one_run_begins_with_its_overview():
    assert await begun(several(1)) == actions.OVERVIEW


async def test_a_picture_that_comes_while_the_screen_ends_is_not_drawn():
    engine = FakeEngine(several())
    app = RunwatchApp(await engine.start(), list_first=True)
    try:
        async with app.run_test(size=(120, 40)) as pilot:
            while app.scene.snapshot is None:
                await pilot.pause()
            view = app.view
        view.show()
    finally:
        await engine.stop()


async def test_a_view_that_is_opened_while_the_screen_ends_has_no_panels_and_is_not_drawn(open_app):
    async with open_app((120, 40), make=several(4)) as s:
        await s.app.view.query("*").remove()
        s.app.refresh_view()


async def test_logs_that_are_read_slowly_begin_with_the_list_of_their_runs():
    now, read = [0.0], [1]

    def reading(view):
        shown = several(20)(view)
        unread = {"phase": "starting", "progress": Progress(), "critical": 0}
        rows = tuple(
            row if n <= read[0] else msgspec.structs.replace(row, **unread)
            for n, row in enumerate(shown.runs, start=1)
        )
        return msgspec.structs.replace(shown, runs=rows)

    engine = FakeEngine(reading)
    app = RunwatchApp(await engine.start(), list_first=True, clock=lambda: now[0])
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


async def test_nothing_is_selected_while_the_most_urgent_is_being_found_and_what_is_selected_stays(open_app):
    urgent = ["run0.log"]

    def reading(view):
        shown = several(4)(msgspec.structs.replace(view, run=view.run or urgent[0]))
        late = {"phase": "starting", "progress": Progress()}
        return msgspec.structs.replace(
            shown, runs=(*shown.runs[:3], msgspec.structs.replace(shown.runs[3], **late))
        )

    async with open_app((120, 40), make=reading) as s:
        s.app.open_view(actions.RUNS)  # as it comes up by itself, before any key
        await s.settle()
        assert s.view.table.selected() is None
        assert "▸" not in s.drawn("#runs")
        await s.press("down")
        here = s.view.table.selected().id
        urgent[0] = "run2.log"
        s.engine.push()
        await s.settle()
        assert (s.view.table.selected().id, s.scene.run.id) == (here, here)


async def test_attempts_of_one_run_begin_with_the_newest():
    def attempts(view):
        shown = several(2)(view)
        rows = tuple(
            msgspec.structs.replace(row, id=f"a.log#{n}", progress=Progress(5))
            for n, row in enumerate(shown.runs)
        )
        return msgspec.structs.replace(shown, runs=rows)

    assert await begun(attempts) == actions.OVERVIEW
