"""What the screens look like, as text, at the sizes people have."""

import pytest

from runwatch.snapshot import Progress, Snapshot

from .fake_engine import METRICS, OLD, SLOW, SPIKE, picture

ALERTS = (SPIKE, SLOW, OLD)


@pytest.fixture(autouse=True)
def _same_clock_everywhere(monkeypatch):
    monkeypatch.setattr("runwatch.render.plain.clock", lambda unix: "12:41")


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 50)])
async def test_overview(open_app, golden, size):
    async with open_app(size, ranks=64, incidents=ALERTS) as s:
        golden(f"overview-{size[0]}x{size[1]}", s.text())


async def test_overview_in_ascii(open_app, golden):
    async with open_app((80, 24), ascii_only=True, ranks=64, incidents=ALERTS) as s:
        assert s.text().isascii()
        golden("overview-ascii", s.text())


async def test_overview_of_a_log_with_two_metrics(open_app, golden):
    async with open_app((120, 40), metrics=("train/loss", "train/learning_rate")) as s:
        golden("overview-two-metrics", s.text())


@pytest.mark.parametrize(
    ("key", "name"), [("0", "runs"), ("2", "metrics"), ("3", "ranks"), ("4", "logs"), ("5", "alerts")]
)
async def test_view(open_app, golden, key, name):
    async with open_app((100, 30), ranks=64, incidents=ALERTS) as s:
        await s.press(key)
        assert s.view.view == name
        golden(f"view-{name}", s.text())


async def test_help(open_app, golden):
    async with open_app((80, 24)) as s:
        await s.press("question_mark")
        golden("help", s.text())
        await s.press("question_mark")
        assert s.app.screen is s.view


async def test_nan_is_marked_and_named(open_app):
    async with open_app((80, 24), bad=(60, 61)) as s:
        shown = s.drawn("#main-0")
        assert "nan" in shown.splitlines()[0]
        assert "!" in shown.splitlines()[1]


async def test_empty_says_what_it_waits_for(open_app):
    async with open_app((80, 24), make=lambda view: Snapshot(1e6)) as s:
        assert "waiting for a run in train.log" in s.text()


async def test_no_step_yet(open_app):
    async with open_app((80, 24), metrics=(), phase="starting", progress=Progress(), age=None) as s:
        assert "waiting for the first training step" in s.text()
        assert "/runs/llama/train.log" in s.text()
        assert "no step yet" in s.text()
        await s.push(step=10)
        assert "waiting" not in s.text()
        assert s.view.query_one("#main-0").display


async def test_an_ended_run_without_steps_waits_for_nothing(open_app):
    async with open_app((80, 24), metrics=(), phase="crashed", progress=Progress()) as s:
        assert "no training step was found" in s.text()
        assert "waiting" not in s.text()


async def test_history_is_announced(open_app):
    async with open_app((120, 30), history=0.37) as s:
        assert "reading history 37%" in s.text()


async def test_markup_in_logs_is_only_text(open_app):
    async with open_app((100, 30), log=((1, "[bold red]x[/] \\[y] [link=file:///]z"),)) as s:
        assert "[bold red]x[/] \\[y] [link=file:///]z" in s.text()


async def test_wide_characters_keep_the_frame(open_app):
    async with open_app((100, 30), name="模型-训练", log=((1, "训练 步骤 " * 30),)) as s:
        assert "模型-训练" in s.text()
        right = [line for line in s.drawn("#log").splitlines() if line.endswith("│")]
        assert right


@pytest.mark.parametrize("size", [(1, 1), (12, 4), (40, 10), (79, 23), (300, 80)])
async def test_no_size_breaks_a_view(open_app, size):
    async with open_app(size, ranks=7, incidents=ALERTS) as s:
        for key in "234501":
            await s.press(key)
            assert "cannot show" not in s.text()


async def test_odd_values_stay_in_their_panel(open_app):
    async with open_app((120, 40)) as s:
        s.view.query_one("#main-1").content = lambda width, height: 1 / 0
        await s.push(step=42_000)
        assert "cannot show this: ZeroDivisionError" in s.drawn("#main-1")
        assert "42,000" in s.drawn("#head")


async def test_resize(open_app):
    async with open_app((80, 24), ranks=64, incidents=ALERTS) as s:
        assert s.view.query_one("#stats").display
        small = {c.metric: c.width for c in s.engine.view.charts}
        await s.pilot.resize_terminal(200, 50)
        await s.settle()
        assert not s.view.query_one("#stats").display
        assert s.view.query_one("#summary").display
        assert all(len(line) <= 200 for line in s.text().splitlines())
        assert {c.metric: c.width for c in s.engine.view.charts}["train/loss"] > small["train/loss"]


async def test_rows_that_did_not_change_are_not_painted(open_app, monkeypatch):
    async with open_app((120, 40)) as s:
        painted = []
        for part in s.view.query("Rows"):
            monkeypatch.setattr(part, "refresh", lambda *regions, **_: painted.extend(regions))
        s.engine.push(picture(s.engine.view))
        await s.settle()
        assert painted == []


def test_the_fixture_has_every_usual_metric():
    assert "train/loss" in METRICS
