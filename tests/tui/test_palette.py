"""The palette finds every action, and commands take a word."""

import csv
import json

import pytest

from runwatch.core.snapshot import IncidentRow
from runwatch.tui import actions, commands
from runwatch.tui.screens.palette import Palette
from runwatch.watcher.protocol import Query, Silence

from .fake_engine import CHECKPOINTS, SPIKE
from .test_plots import with_other


def test_every_action_of_the_registry_is_found_by_its_name():
    offered = commands.of_actions(actions.ACTIONS)
    for action in actions.ACTIONS:
        name = action.id.replace("_", " ")
        assert name in [entry.name for entry in commands.matching(offered, name)[:4]]


def test_matching_prefers_the_beginning():
    offered = commands.of_actions(actions.ACTIONS)
    assert commands.matching(offered, "zo")[0].name == "zoom"
    assert commands.matching(commands._COMMANDS, "goto 31800")[0].name == "goto"
    assert commands.matching(offered, "log scale")[0].name == "log scale"
    assert commands.matching(offered, "scrsht")[0].name == "screenshot"
    assert commands.matching(offered, "qqqq") == []


def test_what_has_the_word_comes_before_what_has_its_letters():
    def offer(name, also=""):
        return commands.Entry(name, "", lambda app, word: "", also=also)

    offered = [offer("rule stalls"), offer("rule skipped_steps"), offer("window all", "reset zoom")]

    def found(text):
        return [entry.name for entry in commands.matching(offered, text)]

    assert found("all") == ["window all", "rule stalls"], "a word goes before a part of one"
    assert found("reset") == ["window all"], "r e s e t are in skipped_steps too"
    assert found("skst") == ["rule skipped_steps"], "letters in order are better than nothing"


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("nan", "alert nonfinite"),
        ("last good", "checkpoints"),
        ("hour", "silence nonfinite 1h"),
        ("silence for an hour", "silence nonfinite 1h"),
        ("slow rank", "ranks"),
        ("compare two", "compare"),
        ("loss nan", "alert nonfinite"),
    ],
)
async def test_what_people_call_a_thing_leads_to_it(open_app, text, first):
    nan = IncidentRow("i1", "r1", "nonfinite", "critical", "firing", "loss is NaN since step 320", since=1.0)
    rules = (("masked_nan", "The loss is exactly zero."), ("nonfinite", "A loss is NaN or infinite."))
    async with open_app((80, 24), incidents=(nan,), rules=lambda: rules) as s:
        await s.paste_keys(":" + text)
        await s.until(lambda: s.app.screen.panel.typed == text)
        assert s.app.screen.panel.found()[0].name == first
        if first.startswith("silence"):
            await s.press("enter")
            assert [r.matchers for r in s.engine.requests if isinstance(r, Silence)] == [
                ("run=r1", "rule=nonfinite")
            ]


async def test_the_palette_cuts_nothing_and_leaves_the_tabs(open_app):
    long = "word " * 30 + "end"
    async with open_app((80, 24), rules=lambda: (("odd", long),)) as s:
        await s.paste_keys(":")
        assert s.app.screen.panel.found()[0].name != "quit", "enter alone must not leave"
        assert "5 Alerts" in s.text()
        await s.paste_keys("rule odd")
        lines = s.text().splitlines()
        assert "".join(lines).count("word") == 30
        assert "end" in "".join(lines)
        assert s.app.screen.panel.listed.entry(2) == 0, "its second row is the same entry"


async def typed(s, text):
    await s.paste_keys(":" + text)
    await s.press("enter")


async def test_an_action_by_its_name(open_app):
    async with open_app((120, 40)) as s:
        await s.press("colon")
        assert isinstance(s.app.screen, Palette)
        await s.press(*"log", "space", *"sca", "enter")
        assert s.scene.log_y
        assert s.app.screen is s.view


async def test_what_is_typed_at_once_is_a_command(open_app):
    async with open_app((120, 40)) as s:
        await s.paste_keys(":log sca")
        assert s.app.screen.panel.typed == "log sca"
        await s.press("enter")
        assert s.scene.log_y


@pytest.mark.parametrize("view", ["4", "7"])
async def test_what_is_typed_at_once_is_searched_for(open_app, view):
    async with open_app((120, 40), incidents=(SPIKE,)) as s:
        await s.press(view)
        await s.paste_keys("/loss 7 2")
        assert s.app.focused.value == "loss 7 2"
        assert not s.scene.paused
        assert s.app.screen is s.view


async def test_only_what_can_be_done_is_offered(open_app):
    async with open_app((120, 40)) as s:
        await s.press("colon")
        names = [entry.name for entry in s.app.screen.panel.offered]
        assert "next alert" not in names
        assert "acknowledge" not in names
        assert "zoom" in names
        await s.press("escape")
        assert s.app.screen is s.view


@pytest.mark.deep
async def test_what_another_view_can_do_is_found_and_done_there(open_app):
    async with open_app((120, 40), incidents=(SPIKE,)) as s:
        await typed(s, "bookmark")
        assert s.view.view == actions.LOGS
        assert s.view.log_view.lines.marked
        await typed(s, "evidence")
        assert s.view.view == actions.ALERTS
        assert s.view.alone


async def test_what_cannot_be_done_there_is_said(open_app):
    async with open_app((120, 40)) as s:
        await typed(s, "next bookmark")
        assert "next bookmark: nothing to do here now" in s.drawn("#head")


async def test_runs_metrics_alerts_rules_themes_and_settings_are_found_by_name(open_app):
    rules = (("loss_spike", "the loss jumps"), ("hang", "no line comes"))
    async with open_app((120, 40), incidents=(SPIKE,), rules=lambda: rules) as s:
        await typed(s, "metric learning rate")
        assert s.view.query_one("#main-0").metrics == ("train/learning_rate",)
        await typed(s, "theme nord")
        assert s.app.theme == "runwatch-nord"
        await typed(s, "smooth off")
        assert s.scene.smoothing == 0
        await typed(s, "y log")
        assert s.scene.log_y
        await typed(s, "rule hang")
        assert "no alert in llama-7b-r3; hang: no line comes" in s.drawn("#head")
        await typed(s, "rule loss_spike")
        assert s.view.view == actions.ALERTS
        await typed(s, "abl-17")
        assert s.engine.view.run == "r2"


async def test_a_checkpoint_is_found_by_its_step(open_app):
    async with open_app((120, 40), checkpoints=CHECKPOINTS) as s:
        await s.press("4")
        step = CHECKPOINTS[0].at
        await typed(s, f"checkpoint {step}")
        assert (s.view.view, s.scene.cursor) == (actions.OVERVIEW, step)


async def test_another_run_is_compared_by_its_name(open_app):
    async with open_app((120, 40), make=with_other) as s:
        await s.press("0")
        await typed(s, "compare abl")
        assert s.view.view == actions.OVERVIEW
        assert s.scene.compare == ("r2",)
        assert "abl-17-wd" in s.drawn("#main-0").splitlines()[0]


@pytest.mark.deep
async def test_keys_are_shown_in_full(open_app):
    for size in ((120, 40), (40, 20)):
        async with open_app(size) as s:
            await s.paste_keys(":page down")
            row = next(
                line
                for line in s.text().splitlines()
                if "page down" in line and "\N{BLACK RIGHT-POINTING SMALL TRIANGLE}" in line
            )
            assert "PgDn ctrl+f" in row


async def test_an_entry_is_taken_with_a_click(open_app):
    async with open_app((120, 40)) as s:
        await s.paste_keys(":log scale")
        await s.pilot.click("#palette-list", offset=(4, 1))
        await s.until(lambda: s.app.screen is s.view)
        assert s.scene.log_y


async def test_the_pointer_moves(open_app):
    async with open_app((120, 40)) as s:
        await s.press("ctrl+p", "down", "down", "up")
        assert s.app.screen.panel.at == 1


@pytest.mark.deep
async def test_commands_with_a_word(open_app):
    async with open_app((120, 40), incidents=(SPIKE,)) as s:
        await typed(s, "goto 31,800")
        assert s.scene.cursor == 31_800
        await typed(s, "window 5000")
        assert s.scene.window == 5_000
        assert "last 5k" in s.drawn("#main-0")
        await typed(s, "window all")
        assert s.scene.window is None
        await typed(s, "run abl")
        assert s.engine.view.run == "r2"
        await typed(s, "metric grad")
        assert s.view.zoomed is not None
        assert s.view.query_one("#main-0").metrics == ("train/grad_norm",)
        await typed(s, "theme light")
        assert s.app.theme == "runwatch-light"
        await typed(s, "find allreduce")
        assert s.view.view == actions.LOGS
        assert s.view.log_view.at == 49_977


@pytest.mark.deep
async def test_a_step_outside_the_window_moves_the_charts_there(open_app):
    async with open_app((120, 40)) as s:
        await typed(s, "window 1000")
        await typed(s, "goto 20000")
        first, last = s.engine.view.charts[0].first, s.engine.view.charts[0].last
        assert first <= 20_000 <= last


@pytest.mark.deep
async def test_what_is_wrong_with_a_command_is_said(open_app):
    async with open_app((120, 40)) as s:
        for text, answer in (
            ("run nobody", "no run is called nobody"),
            ("goto there", "there is no step"),
            (f"goto {'9' * 400}", "is no step"),
            ("window few", "how many steps? a number, or all"),
            (f"window {'9' * 400}", "how many steps? a number, or all"),
            ("theme pink", "no such theme; there are dark, light"),
            ("metric nothing", "no metric is called nothing"),
        ):
            await typed(s, text)
            assert answer in s.drawn("#head"), text
            await s.press("escape")


async def test_a_missing_word_is_waited_for(open_app):
    async with open_app((120, 40)) as s:
        await typed(s, "goto")
        assert isinstance(s.app.screen, Palette)
        await s.press(*"100", "enter")
        assert s.scene.cursor == 100


@pytest.mark.deep
async def test_a_rule_is_silenced_by_its_name(open_app):
    async with open_app((120, 40), incidents=(SPIKE,)) as s:
        await typed(s, "silence loss_spike 4h")
        sent = [request for request in s.engine.requests if isinstance(request, Silence)]
        assert [(request.matchers, round(request.ends - 1_000_000)) for request in sent] == [
            (("run=r1", "rule=loss_spike"), 14_400)
        ]
        await typed(s, "silence loss_spike for ever")
        assert "for how long? 15m, 1h, 4h, 1d, run" in s.drawn("#head")
        await typed(s, "silence hang")
        assert "no alert here is of the rule hang" in s.drawn("#head")


@pytest.mark.deep
async def test_the_chart_is_saved_as_numbers(open_app, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    async with open_app((120, 40)) as s:
        await s.press("tab")
        await typed(s, "export csv")
        await s.until(lambda: list(tmp_path.glob("*.csv")))
        await s.until(lambda: "saved runwatch-llama-7b-r3-" in s.drawn("#head"))
        await typed(s, "window 1000")
        await typed(s, "export json")
        await s.until(lambda: list(tmp_path.glob("*.json")))
        asked = [request for request in s.engine.requests if isinstance(request, Query)]
        await typed(s, "export xls")
        assert "as what? csv, json" in s.drawn("#head")
    rows = list(csv.reader(next(tmp_path.glob("*.csv")).read_text().splitlines()))
    assert rows[0] == ["metric", "step", "mean", "low", "high", "last", "nonfinite"]
    metrics = list(dict.fromkeys(row[0] for row in rows[1:]))
    assert metrics == [request.metric for request in asked[: len(metrics)]]
    steps = [float(step) for metric, step, *_ in rows[1:] if metric == metrics[0]]
    assert steps == sorted(steps)
    assert len(steps) > 100, "what the engine has, not what fits the chart"
    saved = json.loads(next(tmp_path.glob("*.json")).read_text())
    assert saved["run"] == "llama-7b-r3"
    assert [series["metric"] for series in saved["series"]] == metrics
    assert min(saved["series"][0]["step"]) >= 40_000, "the part that is shown"


@pytest.mark.deep
async def test_a_chart_that_cannot_be_saved_is_reported(open_app, tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    async with open_app((120, 30)) as s:
        await typed(s, "export csv")
        await s.until(lambda: "cannot save here: No such file" in s.drawn("#head"))
        await s.press("4")
        await typed(s, "export csv")
        assert "no chart is here" in s.drawn("#head")
        await s.press("1")
        s.engine.hang_up()
        await s.until(lambda: s.scene.link == "lost")
        asked = len(s.engine.requests)
        await typed(s, "export csv")
        await s.settle()
        assert len(s.engine.requests) == asked


async def test_the_whole_run_is_found_by_what_people_call_it(open_app):
    async with open_app((100, 30)) as s:
        entries = commands.entries(s.app, actions.OVERVIEW, actions.ACTIONS)
        for words in ("reset zoom", "whole run"):
            assert commands.matching(entries, words)[0].name == "window all", words


async def test_on_a_small_screen_it_has_all_rows(open_app):
    async with open_app((40, 12), incidents=(SPIKE,)) as s:
        await s.press("colon")
        assert s.app.screen.panel.size.height >= 9


async def test_on_a_phone_each_command_has_a_row_and_the_selected_one_says_what_it_does(open_app):
    async with open_app((60, 64)) as s:
        await s.press("colon")
        rows = s.text().splitlines()
        at = next(y for y, row in enumerate(rows) if " help " in row)
        assert "the keys, and what is on the screen" in rows[at + 1]
        assert [row.split()[1] for row in rows[at + 2 : at + 5]] == ["guide", "back", "runs"]
