"""View 2: a chart of every metric, by pages."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Grid

from runwatch.core import metrics
from runwatch.tui import actions, choose
from runwatch.tui.screens.charts import ChartScreen
from runwatch.tui.screens.filtering import FilterScreen
from runwatch.tui.widgets.charts import ChartPanel, Note

_MOST = 20
_WIDTH, _HEIGHT = 50, 9
"""Least size of a chart that is still pleasant to read."""


class Metrics(FilterScreen, ChartScreen):
    """As many charts as fit; PgUp and PgDn turn pages."""

    view = actions.METRICS
    page = 0

    def body(self) -> ComposeResult:
        """Lay out the most charts a page can have; `place` shows as many as fit."""
        yield Note(id="note", classes="part")
        with Grid(id="grid", classes="part"):
            for i in range(_MOST):
                yield ChartPanel(id=f"chart-{i}", classes="part")

    def _pages(self) -> int:
        return max(1, -(-len(self._names()) // self._room()))

    def _names(self) -> list[str]:
        """Return the metrics that the filter lets through."""
        names = choose.of_run(self.scene.run)
        return [name for name in names if self.scene.fits(self.view, name, metrics.label(name))]

    def _room(self) -> int:
        across, down = self._shape()
        return across * down

    def _shape(self) -> tuple[int, int]:
        across = max(1, min(4, self.size.width // _WIDTH))
        across = 2 if across == 1 and self.size.width >= 76 else across
        down = max(1, min(_MOST // across, (self.free - 4) // _HEIGHT))
        return across, down

    def place(self) -> None:
        """Give the metrics of this page to the charts."""
        names = self._names()
        self.page = max(0, min(self.page, self._pages() - 1))
        across, down = self._shape()
        here = names[self.page * across * down :][: across * down]
        grid = self.query_one("#grid", Grid)
        # Few metrics get large charts instead of blank cells.
        across = max(1, min(across, len(here)))
        grid.styles.grid_size_columns = 1 if self.zoomed is not None else across
        grid.styles.grid_size_rows = 1 if self.zoomed is not None else max(1, -(-len(here) // across))
        grid.display = bool(names)
        self.query_one("#note").display = not names
        for i in range(_MOST):
            panel = self.query_one(f"#chart-{i}", ChartPanel)
            panel.metrics = (here[i],) if i < len(here) else ()
            panel.display = bool(panel.metrics)
        self.hide_others()

    def can(self, action: str) -> bool:
        """Return whether an action would do something now."""
        if action == "page_down":
            return self.zoomed is None and self.page < self._pages() - 1
        if action == "page_up":
            return self.zoomed is None and self.page > 0
        return super().can(action)

    def do_page_down(self) -> None:
        """Turn to the next page."""
        self.page += 1
        self.show()

    def do_page_up(self) -> None:
        """Turn to the previous page."""
        self.page -= 1
        self.show()
