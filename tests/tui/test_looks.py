"""Themes, ASCII, NO_COLOR, screenshots, keys of one's own."""

import os
import re

import pytest

from runwatch.core.errors import ConfigError
from runwatch.tui import actions, themes

from .fake_engine import OLD, SLOW, SPIKE
from .test_screens import replaced

ALERTS = (SPIKE, SLOW, OLD)


def colours(s, selector="#head"):
    """The foregrounds that a widget is painted in."""
    widget = s.view.query_one(selector)
    styles = [segment.style for strip in widget._strips for segment in strip if segment.style]
    return {style.color.name for style in styles if style.color}


@pytest.mark.deep
async def test_every_theme_paints_every_view_in_its_own_colours(open_app):
    async with open_app((100, 30), ranks=8, incidents=ALERTS) as s:
        for name in (*themes.NAMES[1:], themes.NAMES[0]):
            s.app.use_theme(name)
            await s.settle()
            for digit in "3451":
                await s.press(digit)
                primary = themes.theme(name).primary.lower().replace("ansi_bright_blue", "color(12)")
                assert primary in colours(s), (name, digit)


@pytest.mark.deep
async def test_themes_are_seen_while_they_are_chosen(open_app):
    async with open_app((100, 30)) as s:
        await s.press("T", "down", "down")
        assert s.app.theme == f"runwatch-{themes.NAMES[2]}"
        await s.press("escape")
        assert s.app.theme == f"runwatch-{themes.NAMES[0]}"
        await s.press("T", "down", "enter")
        assert s.app.theme == f"runwatch-{themes.NAMES[1]}"
        assert f"theme {themes.NAMES[1]}" in s.drawn("#head")
        await s.press("T", "escape")
        assert s.app.theme == f"runwatch-{themes.NAMES[1]}"


@pytest.mark.parametrize("name", [themes.NAMES[0], themes.NAMES[-1]])  # test_colours has each in use
async def test_a_theme_can_be_chosen_before(open_app, name):
    async with open_app((80, 24), theme=name) as s:
        assert s.app.theme == f"runwatch-{name}"
        assert "RUNNING" in s.text()


async def test_the_states_are_words_and_signs_in_every_theme(open_app):
    async with open_app((120, 40), ranks=8, incidents=ALERTS) as s:
        assert "▲ CRIT" in s.drawn("#alerts")
        assert "● WARN" in s.drawn("#alerts")
        assert "▲ RUNNING" in s.drawn("#head")
        assert "● live 2s" in s.drawn("#head")


@pytest.mark.deep
async def test_help_and_palette_are_ascii_if_asked(open_app):
    async with open_app((100, 60), ascii_only=True, ranks=64, incidents=ALERTS) as s:
        for keys in (["left"], ["question_mark"], ["escape", "colon"]):
            await s.press(*keys)
            assert "?" not in replaced(s.text())


async def test_no_color_means_the_terminals_own_colours(open_app, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    async with open_app((100, 30), incidents=ALERTS) as s:
        assert "▲ CRIT" in s.text()
        assert s.app.ansi_color


async def test_a_screenshot_is_a_picture_and_text(open_app, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    async with open_app((80, 24), name="../a <b> [c]", log=((1, "<script>alert(1)</script> &amp;"),)) as s:
        await s.press("P")
        await s.press("P")
        assert "saved runwatch-a-b-c-" in s.drawn("#head")
    made = sorted(os.listdir(tmp_path))
    assert len(made) == 4
    assert [name[-4:] for name in made] == [".svg", ".txt"] * 2
    svg = next(tmp_path.glob("*.svg")).read_text("utf-8")
    assert "<script>" not in svg
    assert "RUNNING" in svg
    assert "<script>alert(1)</script> &amp;" in next(tmp_path.glob("*.txt")).read_text("utf-8")


async def test_a_screenshot_that_cannot_be_written_is_reported(open_app, tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    async with open_app((120, 30)) as s:
        await s.press("P")
        assert "cannot save here: No such file" in s.drawn("#head")


async def test_keys_of_ones_own(open_app):
    keys = actions.registry({"zoom": "f5", "help": ("f2", "H")} | {"pan_left": "f6"})
    async with open_app((120, 40), registry=keys) as s:
        assert "f5 Zoom" in s.drawn("#keys")
        await s.press("z")
        assert s.view.zoomed is None
        await s.press("f5")
        assert s.view.zoomed is not None
        await s.press("f2")
        rows = ["".join(text for text, _ in row) for row, _ in s.app.screen.panel.lines(80)]
        assert any(re.search(r"f5 +enlarge", row) for row in rows)
        await s.press("f2")
        assert s.app.screen is s.view


async def test_keys_of_ones_own_are_named_where_a_key_is(open_app):
    keys = actions.registry({"alerts": "f5", "logs": ["f4"], "next_run": "f9", "cursor_right": "f6"})
    async with open_app((200, 50), registry=keys, incidents=ALERTS) as s:
        assert "f4 scroll and search" in s.drawn("#log")
        assert " f5 Alerts" in s.drawn("#head")
        assert "[ f9 Run" in s.drawn("#keys")
        assert "← f6 Values" in s.drawn("#keys")
        await s.press("f9")
        assert s.engine.view.run == "r2"
        await s.press("i")
        areas = []
        while s.app.screen is not s.view:
            areas.append(s.text())
            await s.press("enter")
        assert any("f4 scrolls and searches" in text for text in areas)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"zoomm": "f5"}, "unknown name 'zoomm': zoomm: did you mean 'zoom'?"),
        ({"zoom": ()}, "an action needs a key: zoom: such as zoom = \"f5\""),
        ({"zoom": "s"}, "the key 's' would mean both 'zoom' and 'smoother' in overview: zoom: give one of them another key"),
        ({"zoom": "?"}, "the key '?' would mean both 'help' and 'zoom' in overview: zoom: give one of them another key"),
    ],
)  # fmt: skip
def test_keys_that_cannot_be_meant(keys, message):
    with pytest.raises(ConfigError) as caught:
        actions.registry(keys)
    assert str(caught.value) == message


@pytest.mark.parametrize(("key", "selector"), [("0", "#runs"), ("3", "#rank-table"), ("5", "#alert-list")])
async def test_the_selected_row_of_every_list_is_a_bar_over_its_width(open_app, key, selector):
    async with open_app((120, 40), ranks=64, incidents=ALERTS) as s:
        await s.press(key)
        rows = s.view.query_one(selector)._drawn[1:-1]
        bars = [[role for text, role in row[1:-1] if text.strip("█")] for row in rows if "▸" in str(row)]
        assert bars
        assert all(role.startswith("select") for bar in bars for role in bar), bars


async def test_without_shades_of_a_color_a_band_has_cells_of_one_brightness(open_app, monkeypatch):
    parts = set("▁▂▃▄▅▆▇▔▀")

    def seen(s):
        return parts & set(s.drawn("#main-0"))

    async with open_app((120, 40), theme=themes.ANSI) as s:
        assert not seen(s)
        assert "░" in s.drawn("#main-0")
        s.app.use_theme(themes.DARK)
        s.app.refresh_view()
        await s.settle()
        assert seen(s)
    monkeypatch.setenv("NO_COLOR", "1")
    async with open_app((120, 40)) as s:
        assert not seen(s)
