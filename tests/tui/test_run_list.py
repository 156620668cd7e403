"""The list of runs: sorted, grouped, marked and clicked; who is in the sidebar."""

import msgspec
import pytest

from runwatch.core.snapshot import Progress, RunRow, Silenced
from runwatch.tui import actions
from runwatch.watcher import protocol

from .fake_engine import SPIKE, picture
from .test_mouse import click

STATES = ("training", "training", "finished", "crashed")


def several(count=12, **fields):
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
    async with open_app((120, 40), make=several()) as s:
        await s.press("0")
        assert listed(s)[:3] == [3, 7, 11]  # what is wrong
        while s.scene.order.column != "loss":
            await s.press(">")
        assert listed(s) == [*range(11, -1, -1)]
        await s.press("r")
        assert listed(s) == [*range(12)]
        await s.press("<")
        assert s.scene.order.column == "ETA"


async def test_the_order_has_a_name_and_a_command(open_app):
    async with open_app((120, 40), make=several()) as s:
        await s.press("0")
        assert "worst first" in s.drawn("#runs").splitlines()[0]
        await s.press("1")
        await s.paste_keys(":sort loss")
        await s.press("enter")
        assert (s.view.view, listed(s)) == ("runs", [*range(11, -1, -1)])
        assert "worst first" not in s.drawn("#runs").splitlines()[0]
        await s.paste_keys(":sort worst")
        await s.press("enter", "r")
        assert "worst last" in s.drawn("#runs").splitlines()[0]


async def test_runs_are_found_by_how_severe_their_alerts_are(open_app):
    async with open_app((120, 40), make=several()) as s:
        await s.press("0")
        await s.paste_keys("/crit")
        assert listed(s) == [3, 7, 11]


async def test_on_a_usual_terminal_the_footer_has_filter_and_sort(open_app):
    async with open_app((80, 24), make=several()) as s:
        await s.press("0")
        keys = s.drawn("#keys")
        assert ("/ Filter" in keys, "m Mark" in keys, "c Compare" in keys) == (True, True, True), keys
        await s.pilot.click("#keys", offset=(keys.index("Filter"), 0))
        await s.settle()
        assert s.app.focused.id == "filter"


@pytest.mark.deep
async def test_runs_are_grouped_by_what_distinguishes_them(open_app):
    async with open_app((120, 40), make=several()) as s:
        await s.press("0", "n")
        assert "CRASHED  3 runs, 3 critical" in s.drawn("#runs")
        await s.press("n")
        assert "/runs/b  6 runs" in s.drawn("#runs")
        await s.press("n")
        assert "6 runs" not in s.drawn("#runs")


async def test_the_selected_run_is_that_of_the_screen_and_is_shown_below(open_app):
    async with open_app((120, 40), make=several()) as s:
        await s.press("0", "home", "down")
        assert s.engine.view.run == "run7.log"
        assert "loss" in s.drawn("#run-chart")
        assert "no alerts" in s.drawn("#run-detail")
        assert s.engine.view.trends > 0
        await s.press("1")
        assert s.engine.view.run == "run7.log"
        assert s.engine.view.trends == 0


@pytest.mark.deep
async def test_many_runs_have_the_view_to_themselves(open_app):
    async with open_app((80, 24), make=several(40)) as s:
        await s.press("0")
        assert not s.view.query_one("#run-lower").display
        await s.press("end")
        assert "exp-38" in s.drawn("#runs")


async def test_marked_runs_are_laid_over_each_other(open_app):
    async with open_app((120, 40), make=several()) as s:
        await s.press("0", "home", "m", "m")
        assert "2 marked" in s.drawn("#runs")
        await s.press("c")
        assert s.view.view == actions.OVERVIEW
        assert (s.engine.view.run, s.engine.view.compare) == ("run3.log", ("run7.log",))
        await s.press("0", "escape")
        assert "marked" not in s.drawn("#runs")
        assert s.view.view == actions.RUNS


async def test_a_filter_shows_the_run_that_it_leaves_selected(open_app):
    async with open_app((120, 40), make=several()) as s:
        await s.press("0", "home", "slash", *"exp-07")
        assert s.view.table.selected().id == "run7.log"
        assert s.engine.view.run == "run7.log", "what is below the table is of that run too"


async def test_two_runs_of_the_table_are_compared_in_three_actions(open_app):
    async with open_app((120, 40), make=several()) as s:
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
    async with open_app((120, 40), make=several()) as s:
        await s.press("0", "home")
        await click(s, "Compare")
        await click(s, "[ ] exp-07")
        await click(s, "enter Done")
        assert s.view.view == actions.OVERVIEW
        assert s.engine.view.compare == ("run7.log",)


@pytest.mark.deep
async def test_marked_runs_are_silenced_together(open_app):
    async with open_app((120, 40), make=several()) as s:
        await s.press("0", "home", "m", "m", "s", "enter")
        asked = [r for r in s.engine.requests if isinstance(r, protocol.Silence)]
        assert [r.matchers for r in asked] == [("run=exp-03",), ("run=exp-07",)]
        assert {r.ends for r in asked} == {1_003_600.0}


@pytest.mark.deep
async def test_marked_runs_of_other_hosts_are_silenced_there(open_app):
    def hosts(view):
        shown = several()(view)
        rows = tuple(
            msgspec.structs.replace(row, host=f"gpu{n % 2}", name=f"gpu{n % 2}:{row.name}", critical=0)
            for n, row in enumerate(shown.runs)
        )
        return msgspec.structs.replace(shown, runs=rows)

    async with open_app((120, 40), make=hosts) as s:
        await s.press("0", "home", "m", "end", "m", "s", "down", "enter")
        asked = [r for r in s.engine.requests if isinstance(r, protocol.Silence)]
        hosts_of = {row.id: row.host for row in s.scene.runs}
        assert {hosts_of[r.about] for r in asked} == {"gpu0", "gpu1"}
        assert all(len(r.matchers) == 1 and r.matchers[0].startswith("run=exp-") for r in asked)


async def test_a_click_on_a_heading_sorts_and_one_on_a_run_selects_and_opens_it(open_app):
    async with open_app((120, 40), make=several()) as s:
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
    async with open_app((width, 30), make=several()) as s:
        await s.press("0")
        assert "cannot show" not in s.drawn("#runs")
        assert "exp-03" in s.drawn("#runs")


async def test_the_sidebar_and_the_keys_for_the_next_run_follow_the_order_of_the_table(open_app):
    async with open_app((200, 50), make=several()) as s:
        await s.press("0", "home", "1")
        assert s.scene.run.id == "run3.log"
        await s.press("]")
        assert s.scene.run.id == "run7.log"
        names = [line.partition("exp-")[2][:2] for line in s.drawn("#summary").splitlines()]
        assert [name for name in names if name][:4] == ["03", "07", "11", "00"]


async def test_runs_to_compare_with_are_listed_by_name(open_app):
    def backwards(view):
        shown = several(6)(view)
        return msgspec.structs.replace(shown, runs=shown.runs[::-1])

    async with open_app((120, 40), make=backwards) as s:
        await s.press("c")
        names = [line.partition("] exp-")[2][:2] for line in s.text().splitlines() if "] exp-" in line]
        assert len(names) == 5
        assert names == sorted(names)


async def test_all_tabs_fit_on_the_smallest_screen(open_app):
    async with open_app((40, 12), make=several()) as s:
        await s.press("6")
        assert s.drawn("#head").splitlines()[2].rstrip().endswith("[6]Ckpts  7")


async def test_the_sidebar_has_the_run_of_the_screen(open_app):
    async with open_app((200, 50), make=several(22)) as s:
        for _ in range(3):
            await s.press("[")
        assert s.scene.run.id == "run11.log"
        assert "exp-11" in s.drawn("#summary")
        assert "exp-00" in s.drawn("#summary"), "all of them, as there is room"
        await s.resize(200, 30)
        assert "exp-11" in s.drawn("#summary")
        assert "and " in s.drawn("#summary")


async def test_what_is_wrong_with_other_runs_has_the_rows_that_the_sidebar_leaves(open_app):
    async with open_app((200, 50), make=several(12)) as s:
        rows = s.drawn("#summary").splitlines()
        at = next(y for y, row in enumerate(rows) if "other runs" in row)
        assert "exp-03" in rows[at + 1]
        assert "crashed: CUDA error" in rows[at + 2]
        assert sum("crashed" in row for row in rows) == 3
        await click(s, "crashed: CUDA error")
        assert s.scene.run.id == "run3.log"
        rows = s.drawn("#summary").splitlines()
        assert sum("crashed" in row for row in rows) == 2, "the bar above has its own"
        await s.resize(200, 30)
        assert "other runs" not in s.drawn("#summary"), "no room"


async def test_the_log_of_the_selected_run_has_the_rows_that_nothing_else_needs(open_app):
    async with open_app((120, 40), make=several()) as s:
        await s.press("0")
        detail, log = s.view.query_one("#run-detail"), s.view.query_one("#run-log")
        assert log.display
        assert detail.region.bottom == log.region.y
        assert detail.size.height == detail.needed(detail.size.width)
        await s.until(lambda: "iteration 50000/" in s.drawn("#run-log"))
        await s.resize(80, 24)
        await s.until(lambda: not log.display)


@pytest.mark.deep
async def test_on_a_phone_the_alerts_of_a_run_are_below_its_chart(open_app):
    async with open_app((58, 64), make=several()) as s:
        await s.press("0")
        chart, detail = s.view.query_one("#run-chart"), s.view.query_one("#run-detail")
        assert chart.display
        assert detail.display
        assert chart.size.width == detail.size.width > 50
        assert chart.region.bottom <= detail.region.y
        await s.resize(58, 26)
        for _ in range(50):  # until the view was placed anew
            if chart.display != detail.display:
                break
            await s.settle()
        assert chart.display != detail.display, "both have no room"
        await s.resize(120, 40)
        assert chart.region.y == detail.region.y, "side by side"


@pytest.mark.deep
async def test_on_a_narrow_screen_what_acts_on_the_marked_runs_stays_in_the_footer(open_app):
    async with open_app((80, 24), make=several(6)) as s:
        await s.press("0", "m", "m")
        keys = s.drawn("#keys")
        assert ("s Silence 2" in keys, "c Compare 2" in keys) == (True, True), "a mouse has nothing else"


async def test_actions_are_on_the_marked_runs_and_say_so(open_app):
    async with open_app((120, 40), make=several()) as s:
        await s.press("0", "home", "m", "end")  # a mark that somebody forgot
        assert "s Silence 1 marked" in s.drawn("#keys")
        assert "c Compare 1 marked" in s.drawn("#keys")
        await s.press("s")
        assert "Send nothing about 1 marked: exp-03, for how long?" in " ".join(s.text().split())
        await s.press("escape", "c")
        assert "1 marked: exp-03. Compare it with which?" in s.text()
        await s.press("escape", "escape")
        assert "marked" not in s.drawn("#keys")
        await s.press("end", "s")
        assert "Send nothing about exp-10 for how long?" in s.text()


async def test_a_silenced_run_is_marked_and_the_same_key_sends_its_alerts_again(open_app):
    silenced = {"run3.log": Silenced(1_000_000.0 + 3500, ("5117",))}

    def make(asked):
        return msgspec.structs.replace(several()(asked), silenced=silenced)

    async with open_app((160, 40), make=make) as s:
        await s.press("0", "home")
        row = next(line for line in s.drawn("#runs").splitlines() if "exp-03" in line)
        assert "crashed: CUDA error" in row
        assert "silenced 58m" in row
        assert s.drawn("#runs").count("silenced") == 1
        assert "s Unsilence" in s.drawn("#keys")
        await s.press("s")
        (ended,) = [r for r in s.engine.requests if isinstance(r, protocol.Unsilence)]
        assert (ended.silence, ended.about) == ("5117", "run3.log")
        await s.press("down")
        assert "s Silence" in s.drawn("#keys")


async def test_rows_keep_their_place_when_an_alert_of_the_selected_run_begins(open_app):
    incidents = []

    def make(asked):
        return msgspec.structs.replace(picture_of(asked), runs=several()(asked).runs)

    def picture_of(asked):
        return picture(asked, id=asked.run or "run0.log", name="exp", incidents=tuple(incidents))

    def places():
        return [y for y, line in enumerate(s.text().splitlines()) if "exp-0" in line and "│" in line]

    async with open_app((120, 40), make=make) as s:
        await s.press("0", "home", "down")
        before, here = places(), s.view.table.selected().id
        incidents.append(SPIKE)
        s.engine.push()
        await s.settle()
        assert "loss spiked" in s.drawn("#incident-bar")
        assert (places(), s.view.table.selected().id) == (before, here)


@pytest.mark.deep
async def test_the_selected_row_of_a_long_list_stays_where_it_is_when_others_move(open_app):
    async with open_app((80, 24), make=several(40)) as s:
        await s.press("0", *["down"] * 20, *["up"] * 6)
        here = s.view.table.selected().id

        def place():
            return next(y for y, line in enumerate(s.drawn("#runs").splitlines()) if "▸" in line)

        before = place()

        def worse(view):
            shown = several(40)(view)
            rows = tuple(
                msgspec.structs.replace(row, critical=1) if n in (16, 20, 22) else row
                for n, row in enumerate(shown.runs)
            )
            return msgspec.structs.replace(shown, runs=rows)

        s.engine.picture = worse
        s.engine.push()
        await s.settle()
        assert s.view.table.selected().id == here
        assert place() == before


async def test_a_run_that_does_not_advance_has_no_eta(open_app):
    def make(asked):
        shown = several(4)(asked)
        still = {
            0: {"age": 400.0},
            1: {"phase": "unknown"},
            2: {"phase": "training"},
            3: {"phase": "stalled"},
        }
        rows = tuple(msgspec.structs.replace(row, **still[n]) for n, row in enumerate(shown.runs))
        return msgspec.structs.replace(shown, runs=rows)

    async with open_app((160, 40), make=make) as s:
        await s.press("0")
        rows = {
            line.partition("exp-")[2][:2]: line for line in s.drawn("#runs").splitlines() if "exp-" in line
        }
        assert "2m 00s" in rows["02"]
        assert not any(
            "1m 00s" in rows[n] or "3m 00s" in rows[n] or "0 s" in rows[n] for n in ("00", "01", "03")
        )


@pytest.mark.deep
async def test_an_overlay_belongs_to_the_run_it_was_asked_for(open_app):
    async with open_app((120, 40), make=several()) as s:
        await s.press("0", "home", "c", "down", "enter")
        first, over = s.engine.view.run, s.engine.view.compare
        assert over
        await s.press("]")
        assert s.engine.view.run != first
        assert s.engine.view.compare == ()
        assert not s.view.query_one("#comparison").display
        await s.press("[")
        assert (s.engine.view.run, s.engine.view.compare) == (first, over)


async def test_escape_leads_from_a_run_to_the_list_and_says_where_it_ends(open_app):
    async with open_app((120, 40), make=several()) as s:
        await s.press("2", "escape")
        assert s.view.view == actions.OVERVIEW
        assert "esc Back" in s.drawn("#keys")
        await s.press("escape")
        assert s.view.view == actions.RUNS
        assert "esc Back" not in s.drawn("#keys")
        await s.press("escape")
        assert s.view.view == actions.RUNS
        assert "nothing to go back to; q leaves" in s.drawn("#head")


async def test_escape_closes_the_card_of_the_end(open_app):
    async with open_app((120, 40), make=several(1, phase="finished")) as s:
        card = s.view.query_one("#end")
        assert card.display
        assert "esc closes" in s.drawn("#end")
        await s.press("escape")
        assert not card.display
        assert s.view.view == actions.OVERVIEW
        await s.press("escape")
        assert "nothing to go back to; q leaves" in s.drawn("#head")


@pytest.mark.deep
async def test_marks_and_overlays_stay_when_a_log_was_read_and_its_run_gets_its_own_id(open_app):
    read = []

    def make(asked):
        shown = several(4)(asked)
        rows = tuple(msgspec.structs.replace(row, id=row.id + "#1") for row in shown.runs)
        return msgspec.structs.replace(shown, runs=rows) if read else shown

    async with open_app((120, 40), make=make) as s:
        await s.press("0", "home", "m", "m")
        read.append(True)
        s.engine.push()
        await s.settle()
        assert "2 marked" in s.drawn("#runs")
        await s.press("c")
        first, others = s.engine.view.run, s.engine.view.compare
        assert first.endswith("#1")
        assert others
        assert all(other.endswith("#1") for other in others)


@pytest.mark.deep
async def test_an_overlay_stays_when_the_run_over_it_gets_its_own_id(open_app):
    read = []

    def make(asked):
        shown = several(4)(asked)
        first, *rest = shown.runs
        rows = (first, *(msgspec.structs.replace(row, id=row.id + "#1") for row in rest))
        return msgspec.structs.replace(shown, runs=rows) if read else shown

    async with open_app((120, 40), make=make) as s:
        await s.press("c", "down", "enter")
        (before,) = s.engine.view.compare
        read.append(True)
        s.engine.push()
        await s.settle()
        assert s.engine.view.compare == (f"{before}#1",)
