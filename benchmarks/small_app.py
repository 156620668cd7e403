"""The comparison for how soon a screen shows: a small app of plots and a table, all its data at hand.

Needs textual-plot.
"""

from __future__ import annotations

from textual.app import App, ComposeResult
from textual.containers import Grid
from textual.widgets import DataTable, Footer, Static
from textual_plot import PlotWidget

PLOTS = 4
READY = "Overview"


class SmallApp(App[None]):
    """Four plots of a thousand values, a table of 8 rows, a footer."""

    CSS = "Grid { grid-size: 2; height: 24; } DataTable { height: 10; }"

    def compose(self) -> ComposeResult:
        """Lay it out."""
        yield Static(READY)
        with Grid():
            for _ in range(PLOTS):
                yield PlotWidget()
        yield DataTable()
        yield Footer()

    def on_mount(self) -> None:
        """Fill it."""
        steps = range(1000)
        for plot in self.query(PlotWidget):
            plot.plot(x=list(steps), y=[2 + 9 / (1 + step / 30) for step in steps])
        table = self.query_one(DataTable)
        table.add_columns("rank", "done", "step time", "last seen")
        for rank in range(8):
            table.add_row(str(rank), "1,000", "0.10", "1s")


if __name__ == "__main__":
    SmallApp().run()
