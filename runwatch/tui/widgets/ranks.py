"""Ranks: the strip of the overview, and the table of the ranks view."""

from __future__ import annotations

from runwatch.metrics import LOSS, STEP_TIME
from runwatch.render import cells, numbers, ranks, states
from runwatch.render.cells import Row
from runwatch.render.panel import Content
from runwatch.tui.scene import Scene
from runwatch.tui.widgets.rows import Panel


def measure_of(scene: Scene) -> str:
    """Return what the grid shows: as chosen, else what tells ranks apart best."""
    rows = scene.run.ranks if scene.run else ()
    return scene.measure if scene.measure in ranks.measures(rows) else ranks.telling(rows)


class RankGrid(Panel):
    """A level per rank, and the worst by name."""

    def content(self, width: int, height: int) -> Content:
        """Return the grid with the worst ranks beside or in the title."""
        scene, measure = self.scene, measure_of(self.scene)
        rows = scene.run.ranks if scene.run else ()
        title: Row = [("ranks", "title"), (f" {len(rows):,} {scene.glyphs.dot} {measure}", "dim")]
        over = scene.run is not None and states.ended(scene.run.phase)
        named = ranks.notable(rows, over) or (["all ranks alike"] if rows else [])
        narrow = width < 60 or len(named) < 2
        side = 0 if narrow else min(30, width // 3)
        grid = ranks.grid(rows, width - side, height, measure, scene.glyphs, scene.by_node)
        if narrow:
            return Content(title, grid, [(named[0], "value")] if named else [])
        grid += [cells.fit([], width - side)] * (height - len(grid))
        if len(named) > height > 0:
            named[height - 1 :] = [f"and {len(named) - height + 1} more"]
        for y, text in enumerate(named):
            name = cells.clip(text, side - 2, scene.glyphs.ellipsis)
            grid[y] = [*grid[y], ("  ", ""), (name, "value")]
        return Content(title, grid)


class RankTable(Panel):
    """Every rank, the worst first or by a column."""

    def __init__(self) -> None:
        super().__init__(id="rank-table")
        self.at = 0
        """First rank shown."""
        self.column = ranks.COLUMNS[0]

    def content(self, width: int, height: int) -> Content:
        """Return the page of ranks from `at`."""
        scene = self.scene
        found = scene.run.ranks if scene.run else ()
        rows = ranks.by_column(found, self.column, measure_of(scene))
        room = max(1, height - 1)
        self.at = max(0, min(self.at, len(rows) - room))
        top, known = ranks.furthest(rows), ranks.measures(rows)
        heads = ["done", "part", *(name for name in known if name in ("step time", "loss")), "last seen"]
        lines: list[Row] = [[(_line("rank", heads), "dim")]]
        for row in rows[self.at : self.at + room]:
            done = "none" if row.done is None else numbers.step(row.done)
            told = {
                "done": done + ("" if row.total is None else f"/{numbers.step(row.total)}"),
                "part": numbers.percent(ranks.level(row, "progress", top)),
                "step time": numbers.value(STEP_TIME, row.step_time),
                "loss": numbers.value(LOSS, row.loss),
                "last seen": "no data" if row.age is None else f"{numbers.brief(row.age)} ago",
            }
            lines.append([(_line(ranks.label(row.rank)[1:], [told[head] for head in heads]), "")])
        shown = f"{self.at + 1}-{min(len(rows), self.at + room)} of {len(rows)}" if rows else "none"
        title = "worst first" if self.column == ranks.COLUMNS[0] else f"by {self.column}"
        return Content([(title, "title")], lines, [(shown, "dim")])


def _line(rank: str, values: list[str]) -> str:
    widths = (16, 7, *(11,) * len(values))
    return f"{rank:>6} " + " ".join(f"{v:>{w}}" for v, w in zip(values, widths, strict=False))
