"""Keys of the charts: what they show, how wide, how large, and where the cursor stands."""

import pytest

from runwatch.core.snapshot import Mark
from runwatch.tui import actions

from .fake_engine import SPIKE


async def test_zoom_and_back(open_app):
    async with open_app((120, 40), ranks=8) as s:
        before = s.view.query_one("#main-0").size
        await s.press("enter")
        assert s.view.query_one("#main-0").size.width == 120
        assert not s.view.query_one("#log").display
        assert len(s.engine.view.charts) == 2
        await s.press("escape")
        assert s.view.query_one("#main-0").size == before
        await s.press("z", "z")
        assert s.view.query_one("#main-0").size == before


async def test_tab_moves_the_focus_and_zoom_follows_it(open_app):
    async with open_app((120, 40)) as s:
        await s.press("tab")
        assert s.view.focused.id == "main-1"
        await s.press("shift+tab", "tab", "z")
        assert s.view.query_one("#main-1").size.width == 120
        assert [c.metric for c in s.engine.view.charts] == ["train/grad_norm"]


@pytest.mark.deep
async def test_zoom_of_the_ranks(open_app):
    async with open_app((120, 40), ranks=8) as s:
        s.view.query_one("#ranks").focus()
        await s.press("z")
        assert s.view.query_one("#ranks").size.height > 30


async def test_log_scale_and_smoothing(open_app):
    async with open_app() as s:
        await s.press("y")
        assert "log y" in s.drawn("#main-0")
        for expected in (
            "log y · smoothing 0.9 ",
            "log y · smoothing 0.99 ",
            "loss · log y ─",
            "log y · smoothing 0.6 ",
        ):
            await s.press("s")
            assert expected in s.drawn("#main-0").splitlines()[0]
        await s.press("S", "y")
        assert "smooth" not in s.drawn("#main-0")
        assert "log y" not in s.drawn("#main-0")


async def test_who_presses_s_to_silence_learns_where_while_an_alert_is_open(open_app):
    async with open_app((80, 24)) as s:
        await s.press("s")
        assert "silence" not in s.drawn("#head")
        await s.push(incidents=(SPIKE,))
        await s.press("s")
        assert "smoothing 0.99 · to silence the alert: 5 s" in s.drawn("#head")
        await s.press("5", "s")
        assert "silence" in s.text()
        assert "1 hour" in s.text()


@pytest.mark.deep
async def test_a_logarithmic_x_axis(open_app):
    async with open_app() as s:
        await s.press("X")
        assert "log x" in s.drawn("#main-0")
        assert all(chart.log for chart in s.engine.view.charts), (
            "the engine spreads the columns like the axis"
        )
        await s.press("left")
        newest = s.scene.cursor
        await s.press(*["left"] * 20)
        assert s.scene.cursor < newest / 1.5, "a column is a part of what is before it"
        await s.press("+")
        assert s.scene.window is not None
        assert s.scene.first_step() <= s.scene.cursor
        await s.press("escape", "X")
        assert "log x" not in s.drawn("#main-0")
        assert not any(chart.log for chart in s.engine.view.charts)


@pytest.mark.deep
async def test_charts_end_a_little_ahead_of_a_run_that_goes_on(open_app):
    async with open_app() as s:
        (last,) = {c.last for c in s.engine.view.charts}
        assert 41_230 < last < 41_230 * 1.04
        await s.push(step=41_231)
        assert {c.last for c in s.engine.view.charts} == {last}
        await s.push(step=50_000)
        assert s.engine.view.charts[0].last > 50_000
        await s.push(step=50_000, phase="finished")
        assert {c.last for c in s.engine.view.charts} == {None}
        await s.push(step=50_000, marks=(Mark("restart", 40_000),))
        assert {c.last for c in s.engine.view.charts} == {None}


async def test_window(open_app):
    async with open_app() as s:
        await s.press("plus")
        assert s.scene.window == 20_000
        assert {c.first for c in s.engine.view.charts} == {21_200.0}
        assert "last 20k" in s.drawn("#main-0")
        await s.press("+")
        assert s.scene.window == 10_000
        await s.press("minus", "minus")
        assert s.scene.window is None
        assert {c.first for c in s.engine.view.charts} == {None}


async def test_cursor_shows_values_and_follow_drops_it(open_app):
    async with open_app() as s:
        await s.press("left")
        assert s.scene.cursor == 41_230
        await s.press("left", "left")
        assert 39_000 < s.scene.cursor < 41_230
        assert f"@{int(s.scene.cursor):,}" in s.drawn("#main-1")
        at = s.scene.cursor
        await s.press("right")
        assert s.scene.cursor > at
        await s.press("f")
        assert s.scene.cursor is None
        await s.press("left", "escape")
        assert s.scene.cursor is None
        assert s.view.view == actions.OVERVIEW


async def test_metrics_pages(open_app):
    names = ("train/loss", *(f"reward/{i}" for i in range(9)))
    async with open_app((100, 24), metrics=names) as s:
        await s.press("2")
        assert [c.metric for c in s.engine.view.charts] == ["train/loss", "reward/0", "reward/1", "reward/2"]
        await s.press("pagedown", "pagedown")
        assert [c.metric for c in s.engine.view.charts] == ["reward/7", "reward/8"]
        assert "PgDn" not in s.drawn("#keys")
        await s.press("pageup")
        assert s.view.page == 1


async def test_where_a_legend_is_narrow_its_words_get_shorter_before_the_best_is_left_out(open_app):
    marks = tuple(Mark("eval", 1000 * i) for i in range(40))
    async with open_app((86, 24), marks=(*marks, Mark("checkpoint", 20_000))) as s:
        await s.press("2")
        (legend,) = [line for line in s.text().splitlines() if " evals" in line]
        assert "★ lowest" in legend


async def test_what_is_not_finite_at_the_cursor_is_not_called_a_number_or_nan(open_app):
    async with open_app((120, 40), bad=tuple(range(200))) as s:
        assert "NaN" in s.drawn("#main-0").splitlines()[0]
        await s.press("left")
        title = s.drawn("#main-0").splitlines()[0]
        assert "not finite" in title
        assert "nan" not in title


async def test_escape_shows_the_whole_run_again_and_the_footer_says_so(open_app):
    async with open_app((120, 40)) as s:
        for key in "12":
            await s.press(key)
            assert "esc All" not in s.drawn("#keys")
            s.app.scene.show_steps(118, 182)
            await s.press("f")  # the newest, as many as were picked
            assert s.app.scene.window == 64
            assert "esc All" in s.drawn("#keys")
            await s.press("escape")
            assert (s.app.scene.window, s.app.scene.right) == (None, None)
            assert "esc All" not in s.drawn("#keys")
