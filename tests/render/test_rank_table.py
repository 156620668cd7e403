"""The rank table and one rank in words: exact whatever the numbers; nothing raises."""

import itertools
import math

from hypothesis import given, settings
from hypothesis import strategies as st
from wcwidth import wcswidth

from runwatch.core.snapshot import ProcessRow, RankPlace, RankRow
from runwatch.render import cells
from runwatch.render.glyphs import ASCII, UNICODE
from runwatch.render.ranks import rank_table

NUMBER = st.one_of(st.none(), st.floats(), st.just(0.97))
WORDS = st.text(max_size=20)
PLACES = st.builds(
    RankPlace, st.integers(0, 1 << 22), st.sampled_from(["running", "blocked", "zombie"]), WORDS,
    st.lists(st.sampled_from(["0", "3:1", "12"]), max_size=3).map(tuple), st.sampled_from(["ok", "denied", "lost"]),
    st.sampled_from(["sm_activity", "util", "power", ""]), NUMBER, NUMBER, NUMBER, NUMBER, NUMBER,
)  # fmt: skip
RANKS = st.lists(
    st.builds(
        RankRow, st.integers(0, 5000), st.one_of(st.none(), st.integers(0, 1 << 60)), st.one_of(st.none(), st.integers(0, 9)),
        NUMBER, NUMBER, NUMBER, st.one_of(st.none(), PLACES),
    ),
    max_size=6,
)  # fmt: skip


def test_a_step_time_beyond_all_comparison_has_a_whole_bar():
    times = [None, None, None, None, 0.97, 1.7e308]
    rows = [RankRow(rank, None, None, None, seconds, None) for rank, seconds in enumerate(times)]
    made = rank_table.table(rows, 45, UNICODE, 100, 3)
    assert "".join(text for text, _ in made[-1]).endswith(UNICODE.levels[-1])


@settings(max_examples=80, deadline=None)
@given(RANKS, st.integers(0, 200), st.sampled_from([UNICODE, ASCII]), WORDS)
def test_any_rank_fits_exactly(rows, width, glyphs, line):
    made = rank_table.table(rows, width, glyphs, 100, 3)
    assert len(made) == len(rows) + 1
    for row in rows:
        process = ProcessRow(1, "rank", "running", row.rank, line, "", row.loss, row.loss)
        made += rank_table.words(row, rows, width, process, line, glyphs)
    assert all(wcswidth(cells.row_text(row)) == width for row in made)
    if glyphs.ascii:
        assert all(cells.row_text(row).isascii() for row in made)


def test_columns_line_up_and_the_least_important_goes_first():
    place = RankPlace(1, "running", "", ("3",), "ok", "util", 0.5, 3e10, 8e10, 61.0, 400.0)
    rows = [RankRow(i, 10 + i, 100, 1.0, 2.0, math.inf if i else 1.5, place) for i in range(3)]
    wide, *lines = (cells.row_text(row) for row in rank_table.table(rows, 130))
    assert [wide.index(head) + len(head) for head in ("util", "power")] == [
        lines[0].index(text) + len(text) for text in ("50%", "400 W")
    ]
    assert "Inf" in lines[1]
    found = [
        {
            head
            for head in ("progress", "last seen", "step time", "util", "GPU memory", "power")
            if head in heading
        }
        for heading in (cells.row_text(rank_table.table(rows, width)[0]) for width in (130, 95, 70, 45, 20))
    ]
    assert all(later < before or later == before for before, later in itertools.pairwise(found))
    assert found[-1] == {"progress"}


def test_the_slow_rank_is_marked_in_the_table():
    rows = [RankRow(i, 10, None, 1.0, 3.0 if i == 2 else 2.0) for i in range(5)]
    lines = rank_table.table(rows, 100)
    assert "vs median" in cells.row_text(lines[0])
    assert ["+50%" in cells.row_text(line) for line in lines[1:]] == [False, False, True, False, False]
    assert "heat-2" in {role for _, role in lines[3]}
    bars = [cells.row_text(line).rpartition("ago")[2].strip() for line in rank_table.table(rows, 120)[1:]]
    assert [set(bar) for bar in bars] == [set(), set(), {"█"}, set(), set()]
    assert len(bars[2]) > 12
    assert "done" not in cells.row_text(lines[0]), "a part of what is not known"


def test_pace_is_compared_with_the_others():
    rows = [RankRow(i, 10, 100, 1.0, 3.0 if i == 2 else 2.0) for i in range(5)]
    shown = [cells.row_text(row) for row in rank_table.words(rows[2], rows, 80)]
    assert any("3.00 s a step, 50% above the median" in line for line in shown), shown


def test_only_ranks_away_from_the_median_have_a_bar():
    paces = (2.0, 2.02, 2.0, 3.0)
    rows = [RankRow(i, 10, 100, 1.0, pace) for i, pace in enumerate(paces)]
    _, *lines = (cells.row_text(row) for row in rank_table.table(rows, 130, peers=rows))
    assert [UNICODE.levels[-1] in line for line in lines] == [False, False, False, True]
