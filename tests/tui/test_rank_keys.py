"""Keys of the ranks: measures, groups, the table beside the grid."""

import msgspec
import pytest

from runwatch.core.snapshot import RankRow
from runwatch.tui import actions

from .fake_engine import picture


async def test_ranks_are_not_offered_without_ranks(open_app):
    async with open_app((100, 30)) as s:
        await s.press("3")
        assert s.view.view == actions.OVERVIEW
        assert "3 Ranks" in s.drawn("#head"), "tabs keep their places"
        assert "no ranks, GPUs or processes" in s.drawn("#head")


async def test_rank_measure_and_scroll(open_app):
    async with open_app((100, 30), ranks=64) as s:
        await s.press("3", "d")
        assert "last seen" in s.drawn("#rank-grid").splitlines()[0]
        assert s.drawn("#rank-table").splitlines()[2].split()[1] == "12"
        await s.press("end")
        assert "of 64" in s.drawn("#rank-table")
        assert s.view.query_one("#rank-table").at > 0


async def test_ranks_by_node_table_and_sort(open_app):
    async with open_app((120, 40), ranks=64) as s:
        await s.press("3")
        assert " 0 ███" in s.drawn("#rank-grid")
        await s.press("n")
        assert "r32 " in s.drawn("#rank-grid")
        first = s.drawn("#rank-table").splitlines()[2]
        await s.press("greater_than_sign")
        assert "by rank" in s.drawn("#rank-table")
        assert s.drawn("#rank-table").splitlines()[2] != first
        await s.press("less_than_sign")
        assert "worst first" in s.drawn("#rank-table")
        await s.press("t")
        assert not s.view.query_one("#rank-grid").display
        await s.press("t")
        assert not s.view.query_one("#rank-table").display
        assert s.view.query_one("#rank-grid").size.height > 30
        await s.press("t")
        assert s.view.query_one("#rank-table").display


async def test_ranks_by_the_axes_of_the_configuration(open_app):
    async with open_app((120, 40), ranks=64, parallel={"tp": 2, "pp": 4}) as s:
        await s.press("3", "n", "n")
        assert "by tp" in s.drawn("#rank-grid")
        await s.press("n")
        assert "pp2 ████▁" not in s.drawn("#rank-grid")
        assert "pp3 " in s.drawn("#rank-grid")
        await s.press("n", "n")
        assert "by" not in s.drawn("#rank-grid").splitlines()[0]


@pytest.mark.parametrize(("pace", "said"), [(2.0, "no slow rank"), (None, "none is behind, pace not known")])
async def test_no_rank_is_called_fast_whose_pace_is_not_known(open_app, pace, said):
    ranks = tuple(RankRow(i, 50, 100, 1.0, pace) for i in range(8))

    def make(view):
        shown = picture(view)
        return msgspec.structs.replace(shown, run=msgspec.structs.replace(shown.run, ranks=ranks))

    async with open_app((120, 40), make=make) as s:
        await s.press("3")
        assert said in s.drawn("#rank-grid").splitlines()[0]
