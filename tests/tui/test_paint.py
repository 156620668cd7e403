"""What is written for a change puts the right cells on a real terminal, and few bytes."""

import pyte
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate
from textual.strip import Strip

from runwatch.render import cells
from runwatch.tui import paint

from .fake_engine import SPIKE

STYLES = {
    "": Style.parse("white on black"),
    "value": Style.parse("#56b4e9 on black"),
    "bad": Style.parse("bold red on black"),
    "hit": Style.parse("reverse white on black"),
    "value on band": Style.parse("#56b4e9 on #203040"),
    " on shade-crit": Style.parse("white on #402020"),
}
WIDTH = 24
SIGNS = st.text(st.sampled_from("ab01 ·│⣀模训"), max_size=10)
ROWS = st.lists(st.tuples(SIGNS, st.sampled_from(list(STYLES))), max_size=6).map(
    lambda row: cells.fit(row, WIDTH)
)


def strip(row):
    return Strip([Segment(text, STYLES[role]) for text, role in row])


def picture(*updates):
    """What a terminal shows after these: signs, colours and attributes of each cell."""
    console = Console(color_system="truecolor", force_terminal=True)
    screen = pyte.Screen(WIDTH + 4, 4)
    stream = pyte.Stream(screen)
    for update in updates:
        stream.feed(update.render_segments(console))
    return [
        [(c.data, "" if c.data == " " and not c.reverse else (c.fg, c.bold), c.reverse, c.bg) for c in (line[x] for x in range(WIDTH + 4))]
        for line in (screen.buffer[y] for y in range(4))
    ]  # fmt: skip


def chops(row, spans, at=2):
    return ChopsUpdate(
        [{}, {at: strip(row)}], [(1, at + x, at + end) for x, end in spans], [[], [at + WIDTH]]
    )


@settings(max_examples=150, deadline=None)
@given(ROWS, ROWS)
def test_painting_the_changes_makes_the_new_row(before, after):
    whole = [(0, WIDTH)]
    first = paint.Update(chops(before, whole))
    then = paint.Update(chops(after, paint.changes(before, after)))
    assert picture(first, then) == picture(chops(after, whole))


def test_nothing_changed_paints_nothing():
    row = cells.fit([("loss 2.31", "value")], WIDTH)
    assert paint.changes(row, row) == []
    assert paint.changes(cells.fit([("a", ""), ("   ", "bad")], WIDTH), cells.fit([("a", "")], WIDTH)) == []


def test_one_digit_costs_few_bytes():
    before, after = (cells.fit([("step", ""), (f" 41,23{n}", "value")], WIDTH) for n in (0, 1))
    update = paint.Update(chops(after, paint.changes(before, after)))
    console = Console(color_system="truecolor", force_terminal=True)
    assert len(update.render_segments(console)) < 60


def test_a_colour_is_named_once():
    row = cells.fit([("abc", "value"), (" ", "value"), ("d", "value"), ("e", "bad"), ("f", "value")], WIDTH)
    console = Console(color_system="truecolor", force_terminal=True)
    written = paint.Update(chops(row, [(0, WIDTH)])).render_segments(console)
    assert written.count("86;180;233") == 2
    assert written.endswith("\x1b[0m")


async def test_only_cells_that_changed_are_painted(open_app, monkeypatch):
    async with open_app((120, 40)) as s:
        painted = []
        monkeypatch.setattr(s.app, "_display", lambda screen, update: painted.append(update))
        before = s.text().splitlines()
        await s.push(step=41_231)
        after = s.text().splitlines()
        spans = [span for update in painted for span in update.spans]
        assert any(y == 0 and after[0][x:end] != before[0][x:end] for y, x, end in spans)
        assert all(end - x < 20 for _, x, end in spans), "Textual would paint whole panels"
        for y, line in enumerate(after):
            for x, sign in enumerate(line):
                if sign != before[y][x]:
                    assert any(row == y and begin <= x < end for row, begin, end in spans), (y, x)


async def test_a_terminal_shows_what_the_view_has_whatever_lies_over_it_meanwhile(open_app, monkeypatch):
    terminal = pyte.Screen(120, 40)
    stream = pyte.Stream(terminal)
    console = Console(color_system="truecolor", force_terminal=True)

    def write(_, update):
        if update is not None:
            kinds.add(type(update))
            stream.feed(update.render_segments(console))

    async with open_app((120, 40), ranks=64) as s:
        kinds, direct = set(), set()
        monkeypatch.setattr(s.app, "_display", write)
        s.app.refresh()
        s.view.refresh()
        step = 41_230
        for keys in ((), (), ("question_mark",), ("escape",), ("tab",), ("4",), (), ("1",), ()):
            await s.press(*keys)
            kinds.clear()
            step += 700
            await s.push(step=step, incidents=(SPIKE,) if step % 3 else ())
            shown = [line.rstrip() for line in terminal.display]
            assert "\n".join(shown).rstrip() == s.text().rstrip(), keys
            direct |= {keys} if paint.Cells in kinds else set()
        assert direct == {(), ("escape",), ("tab",), ("4",), ("1",)}, (
            "what lies over a view is not written over"
        )
