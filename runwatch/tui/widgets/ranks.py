"""Ranks: the strip of the overview, and the table and the detail of the ranks view."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from runwatch.core.batch import NODE
from runwatch.core.snapshot import RankRow
from runwatch.render import cells, states
from runwatch.render.cells import Row
from runwatch.render.panel import Content
from runwatch.render.ranks import rank_grid, rank_table, ranks
from runwatch.tui import actions
from runwatch.tui.api import api
from runwatch.tui.lines import rank_of
from runwatch.tui.scene import Scene
from runwatch.tui.widgets.rows import Listed, Panel

_MEASURES = {**{name: name for name in ranks.MEASURES}, "age": "last seen", "gpu": "GPU use"}
"""What the grid shows, in the words of the table."""


def measure_of(scene: Scene) -> str:
    """Return what the grid shows: as chosen, else what distinguishes ranks best."""
    known = ranks.measures(scene.ranks)
    return scene.measure if scene.measure in known else ranks.best_measure(scene.ranks)


class RankGrid(Panel):
    """A level per rank, and the worst by name."""

    opens = actions.RANKS
    measure = ""
    """What it shows; "" is what was chosen."""
    _rank_at: Callable[[int, int], RankRow | None] | None = None
    """Returns the rank that a cell shows, in what is drawn."""

    def click(self, x: int, y: int) -> bool:
        """Show the rank there, as Enter does in the table."""
        if self._rank_at is None or (row := self._rank_at(x - 1, y - 1)) is None:
            return super().click(x, y)
        api(self.app).show_rank(row.rank)
        return True

    def content(self, width: int, height: int) -> Content:
        """Return the grid, that of what was chosen with the worst ranks next to it or in the title."""
        scene, measure = self.scene, self.measure or measure_of(self.scene)
        rows = scene.ranks
        dot = scene.glyphs.dot
        by = scene.grouping and f" {dot} by {scene.grouping}"
        title: Row = [("ranks", "title"), (f" {len(rows):,} {dot} {_MEASURES[measure]}{by}", "dim")]
        over = scene.run is not None and states.ended(scene.run.phase)
        named = ranks.notable(rows, over) or ([(_calm(rows), "dim")] if rows else [])
        named = [] if self.measure or measure != ranks.best_measure(rows) else named  # they are of that
        narrow = width < 60 or len(named) < 2
        side = 0 if narrow else min(30, width // 3)
        parallel = scene.run.parallel if scene.run else {}
        grid = rank_grid.grid(rows, width - side, height, measure, scene.glyphs, scene.grouping, parallel)
        names = () if narrow else tuple(text.partition(" ")[0] for text, _ in named[:height])

        def rank_at(x: int, y: int) -> RankRow | None:
            if x >= width - side:
                name = names[y] if 0 <= y < len(names) else ""
                return next((row for row in rows if ranks.name(row) == name), None)
            return None if scene.grouping else rank_grid.rank_at(rows, width - side, height, measure, x, y)

        self._rank_at = rank_at
        if narrow:
            return Content(title, grid, named[:1])
        grid += [cells.fit([], width - side)] * (height - len(grid))
        if len(named) > height > 0:
            named[height - 1 :] = [(f"and {len(named) - height + 1} more", "dim")]
        for y, (text, role) in enumerate(named):
            name = cells.clip(text, side - 2, scene.glyphs.ellipsis)
            grid[y] = [*grid[y], ("  ", ""), (name, role)]
        return Content(title, grid)


def _calm(rows: Sequence[RankRow]) -> str:
    """Return what to say of ranks of which none is worth naming."""
    if sum(row.step_time is not None for row in rows) > 1:
        return "no slow rank"
    known = any(row.done is not None or row.age is not None for row in rows)
    return "none is behind, pace not known" if known else "no rank prints steps of its own"


class RankTable(Panel):
    """Every rank, the worst first or by a column, with one selected."""

    def __init__(self) -> None:
        super().__init__(id="rank-table")
        self.at = 0
        """Place of the selected rank in the table."""
        self.chosen: int | None = None
        """The selected rank, once somebody moved: it stays selected wherever it is sorted to."""
        self.column = ranks.COLUMNS[0]
        self._top = 0

    def sorted(self) -> list[RankRow]:
        """Return the ranks in the order of the table."""
        return ranks.by_column(self.scene.ranks, self.column, measure_of(self.scene))

    def move(self, by: int) -> None:
        """Select another rank."""
        rows = self.sorted()
        if rows:
            self._find(rows)
            self.at = max(0, min(len(rows) - 1, self.at + by))
            self.chosen = rows[self.at].rank

    def first(self) -> None:
        """Select the first rank, whichever that is."""
        self.at, self.chosen = 0, None

    def selected(self) -> RankRow | None:
        """Return the selected rank."""
        rows = self.sorted()
        self._find(rows)
        return rows[self.at] if rows else None

    def _find(self, rows: list[RankRow]) -> None:
        known = rows if self.chosen is not None else []
        places = (at for at, row in enumerate(known) if row.rank == self.chosen)
        self.at = next(places, max(0, min(self.at, len(rows) - 1)))

    def content(self, width: int, height: int) -> Content:
        """Return the page with the selected rank."""
        rows = self.sorted()
        self._find(rows)
        room = max(1, height - 1)
        self._top = max(0, min(max(self._top, self.at - room + 1), self.at, len(rows) - room))
        page = rows[self._top : self._top + room]
        self.listed = Listed(self._top, len(page), len(rows), top=1)
        chosen = rows[self.at].rank if rows else None
        every = self.scene.ranks
        lines = rank_table.table(page, width, self.scene.glyphs, ranks.furthest(every), chosen, every)
        shown = f"{self._top + 1}-{self._top + len(page)} of {len(rows)}" if rows else "none"
        title = "worst first" if self.column == ranks.COLUMNS[0] else f"by {self.column}"
        return Content([(title, "title")], lines, [(shown, "dim")])


class RankDetail(Panel):
    """What is known of one rank: its process, its GPU, its pace, its newest line."""

    can_focus = False
    row: RankRow | None = None
    closes = True
    """Whether it was asked for, and not only shown because there is room."""

    def needed(self, width: int) -> int:
        """Return how many rows show all of it at this outer width, with the frame."""
        return 2 + len(self._words(width - 2))

    def content(self, width: int, height: int) -> Content:
        """Return it as far as it fits."""
        row = self.row
        title: Row = [("rank", "title")]
        if row is not None:
            title.append((f" {row.rank if row.rank < NODE else ranks.name(row)}", "value"))
        closes = f"{self.scene.key('back')} closes" if self.closes else ""
        return Content(title, self._words(width), [(closes, "dim")] if closes else [])

    def _words(self, width: int) -> list[Row]:
        run, row = self.scene.run, self.row
        if run is None or row is None:
            return []
        processes = run.machine.processes if run.machine else ()
        process = next((p for p in processes if row.place and p.pid == row.place.pid), None)
        line = next((text for _, text in reversed(run.log) if rank_of(text) == row.rank), "")
        return rank_table.words(row, run.ranks, width, process, line, self.scene.glyphs)
