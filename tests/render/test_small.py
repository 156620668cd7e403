"""Sparklines, bars and rank grids: exact, bounded, honest about what is missing."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wcwidth import wcswidth

from runwatch.core.snapshot import Columns, RankRow
from runwatch.render import cells
from runwatch.render.charts.sparkline import of_columns, sparkline
from runwatch.render.glyphs import ASCII, UNICODE, glyphs
from runwatch.render.progress import bar
from runwatch.render.ranks import rank_grid, ranks

SETS = st.sampled_from([UNICODE, ASCII])


@given(st.lists(st.one_of(st.none(), st.floats()), max_size=80), st.integers(-1, 40), SETS)
def test_sparkline_is_exact(values, width, signs):
    line = sparkline(values, width, signs)
    assert wcswidth(line) == max(0, width)
    assert line.isascii() or not signs.ascii


def test_sparkline_golden():
    assert sparkline([0, 1, 2, 3, None, math.nan, 7], 8) == " ▁▂▃▄ !▇"
    assert sparkline([0, 1, 2, 3, None, math.inf, 7], 8, ASCII) == " _.-~ !#"
    assert sparkline([5, 5], 3) == " ▃▃"


def test_sparkline_keeps_a_spike():
    values = [1.0] * 100
    values[37] = 9.0
    assert "▇" in sparkline(values, 10), "a full block would touch the row above"


def test_sparkline_of_columns_shows_what_was_not_finite():
    c = Columns("m", (0.0, 1.0), (1.0, None), (1.0, None), (1.0, None), (1.0, None), (0, 2))
    assert sparkline(of_columns(c), 2) == "▃!"


@given(st.one_of(st.none(), st.floats()), st.integers(-1, 50), SETS)
def test_bar_is_exact(fraction, width, signs):
    assert wcswidth(cells.row_text(bar(fraction, width, signs))) == max(0, width)


def test_bar_golden():
    assert cells.row_text(bar(0.45, 10)) == "━━━━╾─────"
    assert cells.row_text(bar(None, 4, ASCII)) == "...."
    assert cells.row_text(bar(1.0, 4)) == "━━━━"


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 4096),
    st.integers(-1, 90),
    st.integers(-1, 20),
    st.sampled_from(ranks.MEASURES),
    SETS,
    st.one_of(st.none(), st.floats()),
)
def test_any_number_of_ranks_fits(count, width, height, measure, signs, age):
    rows = [RankRow(i, i % 7, None if i % 3 else 6, age) for i in range(count)]
    grid = rank_grid.grid(rows, width, height, measure, signs)
    assert len(grid) <= max(0, height)
    assert all(wcswidth(cells.row_text(row)) == width for row in grid)


def test_rank_grid_golden():
    rows = [RankRow(i, 2 if i == 5 else 4, 4, 1.0) for i in range(16)]
    assert [cells.row_text(row) for row in rank_grid.grid(rows, 30, 2)] == [
        " 0 █████▆██  8 ████████       ",
        "▁ 0  █ 4                      ",
    ]


def test_ranks_use_the_width_that_there_is():
    rows = [RankRow(i, 2 if i == 37 else 4, 4, 1.0) for i in range(64)]

    def grid(width, height):
        return [cells.row_text(row).rstrip() for row in rank_grid.grid(rows, width, height)[:-1]]

    (line,) = grid(118, 2)
    assert line.startswith(" 0 ████████  8 ████████ 16 ")
    assert " 32 █████▆██ 40 " in line
    assert grid(118, 3)[1].startswith("32 ███████████████▆▆▆██████ 40 "), "of two rows each is filled"
    assert len(grid(198, 2)[0]) == 8 * (3 + 16 + 1) - 1
    assert grid(78, 2) == [f" 0 {'█' * 37}▆{'█' * 26}"], "without room for gaps they are left out"


def test_every_rank_is_in_some_cell_and_the_worst_shows():
    rows = [RankRow(i, 1 if i == 1234 else 9, 9, 1.0) for i in range(4096)]
    grid = rank_grid.grid(rows, 60, 10)
    assert "▁" in "".join(cells.row_text(row) for row in grid[:-1])
    assert ranks.describe(ranks.worst(rows)[0]) == "r1234 1/9"
    assert "worst of" in cells.row_text(grid[-1])
    narrow = rank_grid.grid([RankRow(i, 9, 9, 1.0) for i in range(64)], 30, 2)
    assert cells.row_text(narrow[-1]).rstrip().endswith("worst of 3"), "no word of it is cut off"


def test_notable_ranks_are_behind_or_silent():
    rows = [RankRow(0, 5, 9, 1.0), RankRow(1, 5, 9, 240.0), RankRow(2, 3, 9, 61.0), RankRow(3, 5, 9, 1.0)]
    assert [text for text, _ in ranks.notable(rows)] == ["r2 3/9, silent 1m", "r1 silent 4m"]
    assert ranks.notable([RankRow(0, 9, 9, 999.0)]) == []
    assert ranks.notable([RankRow(i, 5, 9, 70.0 + i) for i in range(8)]) == [("all silent 1m", "warn")]
    assert [text for text, _ in ranks.notable(rows, over=True)] == ["r2 3/9"]


def test_the_silent_rank_is_worst_by_age():
    rows = [RankRow(0, 5, 5, 1.0), RankRow(1, 5, 5, 240.0), RankRow(2, 5, 5, None)]
    assert ranks.describe(ranks.worst(rows, "age")[0], "age") == "r1 silent 4m"


@pytest.mark.parametrize(
    ("environ", "chosen"),
    [
        ({"LC_ALL": "C", "LANG": "en_US.UTF-8"}, ASCII),
        ({"LANG": "POSIX"}, ASCII),
        ({"LC_ALL": "", "LC_CTYPE": "C.UTF-8", "LANG": "C"}, UNICODE),
        ({"LC_ALL": "C", "PYTHONUTF8": "1"}, UNICODE),
        ({}, UNICODE),
    ],
)
def test_the_c_locale_gets_ascii(environ, chosen):
    assert glyphs(False, "utf-8", environ) is chosen
    assert glyphs(True, "utf-8", environ) is ASCII
    assert glyphs(False, "latin-1", {}) is ASCII
