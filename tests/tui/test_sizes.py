"""What stays the same when a terminal gets another size."""

import re

import pytest

from runwatch.tui import actions

from .fake_engine import SLOW, SPIKE

ALERTS = (SPIKE, SLOW)


@pytest.mark.few(1)
@pytest.mark.parametrize("first", [(40, 12), (120, 40)])
async def test_another_size_is_as_if_opened_with_it(open_app, first):
    for key in "1367":
        async with open_app(first, ranks=8, incidents=ALERTS) as s:
            await s.press(key)
            await s.resize(200, 50)
            shown = s.text()
        async with open_app((200, 50), ranks=8, incidents=ALERTS) as s:
            await s.press(key)
            assert s.text() == shown, key


async def test_a_view_has_one_name_that_only_loses_letters_where_there_is_less_room(open_app):
    async with open_app((200, 50), incidents=ALERTS) as s:
        for width in (200, 120, 80, 76, 60, 40):
            await s.resize(width, 50)
            row = s.drawn("#head").splitlines()[2]
            named = re.findall(r"[A-Z][a-z]+", row)
            assert len(named) == len(actions.VIEWS), row
            for name, view in zip(named, actions.VIEWS, strict=True):
                letters = iter(view)
                assert all(letter in letters for letter in name.lower()), (name, view)
