"""One rank in detail, and the columns about its GPU."""

from __future__ import annotations

import msgspec
import pytest

from runwatch.core.metrics import STEP_TIME
from runwatch.core.snapshot import Latest, MachineView, ProcessRow, RankPlace, RankRow

from .fake_engine import picture

RANKS = tuple(
    RankRow(
        i, 50 - 9 * (i == 2), 100, 1.5, 2.0 + (i == 3), 2.5 + i / 100,
        RankPlace(
            4700 + i, "blocked" if i == 2 else "running", "read of /d/x.tar" if i == 2 else "", (str(i),),
            "lost" if i == 1 else "ok", "sm_activity", None if i == 1 else 0.9 - 0.8 * (i == 2), 6e10, 8e10, 70.0, 600.0,
        ),
    )
    for i in range(4)
)  # fmt: skip
MACHINE = MachineView((ProcessRow(4702, "rank", "blocked", 2, "python train.py", "", 0.0, 8 << 30, ("2",)),))
LOG = ((1, "[rank2] step 40 old"), (2, "[rank2] step 41 newest"), (3, "[rank0] step 50"))


def lines(s, selector):
    return s.drawn(selector).splitlines()


@pytest.mark.few(1)
@pytest.mark.parametrize(
    ("width", "shown", "hidden"),
    [(80, "last seen", "GPU memory"), (120, "power", ""), (60, "step time", "temp")],
)
async def test_columns_give_way(open_app, width, shown, hidden):
    async with open_app((width, 30), ranks_=RANKS, make=with_ranks) as s:
        await s.press("3")
        heading, worst = lines(s, "#rank-table")[1:3]
        assert shown in heading
        assert not hidden or hidden not in heading
        assert "41/100" in worst


def with_ranks(view, ranks_, **changes):
    more = {"ranks": ranks_, "machine": MACHINE if view.machine else None, "has_machine": True, "log": LOG}
    shown = picture(view, **changes)
    return msgspec.structs.replace(shown, run=msgspec.structs.replace(shown.run, **more))


async def test_the_busy_measure_is_named_and_a_lost_gpu_is_no_number(open_app):
    async with open_app((120, 30), ranks_=RANKS, make=with_ranks) as s:
        await s.press("3")
        assert " SM " in lines(s, "#rank-table")[1]
        rows = lines(s, "#rank-table")[2:6]
        assert " 10% " in "".join(rows)
        assert [" lost " in row for row in rows].count(True) == 1


async def test_the_grid_can_show_gpus(open_app):
    async with open_app((100, 30), ranks_=RANKS, make=with_ranks) as s:
        await s.press("3")
        for _ in range(6):
            if "GPU use" in lines(s, "#rank-grid")[0]:
                break
            await s.press("d")
        bars = lines(s, "#rank-grid")[1:-4]
        high = [sum(line[1 + 24 * rank] in "▁▂▃▄▅▆▇█" for line in bars) for rank in range(4)]
        assert high == [len(bars), 0, 1, len(bars)], bars
        assert "█ " + "?" * 23 + " " in bars[-1], "lost"
        assert "▁ 0%  █ 100%" in s.drawn("#rank-grid")


@pytest.mark.parametrize(("size", "keys"), [((100, 30), ["3", "enter"]), ((120, 48), ["3"])])
async def test_the_detail_has_no_more_rows_than_it_has_words(open_app, size, keys):
    async with open_app(size, ranks_=RANKS, make=with_ranks) as s:
        await s.press(*keys)
        rows = [line.strip("│ ") for line in lines(s, "#rank-detail")[1:-1]]
        assert rows
        assert all(rows)


async def test_enter_tells_all_of_a_rank_and_esc_closes(open_app):
    async with open_app((100, 30), ranks_=RANKS, make=with_ranks) as s:
        await s.press("3", "enter")
        reported = s.drawn("#rank-detail")
        for words in (
            "rank 2 ", "41/100, 9 behind", "4702 blocked in read of /d/x.tar, 0.00 cores", "python train.py", "SM 10%", "600 W, 70 C",
            "[rank2] step 41 newest",
        ):  # fmt: skip
            assert words in reported, reported
        assert s.engine.view.log_lines == 400
        await s.press("j")
        assert "rank 2 " not in lines(s, "#rank-detail")[0]
        await s.press("escape")
        assert not s.view.query_one("#rank-detail").display
        assert s.view.view == "ranks"
        assert s.engine.view.log_lines == 0
        await s.press("escape")
        assert s.view.view == "overview"


async def test_the_selected_rank_stays_selected_when_it_sorts_elsewhere(open_app):
    async with open_app((100, 30), ranks_=RANKS, make=with_ranks) as s:
        await s.press("3", "greater_than_sign", "j", "j")
        table = s.view.query_one("#rank-table")
        assert table.selected().rank == 2
        await s.press("less_than_sign", "j", "k")
        moved = table.selected().rank
        await s.press("greater_than_sign")
        assert table.selected().rank in {0, moved}


async def test_ranks_of_another_machine_have_no_columns_about_gpus(open_app):
    async with open_app((140, 30), ranks=8) as s:
        await s.press("3")
        assert "GPU" not in s.drawn("#rank-table")
        assert "process" not in s.drawn("#rank-table")
        await s.press("enter")
        assert "not found on this machine" in s.drawn("#rank-detail")


async def test_the_machine_takes_no_more_rows_than_it_fills(open_app):
    async with open_app((120, 40), ranks_=RANKS, make=with_ranks) as s:
        await s.press("3")
        panel = s.view.query_one("#machine")
        assert panel.size.height == panel.needed() == 4


def eight(slow: float):
    """Eight ranks of which one may be slow."""
    return tuple(RankRow(i, 50, 100, 1.5, slow if i == 5 else 0.5, 2.5 + i / 100) for i in range(8))


@pytest.mark.parametrize(
    ("slow", "newest", "curve"),
    [(0.7, 0.72, True), (0.7, 0.5, False), (0.5, 0.5, True), (0.7, None, False)],
    ids=["the run waits for it", "the log of a rank that does not wait", "none is slow", "not printed"],
)
async def test_few_ranks_fill_the_screen(open_app, slow, newest, curve):
    latest = (Latest(STEP_TIME, newest, step=50, count=50),) if newest is not None else ()
    async with open_app((120, 40), ranks_=eight(slow), make=with_ranks, latest=latest) as s:
        await s.press("3")
        grid, table = s.view.query_one("#rank-grid"), s.view.query_one("#rank-table")
        assert table.size.height == 8 + 3, "a row a rank, heading and frame"
        assert s.view.query_one("#rank-chart").display is curve
        assert s.view.query_one("#rank-other").display is not curve
        assert s.view.query_one("#rank-other").size.height in (0, 6)
        assert grid.size.height >= (8 if curve else 14) if slow > 0.5 else grid.size.height == 6
        await s.press("t")
        assert not s.view.query_one("#rank-chart").display, "the table alone"
        assert not s.view.query_one("#rank-other").display


@pytest.mark.parametrize("size", [(60, 64), (200, 60)])
async def test_rows_below_few_ranks_have_what_is_known_of_the_selected_one(open_app, size):
    latest = (Latest(STEP_TIME, 0.5, step=50, count=50),)
    async with open_app(size, ranks_=eight(0.7), make=with_ranks, latest=latest) as s:
        await s.press("3")
        reported = s.drawn("#rank-detail")
        assert "rank 5 " in lines(s, "#rank-detail")[0]
        assert "40% above the median" in reported
        assert "esc closes" not in reported, "nobody opened it"
        assert "Detail" not in s.drawn("#keys"), "it is there"
        assert s.view.query_one("#rank-grid").display
        assert s.engine.view.log_lines == 400
        assert all(row.strip() for row in s.text().splitlines()[1:-1]), "no row is left"
        await s.press("j")
        assert "rank 5 " not in lines(s, "#rank-detail")[0]
        await s.press("t")
        assert not s.view.query_one("#rank-detail").display, "the table alone"


async def test_many_ranks_have_the_table_and_no_curve(open_app):
    async with open_app((120, 40), ranks=64) as s:
        await s.press("3")
        assert not s.view.query_one("#rank-chart").display
        assert not s.view.query_one("#rank-other").display
        assert s.view.query_one("#rank-table").size.height > 20
