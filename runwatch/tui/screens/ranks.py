"""View 3: ranks, GPUs and processes; where there is room, since when a rank is slow, or what else differs."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult

from runwatch.core import metrics
from runwatch.core.snapshot import RankRow
from runwatch.render.ranks import rank_grid, rank_groups, rank_table, ranks
from runwatch.tui import actions
from runwatch.tui.cycle import following
from runwatch.tui.screens.lists import LEAST_CHART, ListScreen
from runwatch.tui.screens.pointed import PointedScreen
from runwatch.tui.widgets.charts import ChartPanel
from runwatch.tui.widgets.machine import MachinePanel
from runwatch.tui.widgets.ranks import RankDetail, RankGrid, RankTable, measure_of
from runwatch.tui.widgets.rows import Panel

MACHINE_FROM = 36
"""Rows of a screen from which the machine is shown beneath the ranks."""
_WHOLE_LINE = 72
"""Columns in which 64 ranks and the number of the first are a line of cells."""
_LEAST = 4
"""Rows of cells, and of a table, that show something."""
_BARS = 6
"""Rows of bars of one row, with their names, values, scale and frame."""
_HIGHER = 16
"""Rows that bars get at most beyond those."""
_LOOKED_AT = 400
"""Newest lines of the log in which one of the selected rank is looked for."""


class Ranks(PointedScreen, ListScreen):
    """The grid of all ranks, all of them in a table, one of them in detail.

    Where few ranks leave room: the curve of the step time if the slow rank is seen there, else
    another grid, of what else is known, and the detail of the selected rank.
    """

    view = actions.RANKS
    shown = 0
    """0 for cells and table, 1 for the table, 2 for the cells."""
    detail = False
    """Whether what is known of the selected rank takes the place of the cells."""
    spare = False
    """Whether there is room for that in addition."""

    def body(self) -> ComposeResult:
        """Lay out grids, detail, table, curve and machine."""
        yield RankGrid(id="rank-grid")
        yield RankGrid(id="rank-other")
        yield RankDetail(id="rank-detail")
        yield RankTable()
        yield ChartPanel(id="rank-chart")
        yield MachinePanel(id="machine")

    def machine(self) -> bool:
        """Ask for the machine too."""
        return True

    def place(self) -> None:
        """Give the grid the rows it needs, at most half of the view; without ranks the machine has it all.

        What few ranks leave goes to higher bars, and to a curve or to other bars.
        """
        count = self.length()
        view = self.scene.run.machine if self.scene.run else None
        seen = view is not None and bool(view.processes or view.gpus or view.host)
        alone = seen and not count
        panel = self.query_one(MachinePanel)
        panel.display = seen and (alone or self.free >= MACHINE_FROM)
        panel.styles.height = "1fr" if alone else min(panel.needed(), self.free // 3)
        grid, table = self.query_one("#rank-grid"), self.query_one(RankTable)
        detail = self.query_one(RankDetail)
        detail.row = table.selected()
        detail.display = self.detail and count > 0
        cells, lines = self.shown != 1 and not detail.display, self.shown != 2 or detail.display
        body = self.free - 4
        half = max(min(_LEAST, body), body // 2)
        lines = lines and (not cells or body - half >= _LEAST)
        grid.display, table.display = cells and not alone, lines and not alone
        a_line = 8 if self.scene.grouping else 64 if self.size.width >= _WHOLE_LINE else 32
        needed = _BARS if count <= 32 else 3 + -(-count // a_line) + bool(self.scene.grouping)
        rows = min(half, needed)
        machine = int(panel.styles.height.value) if panel.display and panel.styles.height else 0
        others = (0 if alone else machine) + detail.needed(self.size.width) * detail.display
        rest = body - count - 3 - others - rows * grid.display
        table.styles.height = count + 3 if rest >= LEAST_CHART else "3fr"
        higher = self._fill(rest)
        grid.styles.height = rows + higher if table.display else "1fr"
        detail.display, detail.closes = detail.display or self.spare, self.detail
        detail.styles.height = "1fr" if self.spare else detail.needed(self.size.width)

    def _fill(self, rest: int) -> int:
        """Show a curve, else other bars and the detail, in the rows that the table leaves.

        Return how many of these rows the bars get.
        """
        chart, other = self.query_one(ChartPanel), self.query_one("#rank-other", RankGrid)
        known = self.scene.ranks
        room = bool(known) and self.shown == 0 and rest >= LEAST_CHART
        bars = rank_grid.bars_fit(known, self.size.width - 2)
        newest = self.scene.latest(metrics.STEP_TIME)
        curve = newest is not None and ranks.slows(known, newest.value)
        chart.metrics = (metrics.STEP_TIME,) if curve else ()
        chart.display = room and curve
        other.display = room and bars and not curve and not self.scene.grouping
        other.measure = following(ranks.measures(known), measure_of(self.scene))
        rest -= _BARS * other.display
        detail = self.query_one(RankDetail).needed(self.size.width)
        self.spare = room and not self.detail and not curve and rest >= detail + _LEAST
        rest -= detail * self.spare
        if self.scene.grouping or not bars:
            return 0
        # Bars that are all alike say no more where they are higher.
        if not other.display and self._alike(known):
            return 0
        if chart.display:
            return (rest - LEAST_CHART) // 2
        return max(0, min(_HIGHER, rest))

    def _alike(self, known: Sequence[RankRow]) -> bool:
        """Return whether no rank is worse than the others in what the cells show."""
        measure = measure_of(self.scene)
        return len(set(map(ranks.heats(known, measure), ranks.levels(known, measure)))) == 1

    def log_wanted(self) -> tuple[int, int | None]:
        """Return how many lines are looked at for the newest one of the selected rank."""
        return (_LOOKED_AT if self.detail or self.spare else 0), None

    def move(self, by: int) -> None:
        """Select another rank."""
        self.query_one(RankTable).move(by)
        self.show()

    def choose(self, panel: Panel, entry: int) -> None:
        """Select the rank that was clicked, or show what is known of it."""
        rows = self.query_one(RankTable).sorted()
        if entry < len(rows):
            self.choose_rank(rows[entry].rank)

    def choose_rank(self, rank: int, *, open_: bool = False) -> None:
        """Select a rank; show what is known of it if it is selected already, or if it is to be opened."""
        table = self.query_one(RankTable)
        selected = table.selected()
        if selected is not None and selected.rank == rank and not open_:
            if not self.spare:
                self.do_detail()
            return
        table.chosen, self.detail = rank, self.detail or open_
        self.show()

    def do_detail(self) -> None:
        """Show what is known of the selected rank, and take it away again."""
        self.detail = not self.detail
        self.show()

    def do_back(self) -> None:
        """Close the detail, else leave."""
        if self.detail:
            self.do_detail()
        else:
            self.runwatch.do_back()

    def copied(self) -> str:
        """Return the selected rank in words."""
        row = self.query_one(RankTable).selected()
        words = rank_table.words(row, (), 1000) if row is not None else []
        return "; ".join(" ".join(text.strip() for text, _ in line).strip() for line in words[:-1])

    def can(self, action: str) -> bool:
        """Return whether an action would do something now."""
        if action in {"measure", "group"} and (self.detail or (action == "group" and self.shown == 1)):
            return False
        if action in {"measure", "group", "sort", "sort_back", "table", "detail"}:
            return self.length() > 0 and not (action == "detail" and self.spare)
        return super().can(action)

    def length(self) -> int:
        """Return how many ranks there are."""
        return len(self.scene.ranks)

    def do_measure(self) -> None:
        """Show the other thing known about ranks."""
        self.scene.measure = following(ranks.measures(self.scene.ranks), measure_of(self.scene))
        self.show()

    def do_group(self) -> None:
        """Group the ranks by the next thing that is known: node, tp, cp, pp, dp; then put all in a row."""
        run = self.scene.run
        known = rank_groups.groupings(run.ranks, run.parallel) if run else [""]
        self.scene.grouping = following(known, self.scene.grouping)
        self.show()

    def do_table(self) -> None:
        """Cells and table, then the table alone, then the cells alone."""
        self.shown, self.detail = (self.shown + 1) % 3, False
        self.show()

    def do_sort(self) -> None:
        """Sort by the next column."""
        self._sort(1)

    def do_sort_back(self) -> None:
        """Sort by the previous column."""
        self._sort(-1)

    def _sort(self, by: int) -> None:
        table = self.query_one(RankTable)
        table.column = following(ranks.sortable(self.scene.ranks), table.column, by)
        table.first()
        self.show()
