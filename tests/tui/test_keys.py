"""What each key does, and that no key is offered that does nothing."""

import msgspec
import pytest

from runwatch.core.snapshot import EventRow, Progress, RunRow
from runwatch.render import cells
from runwatch.tui import actions
from runwatch.tui.screens.base import RunScreen
from runwatch.tui.screens.guide import Guide
from runwatch.tui.screens.help import Help
from runwatch.tui.screens.pick import Pick
from runwatch.watcher.protocol import Shutdown

from .fake_engine import ALERTS, CHECKPOINTS, SPIKE, picture


def test_every_action_is_carried_out_somewhere():
    from runwatch.tui.app import RunwatchApp
    from runwatch.tui.views import class_of

    classes = {**{view: class_of(view) for view in actions.VIEWS}, actions.HELP: Help}
    for action in actions.ACTIONS:
        if action.id in actions.VIEWS or action.id in actions.CONTROLS:
            continue
        for view in action.views:
            name = f"do_{action.id}"
            assert hasattr(classes[view], name) or hasattr(RunwatchApp, name), (action.id, view)


def test_a_key_means_one_thing_in_a_view():
    for view in (*actions.VIEWS, actions.HELP):
        keys = [key for action in actions.Registry().of_view(view) for key in action.keys]
        assert len(keys) == len(set(keys)), view


async def test_digits_open_views(open_app):
    async with open_app((100, 30), ranks=8) as s:
        for digit, view in enumerate(actions.VIEWS):
            await s.press(str(digit))
            assert s.view.view == view
        await s.press("escape")
        assert s.view.view == actions.OVERVIEW


async def test_quit_says_goodbye_to_the_engine(open_app):
    async with open_app() as s:
        await s.pilot.press("q")
        await s.until(lambda: s.app.return_value is not None)
        assert s.app.return_value == 0
    assert Shutdown() in s.engine.requests


async def test_q_closes_the_help_first(open_app):
    async with open_app() as s:
        await s.press("question_mark")
        assert isinstance(s.app.screen, Help)
        await s.press("down", "q")
        assert isinstance(s.app.screen, RunScreen)
        assert s.app.return_value is None


async def test_no_name_of_the_help_is_cut(open_app):
    async with open_app((80, 24), phase="finished", age=54 * 60.0) as s:
        await s.press("question_mark")
        names = [row[0][0] for row, _ in s.app.screen.panel.lines(60)[1:] if row and row[0][1] == "value"]
        assert "ended" in [name.strip() for name in names]
        assert not any("…" in name for name in names)


async def test_the_help_says_what_the_mouse_does_in_a_view(open_app):
    async with open_app((120, 40)) as s:
        for view, wheel in (("2", "zoom"), ("4", "scroll")):
            await s.press(view, "?")
            rows = [cells.row_text(row) for row, _ in s.app.screen.panel.lines(80)]
            assert [row for row in rows if row.split()[:1] == ["wheel"] and wheel in row]
            await s.press("escape")


@pytest.mark.deep
@pytest.mark.parametrize("size", [(80, 24), (48, 40)])
async def test_no_line_of_the_help_is_cut(open_app, size):
    async with open_app(size, incidents=(SPIKE,)) as s:
        for digit in range(len(actions.VIEWS)):
            await s.press(str(digit), "?")
            panel = s.app.screen.query_one("#help")
            width = panel.size.width - 2
            rows = [row for row, _ in panel.lines(width)]
            assert max(map(cells.row_width, rows)) <= width
            assert not [row for row in rows if "…" in cells.row_text(row)]
            await s.press("escape")


async def test_the_other_keys_do_not_move_when_one_leads_back(open_app):
    def alone(view):
        return msgspec.structs.replace(picture(view), runs=picture(view).runs[:1])

    async with open_app((80, 24), make=alone) as s:
        before = s.drawn("#keys")
        await s.press("left")
        assert "esc Back" not in before
        assert s.drawn("#keys").startswith(before[: before.index("←→")])
        assert s.drawn("#keys").endswith("esc Back")


async def test_a_note_that_does_not_fit_is_shown_where_it_is_read(open_app):
    note = "the clocks of two sources differ by 40 s, so that their records are ordered by their steps " * 4

    def noted(view):
        return msgspec.structs.replace(picture(view), notices=(note,))

    async with open_app((80, 24), make=noted) as s:
        assert "note: see 5" in s.drawn("#head")
        assert "…" not in s.drawn("#head")
        await s.press("5")
        assert s.text().count("ordered by their") == 4


async def test_a_digit_leads_out_of_the_help(open_app):
    async with open_app() as s:
        await s.press("question_mark", "6")
        assert isinstance(s.app.screen, RunScreen)
        assert s.app.screen.view == actions.CHECKPOINTS
        await s.press("question_mark", "6")
        assert s.app.screen.view == actions.CHECKPOINTS


def most_urgent_last(shown):
    """Return what makes pictures of these runs, by default of the last one."""

    def make(view):
        rows = tuple(RunRow(i, i, "training", Progress(step=5)) for i in sorted(shown))
        return msgspec.structs.replace(picture(view, id=view.run or shown[-1]), runs=rows)

    return make


async def test_the_screen_stays_with_the_run_it_shows_and_its_next_attempt(open_app):
    shown = ["a.log#1", "b.log#1"]
    async with open_app(make=most_urgent_last(shown)) as s:
        assert s.engine.view.run is None  # the engine has a moment to find the most urgent one
        s.clock.now += 4
        s.engine.push()
        await s.settle()
        assert s.engine.view.run == "b.log#1"
        shown.append("b.log#2")
        s.engine.push()
        await s.settle()
        assert s.engine.view.run == "b.log#2"


async def test_pause_holds_the_picture(open_app):
    async with open_app() as s:
        await s.press("space")
        await s.push(step=50_000)
        assert "41,230" in s.drawn("#head")
        s.clock.now += 42.0
        s.app.refresh_view()
        await s.settle()
        assert "PAUSED 42s" in s.drawn("#head")
        await s.press("space")
        assert "50,000" in s.drawn("#head")
        assert "PAUSED" not in s.drawn("#head")


async def test_a_view_that_is_opened_while_paused_has_its_own_picture(open_app):
    def make(asked):
        events = (EventRow("restart", "started again"),) if asked.details else ()
        return picture(asked, events=events)

    async with open_app(make=make) as s:
        await s.press("space", "6")
        assert "started again" in s.text()
        await s.push(step=50_000)
        await s.push(step=60_000)
        assert "60,000" not in s.drawn("#head")
        assert "PAUSED" in s.drawn("#head")


async def test_brackets_change_the_run(open_app):
    async with open_app() as s:
        await s.press("right_square_bracket")
        assert s.engine.view.run == "r2"
        assert "abl-17-wd" in s.drawn("#head")
        await s.press("left_square_bracket")
        assert s.engine.view.run == "r1"


async def test_runs_list_opens_a_run(open_app):
    async with open_app() as s:
        await s.press("0", "down", "enter")
        assert s.engine.view.run == "r2"
        assert s.view.view == actions.OVERVIEW


async def test_copy_takes_the_chosen_line(open_app, monkeypatch):
    async with open_app((100, 30), incidents=ALERTS) as s:
        copied = []
        monkeypatch.setattr(s.app, "copy_to_clipboard", copied.append)
        await s.press("Y", "5", "Y", "4", "Y")
        assert copied[0].startswith("llama-7b-r3 step 41,230/120,000 /runs/llama/train.log")
        assert copied[1].startswith("loss spiked to 5.13")
        assert "iteration 50000" in copied[2]


@pytest.mark.deep
async def test_the_address_of_the_run_on_wandb(open_app, monkeypatch):
    copied = []
    async with open_app((120, 30), link="https://wandb.ai/acme/llm/runs/x7k2") as s:
        monkeypatch.setattr(s.app, "copy_to_clipboard", copied.append)
        for view in "1234":
            await s.press(view, "O")
            assert "https://wandb.ai/acme/llm/runs/x7k2" in s.drawn("#head")
        assert set(copied) == {"https://wandb.ai/acme/llm/runs/x7k2"}
    async with open_app((120, 30)) as s:
        assert not s.app.available("link")


@pytest.mark.deep
async def test_lists_are_filtered_by_words(open_app):
    async with open_app((100, 30)) as s:
        await s.press("0", "slash", *"ABL", "enter")
        assert "only 'ABL': 1" in s.drawn("#runs")
        assert "llama-7b" not in s.drawn("#runs")
        await s.press("enter")
        assert s.engine.view.run == "r2"
        await s.press("0", "escape")
        assert "llama-7b" in s.drawn("#runs")
        await s.press("2", "slash", *"grad", "enter")
        assert [chart.metric for chart in s.engine.view.charts] == ["train/grad_norm"]
        await s.press("slash", *"nothing", "enter")
        assert "no metric fits 'nothing'" in s.text()
        await s.press("escape", "7", "slash", *"layer_7", "enter")
        assert "value 7" in s.text()
        assert "value 8" not in s.text()
        await s.press("question_mark", "slash", *"palette", "enter")
        assert "find and run any command" not in s.text()
        await s.press("escape", "slash", *"any command", "enter")
        assert "find and run any command" in s.text()
        assert "leave" not in s.text()
        await s.press("escape", "escape")
        assert s.app.screen is s.view


async def test_tab_scrolls_the_events_where_both_tables_are_long(open_app):
    events = tuple(EventRow("error", f"error {i}", i, i) for i in range(60))
    async with open_app((80, 24), checkpoints=CHECKPOINTS * 20, events=events) as s:
        await s.press("6", "end")
        assert "error 59" not in s.text()
        await s.press("tab", "end")
        assert "error 59" in s.text()


async def test_the_list_of_runs_begins_at_the_one_on_the_screen(open_app):
    async with open_app((100, 30)) as s:
        await s.press("]")
        assert s.scene.run.id == "r2"
        await s.press("0")
        assert s.drawn("#runs").splitlines()[3].startswith("│▸")


async def test_of_many_runs_what_is_wrong_is_first_and_the_pointer_stays_at_its_run(open_app):
    def many(view, wrong):
        shown = picture(view)
        rows = tuple(
            msgspec.structs.replace(shown.runs[0], id=f"r{n}", name=f"exp_{n}", critical=int(n in wrong))
            for n in range(50)
        )
        ended = (msgspec.structs.replace(shown.runs[1], id="old"),)
        return msgspec.structs.replace(shown, runs=(*ended, *rows))

    async with open_app((100, 30), make=lambda view: many(view, {40})) as s:
        await s.press("0", "home")
        rows = s.drawn("#runs").splitlines()[2:]
        assert "exp_40" in rows[0]
        assert "exp_0 " in rows[1]
        await s.press("down", "down", "down")
        assert "▸" in next(row for row in s.drawn("#runs").splitlines() if "exp_2 " in row)
        s.engine.picture = lambda view: many(view, {30, 40})
        s.engine.push()
        await s.until(lambda: "exp_30" in s.drawn("#runs").splitlines()[2])
        assert "▸" in next(row for row in s.drawn("#runs").splitlines() if "exp_2 " in row)
        await s.press("end")
        assert "abl-17-wd" in next(row for row in s.drawn("#runs").splitlines() if "▸" in row)
        await s.press("home", "down", "enter")
        assert s.engine.view.run == "r40"


async def test_a_key_of_the_footer_can_be_clicked(open_app):
    async with open_app((120, 40), ranks=8) as s:
        await s.press("2")
        row = s.drawn("#keys")
        await s.pilot.click("#keys", offset=(row.index("Help") - 1, 0))
        await s.until(lambda: "help" in s.text())
        await s.press("escape")
        await s.pilot.click("#keys", offset=(s.drawn("#keys").index("esc") - 1, 0))  # nothing is there
        await s.settle()
        assert s.view.view == "metrics"


@pytest.mark.deep
async def test_the_run_that_somebody_compares_stays(open_app):
    shown = ["a.log#1", "b.log#1"]
    async with open_app(make=most_urgent_last(shown)) as s:
        await s.press("c")
        shown.reverse()
        await s.press("m", "enter")
        assert (s.scene.run.id, s.engine.view.compare) == ("b.log#1", ("a.log#1",))


async def test_a_phone_shows_step_share_and_eta_and_short_tabs(open_app):
    for size, step in (((65, 64), "41,230/120,000"), ((48, 40), "41,230/120,000"), ((40, 12), "41,230")):
        async with open_app(size) as s:
            state, bar, tabs = s.drawn("#head").splitlines()
            assert step in state
            assert "34%  ETA 2d 14h" in bar
            assert tabs.split()[-1].endswith("Cfg")
            s.app.say("saved here")
            await s.settle()
            assert "saved here" in s.drawn("#head").splitlines()[1]
            assert s.drawn("#head").splitlines()[2] == tabs, "tabs keep their names"


async def test_what_holds_the_picture_lets_it_continue(open_app):
    async with open_app((160, 40)) as s:
        assert "spc Pause" in s.drawn("#keys")
        await s.press("space")
        assert "spc Resume" in s.drawn("#keys")
        await s.press("space")
        assert "spc Pause" in s.drawn("#keys")


def test_space_holds_and_m_marks_wherever_they_do_something():
    meanings = {
        (key, action.id) for action in actions.ACTIONS for key in action.keys if key in {"space", "m"}
    }
    assert meanings == {("space", "pause"), ("m", "mark")}
    for dialog in (Pick, Guide):
        keys = {key: b.action for b in dialog.BINDINGS for key in b.key.split(",")}
        assert "space" not in keys
        assert keys.get("m", "mark") == "mark"


async def test_the_help_names_keys_that_go_together_once(open_app):
    for action in actions.ACTIONS:
        first = actions.Registry().by_id.get(action.follows)
        assert not action.follows or (first is not None and first.views >= action.views), action.id
    async with open_app((100, 200)) as s:
        await s.press("?")
        drawn = s.app.screen.query_one("#help")._drawn
        rows = ["".join(text for text, _ in row).strip("│█ ") for row in drawn]
        named = [row for row in rows if "previous run" in row or "next run" in row]
        assert [" ".join(row.split()) for row in named] == ["[ ] previous run; next run"]
        assert any(row.startswith("left right h l ") for row in rows)
        assert any(row.startswith("H L ") for row in rows), "shift+left and shift+right do not fit together"


async def test_a_filter_of_charts_is_seen_and_left_as_it_was(open_app):
    async with open_app((120, 40)) as s:
        await s.press("2")
        assert "/ Filter" in s.drawn("#keys")
        await s.press("slash", *"grad")
        assert s.drawn("#keys").split() == ["/", "words,", "then", "enter", "esc", "Cancel"]
        await s.press("enter")
        assert "/ only 'grad': 1 of" in s.drawn("#keys")
        await s.press("slash", *"loss", "escape")
        assert s.app.scene.filters["metrics"] == "grad"
        assert "esc All" in s.drawn("#keys")
        await s.press("escape")
        assert "only" not in s.drawn("#keys")


async def test_metrics_are_found_by_their_abbreviations_too(open_app):
    async with open_app((120, 40)) as s:
        await s.press("2", "slash", *"nrm")
        assert "grad norm" in s.text()
        assert "tok/s" not in s.text()
        await s.press("escape", "slash", *"gnrm", "enter")
        assert "/ only 'gnrm': 1 of" in s.drawn("#keys")
        await s.press("escape", "slash", *"orm")
        await s.press("enter")
        assert "/ only 'orm': 1 of" in s.drawn("#keys"), (
            "a part of a name comes before letters here and there"
        )
        await s.press("escape", "slash", *"rmg", "enter")
        assert "/ only 'rmg': 0 of" in s.drawn("#keys")


async def test_pages_are_offered_where_a_list_has_more_rows(open_app):
    for ranks, offered in ((8, False), (512, True)):
        async with open_app((200, 50), ranks=ranks) as s:
            await s.press("3")
            assert ("PgDn Page" in s.drawn("#keys")) == offered, ranks
