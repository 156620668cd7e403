"""A terminal of 40x12: what is wrong is whole, what to do begins, and every view has rows for itself."""

import msgspec
import pytest

from runwatch.core.snapshot import CheckpointRow, IncidentRow, Progress, RunRow, Saving
from runwatch.render import cells, incident

from .fake_engine import SPIKE, picture
from .test_screens import words

SMALL = (40, 12)
NAN = IncidentRow(
    "i1", "r1", "nonfinite", "critical", "firing",
    "loss is NaN since step 198; grad norm is infinite since step 197", step=197, since=999_900.0,
    advice="Stop; go back to a checkpoint from before this step, and skip the batch or lower the learning rate.",
)  # fmt: skip
HANG = IncidentRow(
    "i2", "r1", "hang", "critical", "firing", "no progress while training, since step 196", step=196, since=999_900.0,
    advice="Look at the stacks of all ranks (py-spy dump), GPU power and the mounts it reads and writes.",
)  # fmt: skip
SLOW = IncidentRow(
    "i3", "r1", "straggler", "warning", "firing", "rank 4 takes 2.3x as long as the median of 8 ranks", step=197,
    rank=4, cause="rank 4 is a straggler: all others wait for it",
    advice="Look at that GPU's clocks and temperature and at its node; exclude it if it stays.",
)  # fmt: skip
SAVES = {
    "checkpoints": tuple(
        CheckpointRow(f"model_{step:06d}.pt", step, "nanochat", "complete", "", 1 << 20, 30.0, 1.0)
        for step in (255, 170, 85)
    ),
    "saving": Saving(170),
}


@pytest.mark.few(1)
@pytest.mark.parametrize("alert", [NAN, HANG, SLOW], ids=lambda row: row.rule)
async def test_what_is_wrong_is_whole_on_every_view_and_leaves_it_five_rows(open_app, alert):
    async with open_app(SMALL, ranks=8, incidents=(alert,), **SAVES) as s:
        for key in "123467":
            await s.press(key)
            said = words(s.drawn("#incident-bar"))
            assert alert.title in said, s.view.view
            assert alert.advice[:12] in said, s.view.view
            assert s.view.query_one("#incident-bar").size.height == 3, s.view.view
            *_, edge, keys = s.text().splitlines()
            assert (edge[0], edge[-1]) == ("╰", "╯"), f"the frame of {s.view.view} is cut off"
            assert "? Help" in keys


async def test_the_list_of_runs_keeps_rows_to_choose_from(open_app):
    def make(view):
        runs = tuple(RunRow(f"r{n}", f"exp_{n}", "training", Progress(step=5)) for n in range(1, 9))
        return msgspec.structs.replace(picture(view, incidents=(NAN,)), runs=runs)

    async with open_app(SMALL, make=make) as s:
        await s.press("0")
        assert s.drawn("#runs").count("exp_") == 3
        assert NAN.title in words(s.drawn("#incident-bar"))
        await s.press("1")
        assert "Stop; go back to a checkpoint from…" in s.drawn("#incident-bar")


def test_advice_goes_before_the_cause_and_ends_with_a_clause_where_it_is_too_long():
    def said(most):
        return words(" ".join(map(cells.row_text, incident.rows(SLOW, 40, most))))

    head = "● WARNING rank 4 takes 2.3x as long as the median of 8 ranks · since step 197"
    assert said(7).removeprefix(head) == f" cause: {SLOW.cause} advice: {SLOW.advice}"
    assert said(5).removeprefix(head) == f" advice: {SLOW.advice}"
    assert said(4).removeprefix(head) == " Look at that GPU's clocks and temperature and at its node…"
    assert said(2) == head


async def test_the_last_good_checkpoint_is_in_the_title_and_rows_need_no_heading(open_app):
    async with open_app(SMALL, incidents=(NAN,), **SAVES) as s:
        await s.press("6")
        title, *rows, _ = s.drawn("#checkpoint-table").splitlines()
        assert "last good 170" in title
        assert [row.split()[1] for row in rows] == ["255", "170", "85"]
        assert "model" not in " ".join(rows), "a name of which one character fits"


async def test_where_evidence_has_no_room_the_list_says_which_key_shows_what_to_do(open_app):
    long = msgspec.structs.replace(
        SPIKE, title=SPIKE.title + ", and did not recover at once, nor later, nor within 500 steps of it"
    )
    async with open_app(SMALL, incidents=(long,)) as s:
        await s.press("5")
        assert "v what to do" in s.drawn("#alert-list").splitlines()[0]
        await s.press("v")
        shown = s.drawn("#alert-detail")
        assert "more below ─" in shown.splitlines()[0], "v leads back now"
        await s.press("down")
        last = s.drawn("#alert-detail").splitlines()[-2]
        assert SPIKE.advice in words(f"{shown} {last}".translate(dict.fromkeys(map(ord, "│╰╯─█")))), last
        await s.resize(80, 24)
        await s.press("v")
        assert "what to do" not in s.drawn("#alert-list")


async def test_on_a_phone_the_card_of_the_end_names_its_alerts_in_fewer_words(open_app):
    over = msgspec.structs.replace(SPIKE, state="resolved", resolved_step=40_000)
    for width, named in ((120, "alerts: none open, 1 resolved  esc closes"), (40, "alerts: none open  esc")):
        async with open_app((width, 60), incidents=(over,), phase="finished") as s:
            assert named in s.drawn("#end").splitlines()[0]


async def test_what_a_command_does_is_below_the_one_that_enter_takes(open_app):
    async with open_app(SMALL) as s:
        await s.press("colon")
        first, said, second, third, *_ = s.text().splitlines()[2:]
        assert ("▸ help" in first, "the keys, and what is on the screen" in said) == (True, True)
        assert [line.split()[1] for line in (second, third)] == ["guide", "back"]
        await s.press("down")
        assert "▸ guide" in s.text().splitlines()[3]


async def test_the_help_leaves_nothing_of_the_view_below_it(open_app):
    for size in (SMALL, (80, 24)):
        async with open_app(size) as s:
            await s.press("?")
            top, *rows, bottom, _ = s.text().splitlines()
            assert (top[:4], bottom[0], len(rows)) == ("╭─ h", "╰", size[1] - 3)
            assert all(row[0] == "│" for row in rows)


async def test_of_what_is_said_of_all_checkpoints_only_whole_clauses_are_shown(open_app):
    saving = msgspec.structs.replace(SAVES["saving"], interval=85.0, next_in=120.0, next_at=340)
    async with open_app(SMALL, checkpoints=SAVES["checkpoints"] * 3, saving=saving, events=()) as s:
        await s.press("6")
        said = s.drawn("#checkpoint-table").splitlines()[1]
        assert said.strip("│█ ") == "last good 170, every 85 steps"


async def test_rows_that_the_list_of_alerts_does_not_need_say_what_to_do(open_app):
    long = msgspec.structs.replace(SPIKE, title=SPIKE.title + ", and did not recover at once, nor later")
    async with open_app(SMALL, incidents=(long,)) as s:
        await s.press("5")
        shown = s.drawn("#alert-list")
        assert SPIKE.advice in words(shown.translate(dict.fromkeys(map(ord, "│╰╯─"))))
        assert "v evidence" in shown.splitlines()[0]


async def test_small_charts_are_next_to_the_loss_where_they_show_all_there_is(open_app):
    three = ("train/loss", "perf/step_time", "perf/tokens_per_sec")
    for size, metrics, columns in (((80, 24), three, [0, 44, 44]), ((80, 24), (*three, "a"), [0])):
        async with open_app(size, metrics=metrics, checkpoints=(), elapsed=None) as s:
            charts = s.view.visible_charts()
            assert [chart.region.x for chart in charts] == columns
            assert s.view.query_one("#stats").display == (len(columns) == 1)


async def test_where_alerts_take_rows_one_chart_is_next_to_the_loss_and_the_rest_below_it(open_app):
    three = ("train/loss", "perf/step_time", "perf/tokens_per_sec")
    async with open_app((80, 24), metrics=three, checkpoints=(), elapsed=None, incidents=(SLOW,)) as s:
        charts = s.view.visible_charts()
        assert [chart.region.x for chart in charts] == [0, 44]
        shown = s.drawn("#stats").splitlines()
        assert len(shown) == 2
        assert not charts[1].metrics[0].endswith("step_time") or "tok/s" in shown[1]
        assert s.view.query_one("#stats").region.x == 44


async def test_on_a_phone_charts_are_below_each_other_over_the_full_width(open_app):
    async with open_app((60, 64)) as s:
        charts = s.view.visible_charts()
        assert [(chart.region.x, chart.region.width) for chart in charts] == [(0, 60)] * 3
        assert {chart.metrics[0] for chart in charts} == {
            "train/loss",
            "train/grad_norm",
            "train/learning_rate",
        }
        shown = s.drawn("#stats")
        assert ("tok/s" in shown, "grad norm" in shown) == (True, False), shown


async def test_in_a_browser_no_touch_at_the_corner_of_a_phone_leaves(open_app, monkeypatch):
    monkeypatch.setattr("textual.app.App.is_web", True)
    for width, there in ((65, False), (93, False), (150, True)):
        async with open_app((width, 40)) as s:
            assert ("q Quit" in s.drawn("#keys")) is there
            assert "? Help" in s.drawn("#keys")


async def test_on_a_wide_screen_the_help_has_two_columns_that_both_can_be_clicked(open_app):
    async with open_app((200, 50)) as s:
        await s.press("?")
        row, line = next(
            (y, line) for y, line in enumerate(s.text().splitlines()) if "choose a theme" in line
        )
        assert "keys in overview" in s.text()
        await s.pilot.click(offset=(line.index("choose a theme"), row))
        await s.until(lambda: "dracula" in s.text())
