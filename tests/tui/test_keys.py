"""What each key does, and that no key is offered that does nothing."""

import msgspec

from runwatch.alerts.grouping import Alert
from runwatch.alerts.policy import matches, parse_matcher
from runwatch.snapshot import EventRow, IncidentRow, Mark, Progress, RunRow
from runwatch.tui import actions
from runwatch.tui.screens.base import RunScreen
from runwatch.tui.screens.help import Help
from runwatch.watcher.protocol import (
    Acknowledge,
    Done,
    Refused,
    Shutdown,
    Silence,
    SilenceList,
    SilenceRow,
    Silences,
    Unsilence,
)  # fmt: skip

from .fake_engine import CHECKPOINTS, OLD, SLOW, SOURCES, SPIKE, picture

ALERTS = (SPIKE, SLOW, OLD)


def test_every_action_is_carried_out_somewhere():
    from runwatch.tui.app import RunwatchApp
    from runwatch.tui.views import class_of

    classes = {**{view: class_of(view) for view in actions.VIEWS}, actions.HELP: Help}
    for action in actions.ACTIONS:
        if action.id in actions.VIEWS:
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


async def test_ranks_are_not_offered_without_ranks(open_app):
    async with open_app((100, 30)) as s:
        await s.press("3")
        assert s.view.view == actions.OVERVIEW
        assert "3 Ranks" not in s.text()
        assert "no ranks, GPUs or processes" in s.drawn("#head")


async def test_quit_stops_a_private_engine(open_app):
    async with open_app() as s:
        await s.pilot.press("q")
        await s.until(lambda: s.app.return_value is not None)
        assert s.app.return_value == 0
    assert Shutdown() in s.engine.requests


async def test_quit_leaves_a_daemon_alone(open_app):
    async with open_app(private=False) as s:
        await s.press("q")
    assert Shutdown() not in s.engine.requests


async def test_q_closes_the_help_first(open_app):
    async with open_app() as s:
        await s.press("question_mark")
        assert isinstance(s.app.screen, Help)
        await s.press("down", "q")
        assert isinstance(s.app.screen, RunScreen)
        assert s.app.return_value is None


async def test_a_digit_leads_out_of_the_help(open_app):
    async with open_app() as s:
        await s.press("question_mark", "6")
        assert isinstance(s.app.screen, RunScreen)
        assert s.app.screen.view == actions.CHECKPOINTS
        await s.press("question_mark", "6")
        assert s.app.screen.view == actions.CHECKPOINTS


async def test_the_screen_stays_with_the_run_it_shows_and_its_next_attempt(open_app):
    shown = ["a.log#1", "b.log#1"]

    def make(view):
        run = view.run or shown[-1]
        rows = tuple(RunRow(i, i, "training", Progress()) for i in sorted(shown))
        return msgspec.structs.replace(picture(view, id=run), runs=rows)

    async with open_app(make=make) as s:
        assert s.engine.view.run is None  # the engine has a moment to find the most urgent one
        s.clock.now += 4
        s.engine.push()
        await s.settle()
        assert s.engine.view.run == "b.log#1"
        shown.append("b.log#2")
        s.engine.push()
        await s.settle()
        assert s.engine.view.run == "b.log#2"


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


async def test_zoom_of_the_ranks(open_app):
    async with open_app((120, 40), ranks=8) as s:
        s.view.query_one("#ranks").focus()
        await s.press("z")
        assert s.view.query_one("#ranks").size.height > 30


async def test_log_scale_and_smoothing(open_app):
    async with open_app() as s:
        await s.press("y")
        assert "log y" in s.drawn("#main-0")
        for expected in ("log y · smooth .9 ", "log y · smooth .99 ", "loss · log y ─", "log y · smooth .6 "):
            await s.press("s")
            assert expected in s.drawn("#main-0").splitlines()[0]
        await s.press("S", "y")
        assert "smooth" not in s.drawn("#main-0")
        assert "log y" not in s.drawn("#main-0")


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


async def test_pause_holds_the_picture(open_app):
    async with open_app() as s:
        await s.press("space")
        await s.push(step=50_000)
        assert "41,230" in s.drawn("#head")
        assert "PAUSED 2s, 1 new" in s.drawn("#head")
        await s.press("space")
        assert "50,000" in s.drawn("#head")
        assert "PAUSED" not in s.drawn("#head")


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


async def test_next_alert_and_acknowledge(open_app):
    async with open_app(incidents=ALERTS) as s:
        await s.press("exclamation_mark")
        assert s.view.view == actions.ALERTS
        assert s.scene.selected().id == "i1"
        await s.press("exclamation_mark")
        assert s.scene.selected().id == "i2"
        await s.press("a")
        assert Acknowledge("i2") in s.engine.requests
        await s.press("exclamation_mark")
        assert s.scene.selected().id == "i1"


async def test_a_resolved_alert_cannot_be_acknowledged(open_app):
    async with open_app(incidents=ALERTS) as s:
        await s.press("5", "end")
        assert s.scene.selected().id == "i3"
        assert " Ack" not in s.drawn("#keys")
        await s.press("a")
        assert not any(isinstance(request, Acknowledge) for request in s.engine.requests)


async def test_next_alert_is_not_offered_without_alerts(open_app):
    async with open_app() as s:
        assert "! Alert" not in s.drawn("#keys")
        await s.press("exclamation_mark")
        assert s.view.view == actions.OVERVIEW


async def test_an_alert_leads_to_its_chart_and_its_line(open_app):
    async with open_app(incidents=ALERTS) as s:
        await s.press("5", "enter")
        assert s.view.view == actions.OVERVIEW
        assert s.scene.cursor == 31_800
        assert s.view.query_one("#main-0").size.width == 120
        await s.press("escape", "5", "l")
        assert s.view.view == actions.LOGS
        assert s.engine.view.log_before > 40_112
        assert "40112▸" in s.drawn("#log-view")


async def test_an_alert_without_a_metric_leads_to_the_loss(open_app):
    crash = IncidentRow("i9", "r1", "crash", "critical", "firing", "crashed", step=41_000)
    async with open_app(incidents=(crash,)) as s:
        await s.press("5", "enter")
        assert s.scene.cursor == 41_000
        assert s.view.query_one("#main-0").metrics[0] == "train/loss"


async def test_the_line_of_an_alert_is_shown_in_its_file(open_app):
    elsewhere = msgspec.structs.replace(ALERTS[0], evidence={"source": SOURCES[1]})
    async with open_app(incidents=(elsewhere,)) as s:
        await s.press("5", "l")
        assert (s.view.view, s.engine.view.log_source) == (actions.LOGS, SOURCES[1])
        assert "40112▸" in s.drawn("#log-view")


async def test_log_scrolls_through_the_protocol(open_app):
    async with open_app((100, 30)) as s:
        await s.press("4")
        assert "following" in s.text()
        assert s.engine.view.log_before is None
        for _ in range(8):
            await s.press("pageup")
        assert s.engine.view.log_before < 50_000
        bottom = s.view.log_view.bottom
        assert f"{bottom} " in s.drawn("#log-view")
        await s.press("home")
        assert " 1 12:41" in s.drawn("#log-view")
        await s.press("f")
        assert s.engine.view.log_before is None
        assert "50000 " in s.drawn("#log-view")


async def test_log_of_another_source(open_app):
    async with open_app((100, 30)) as s:
        await s.press("4", "home", "r")
        assert s.engine.view.log_source == "/runs/llama/train.err"
        assert "log /runs/llama/train.err" in s.drawn("#log-view")
        assert "following" in s.drawn("#log-view")
        await s.press("r")
        assert "log /runs/llama/train.log" in s.drawn("#log-view")


async def test_log_search(open_app):
    async with open_app((100, 30)) as s:
        await s.press("4", "slash", *"slow [allreduce")
        await s.press("enter")
        assert "nothing found" in s.drawn("#log-view")
        await s.press("slash", *"allreduce", "enter")
        assert s.view.log_view.at == 49_977
        await s.press("N")
        assert s.view.log_view.at == 49_937
        await s.press("n")
        assert s.view.log_view.at == 49_977
        await s.press("escape", "escape")
        assert s.view.view == actions.OVERVIEW


async def test_next_error(open_app):
    async with open_app((100, 30)) as s:
        await s.press("4", "E")
        assert s.view.log_view.at == 49_977
        await s.press("E", "E")
        assert s.view.log_view.at == 49_900
        assert "[bold]not markup[/bold] \\[x]" in s.text()
        await s.press("e")
        assert s.view.log_view.at == 49_937


async def test_wrap(open_app):
    async with open_app((60, 24)) as s:
        await s.press("4")
        assert "2.03 s" not in s.text()
        await s.press("w")
        assert "2.03 s" in s.text()


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


async def test_rank_measure_and_scroll(open_app):
    async with open_app((100, 30), ranks=64) as s:
        await s.press("3", "m")
        assert "last seen" in s.drawn("#rank-grid").splitlines()[0]
        assert s.drawn("#rank-table").splitlines()[2].split()[1] == "12"
        await s.press("end")
        assert "of 64" in s.drawn("#rank-table")
        assert s.view.query_one("#rank-table").at > 0


async def test_silence_asks_for_how_long_and_says_what_came_of_it(open_app):
    async with open_app(incidents=ALERTS, name="login03:llama-7b-r3") as s:  # one of several hosts
        await s.press("5", "s")
        assert "15m: send nothing about loss_spike" in s.text()
        await s.press("down", "enter")
        (asked,) = [request for request in s.engine.requests if isinstance(request, Silence)]
        assert asked.matchers == ("run=r1", "rule=loss_spike"), "as the alert calls its run"
        assert matches(
            [parse_matcher(text) for text in asked.matchers], Alert(SPIKE, "login03", 0.0).labels()
        )
        assert asked.ends == 1_000_000 + 3600
        s.engine.send(Done(0, "silenced until 12:00: rule=loss_spike"))
        await s.until(lambda: "silenced until 12:00" in s.drawn("#head"))
        await s.press("s", "escape")
        assert len([request for request in s.engine.requests if isinstance(request, Silence)]) == 1


async def test_unsilence_asks_which_one(open_app):
    async with open_app(incidents=ALERTS) as s:
        await s.press("5", "u")
        assert Silences() in s.engine.requests
        s.engine.send(
            SilenceList(0, (SilenceRow("s1", ("rule=a",), 0.0, 9e5), SilenceRow("s2", ("rule=b",), 0.0, 9e5)))
        )
        await s.until(lambda: "rule=b" in s.text())
        await s.press("down", "space", "enter")
        assert Unsilence("s2") in s.engine.requests
        assert Unsilence("s1") not in s.engine.requests
        await s.press("u")
        s.engine.send(SilenceList(0, ()))
        await s.until(lambda: "nothing is silenced" in s.drawn("#head"))


async def test_what_the_engine_refuses_is_told(open_app):
    async with open_app() as s:
        s.engine.send(Refused("a daemon can only watch files here"))
        await s.until(lambda: "a daemon can only watch" in s.drawn("#head"))


async def test_a_run_that_finished_is_no_alert(open_app):
    done = IncidentRow("i9", "r1", "finished", "info", "firing", "finished at step 10 of 10", since=999_000.0)
    async with open_app((120, 40), incidents=(done,), phase="finished") as s:
        assert "! Alert" not in s.drawn("#keys")
        assert "nothing fires" in s.drawn("#alerts")
        assert "INFO finished" in s.drawn("#alerts")
        assert "0 firing" in s.drawn("#alerts")
        await s.press("exclamation_mark")
        assert s.view.view == actions.OVERVIEW


async def test_ranks_by_node_table_and_sort(open_app):
    async with open_app((120, 40), ranks=64) as s:
        await s.press("3")
        assert " 0 ███" in s.drawn("#rank-grid")
        await s.press("n")
        assert "r32 " in s.drawn("#rank-grid")
        first = s.drawn("#rank-table").splitlines()[2]
        await s.press("greater_than_sign")
        assert "by rank" in s.drawn("#rank-table")
        assert s.drawn("#rank-table").splitlines()[2] != first
        await s.press("less_than_sign")
        assert "worst first" in s.drawn("#rank-table")
        await s.press("t")
        assert not s.view.query_one("#rank-grid").display
        await s.press("t")
        assert not s.view.query_one("#rank-table").display
        assert s.view.query_one("#rank-grid").size.height > 30
        await s.press("t")
        assert s.view.query_one("#rank-table").display


async def test_log_filters_and_marks(open_app):
    log = tuple((n, f"[rank{n % 2}] step {n} ok") for n in range(1, 60))
    async with open_app((100, 30), log=log) as s:
        await s.press("4", "m")
        assert "only rank 0" in s.drawn("#log-view")
        assert "[rank1]" not in s.drawn("#log-view")
        await s.press("m", "m")
        assert "only" not in s.drawn("#log-view").splitlines()[0]
        await s.press("slash", *"step 5", "enter", "ampersand")
        shown = [line for line in s.drawn("#log-view").splitlines()[1:] if "step" in line]
        assert len(shown) == 11
        await s.press("k", "escape", "escape", "b")
        marked = s.view.log_view.chosen()
        assert f"{marked}◦" in s.drawn("#log-view") or f"{marked}▸" in s.drawn("#log-view")
        await s.press("f", "B")
        assert s.view.log_view.at == marked


async def test_copy_takes_the_chosen_line(open_app, monkeypatch):
    async with open_app((100, 30), incidents=ALERTS) as s:
        copied = []
        monkeypatch.setattr(s.app, "copy_to_clipboard", copied.append)
        await s.press("Y", "5", "Y", "4", "Y")
        assert copied[0].startswith("llama-7b-r3 step 41,230/120,000 /runs/llama/train.log")
        assert copied[1].startswith("loss spiked to 5.13")
        assert "iteration 50000" in copied[2]


async def test_the_time_at_which_lines_were_read(open_app, monkeypatch):
    monkeypatch.setattr("runwatch.render.plain.clock", lambda unix, seconds=False: f"12:00:{int(unix):02}")
    log = tuple((n, f"line {n}.") for n in range(1, 9))
    async with open_app((80, 24), log=log, log_read=((1, 0.0), (3, 7.0), (6, 9.0))) as s:
        await s.press("4", "t")
        drawn = s.drawn("#log-view").splitlines()
        shown = {n: next(line for line in drawn if f"line {n}." in line) for n in range(1, 9)}
        assert "12:00" not in shown[2]
        assert "12:00:07 line 3." in shown[3]
        assert "12:00:07 line 5." in shown[5]
        assert "12:00:09 line 8." in shown[8]
        await s.press("t")
        assert "12:00" not in s.drawn("#log-view")
    async with open_app((80, 24)) as s:
        await s.press("4")
        assert not s.app.available("times")


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


async def test_evidence_that_does_not_fit_can_be_read(open_app):
    long = msgspec.structs.replace(SPIKE, evidence={f"part_{i}": i for i in range(40)})
    async with open_app((80, 24), incidents=(long, SLOW)) as s:
        await s.press("5")
        assert "more below: v" in s.drawn("#alert-detail")
        await s.press("v", "end")
        assert "part 39" in s.text()
        assert not s.view.query_one("#alert-list").display
        await s.press("escape")
        assert s.view.query_one("#alert-list").display
        await s.press("down")
        assert "rank 37" in s.drawn("#alert-detail")


async def test_tab_scrolls_the_events_where_both_tables_are_long(open_app):
    events = tuple(EventRow("error", f"error {i}", i, i) for i in range(60))
    async with open_app((80, 24), checkpoints=CHECKPOINTS * 20, events=events) as s:
        await s.press("6", "end")
        assert "error 59" not in s.text()
        await s.press("tab", "end")
        assert "error 59" in s.text()


async def test_ranks_by_the_axes_of_the_configuration(open_app):
    async with open_app((120, 40), ranks=64, parallel={"tp": 2, "pp": 4}) as s:
        await s.press("3", "n", "n")
        assert "by tp" in s.drawn("#rank-grid")
        await s.press("n")
        assert "pp2 ████▁" not in s.drawn("#rank-grid")
        assert "pp3 " in s.drawn("#rank-grid")
        await s.press("n", "n")
        assert "by" not in s.drawn("#rank-grid").splitlines()[0]


async def test_a_hang_says_how_long_it_lasts_by_now(open_app):
    hang = IncidentRow(
        "i5", "r1", "hang", "critical", "firing", "no progress for 7 s while training", step=69,
        since=999_950.0, evidence={"silent_for": 7.0},
    )  # fmt: skip
    async with open_app((120, 40), incidents=(hang,)) as s:
        assert "no progress for 57s while training" in s.drawn("#alerts")


async def test_the_list_of_runs_begins_at_the_one_on_the_screen(open_app):
    async with open_app((100, 30)) as s:
        await s.press("]")
        assert s.scene.run.id == "r2"
        await s.press("0")
        assert s.drawn("#runs").splitlines()[3].startswith("│▸")


async def test_a_key_of_the_footer_can_be_clicked(open_app):
    async with open_app((120, 40), ranks=8) as s:
        row = s.drawn("#keys")
        await s.pilot.click("#keys", offset=(row.index("View"), 0))
        await s.settle()
        assert s.view.view == "metrics"
        row = s.drawn("#keys")
        await s.pilot.click("#keys", offset=(row.index("Help") - 1, 0))
        await s.until(lambda: "help" in s.text())
        await s.press("escape")
        await s.pilot.click("#keys", offset=(118, 0))  # nothing is there
        await s.settle()
        assert s.view.view == "metrics"
