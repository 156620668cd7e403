"""The rank grid: levels that distinguish ranks, nodes, columns; exact whatever the numbers."""

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wcwidth import wcswidth

from runwatch.core.batch import NODE
from runwatch.core.snapshot import RankPlace, RankRow
from runwatch.render import cells
from runwatch.render.glyphs import ASCII, UNICODE
from runwatch.render.ranks import rank_grid, rank_groups, ranks


def named(rows, over=False):
    return [text for text, _ in ranks.notable(rows, over)]


def text(rows):
    return [cells.row_text(row).rstrip() for row in rows]


def test_early_in_a_run_the_ranks_are_distinguished():
    rows = [RankRow(i, 3 if i == 2 else 20, 100_000) for i in range(8)]
    assert text(rank_grid.grid(rows, 30, 2)) == ["0 ██▁█████", "▁ 3  █ 20"]


def test_a_step_apart_is_no_news():
    rows = [RankRow(i, 20 - i % 2, 100) for i in range(8)]
    assert text(rank_grid.grid(rows, 30, 2)) == ["0 █▇█▇█▇█▇", "▁ 13  █ 20"]
    same = [RankRow(i, 20, 100) for i in range(8)]
    assert text(rank_grid.grid(same, 30, 2))[0] == "0 ████████"


def test_noise_of_step_times_is_no_news():
    rows = [RankRow(i, 5, None, 1.0, 2.0 + (0.004 if i == 3 else 0)) for i in range(8)]
    assert text(rank_grid.grid(rows, 40, 2, "step time"))[0] == "0 ▁▁▁▁▁▁▁▁"
    slow = [RankRow(i, 5, None, 1.0, 2.8 if i == 3 else 2.0) for i in range(8)]
    assert text(rank_grid.grid(slow, 40, 2, "step time"))[0] == "0 ▁▁▁▇▁▁▁▁"


def test_bars_have_the_scale_of_what_matters_and_are_over_their_names():
    near = [RankRow(i, 5, None, 1.0, 0.100 + 0.001 * (i % 6)) for i in range(8)]
    assert text(rank_grid.grid(near, 60, 2, "step time"))[0] == "0 ▁▁▁▁▁▁▁▁", "5 ms of 100 is no picture"
    slow = [RankRow(i, 5, None, 1.0, 0.715 if i == 5 else 0.5 + i / 1000) for i in range(8)]
    assert text(rank_grid.grid(slow, 80, 4, "step time"))[:3] == [
        "▁▁▁▁▁▁▁▁▁ ▁▁▁▁▁▁▁▁▁ ▁▁▁▁▁▁▁▁▁ ▁▁▁▁▁▁▁▁▁ ▁▁▁▁▁▁▁▁▁ ▇▇▇▇▇▇▇▇▇ ▁▁▁▁▁▁▁▁▁ ▁▁▁▁▁▁▁▁▁",
        "r0        r1        r2        r3        r4        r5        r6        r7",
        "500 ms    501 ms    502 ms    503 ms    504 ms    715 ms    506 ms    507 ms",
    ]
    assert text(rank_grid.grid(slow, 120, 3, "step time"))[1].startswith("r0 500 ms      r1 501 ms ")
    halves = [RankRow(i, 5, None, 1.0, 1.0 + i % 2) for i in range(8)]
    assert text(rank_grid.grid(halves, 30, 2, "step time"))[0] == "0 ▁█▁█▁█▁█"


def test_bars_that_are_all_alike_stay_low():
    rows = [RankRow(i, 5, None, 1.0, 2.0 + (0.004 if i == 3 else 0)) for i in range(8)]
    *bars, names, _, _ = text(rank_grid.grid(rows, 80, 8, "step time"))
    assert names.split() == [f"r{i}" for i in range(8)]
    assert [bool(row) for row in bars] == [False] * (len(bars) - 1) + [True]


def test_bars_of_several_rows_are_as_long_as_what_they_show():
    slow = [RankRow(i, 5, None, 1.0, None if i == 2 else 1.0 if i == 1 else 0.5) for i in range(4)]
    assert text(rank_grid.grid(slow, 40, 7, "step time")) == [
        "          █████████",
        "          █████████",
        "█████████ █████████           █████████",
        "█████████ █████████ ????????? █████████",
        "r0        r1        r2        r3",
        "500 ms    1.00 s    no data   500 ms",
        "▁ 0 s  █ 1.00 s  ? no data",
    ]
    loss = [RankRow(i, 5, loss=1.0 - 2 * (i == 1)) for i in range(4)]
    assert text(rank_grid.grid(loss, 40, 7, "loss"))[-2].split() == ["1.000", "-1.000", "1.000", "1.000"]
    assert text(rank_grid.grid(loss, 40, 7, "loss"))[-1].startswith("▁ -1"), (
        "what is below zero has no length"
    )


def test_the_curve_of_the_run_is_that_of_the_slow_rank_or_says_nothing_of_it():
    rows = [RankRow(i, 5, None, 1.0, 0.7 if i == 5 else 0.5) for i in range(8)]
    assert ranks.slows(rows, 0.69)
    assert not ranks.slows(rows, 0.5)
    assert not ranks.slows(rows, None)
    assert ranks.slows(rows[:5], 0.5)


def test_a_step_behind_is_not_named_and_a_slow_rank_is():
    rows = [RankRow(i, 41_337 - (i % 11 == 0), None, 0.1, 3.03 if i == 37 else 2.03) for i in range(64)]
    assert named(rows) == ["r37 3.03 s +49%"]
    assert named([RankRow(i, 4 - i % 2, 100) for i in range(8)]) == []
    assert named([RankRow(i, 30 if i == 2 else 40, 100) for i in range(8)]) == ["r2 30/100"]


def test_what_is_shown_is_what_distinguishes_most():
    assert ranks.best_measure([RankRow(0, 5), RankRow(1, 5)]) == "progress"
    assert ranks.best_measure([RankRow(0, 300, step_time=2.0), RankRow(1, 299, step_time=2.0)]) == "step time"
    assert ranks.best_measure([RankRow(0, 300, step_time=2.0), RankRow(1, 280, step_time=2.0)]) == "progress"
    assert (
        ranks.best_measure([RankRow(0, 31, 50, step_time=2.0), RankRow(1, 50, 50, step_time=2.0)])
        == "progress"
    )


def test_a_slow_rank_is_named_with_how_slow_it_is():
    even = [RankRow(i, 20, None, 1.0, 2.0 + i / 100) for i in range(8)]
    assert named(even) == []
    slow = [*even[:7], RankRow(7, 20, None, 1.0, 2.8)]
    assert named(slow) == ["r7 2.80 s +38%"]
    assert named([RankRow(0, 20, None, 1.0, 2.0)]) == []
    behind = [*even[:7], RankRow(7, 9, None, 1.0, 2.8)]
    assert named(behind) == ["r7 9"]


def test_a_rank_whose_loss_is_no_number_is_named_and_comes_first():
    rows = [RankRow(i, 9, 20, loss=2.5 + i) for i in range(3)] + [RankRow(3, 9, 20, loss_text="nan")]
    assert named(rows) == ["r3 loss NaN"]
    assert [row.rank for row in ranks.by_column(rows, "loss", "loss")] == [3, 2, 1, 0]
    assert "loss" in ranks.sortable([RankRow(0, 9, loss_text="inf")])
    assert named([RankRow(i, 9, 20, loss_text="nan") for i in range(4)]) == []


def test_nodes_are_together():
    numbered = [RankRow(NODE * node + i, 9) for node in (1, 2) for i in range(4)]
    assert text(rank_grid.grid(numbered, 30, 3, by="node"))[0] == "n1 ████  n2 ████"
    guessed = [RankRow(i, 9) for i in range(16)]
    assert text(rank_grid.grid(guessed, 30, 3, by="node"))[0] == "r0 ████████  r8 ████████"
    many = [RankRow(i, 9) for i in range(4096)]
    assert "worst of" in text(rank_grid.grid(many, 60, 6, by="node"))[-1]


def test_ranks_are_grouped_by_the_axes_of_the_configuration():
    rows = [RankRow(i, 5 if i in {8, 9, 10, 11} else 9) for i in range(16)]
    split = {"tp": 2, "pp": 4}
    assert rank_groups.groupings(rows, split) == ["", "node", "tp", "pp", "dp"]
    assert (
        text(rank_grid.grid(rows, 40, 2, by="pp", parallel=split))[0]
        == "pp0 ████  pp1 ████  pp2 ▄▄▄▄  pp3 ████"
    )
    assert (
        text(rank_grid.grid(rows, 40, 3, by="dp", parallel=split))[0].rstrip() == "dp0 ████▄▄██  dp1 ████▄▄██"
    )
    assert rank_groups.coordinate(13, "tp", 16, split) == 1
    assert rank_groups.groupings(rows, {}) == ["", "node"]
    assert rank_groups.groupings([RankRow(NODE, 1)], split) == ["", "node"]
    assert (
        "no room for a line a dp"
        in text(rank_grid.grid(rows, 60, 2, by="dp", parallel={"tp": 1, "pp": 1}))[-1]
    )


def test_ranks_that_print_nothing_are_shown_by_their_gpus():
    rows = [RankRow(i, None, place=RankPlace(i, "running", busy=0.9)) for i in range(2)]
    assert ranks.best_measure(rows) == "gpu"
    assert ranks.measures(rows) == ["progress", "gpu"]
    assert ranks.best_measure([RankRow(0, None)]) == "progress"


def test_columns_put_the_worst_first_and_what_is_not_known_last():
    rows = [RankRow(0, 5, None, 1.0, 2.0, 3.0), RankRow(1, 4, None, 9.0, 8.0, 1.0), RankRow(2, None)]
    order = {name: [row.rank for row in ranks.by_column(rows, name, "progress")] for name in ranks.COLUMNS}
    assert order["rank"] == [0, 1, 2]
    assert order["progress"] == [1, 0, 2]
    assert order["step time"] == [1, 0, 2]
    assert order["loss"] == [0, 1, 2]
    assert order["last seen"] == [1, 0, 2]
    assert order["worst"] == [0, 1, 2]


def test_what_is_bad_comes_first_and_noise_moves_no_other_rank():
    def order(measure, *seconds, done=(100, 100, 100, 100, 100)):
        rows = [RankRow(i, done[i], 200, 1.0, each) for i, each in enumerate(seconds)]
        return [row.rank for row in ranks.worst(rows, measure)]

    assert order("step time", 1.0, 1.01, 1.0, 1.4, 1.02) == [3, 0, 1, 2, 4]
    assert order("step time", 1.02, 1.0, 1.01, 1.4, 1.6) == [4, 3, 0, 1, 2]
    assert order("step time", 1.0, None, 1.0, 1.4, 1.0) == [3, 0, 2, 4, 1]
    assert order("progress", 1.0, 1.0, 1.0, 1.0, 1.0, done=(100, 98, 99, 60, None)) == [3, 0, 1, 2, 4]


FLOATS = st.one_of(st.none(), st.floats(allow_nan=False), st.just(math.inf))


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3 * NODE), st.one_of(st.none(), st.integers(0, 2**60)), FLOATS), max_size=70),
    st.integers(-1, 90), st.integers(-1, 20), st.sampled_from(ranks.MEASURES), st.sampled_from(["", "node", "tp", "cp", "pp", "dp"]),
    st.sampled_from([UNICODE, ASCII]),
)  # fmt: skip
def test_any_ranks_fit_exactly(made, width, height, measure, by, glyphs):
    rows = [RankRow(rank, done, None, x, x, x) for rank, done, x in made]
    grid = rank_grid.grid(rows, width, height, measure, glyphs, by, {"tp": 2, "pp": 4})
    assert len(grid) <= max(0, height)
    assert all(wcswidth(cells.row_text(row)) == width for row in grid)
    for column in ranks.COLUMNS:
        assert len(ranks.by_column(rows, column, measure)) == len(rows)


def test_thousands_that_stand_out_are_all_named_by_one_median(monkeypatch):
    asked = []
    median = ranks.usual_step
    monkeypatch.setattr(ranks, "usual_step", lambda rows: asked.append(1) or median(rows))
    slow = [RankRow(i, 100, None, 1.0, 2.0 if i % 9 < 5 else 3.0) for i in range(4096)]
    assert len(named(slow)) == sum(row.step_time == 3.0 for row in slow)
    assert len(asked) < 5  # one for each of them took a fifth of a second
    silent = [RankRow(i, 50 - i % 2, None, 100.0 if i else 1.0) for i in range(4096)]
    assert sum("silent" in words for words in named(silent)) == 4095


def heat_of(rows, measure, rank):
    """The role of the cell of a rank in the grid."""
    row = rank_grid.grid(rows, 60, 2, measure)[0]
    roles = [role for piece, role in row for _ in piece]
    return roles[len(row[0][0]) + rank]


def test_a_slow_rank_has_the_heat_of_how_slow_it_is():
    def slow(seconds):
        rows = [RankRow(i, 20, None, 1.0, 2.0 + i / 100) for i in range(7)] + [
            RankRow(7, 20, None, 1.0, seconds)
        ]
        return heat_of(rows, "step time", 7), [role for _, role in ranks.notable(rows)]

    assert slow(2.05) == ("heat-0", [])
    assert slow(2.45) == ("heat-2", ["heat-2"])
    assert slow(3.8) == ("heat-2", ["heat-2"]), "85 % slower: a warning, as the rule says"
    assert slow(4.4) == ("heat-3", ["heat-3"])
    assert slow(6.5) == ("heat-4", ["heat-4"])
    assert heat_of([RankRow(i, 20, None, 1.0, 2.0) for i in range(8)], "step time", 3) == "heat-0"


def test_a_rank_behind_or_silent_has_heat_and_what_all_have_is_none():
    behind = [RankRow(i, 31 if i == 3 else 50, 50) for i in range(8)]
    assert (heat_of(behind, "progress", 3), heat_of(behind, "progress", 4)) == ("heat-3", "heat-0")
    assert ranks.notable(behind) == [("r3 31/50", "heat-3")]
    near = [RankRow(i, 49 if i == 3 else 50, 50) for i in range(8)]
    assert heat_of(near, "progress", 3) == "heat-0", "each prints when it gets there"
    silent = [RankRow(i, 9, 20, 400.0 if i == 3 else 1.0) for i in range(8)]
    assert (heat_of(silent, "age", 3), heat_of(silent, "age", 4)) == ("heat-4", "heat-0")
    all_silent = [RankRow(i, 9, 20, 4000.0) for i in range(8)]
    assert heat_of(all_silent, "age", 3) == "heat-0", "the run is silent, not a rank"
    assert heat_of([RankRow(i, 9) for i in range(3)], "age", 1) == "dim"
    assert heat_of([RankRow(i, 9, loss=2.0 + i) for i in range(8)], "loss", 7) == "heat-0"


def test_asking_for_one_rank_keeps_what_is_known_of_all():
    rows = tuple(RankRow(rank, 50, 100, 1.0, 2.0 + (rank == 5)) for rank in range(8))
    known = ranks.slow(rows)
    assert [row.rank for row in known] == [5]
    ranks.level(rows[0], "progress", 50)
    assert ranks.slow(rows) is known


@pytest.mark.parametrize("measure", ["step time", "progress", "age"])
def test_the_worst_are_those_that_are_judged_so_one_by_one(measure):
    made = random.Random(7)
    for _ in range(300):
        rows = tuple(
            RankRow(
                rank,
                made.choice((None, 50, made.randint(0, 60))),
                made.choice((None, 60)),
                made.choice((None, 0.0, made.uniform(0, 400), math.inf)),
                made.choice((None, 2.0, made.uniform(1, 9), 0.0, math.inf, math.nan)),
            )
            for rank in range(made.randint(1, 12))
        )
        top = ranks.furthest(rows)
        judge = ranks.heats(rows, measure)
        found = [judge(ranks.level(row, measure, top)) for row in ranks.worst(rows, measure)]
        hot = [role not in {"dim", "heat-0"} for role in found]
        assert hot == sorted(hot, reverse=True), "one that is as it should be goes before one that is not"
        unknown = [role == "dim" for role in found]
        assert unknown == sorted(unknown), "one that is not known goes before one that is"


def test_the_color_of_a_rank_is_in_its_own_cells_however_wide_they_are():
    rows = [RankRow(i, 40, None, 0.1, 3.03 if i == 37 else 2.03) for i in range(64)]
    for width, each in ((118, 1), (198, 2)):
        above = rank_grid.grid(rows, width, 2, "step time")[0]
        ((cell, role),) = {(text, role) for text, role in above if "█" in text}
        assert (cell, role) == ("█" * each, "heat-2"), width
        assert sum(role == "heat-2" for _, role in above) == 1, width
