"""Levels differ in color for eyes that lack a cone, and in glyph and word for everyone."""

import itertools

import pytest
from textual.color import Color

from runwatch.tui import actions, themes
from runwatch.tui.widgets.rows import Rows

from .fake_engine import SLOW, SPIKE

SEEN = {
    "all cones": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "no red cones": (
        (0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998),
    ),
    "no green cones": (
        (0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881),
    ),
    "no blue cones": (
        (1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900),
    ),
}  # fmt: skip
"""How linear light is seen: Machado, Oliveira and Fernandes (2009), at full severity."""
LAB = (
    (0.4339 , 0.3762 , 0.1899 ), (0.2127 , 0.7152 , 0.0722 ), (0.0178 , 0.1095 , 0.8728 ),
)  # fmt: skip
"""Linear sRGB to XYZ, each part of that of white."""
LEVELS = ("good", "value", "warn", "crit")
FAR = 30
"""A distance in CIELAB at which nobody takes one color for the other; 2.3 is just seen, next to each other."""


def product(matrix, vector):
    return [sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix]


def lab(color: Color, seen) -> tuple[float, float, float]:
    parts = [part / 255 for part in color.rgb]
    light = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    light = [min(1.0, max(0.0, part)) for part in product(seen, light)]
    x, y, z = (
        part ** (1 / 3) if part > 216 / 24389 else (24389 / 27 * part + 16) / 116
        for part in product(LAB, light)
    )
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def distance(one: Color, other: Color, seen) -> float:
    return sum((a - b) ** 2 for a, b in zip(lab(one, seen), lab(other, seen), strict=True)) ** 0.5


def nearest(view, roles, eyes) -> tuple[float, str]:
    colors = {role: Color.from_rich_color(view.query_one(Rows)._style(role).color) for role in roles}
    return min(
        (distance(colors[one], colors[other], SEEN[eye]), f"{one}, {other}, {eye}")
        for one, other in itertools.combinations(roles, 2)
        for eye in eyes
    )


def test_the_distance_knows_what_is_confused():
    red, green, black, white = (Color.parse(each) for each in ("#cc2222", "#557700", "#000000", "#ffffff"))
    assert distance(red, green, SEEN["all cones"]) > 70
    assert distance(red, green, SEEN["no green cones"]) < 20
    assert all(distance(black, white, seen) == pytest.approx(100, abs=0.1) for seen in SEEN.values())


async def test_levels_and_curves_are_far_apart_for_every_eye(open_app):
    async with open_app((80, 24), theme=themes.COLOR_BLIND) as s:
        found, pair = nearest(s.view, ("smooth", "second", "third", "fourth", "crit"), SEEN)
        assert found >= FAR, pair
        found, pair = nearest(s.view, LEVELS, SEEN)
        assert found >= FAR, pair
        for heat in (("heat-0", "heat-2", "heat-4"), ("mark-incident", "mark-checkpoint", "mark-spoilt")):
            found, pair = nearest(s.view, heat, SEEN)
            assert found >= FAR, pair


@pytest.mark.parametrize("name", [themes.DARK, themes.LIGHT, themes.CONTRAST])
async def test_warnings_and_critical_ones_differ_in_the_themes_of_the_house(open_app, name):
    async with open_app((80, 24), theme=name) as s:
        found, pair = nearest(s.view, ("warn", "crit"), SEEN)
        assert found >= 12, pair


async def test_levels_have_a_glyph_and_a_word_each(open_app):
    async with open_app((120, 40), theme=themes.COLOR_BLIND, ranks=8, incidents=(SPIKE, SLOW)) as s:
        await s.press(str(actions.VIEWS.index("alerts")))
        assert "▲ CRIT" in s.text()
        assert "● WARN" in s.text()
