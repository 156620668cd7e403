"""The colours of all views: which role each cell has, and what a role looks like in each theme."""

import itertools

import pytest
from textual.color import Color

from runwatch.tui import actions, themes
from runwatch.tui.widgets.rows import ROLES, Rows

from .fake_engine import OLD, SLOW, SPIKE
from .test_machine import MACHINE
from .test_screens import DETAILS

SIZE = (80, 24)


@pytest.fixture(autouse=True)
def _same_clock_everywhere(monkeypatch):
    monkeypatch.setattr("runwatch.render.plain.clock", lambda unix, seconds=False: "12:41")


def roles(view) -> list[str]:
    """Return the screen row by row, as runs of `cells role`; `-` is ordinary text."""
    grid = [["?"] * SIZE[0] for _ in range(SIZE[1])]
    for part in view.query(Rows):
        if not (part.display and part.size.width):
            continue
        for y, row in enumerate(part._drawn):
            shown = [role or "-" for text, role in row for _ in range(len(text))]
            grid[part.region.y + y][part.region.x : part.region.x + len(shown)] = shown
    return [" ".join(f"{len(list(run))} {role}" for role, run in itertools.groupby(row)) for row in grid]


async def test_each_cell_of_a_view_has_its_role(open_app, golden):
    shown = {"machine": MACHINE, "has_machine": True, **DETAILS}
    async with open_app(SIZE, ranks=64, incidents=(SPIKE, SLOW, OLD), **shown) as s:
        for number, view in enumerate(actions.VIEWS):
            await s.press(str(number))
            rows = roles(s.view)
            golden(f"roles-{view}", "\n".join(f"{y:2}: {row}" for y, row in enumerate(rows)))
            for part in s.view.query(Rows):  # what is painted is what the role says
                for y, row in enumerate(part._drawn):
                    styles = [segment.style for segment in part.render_line(y) if segment.text]
                    assert styles == [part._style(role) for text, role in row if text][: len(styles)]


@pytest.mark.deep
async def test_each_role_has_its_colour_in_each_theme(open_app, golden):
    looks = []
    async with open_app(SIZE) as s:
        for theme in themes.NAMES:
            s.app.use_theme(theme)
            await s.settle()
            looks += [theme]
            looks += [
                f"  {role:15} {s.view.get_component_rich_style(f'rows--{role}')}" for role in sorted(ROLES)
            ]
    golden("colours-of-themes", "\n".join(looks))


async def test_a_terminal_without_colours_gets_none(open_app, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    async with open_app(SIZE, incidents=(SPIKE,)) as s:
        strips = s.app.screen._compositor.render_strips()
        colours = {segment.style.color for strip in strips for segment in strip if segment.style}
        assert all(colour is None or colour.is_default or grey(colour) for colour in colours), colours


def grey(colour) -> bool:
    red, green, blue = Color.from_rich_color(colour).rgb
    return max(red, green, blue) - min(red, green, blue) < 4


TEXTS = (
    "",
    "title",
    "value",
    "smooth",
    "second",
    "third",
    "fourth",
    "key",
    "good",
    "busy",
    "warn",
    "crit",
    "bad",
)


async def test_what_is_written_can_be_read_in_each_theme(open_app):
    async with open_app(SIZE) as s:
        for name in (name for name in themes.NAMES if name != themes.ANSI):
            s.app.use_theme(name)
            await s.settle()
            ground = Color.parse(themes.theme(name).background)
            for least, names in ((4.5, TEXTS), (3.0, ("dim",))):
                for role in names:
                    style = s.view.query_one(Rows)._style(role)
                    found = themes.contrast(Color.from_rich_color(style.color), ground)
                    assert found >= least, (name, role, found)
