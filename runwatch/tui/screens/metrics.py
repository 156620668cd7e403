"""View 2: a chart of every metric that moves, by pages, then the values of the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from textual.app import ComposeResult
from textual.containers import Grid

from runwatch.core import metrics
from runwatch.core.snapshot import RunView
from runwatch.render import cells
from runwatch.tui import actions, choose
from runwatch.tui.screens.charts import ChartScreen
from runwatch.tui.screens.filtering import FilterScreen
from runwatch.tui.widgets.charts import ChartPanel
from runwatch.tui.widgets.note import Note
from runwatch.tui.widgets.values import Values

_MOST = 20
_AROUND = 4
"""Rows of header and footer."""
_TABLE = 3
"""Rows of a table in addition to its values."""
_LEAST = 3
"""Values that a table below charts has at least, or all of them."""
_KINDS = (choose.charted, choose.single)
"""Metrics with a chart, and those with a value alone."""
_WORDS = 16
"""Cells of a filter's words in the footer."""
_WIDTH, _HEIGHT = 50, 9
"""Least size of a chart that is still pleasant to read."""


class Page(NamedTuple):
    """The metrics of one page."""

    charts: list[str]
    values: list[str]


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
        yield Values(id="values", classes="part")

    def _pages(self) -> list[Page]:
        """Return what the pages show: charts, then values, from below the last charts on if there is room."""
        charts, values = self._fitting(choose.charted), self._fitting(choose.single)
        across, down = self._shape()
        pages = [Page(charts[i : i + across * down], []) for i in range(0, len(charts), across * down)]
        height = self.free - _AROUND
        if pages and values:
            used = -(-len(pages[-1].charts) // across) * _HEIGHT
            room = max(0, height - used - _TABLE)
            if room >= min(len(values), _LEAST):
                pages[-1] = Page(pages[-1].charts, values[:room])
                values = values[room:]
        size = max(1, height - _TABLE)
        return [*pages, *(Page([], values[i : i + size]) for i in range(0, len(values), size))]

    def _fitting(self, chosen: Callable[[RunView | None], list[str]]) -> list[str]:
        """Return those metrics that the filter lets through; where it is in no name, as an abbreviation."""
        scene, view = self.scene, self.view
        fits = {name for name in self._known(filtered=False) if scene.fits(view, name, metrics.label(name))}
        names = chosen(scene.run)
        if fits:
            return [name for name in names if name in fits]
        return [name for name in names if scene.abbreviated(view, metrics.label(name))]

    def _known(self, *, filtered: bool) -> list[str]:
        """Return the metrics that this view has, of all pages."""
        return [
            name for kind in _KINDS for name in (self._fitting(kind) if filtered else kind(self.scene.run))
        ]

    def _shape(self) -> tuple[int, int]:
        across = max(1, min(4, self.size.width // _WIDTH))
        across = 2 if across == 1 and self.size.width >= 76 else across
        down = max(1, min(_MOST // across, (self.free - _AROUND) // _HEIGHT))
        return across, down

    def place(self) -> None:
        """Give the metrics of this page to the charts and to the table."""
        pages = self._pages()
        self.page = max(0, min(self.page, len(pages) - 1))
        here, values = pages[self.page] if pages else Page([], [])
        across, _ = self._shape()
        grid = self.query_one("#grid", Grid)
        # Few metrics get large charts instead of blank cells.
        across = max(1, min(across, len(here)))
        grid.styles.grid_size_columns = 1 if self.zoomed is not None else across
        grid.styles.grid_size_rows = 1 if self.zoomed is not None else max(1, -(-len(here) // across))
        grid.display = bool(here)
        table = self.query_one("#values", Values)
        table.metrics, table.display = values, bool(values)
        table.styles.height = table.needed(self.size.width) if here and values else "1fr"
        self.query_one("#note").display = not pages
        for i in range(_MOST):
            panel = self.query_one(f"#chart-{i}", ChartPanel)
            panel.metrics = (here[i],) if i < len(here) else ()
            panel.display = bool(panel.metrics)
            panel.styles.column_span = 1
        if self.zoomed is None:  # the first takes the places that no chart has
            self.query_one("#chart-0").styles.column_span = 1 + -len(here) % across
        self.hide_others()

    def label(self, action: str, usual: str) -> str:
        """Return the word of an action for the footer: of a filter, what it is and how much it shows."""
        words = self.scene.filters.get(self.view)
        if action != "filter" or words is None or self.typing:
            return super().label(action, usual)
        shown, known = (len(names) for names in (self._known(filtered=True), self._known(filtered=False)))
        return f"only {cells.clip(words, _WORDS, self.scene.glyphs.ellipsis)!r}: {shown} of {known}"

    def can(self, action: str) -> bool:
        """Return whether an action would do something now."""
        if action == "page_down":
            return self.zoomed is None and self.page < len(self._pages()) - 1
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
