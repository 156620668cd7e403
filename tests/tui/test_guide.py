"""The guide names the areas of a view in turn, and the help has the keys that are used most first."""

import pytest

from runwatch.tui import actions, words

from .fake_engine import ALERTS


@pytest.mark.deep
async def test_the_guide_leads_over_what_is_on_the_screen(open_app):
    async with open_app((120, 40), ranks=8, incidents=ALERTS) as s:
        await s.press("i")
        seen = []
        while s.app.screen is not s.view:
            (area,) = s.view.query(".-guided")
            panel = s.app.screen.query_one("#guide")
            assert not panel.region.overlaps(area.region) or area.region.height > 20
            seen.append(area.id)
            await s.press("enter")
        assert seen == ["head", "main-0", "minor-0", "ranks", "alerts", "log", "keys"]
        assert not s.view.query(".-guided")


async def test_what_the_guide_tints_still_shows_the_newest(open_app):
    async with open_app((120, 40)) as s:
        head = s.view.query_one("#head")

        def shown():
            return head.render_lines(head.size.region)

        plain = shown()
        await s.press("i")
        assert [strip.text for strip in shown()] == [strip.text for strip in plain]
        grounds = {segment.style.bgcolor for segment in plain[0]}
        assert not grounds & {segment.style.bgcolor for segment in shown()[0]}
        await s.push(step=41_500)
        assert "41,500" in shown()[0].text
        await s.press("escape")
        assert {segment.style.bgcolor for segment in shown()[0]} == grounds


async def test_escape_ends_the_guide(open_app):
    async with open_app((80, 24)) as s:
        await s.press("question_mark", "i", "escape")
        assert s.app.screen is s.view
        assert not s.view.query(".-guided")


@pytest.mark.deep
async def test_the_footer_stays_while_something_is_over_the_view(open_app):
    async with open_app((80, 24)) as s:
        before = s.drawn("#keys")
        for key in ("i", "T", "colon"):
            await s.press(key)
            await s.push(step=41_500)
            assert s.drawn("#keys") == before
            await s.press("escape")


@pytest.mark.deep
async def test_every_area_of_the_guide_is_somewhere_in_its_view(open_app):
    async with open_app((200, 50), ranks=8, incidents=ALERTS) as s:
        for view in actions.VIEWS:
            s.app.open_view(view)
            await s.settle()
            assert all(s.view.query(place) for place, _ in words.areas(view)), view


async def test_the_most_used_keys_come_first_in_the_help(open_app):
    async with open_app((120, 40)) as s:
        await s.press("question_mark")
        text = "\n".join("".join(text for text, _ in row) for row, _ in s.app.screen.panel.lines(100))
        assert text.index("leave") < text.index("W&B")
