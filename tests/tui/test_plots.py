"""Keys of charts: axes, panning, comparison, marks, and the way to the log and back."""

import msgspec
import pytest

from runwatch.core.gap import Gap
from runwatch.core.snapshot import Compared
from runwatch.render.charts import chart
from runwatch.tui import actions
from runwatch.tui.screens.pick import Pick

from .fake_engine import columns, picture


def with_other(view):
    """A picture in which other runs that are asked for have curves too."""
    shown = picture(view)
    others = tuple(
        Compared(run, tuple(columns(c.metric, c.width, 20_000) for c in view.charts)) for run in view.compare
    )
    return msgspec.structs.replace(shown, compared=others)


async def test_the_x_axis_goes_from_steps_to_time_to_tokens(open_app):
    async with open_app((120, 40)) as s:
        await s.press("x")
        assert "· x time" in s.drawn("#main-0")
        assert s.drawn("#main-0").splitlines()[-3].rstrip("│─┴").endswith("h")
        await s.press("left")
        assert "@23h" in s.drawn("#main-0")  # 41,230 steps of two seconds
        await s.press("x")
        assert "· x tokens" in s.drawn("#main-0")
        assert "@34.4G" in s.drawn("#main-0")
        await s.press("x")
        assert "· x" not in s.drawn("#main-0")


async def test_an_axis_asks_for_what_it_is_made_of(open_app):
    names = ("train/loss", "perf/step_time")
    async with open_app((120, 40), metrics=names) as s:
        await s.press("z")
        assert [c.metric for c in s.engine.view.charts] == ["train/loss"]
        await s.press("x")
        assert [c.metric for c in s.engine.view.charts] == ["train/loss", "perf/step_time"]
        await s.press("x")  # without tokens a second there is no third axis
        assert s.scene.axis == "step"


async def test_an_axis_that_the_log_does_not_allow_is_not_offered(open_app):
    async with open_app((120, 40), metrics=("train/loss",)) as s:
        assert "x Axis" not in s.drawn("#keys")
        await s.press("x")
        assert s.scene.axis == "step"


@pytest.mark.deep
async def test_panning_leaves_the_newest_and_follow_goes_back(open_app):
    async with open_app((120, 40)) as s:
        await s.press("plus")
        assert s.scene.window == 20_000
        await s.press("shift+left")
        assert s.scene.right == 31_230
        assert {(c.first, c.last) for c in s.engine.view.charts} == {(11_200.0, 31_230.0)}
        assert "11.2k to 31.2k" in s.drawn("#main-0")
        assert "f Follow" in s.drawn("#keys")
        await s.press("H", "H", "H")
        assert s.scene.right == 20_000  # not before the beginning
        await s.press("L")
        assert s.scene.right == 30_000
        await s.press("f")
        assert s.scene.right is None
        await s.press("shift+left", "shift+right", "shift+right")
        assert s.scene.right is None
        await s.press("shift+left", "escape")
        assert s.scene.right is None


async def test_panning_a_whole_run_shows_its_newer_half_first(open_app):
    async with open_app((120, 40)) as s:
        await s.press("shift+left")
        assert s.scene.window == 20_000
        assert s.scene.right == 31_230


async def test_other_runs_are_laid_over_the_charts(open_app):
    async with open_app((120, 40), make=with_other) as s:
        before = s.drawn("#main-1")
        await s.press("c")
        assert isinstance(s.app.screen, Pick)
        assert "abl-17-wd" in s.text()
        assert "llama" not in "\n".join(
            "".join(t for t, _ in row) for row in s.app.screen.panel.content(40, 10).rows
        )
        await s.press("m", "enter")
        assert s.engine.view.compare == ("r2",)
        assert "abl-17-wd" in s.drawn("#main-1").splitlines()[0]
        assert s.drawn("#main-1") != before
        roles = {role for row in s.view.query_one("#main-1")._drawn for _, role in row}
        assert "second" in roles
        await s.press("c", "m", "enter")
        assert s.engine.view.compare == ()
        assert s.drawn("#main-1") == before


async def test_thinking_better_of_a_comparison_changes_nothing(open_app):
    async with open_app((120, 40), make=with_other) as s:
        await s.press("c", "m", "escape")
        assert s.scene.compare == ()
        assert s.app.screen is s.view


async def test_a_run_that_is_compared_while_paused_has_its_curve_and_the_pause_holds(open_app):
    async with open_app((120, 40), make=with_other) as s:
        await s.press("space", "c", "m", "enter")
        assert "second" in {role for row in s.view.query_one("#main-1")._drawn for _, role in row}
        for step in (60_000, 70_000, 80_000):
            await s.push(step=step)
        assert "80,000" not in s.drawn("#head")
        assert "PAUSED" in s.drawn("#head")


async def test_marks_can_be_hidden(open_app):
    async with open_app((120, 40)) as s:
        assert "▼" in s.drawn("#main-0")
        await s.press("a")
        assert "▼" not in s.drawn("#main-0")
        assert "◆" not in s.drawn("#main-0")
        await s.press("a")
        assert "▼" in s.drawn("#main-0")


async def test_from_the_chart_to_the_log_and_back(open_app):
    async with open_app((120, 40), log=((1, "step 41,200 loss 2"), (2, "step 41230 loss 2"))) as s:
        await s.press("left", "o")
        assert s.view.view == actions.LOGS
        assert "2▸step 41230" in s.drawn("#log-view")
        await s.press("k", "k", "enter")
        assert s.view.view == actions.OVERVIEW
        assert s.scene.cursor == 41_230
        assert s.view.zoomed is not None


async def test_a_step_that_no_line_tells_of(open_app):
    async with open_app((120, 40), log=((1, "hello"), (2, "world"))) as s:
        await s.press("left", "o")
        assert "no line at hand shows step 41,230" in s.drawn("#log-view")


async def test_hjkl_move_in_charts_too(open_app):
    async with open_app((120, 40)) as s:
        await s.press("h")
        assert s.scene.cursor == 41_230
        await s.press("h", "h")
        at = s.scene.cursor
        await s.press("l")
        assert s.scene.cursor > at


@pytest.mark.deep
async def test_no_more_runs_than_there_are_colours(open_app):
    async with open_app((120, 40), make=with_other) as s:
        for count in range(1, chart.MOST):
            s.scene.lay_over(tuple(f"r{i}" for i in range(2, 2 + count)))
            s.app.refresh_view()
            await s.settle()
            assert "cannot show" not in s.text()


async def test_compared_runs_have_a_verdict_and_what_differs(open_app):
    lr = {"config.lr": "3e-4", "config.batch_size": "32"}

    def make(view):
        """A picture in which the other run has a higher loss and other settings."""
        shown = with_other(view)
        changed = {"config.lr": "1e-3", "config.batch_size": "64"}
        others = tuple(
            msgspec.structs.replace(
                other,
                charts=tuple(map(higher, other.charts)),
                about=changed,
                metric="train/loss",
                gap=Gap(1.2, 0.09, 0.12, 13_500.0, 18_000.0, 2.4),
            )
            for other in shown.compared
        )
        return msgspec.structs.replace(
            shown, compared=others, run=msgspec.structs.replace(shown.run, about=lr)
        )

    async with open_app((120, 40), make=make) as s:
        assert not s.view.query_one("#comparison").display
        await s.press("c", "m", "enter")
        shown = s.drawn("#comparison")
        assert "compared with llama-7b-r3" in shown
        assert "loss of abl-17-wd is higher by 1.20 ± 0.15 (worse) over steps 13,500 to 18,000" in shown
        assert "lr 3e-4 > 1e-3; batch_size 32 > 64" in shown
        assert "2 things changed at once" in shown
        await s.press("plus")  # a shorter window is another picture of the same two runs
        await s.until(lambda: "loss of abl-17-wd is higher by 1.20 ± 0.15" in s.drawn("#comparison"))
        await s.press("c", "m", "enter")
        assert not s.view.query_one("#comparison").display


async def test_a_run_whose_loss_is_nan_is_not_called_alike(open_app):
    """The noise of both is compared over the steps before."""

    def make(view):
        """A picture in which the loss of the other run is NaN at the end."""
        shown = with_other(view)
        others = tuple(
            msgspec.structs.replace(
                other,
                charts=tuple(map(broken, other.charts)),
                metric="train/loss",
                gap=Gap(0.0, 0.09, 0.12, 13_500.0, 18_000.0, 2.4),
            )
            for other in shown.compared
        )
        return msgspec.structs.replace(shown, compared=others)

    for size in ((120, 40), (80, 24)):
        async with open_app(size, make=make) as s:
            await s.press("c", "m", "enter")
            shown = s.drawn("#comparison")
            assert "abl-17-wd: the newest loss is not finite" in shown
            assert "llama-7b-r3: the newest" not in shown
            assert "no difference of loss beyond noise" in shown


def broken(columns):
    """The same columns, of which the last has only NaN."""
    parts = {name: (*getattr(columns, name)[:-1], None) for name in ("low", "high", "mean", "last")}
    return msgspec.structs.replace(columns, **parts, nonfinite=(*(0 for _ in columns.x[1:]), 3))


async def test_compared_runs_without_settings_differ_in_the_learning_rate_of_their_curves(open_app):
    def make(view):
        """A picture in which the other run has twice the loss and twice the learning rate."""
        shown = picture(view, metrics=("train/loss", "train/learning_rate"))
        others = tuple(
            msgspec.structs.replace(other, charts=tuple(map(higher, other.charts)))
            for other in with_other(view).compared
        )
        return msgspec.structs.replace(shown, compared=others)

    async with open_app((120, 40), make=make) as s:
        await s.press("c", "m", "enter")
        assert "learning rate up to 0.000301 > up to 0.000" in s.drawn("#comparison")


def higher(columns):
    """The same columns, twice as high."""
    return msgspec.structs.replace(
        columns,
        **{name: tuple(y and 2 * y for y in getattr(columns, name)) for name in ("low", "high", "mean")},
    )
