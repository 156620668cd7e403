"""Keys of the alerts: from one to the next, to where it happened, and what is done about it."""

import msgspec
import pytest

from runwatch.alerts.routing.grouping import Alert
from runwatch.alerts.routing.policy import matches, parse_matcher
from runwatch.core.snapshot import IncidentRow, Silenced
from runwatch.render import plain
from runwatch.tui import actions
from runwatch.watcher.protocol import (
    Acknowledge,
    Done,
    Refused,
    Silence,
    SilenceList,
    SilenceRow,
    Silences,
    Unsilence,
)

from .fake_engine import ALERTS, SLOW, SOURCES, SPIKE, picture


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


async def test_the_file_of_an_alert_is_named_on_one_row(open_app):
    path = f"/scratch/{'experiments/' * 5}llama-7b-r3/rank4.log"
    named = msgspec.structs.replace(SPIKE, evidence={"source": path})
    async with open_app((120, 40), incidents=(named,)) as s:
        await s.press("5")
        (row,) = [line for line in s.drawn("#alert-detail").splitlines() if "/scratch/" in line]
        assert "…/rank4.log" in row


@pytest.mark.parametrize("alone", [False, True])
async def test_silence_asks_for_how_long_and_says_what_came_of_it(open_app, alone):
    async with open_app(
        incidents=ALERTS, name="login03:llama-7b-r3", alone=alone
    ) as s:  # one of several hosts
        await s.press("5", "s")
        assert "Send nothing about loss_spike of r1 for how long?" in s.text()
        assert ("It ends with this screen," in s.text()) == alone, "no daemon keeps it"
        await s.press("enter")  # an hour is what is wanted most
        (asked,) = [request for request in s.engine.requests if isinstance(request, Silence)]
        assert asked.matchers == ("run=r1", "rule=loss_spike"), "as the alert calls its run"
        assert matches(
            [parse_matcher(text) for text in asked.matchers], Alert(SPIKE, "login03", 0.0).labels()
        )
        assert asked.ends == 1_000_000 + 3600
        s.engine.send(Done(asked.id, 'silenced until 1970-01-12 14:46: run="r1" rule="loss_spike" (1f2e)'))
        said = f"loss_spike of r1 silenced until {plain.clock(asked.ends)}"
        await s.until(lambda: said in s.drawn("#head"))
        assert (f"{said}, or until this screen ends" in s.drawn("#head")) == alone
        await s.press("s", "escape")
        assert len([request for request in s.engine.requests if isinstance(request, Silence)]) == 1


async def test_unsilence_asks_which_one(open_app):
    async with open_app(incidents=ALERTS) as s:
        await s.press("5", "u")
        assert Silences() in s.engine.requests
        s.engine.send(
            SilenceList(0, (SilenceRow("s1", ("rule=a",), 0.0, 9e5), SilenceRow("s2", ("rule=b",), 0.0, 9e5)))
        )
        await s.until(lambda: "[ ] b until" in s.text())
        await s.press("down", "m", "enter")
        assert [r.silence for r in s.engine.requests if isinstance(r, Unsilence)] == ["s2"]
        await s.press("u")
        s.engine.send(SilenceList(0, ()))
        await s.until(lambda: "nothing is silenced" in s.drawn("#head"))


async def test_what_the_engine_refuses_is_shown(open_app):
    async with open_app() as s:
        s.engine.send(Refused("a daemon can only watch files here"))
        await s.until(lambda: "a daemon can only watch" in s.drawn("#head"))


async def test_a_run_that_finished_is_no_alert(open_app):
    done = IncidentRow("i9", "r1", "finished", "info", "firing", "finished at step 10 of 10", since=999_000.0)
    async with open_app((120, 40), incidents=(done,), phase="finished") as s:
        assert "! Alert" not in s.drawn("#keys")
        assert "alerts: none" in s.drawn("#end")
        assert not s.view.query_one("#alerts").display, "it would say nothing"
        await s.press("exclamation_mark")
        assert s.view.view == actions.OVERVIEW


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


async def test_a_hang_says_how_long_it_lasts_by_now(open_app):
    hang = IncidentRow(
        "i5", "r1", "hang", "critical", "firing", "no progress for 7 s while training", step=69,
        since=999_950.0, evidence={"silent_for": 7.0},
    )  # fmt: skip
    async with open_app((120, 40), incidents=(hang,)) as s:
        assert "no progress for 57s while training" in s.drawn("#incident-bar")


async def test_a_traceback_keeps_its_indentation_and_its_last_frame(open_app):
    frames = "".join(f'  File "/opt/lib/part_{i}.py", line {i}, in run\n    part_{i}(x)\n' for i in range(10))
    crash = msgspec.structs.replace(SPIKE, rule="crash", evidence={"kind": "traceback", "frames": frames})
    async with open_app((80, 50), incidents=(crash,)) as s:
        await s.press("5", "v")
        shown = [line.strip("│").rstrip() for line in s.drawn("#alert-detail").splitlines()]
        at = shown.index("traceback, innermost first")
        assert shown[at + 1 : at + 3] == ['    File "/opt/lib/part_9.py", line 9, in run', "      part_9(x)"]
        assert "      part_0(x)" in shown


async def test_alerts_of_other_runs_are_a_row_that_leads_to_the_runs(open_app):
    def make(asked):
        shown = picture(asked, incidents=ALERTS)
        other = msgspec.structs.replace(shown.runs[1], critical=2)
        return msgspec.structs.replace(shown, runs=(shown.runs[0], other))

    async with open_app((120, 40), make=make) as s:
        await s.press("5")
        panel = s.view.query_one("#alert-list")
        rows = s.drawn("#alert-list").splitlines()
        y = next(i for i, line in enumerate(rows) if "2 critical alerts in other runs  press 0" in line)
        assert panel.click(5, y)
        await s.settle()
        assert s.view.view == actions.RUNS


async def test_what_may_never_fire_comes_after_what_is_over(open_app):
    pending = msgspec.structs.replace(SPIKE, id="i8", state="pending", since=None)
    info = msgspec.structs.replace(SPIKE, id="i9", severity="info")
    over = msgspec.structs.replace(SPIKE, id="i7", state="resolved")
    async with open_app(incidents=(pending, info, over, SLOW)) as s:
        assert [row.id for row in s.scene.incidents()] == ["i2", "i7", "i9", "i8"]


async def test_of_what_is_over_or_may_never_fire_the_advice_is_not_to_be_followed_now(open_app):
    over = msgspec.structs.replace(SPIKE, state="resolved")
    async with open_app((80, 24), incidents=(over,)) as s:
        await s.press("5")
        assert SPIKE.cause in s.drawn("#alert-detail")
        assert SPIKE.advice not in s.drawn("#alert-detail")
        await s.push(incidents=(msgspec.structs.replace(SPIKE, state="pending", since=None),))
        assert f"if it lasts: {SPIKE.advice}" in s.drawn("#alert-detail")


async def test_a_silenced_alert_is_marked_and_the_same_key_sends_it_again(open_app):
    held = {"i1": Silenced(1_000_000.0 + 3500, ("5117", "abcd"))}

    def make(asked, silenced=held):
        return msgspec.structs.replace(picture(asked, incidents=ALERTS), silenced=silenced)

    async with open_app((120, 40), make=make) as s:
        assert "silenced 58m" in s.drawn("#alerts")
        assert "silenced 58m" in s.drawn("#incident-bar")
        await s.press("5")
        first, *rest = [line for line in s.drawn("#alert-list").splitlines() if "▲" in line or "●" in line]
        assert "silenced 58m" in first
        assert "silenced" not in "".join(rest)
        assert "silenced 58m: s sends it again" in s.drawn("#alert-detail")
        assert "s Unsilence" in s.drawn("#keys")
        await s.press("s")
        ended = [request for request in s.engine.requests if isinstance(request, Unsilence)]
        assert [request.silence for request in ended] == ["5117", "abcd"]
        s.engine.send(Done(ended[0].id, "ended: silence 5117"))
        await s.until(lambda: "its alerts are sent again" in s.drawn("#head"))
        s.engine.picture = lambda view: make(view, {})
        s.engine.push()
        await s.settle()
        assert "silenced" not in s.drawn("#alert-list")
        assert "s Silence" in s.drawn("#keys")


async def test_a_silence_that_is_over_leaves_no_mark(open_app):
    held = {"i1": Silenced(999_999.0, ("5117",))}
    make = lambda asked: msgspec.structs.replace(picture(asked, incidents=ALERTS), silenced=held)  # noqa: E731
    async with open_app((120, 40), make=make) as s:
        assert "silenced" not in s.drawn("#alerts")


async def test_without_alerts_there_is_what_the_rules_look_for(open_app):
    rules = [
        ("nonfinite", "A loss is NaN or infinite."),
        *((f"rule_{i}", f"Finding {i}.") for i in range(50)),
    ]
    async with open_app((120, 40), incidents=(), rules=lambda: rules) as s:
        await s.press("5")
        shown = s.drawn("#alert-list")
        assert "nonfinite" in shown
        assert "A loss is NaN or infinite." in shown
        hidden = 51 - sum("Finding" in line or "A loss" in line for line in shown.splitlines())
        assert f"and {hidden} more: runwatch rules" in shown
        await s.push(incidents=ALERTS)
        assert "nonfinite" not in s.drawn("#alert-list")


@pytest.mark.parametrize(
    ("size", "shown"),
    [((120, 40), True), ((48, 40), True), ((48, 24), False)],
    ids=["next to it", "below", "no room"],
)
async def test_the_chart_of_an_alert_is_next_to_the_evidence_or_below_it(open_app, size, shown):
    async with open_app(size, incidents=ALERTS) as s:
        await s.press("5")
        detail, chart = s.view.query_one("#alert-detail"), s.view.query_one("#alert-chart")
        assert chart.display is shown
        if shown and size[0] < 100:
            assert chart.region.y == detail.region.bottom
            assert chart.size.height >= 9
            assert detail.hidden == 0, "the evidence needs its rows first"


async def test_an_alert_of_a_rank_shows_it_among_the_others(open_app):
    slow = IncidentRow("i5", "r1", "straggler", "warning", "firing", "rank 3 is slow", rank=3)
    async with open_app((120, 40), incidents=(slow, SPIKE), ranks=8) as s:
        await s.press("5")
        await s.until(lambda: s.scene.selected() is not None)
        chosen = s.scene.selected()
        for row in (chosen, next(each for each in (slow, SPIKE) if each.id != chosen.id)):
            s.scene.incident = row.id
            s.view.show()
            await s.settle()
            assert s.view.query_one("#alert-ranks").display is (row.rank is not None), row.title
            assert s.view.query_one("#alert-chart").display is (row.rank is None), row.title


async def test_a_silence_is_said_in_the_bar_even_where_its_rows_are_full(open_app):
    full = msgspec.structs.replace(
        SPIKE, step=None, since=None, title="loss is 42% above its best of 6.202 at step 495, and rises",
        cause="", advice="Go back to a checkpoint near the best; lower the rate now.",
    )  # fmt: skip
    held = {SPIKE.id: Silenced(1_000_000.0 + 3500, ("5117",))}
    make = lambda asked: msgspec.structs.replace(picture(asked, incidents=(full,)), silenced=held)  # noqa: E731
    for width in (72, 80, 120):
        async with open_app((width, 24), make=make) as s:
            assert "silenced 58m" in s.drawn("#incident-bar"), width


async def test_of_an_hour_that_just_began_an_hour_is_left(open_app):
    held = {SPIKE.id: Silenced(1_000_000.0 + 3590, ("5117",))}
    make = lambda asked: msgspec.structs.replace(picture(asked, incidents=(SPIKE,)), silenced=held)  # noqa: E731
    async with open_app((120, 40), make=make) as s:
        assert "silenced 1h" in s.drawn("#incident-bar")


async def test_on_a_phone_bars_leave_room_for_the_log(open_app):
    slow = IncidentRow("i5", "r1", "straggler", "warning", "firing", "rank 3 is slow", rank=3)
    for size, log in (((50, 90), True), ((50, 36), False)):
        async with open_app(size, incidents=(slow,), ranks=8) as s:
            await s.press("5")
            bars = s.view.query_one("#alert-ranks")
            assert bars.display
            assert bars.size.height <= 20
            assert s.view.query_one("#alert-log").display is log


async def test_the_log_is_below_evidence_and_bars_in_all_the_width(open_app):
    slow = IncidentRow("i5", "r1", "straggler", "warning", "firing", "rank 3 is slow", rank=3)
    async with open_app((200, 50), incidents=(slow,), ranks=8) as s:
        await s.press("5")
        evidence, bars, log = (s.view.query_one(f"#alert-{name}") for name in ("detail", "ranks", "log"))
        assert (bars.region.y, bars.region.bottom) == (evidence.region.y, evidence.region.bottom)
        assert (log.region.y, log.region.width) == (evidence.region.bottom, 200)


async def test_with_an_alert_are_the_lines_around_its_own_and_a_click_shows_one_in_the_log(open_app):
    elsewhere = msgspec.structs.replace(SPIKE, evidence={"source": SOURCES[1]})
    async with open_app((120, 40), incidents=(elsewhere,)) as s:
        await s.press("5")
        await s.until(lambda: "40112▸" in s.drawn("#alert-log"))
        rows = s.drawn("#alert-log").splitlines()
        at = next(y for y, row in enumerate(rows) if "40112▸" in row)
        assert "log train.err, line 40,112" in rows[0]
        assert ("40111 " in rows[at - 1], "40113 " in rows[at + 1]) == (True, True)
        await s.pilot.click("#alert-log", offset=(20, at + 1))
        await s.until(lambda: s.view.view == actions.LOGS)
        await s.until(lambda: "40113▸" in s.drawn("#log-view"))
        assert s.engine.view.log_source == SOURCES[1]


async def test_the_lines_around_its_own_are_there_where_the_chart_of_an_alert_has_no_room(open_app):
    lasts = msgspec.structs.replace(SPIKE, state="firing")
    async with open_app((80, 24), incidents=(lasts,)) as s:
        await s.press("5")
        await s.until(lambda: "40112▸" in s.drawn("#alert-log"))
        assert not s.view.query_one("#alert-chart").display


@pytest.mark.parametrize("state", ["firing", "resolved"])
async def test_where_the_line_of_an_alert_is_kept_no_more_its_end_is_shown_while_it_lasts(open_app, state):
    old = msgspec.structs.replace(SPIKE, state=state, line=7)

    def make(asked):
        full = picture(asked, incidents=(old,))
        return msgspec.structs.replace(
            full, run=msgspec.structs.replace(full.run, log=tuple(e for e in full.run.log if e[0] > 49_000))
        )

    async with open_app((120, 40), make=make) as s:
        await s.press("5")
        await s.until(lambda: s.engine.view.log_before is None)
        assert s.view.query_one("#alert-log").display is (state == "firing")
        if state == "firing":
            await s.until(lambda: "iteration 50000/" in s.drawn("#alert-log"))


async def test_on_a_phone_a_label_of_the_evidence_is_wrapped(open_app):
    asked = msgspec.structs.replace(SPIKE, evidence={"last_checkpoint": 170})
    async with open_app((40, 60), incidents=(asked,)) as s:
        await s.press("5")
        shown = s.drawn("#alert-detail")
        assert "│last checkpoint " in shown
        assert "│before it " in shown


@pytest.mark.parametrize("state", ["firing", "resolved"])
async def test_an_alert_of_no_metric_shows_the_end_of_the_log_while_it_lasts(open_app, state):
    hang = IncidentRow(
        "i6", "r1", "hang", "critical", state, "no progress", step=41_230, resolved_step=41_240
    )
    async with open_app((120, 40), incidents=(hang,), ranks=8) as s:
        await s.press("5")
        assert s.view.query_one("#alert-log").display is (state == "firing")
        if state == "firing":
            await s.until(lambda: "iteration" in s.drawn("#alert-log"))


@pytest.mark.parametrize("first", [1, 2], ids=["an even row", "an odd row"])
async def test_what_a_rule_looks_for_is_in_one_column(open_app, first):
    finds = ["Something is wrong." if n < first else "Something is very wrong. " * 5 for n in range(40)]
    async with open_app((200, 50)) as s:
        s.app.rules = lambda: [(f"rule_{n}", text) for n, text in enumerate(finds)]
        await s.press("5")
        rows = s.drawn("#alert-list").splitlines()
        at = next(i for i, row in enumerate(rows) if "what the rules look for" in row)
        assert rows[at + 1].count("rule_") == 2


async def test_what_the_rules_look_for_is_in_two_columns_on_a_wide_screen(open_app):
    for size, columns in (((120, 40), 1), ((200, 50), 2)):
        async with open_app(size) as s:
            s.app.rules = lambda: [(f"rule_{n}", f"Something is wrong, number {n}.") for n in range(62)]
            await s.press("5")
            rows = s.drawn("#alert-list").splitlines()
            at = next(i for i, row in enumerate(rows) if "what the rules look for" in row)
            assert rows[at + 1].count("Something") == columns
            assert ("more: runwatch rules" in "".join(rows)) == (columns == 1)
