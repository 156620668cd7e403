"""The row of a replay, and its keys."""

import msgspec
import pytest

from runwatch.core.snapshot import Replay
from runwatch.render import cells
from runwatch.render.glyphs import glyphs
from runwatch.tui import actions
from runwatch.tui.widgets.replay_bar import position
from runwatch.watcher import protocol

from .fake_engine import picture

REPLAY = Replay(
    1_000_000.0, 1_003_600.0, 1_001_800.0, 60.0, "playing", "time stamps of the log", (1_002_700.0,)
)


def replayed(view, **changes):
    return msgspec.structs.replace(picture(view), replay=msgspec.structs.replace(REPLAY, **changes))


@pytest.mark.parametrize("ascii_only", [False, True])
@pytest.mark.parametrize("width", [80, 120, 200])
def test_the_row_says_where_it_is_in_the_width_that_there_is(width, ascii_only):
    row, begin, count = position(REPLAY, width, glyphs(ascii_only))
    assert cells.row_width(row) == width
    text = "".join(part for part, _ in row)
    assert text.startswith("REPLAY playing 60x")
    assert ("time stamps of the log" in text) == (width >= 120)
    bar = text[begin : begin + count]
    sign = glyphs(ascii_only).severities["critical"]
    assert bar.index(sign) == int(count * 0.75)
    if ascii_only:
        assert text.isascii()


def test_a_replay_of_one_moment_has_a_row_too():
    row, _, _ = position(
        msgspec.structs.replace(REPLAY, last=REPLAY.first, now=REPLAY.first), 100, glyphs(False)
    )
    assert cells.row_width(row) == 100


async def test_keys_ask_the_engine_and_are_offered_in_every_view(open_app):
    async with open_app((160, 40), make=replayed) as s:
        for view in map(str, range(len(actions.VIEWS))):
            await s.press(view)
            assert "REPLAY playing 60x" in s.text()
            s.engine.requests.clear()
            await s.press("comma", "full_stop", "I", "left_parenthesis", "right_parenthesis", "space")
            asked = [each for each in s.engine.requests if isinstance(each, protocol.Control)]
            assert [(each.action, each.amount) for each in asked] == [
                *actions.CONTROLS.values(),
                ("pause", 0.0),
            ]
            assert not s.scene.paused
        await s.press("1")
        assert ",. Seek" in s.drawn("#keys")
        assert "replay" in s.drawn("#head").splitlines()[0]


async def test_what_the_engine_answers_is_shown(open_app):
    async with open_app((120, 40), make=replayed) as s:
        s.engine.send(protocol.Done(0, "paused"))
        await s.until(lambda: s.scene.said == "paused")


async def test_a_click_on_the_bar_goes_there(open_app):
    async with open_app((120, 40), make=replayed) as s:
        _, begin, count = position(REPLAY, 120, s.scene.glyphs)
        await s.pilot.click("#replay", offset=(begin + count // 4, 0))
        await s.settle()
        (asked,) = (each for each in s.engine.requests if isinstance(each, protocol.Control))
        assert asked.action == "goto"
        assert asked.amount == pytest.approx(REPLAY.first + 900, abs=60)


async def test_a_live_run_has_neither_row_nor_keys(open_app):
    async with open_app((160, 40)) as s:
        assert not s.view.query_one("#replay").display
        await s.press("comma", "I")
        assert not [each for each in s.engine.requests if isinstance(each, protocol.Control)]
        assert "Seek" not in s.drawn("#keys")


async def test_the_guide_explains_the_row(open_app):
    async with open_app((120, 40), make=replayed) as s:
        await s.pilot.press("i")
        for _ in range(12):
            if "I plays to the next incident" in s.text():
                break
            await s.pilot.press("enter")
        assert "I plays to the next incident" in s.text()


@pytest.mark.deep
async def test_the_help_has_the_keys_of_a_replay_where_one_is(open_app):
    for make, here in ((replayed, True), (picture, False)):
        async with open_app((120, 60), make=make) as s:
            await s.press("question_mark")
            assert ("replay: play to the next incident" in s.text()) == here
