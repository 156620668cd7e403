"""What the screens look like, as text, at the sizes people have."""

import re

import msgspec
import pytest

from runwatch.core.snapshot import CheckpointRow, EventRow, Progress, RankRow, RunRow, Saving
from runwatch.render import cells

from .fake_engine import METRICS, OLD, SLOW, SPIKE, picture
from .test_machine import MACHINE

ALERTS = (SPIKE, SLOW, OLD)
DEEP = pytest.mark.deep
EVERY_SIZE = [(80, 24), pytest.param((120, 40), marks=DEEP), pytest.param((200, 50), marks=DEEP)]


@pytest.fixture(autouse=True)
def _same_clock_everywhere(monkeypatch):
    monkeypatch.setattr("runwatch.render.plain.clock", lambda unix: "12:41")


@pytest.mark.few(1)
@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 50)])
async def test_overview(open_app, golden, size):
    async with open_app(size, ranks=64, incidents=ALERTS) as s:
        golden(f"overview-{size[0]}x{size[1]}", s.text())


async def test_overview_of_a_log_with_two_metrics(open_app, golden):
    async with open_app((120, 40), metrics=("train/loss", "train/learning_rate")) as s:
        golden("overview-two-metrics", s.text())


@pytest.mark.few(3)
@pytest.mark.parametrize(
    ("key", "name"), [("0", "runs"), ("2", "metrics"), ("3", "ranks"), ("4", "logs"), ("5", "alerts")]
)
async def test_view(open_app, golden, key, name):
    async with open_app((100, 30), ranks=64, incidents=ALERTS) as s:
        await s.press(key)
        assert s.view.view == name
        golden(f"view-{name}", s.text())


@pytest.mark.parametrize("size", EVERY_SIZE)
async def test_every_view_without_colour(open_app, golden, monkeypatch, size):
    """State and series have to be clear from signs and words alone."""
    monkeypatch.setenv("NO_COLOR", "1")
    machine = {"machine": MACHINE, "has_machine": True}
    async with open_app(size, ranks=64, incidents=ALERTS, **machine, **DETAILS) as s:
        pages = []
        for key in "0234567":
            await s.press(key)
            pages.append(s.text())
        golden(f"plain-{size[0]}x{size[1]}", "\n\n".join(pages))


def replaced(text: str) -> str:
    """Return an ASCII screen without the `?` that are meant: others are written for what is not ASCII."""
    return re.sub(r"\? (Help|f1)|model/name +\?\?-\?\?", "", text)


@pytest.mark.parametrize("size", EVERY_SIZE)
async def test_every_view_in_ascii(open_app, golden, size):
    machine = {"machine": MACHINE, "has_machine": True}
    async with open_app(size, ascii_only=True, ranks=64, incidents=ALERTS, **machine, **DETAILS) as s:
        pages = []
        for key in "01234567":
            await s.press(key)
            pages.append(s.text())
        assert [line for page in pages for line in page.splitlines() if "?" in replaced(line)] == []
        golden(f"ascii-{size[0]}x{size[1]}", "\n\n".join(pages))


DETAILS = {
    "checkpoints": (
        CheckpointRow("checkpoint-41000", 41_000, "huggingface", "writing", "", 1_900 << 20, 4.0, None),
        CheckpointRow("checkpoint-40000", 40_000, "huggingface", "complete", "", 3 << 30, 2_400.0, 31.0),
        CheckpointRow(
            "checkpoint-30000", 30_000, "huggingface", "damaged",
            "model-00002-of-00004.safetensors is 1.2 GiB shorter than its index says", 1 << 30, 22_000.0, 30.0,
        ),
        CheckpointRow("checkpoint-20000", 20_000, "huggingface", "incomplete", "no optimizer", 2 << 30, 90_000.0, 28.5),
        CheckpointRow("checkpoint-10000", 10_000, "huggingface", "deleted", "", None, 180_000.0, None),
        CheckpointRow("line 4801", 5_000),
    ),
    "events": (
        EventRow("checkpoint", "saved checkpoint-40000", 40_000, 49_000),
        EventRow("nccl", "Watchdog caught collective operation timeout: WorkNCCL(SeqNum=182, OpType=ALLREDUCE)", 39_990, 48_990, 37),
        EventRow("resume", "resumed from checkpoint-30000", 30_000, 31_000),
    ),
    "about": {
        "model/dim": "4096", "optimizer/learning_rate": "0.0003",
        "dataset": "/lustre/fast/projects/large-language-models/tokenised/" + "fineweb-edu-" * 12,
        "command": "torchrun --nproc-per-node 8 train.py " + " ".join(f"--option-{i} {i}" for i in range(40)),
        "model/name": "模型-训练",
    },
}  # fmt: skip


@pytest.mark.parametrize("size", [(80, 24), pytest.param((100, 30), marks=DEEP)])
@pytest.mark.parametrize(("key", "name"), [("6", "checkpoints"), ("7", "config")])
async def test_view_of_details(open_app, golden, key, name, size):
    async with open_app(size, **DETAILS) as s:
        await s.press(key)
        golden(f"view-{name}-{size[0]}x{size[1]}", s.text())


@pytest.mark.parametrize(
    ("key", "advice"), [("6", "name their directory too"), ("6", "errors, restarts"), ("7", "config.json")]
)
async def test_empty_details_say_what_to_do(open_app, key, advice):
    async with open_app((80, 24), checkpoints=(), events=(), about={}, metrics=()) as s:
        await s.press(key)
        assert advice in " ".join(line.strip("│ ") for line in s.text().splitlines())


async def test_the_time_left_is_not_cut_in_the_list_of_runs(open_app):
    def make(asked):
        runs = tuple(
            RunRow(name, name, "training", Progress(1, 9, 0.1, left))
            for name, left in (("a", 2939.0), ("b", 43_500.0), ("c", 223_200.0), ("d", 59.0))
        )
        return msgspec.structs.replace(picture(asked), runs=runs)

    async with open_app((80, 24), make=make) as s:
        await s.press("0")
        for left in ("48m 59s", "12h 05m", "2d 14h", "59 s"):
            assert f" {left} " in s.drawn("#runs").replace("│", " ")


async def test_a_long_configuration_scrolls_to_its_end(open_app):
    async with open_app((80, 24)) as s:
        await s.press("7")
        assert "layer_59" not in s.text()
        assert "PgDn" in s.drawn("#keys")
        await s.press("end")
        assert "layer_59" in s.text()


async def test_events_scroll_where_all_checkpoints_are_shown(open_app):
    events = tuple(EventRow("error", f"error {i}", i, i) for i in range(40))
    async with open_app((80, 24), events=events) as s:
        await s.press("6", "end")
        assert "error 39" in s.text()
        assert "damaged" in s.text()


async def test_a_run_that_finished_is_in_a_good_colour_only_if_it_is_healthy(open_app):
    reason = "finished at step 41230 of 120000, but " + SPIKE.title

    def role(s):
        return {role for text, role in s.view.query_one("#head")._drawn[0] if "FINISHED" in text}

    async with open_app((80, 24), phase="finished", reason=reason, incidents=(SPIKE,)) as s:
        assert s.text().splitlines()[0].startswith("▲ FINISHED  llama-7b-r3")
        assert role(s) == {"crit"}
        assert words(s.drawn("#incident-bar")).startswith("▲ CRITICAL " + SPIKE.title)
        await s.push(phase="finished", incidents=(SLOW,))
        assert s.text().splitlines()[0].startswith("● FINISHED  llama-7b-r3")
        assert role(s) == {"warn"}
        await s.push(phase="finished", incidents=())
        assert s.text().splitlines()[0].startswith("✓ FINISHED  llama-7b-r3")
        assert role(s) == {"good"}


def words(drawn: str) -> str:
    """Return rows as one line."""
    return " ".join(drawn.split())


LONG = msgspec.structs.replace(
    SPIKE, title="no progress while training, since " + "a long reason, and another one, " * 3 + "the end"
)


@pytest.mark.few(1)
@pytest.mark.parametrize("size", [(40, 12), (80, 24), pytest.param((120, 40), marks=DEEP)])
async def test_the_headline_of_an_incident_is_never_cut(open_app, size):
    async with open_app(size, ranks=64, incidents=(LONG, SLOW, OLD)) as s:
        for key in "0123467":
            await s.press(key)
            said = words(s.drawn("#incident-bar"))
            assert words(LONG.title) in said, s.view.view
            assert "since step 31,800" in said
            body = s.text().splitlines()[3 + len(s.drawn("#incident-bar").splitlines()) : -1]
            assert len(body) >= 3, "what is below has room too"


@pytest.mark.few(1)
@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_cause_and_advice_are_below_the_headline_on_every_view(open_app, size):
    async with open_app(size, ranks=64, incidents=ALERTS) as s:
        for key in "0123467":
            await s.press(key)
            said = words(s.drawn("#incident-bar"))
            assert f"cause: {SPIKE.cause} advice: {SPIKE.advice}" in said
            assert said.endswith("1 more: ! next, 5 all")


@pytest.mark.few(1)
@pytest.mark.parametrize("size", [(40, 12), (80, 24), (120, 40)])
async def test_the_view_of_alerts_says_what_fires_once_and_in_full(open_app, size):
    async with open_app(size, incidents=(LONG, SLOW)) as s:
        await s.press("5")
        assert not s.view.query_one("#incident-bar").display
        rows = [line.strip("│╭╮╰╯─█").replace("18m", "") for line in s.text().splitlines()[3:-1]]
        shown = words(" ".join(rows)).replace("▸ loss_spike ", "")
        assert shown.count(words(LONG.title)) == 1
        assert "…" not in s.drawn("#alert-list")


@pytest.mark.few(1)
@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_the_advice_names_the_checkpoint_to_go_back_to(open_app, size):
    nan = msgspec.structs.replace(
        SPIKE,
        rule="nonfinite",
        title="loss is NaN since step 31,800",
        advice="Stop, go back to a checkpoint from before this step, and skip the batch.",
        evidence={"last_checkpoint": 31_000},
    )
    async with open_app(size, incidents=(nan,)) as s:
        assert "go back to checkpoint 31,000, and skip the batch" in words(s.drawn("#incident-bar"))
        await s.press("5")
        shown = words(s.drawn("#alert-detail").replace("│", " "))
        assert "go back to checkpoint 31,000, and skip" in shown
        assert "batch. last checkpoint before it 31,000" in shown


@pytest.mark.parametrize(("incidents", "sign", "worst"), [((SPIKE,), "▲", "crit"), ((SLOW,), "●", "warn")])
async def test_sign_and_colour_of_a_phase_are_those_of_the_worst_incident(open_app, incidents, sign, worst):
    async with open_app((80, 24), incidents=incidents) as s:
        for phase, word in (("training", "RUNNING"), ("evaluating", "EVALUATING"), ("finished", "FINISHED")):
            await s.push(phase=phase, incidents=incidents)
            assert s.view.query_one("#head")._drawn[0][0] == (f"{sign} {word}", worst)


async def test_a_stalled_run_is_not_called_live(open_app):
    async with open_app((80, 24)) as s:
        assert "● live" in s.drawn("#head")
        await s.push(phase="stalled")
        assert "● live" not in s.drawn("#head")
        assert "○ STALE" in s.drawn("#head")


@pytest.mark.few(1)
@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_the_end_of_a_run_is_one_card(open_app, size):
    over = {"story": "finished at step 41230 of 41230", "progress": Progress(41_230, 41_230, 1.0)}

    def roles(s):
        return {role for row in s.view.query_one("#end")._drawn for text, role in row if "FINISHED" in text}

    async with open_app(size) as s:
        assert not s.view.query_one("#end").display
        await s.push(phase="finished", **over)
        card = words(s.drawn("#end"))
        assert "✓ FINISHED" in card
        assert "alerts: none" in card
        assert over["story"] in card
        assert "duration 1d 05h" in card
        assert "last good checkpoint step 40,000" in card
        assert roles(s) == {"good"}
        assert s.view.query_one("#main-0").display
        await s.push(
            phase="finished", **over, reason=over["story"] + ", but " + SPIKE.title, incidents=(SPIKE,)
        )
        card = words(s.drawn("#end"))
        assert "▲ FINISHED" in card
        assert roles(s) == {"crit"}
        assert over["story"] in card
        assert SPIKE.title not in card, "the bar says it"
        assert SPIKE.title in words(s.drawn("#incident-bar"))
        await s.push(phase="preempted", story="preempted by the scheduler", saving=Saving(40_000))
        assert "next: continue from the checkpoint of step 40,000" in words(s.drawn("#end"))
        await s.push(phase="training")
        assert not s.view.query_one("#end").display, "it continues"


async def test_the_card_of_the_end_leaves_room_on_a_small_screen(open_app):
    async with open_app((40, 12), phase="finished", story="finished at step 41230", incidents=(SPIKE,)) as s:
        assert not s.view.query_one("#end").display
        assert s.view.query_one("#main-0").size.height >= 3


@pytest.mark.deep
async def test_nothing_to_attend_to_takes_no_room(open_app):
    async with open_app((80, 24), incidents=(OLD,)) as s:
        assert not s.view.query_one("#incident-bar").display
        await s.push(incidents=(SPIKE,))
        assert s.view.query_one("#incident-bar").display
        await s.push(incidents=())
        assert not s.view.query_one("#incident-bar").display


@pytest.mark.few(1)
@pytest.mark.parametrize("size", [(40, 16), (100, 30)])
async def test_titles_of_alerts_wrap(open_app, size):
    async with open_app(size, incidents=(LONG,)) as s:
        await s.press("5")
        listed = [line.strip("│╭╰") for line in s.drawn("#alert-list").splitlines()]
        shown = words(" ".join(line.replace("18m", "") for line in listed))
        assert words(LONG.title) in shown.replace("loss_spike", "") or size[0] == 40
        assert "…" not in s.drawn("#alert-list")


async def test_critical_alerts_of_other_runs_are_counted_at_the_runs(open_app):
    async with open_app((120, 40)) as s:
        shown = s.engine.picture(s.engine.view)
        other = msgspec.structs.replace(shown.runs[1], critical=2)
        s.engine.push(msgspec.structs.replace(shown, runs=(shown.runs[0], other)))
        await s.settle()
        assert "0 Runs(2) [1]Overview" in s.drawn("#head")
        await s.press("0")
        assert "[0]Runs  1 Overview" in s.drawn("#head"), "each row of the list says it"


async def test_an_alert_leaves_the_names_of_the_views(open_app):
    async with open_app((80, 24), incidents=ALERTS) as s:
        await s.press("6")
        assert (
            s.text().splitlines()[2]
            == " 0 Runs  1 Overview  2 Metrics  3 Ranks  4 Logs  5 Alerts(2) [6]Ckpts  7 Config"
        )
    async with open_app((120, 40), history=0.37, ranks=8) as s:
        _, news, tabs, *_ = s.text().splitlines()
        assert news.endswith("reading history 37%")
        assert tabs.endswith("6 Checkpoints  7 Config")


async def test_symptoms_are_below_what_leads_them(open_app):
    lead = msgspec.structs.replace(SPIKE, symptoms=("grad norm rose to 40", "tok/s fell by 27%"))
    async with open_app((100, 30), incidents=(lead,)) as s:
        await s.press("5")
        assert "(+2 symptoms)" in words(s.drawn("#alert-list").replace("│", "").replace("18m", ""))
        detail = s.drawn("#alert-detail")
        assert detail.index("symptoms") < detail.index("grad norm rose to 40") < detail.index("tok/s fell")


async def test_too_small_says_so(open_app):
    async with open_app((38, 24)) as s:
        here = {
            (80, 9): "at least 40x10, here 80x9",
            (9, 3): "40x10",
            (38, 24): "small",
            (24, 9): "40x10 needed",
        }
        for size, said in here.items():
            await s.resize(*size)
            assert said in s.text()
            assert "RUNNING" not in s.text()
        await s.resize(80, 24)
        assert "too small" not in s.text()
        assert "RUNNING" in s.text()


async def test_nobody_is_silent_once_the_run_is_over(open_app):
    phase = "training"

    def make(view):
        ranks = tuple(RankRow(i, 9, 20, 240.0 if i == 12 else 1.0) for i in range(16))
        shown = picture(view, phase=phase)
        return msgspec.structs.replace(shown, run=msgspec.structs.replace(shown.run, ranks=ranks))

    async with open_app((120, 40), make=make) as s:
        assert "r12 silent 4m" in s.drawn("#ranks")
        phase = "finished"
        s.engine.push()
        await s.settle()
        assert "silent" not in s.drawn("#ranks")


async def test_help(open_app, golden):
    async with open_app((80, 24)) as s:
        await s.press("question_mark")
        golden("help", s.text())
        await s.press("question_mark")
        assert s.app.screen is s.view


async def test_nan_is_marked_and_named(open_app):
    async with open_app((80, 24), bad=(60, 61)) as s:
        shown = s.drawn("#main-0")
        assert "NaN" in shown.splitlines()[0]
        assert "!" in shown.splitlines()[1]
        assert "! NaN" in shown.splitlines()[-1]  # what the sign means
    async with open_app((80, 24)) as s:
        assert "!" not in s.drawn("#main-0").splitlines()[-1]


async def test_markup_in_logs_is_only_text(open_app):
    async with open_app((100, 30), log=((1, "[bold red]x[/] \\[y] [link=file:///]z"),)) as s:
        assert "[bold red]x[/] \\[y] [link=file:///]z" in s.text()


async def test_wide_characters_keep_the_frame(open_app):
    async with open_app((100, 30), name="模型-训练", log=((1, "训练 步骤 " * 30),)) as s:
        assert "模型-训练" in s.text()
        _, *lines, _ = s.drawn("#log").splitlines()
        assert all(line.endswith("│") and cells.width(line) == 100 for line in lines)


@pytest.mark.parametrize(
    "size", [(40, 10), *(pytest.param(s, marks=DEEP) for s in ((1, 1), (12, 4), (79, 23), (300, 80)))]
)
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
        assert "main-1" not in s.drawn("#main-1"), "an id means nothing to people"
        assert "42,000" in s.drawn("#head")


async def test_resize(open_app):
    async with open_app((80, 24), ranks=64, incidents=ALERTS) as s:
        assert s.view.query_one("#stats").display
        small = {c.metric: c.width for c in s.engine.view.charts}
        await s.resize(200, 50)
        assert not s.view.query_one("#stats").display
        assert s.view.query_one("#summary").display
        assert all(len(line) <= 200 for line in s.text().splitlines())
        assert {c.metric: c.width for c in s.engine.view.charts}["train/loss"] > small["train/loss"]


async def test_a_panel_that_gets_another_size_asks_for_what_that_needs(open_app):
    async with open_app((120, 40)) as s:
        s.view.query_one("#main-1").styles.width = 30  # a layout that no picture brought about
        await s.until(lambda: {c.metric: c.width for c in s.engine.view.charts}["train/grad_norm"] < 30)


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


@pytest.mark.deep
async def test_the_help_says_where_numbers_come_from(open_app):
    def make(view):
        shown = picture(view)
        latest = tuple(msgspec.structs.replace(item, printed="lm loss") for item in shown.run.latest[:1])
        return msgspec.structs.replace(shown, run=msgspec.structs.replace(shown.run, latest=latest))

    async with open_app((120, 40), make=make) as s:
        await s.press("question_mark", "slash", *"training", "enter")
        assert "what training makes small; `lm loss` in train.log; 41,231 values" in s.text()
        await s.press("escape", "slash", *"newest step", "enter")
        assert "the newest step in the log, of 120,000 that it says it will do" in s.text()
        await s.press("escape", "escape", "5", "question_mark", "pagedown")
        assert "a rule found something" in s.text()


async def test_checkpoints_or_a_curve_have_the_rows_of_events_that_are_none(open_app):
    for size, saved in (((40, 12), True), ((80, 24), True), ((80, 24), False), ((200, 50), False)):
        async with open_app(size, events=(), **({} if saved else {"checkpoints": ()})) as s:
            await s.press("6")
            assert not s.view.query_one("#event-table").display
            assert s.view.query_one("#checkpoint-chart").display == (size[1] > 12)
            assert ("30,000" if saved else "none yet") in s.drawn("#checkpoint-table")


@pytest.mark.parametrize("size", [(48, 40), (120, 40)])
async def test_two_checkpoints_have_a_heading_and_no_blank_row(open_app, size):
    two = tuple(CheckpointRow(f"step_{n}", n, "dcp", "complete", "", 1 << 20, 9.0, 1.0) for n in (200, 100))
    async with open_app(size, checkpoints=two, saving=Saving(last_good=200, interval=100.0)) as s:
        await s.press("6")
        *above, heading, first, second = s.drawn("#checkpoint-table").splitlines()[1:-1]
        assert ("step state" in heading, "200" in first, "100" in second) == (True, True, True)
        assert all(row.strip("│ ") for row in above)
