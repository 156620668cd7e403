"""The comparison for benchmarks/screen.py: the same run with textual-plot and Textual's DataTable.

A small app as one would write it: four plots in a grid, a table of ranks of which
only changed cells are updated, the newest log lines. It speaks to the same engine.
Needs textual-plot.
"""

from __future__ import annotations

import asyncio
import socket
import sys

from textual.app import App, ComposeResult
from textual.containers import Grid, Vertical
from textual.widgets import DataTable, Footer, Static
from textual_plot import PlotWidget

from runwatch.core.snapshot import RunView
from runwatch.watcher import protocol
from runwatch.watcher.service.client import Client

METRICS = ("train/loss", "train/grad_norm", "perf/tokens_per_sec", "perf/step_time")
WIDTH = 50


class Baseline(App[None]):
    """Plots, a table and lines, all updated with each picture."""

    CSS = """
    Grid { grid-size: 2; height: 24; }
    DataTable { height: 8; }
    #log { height: 4; }
    """

    def __init__(self, sock: socket.socket) -> None:
        super().__init__()
        self._sock = sock

    def compose(self) -> ComposeResult:
        """Lay it out."""
        yield Static(id="head")
        with Grid():
            for i in range(len(METRICS)):
                yield PlotWidget(id=f"plot-{i}")
        with Vertical():
            yield DataTable(id="ranks")
            yield Static(id="log", markup=False)
        yield Footer()

    def on_mount(self) -> None:
        """Begin."""
        table = self.query_one(DataTable)
        for name, width in (("rank", 6), ("done", 12), ("step time", 10), ("last seen", 10)):
            table.add_column(name, key=name, width=width)
        self.run_worker(self.listen())

    async def listen(self) -> None:
        """Show each picture."""
        client = await Client.connect(self._sock)
        charts = tuple(protocol.Chart(metric, WIDTH) for metric in METRICS)
        client.show(protocol.View(charts=charts, log_lines=4))
        async for reply in client.replies():
            if isinstance(reply, protocol.Frame) and reply.snapshot.run is not None:
                self.picture(reply.snapshot.run)
                await asyncio.sleep(0)

    def picture(self, run: RunView) -> None:
        """Update all widgets."""
        self.query_one("#head", Static).update(f"{run.name} step {run.progress.step} of {run.progress.total}")
        for i, columns in enumerate(run.charts):
            plot = self.query_one(f"#plot-{i}", PlotWidget)
            plot.clear()
            plot.plot(x=list(columns.x), y=[y or 0.0 for y in columns.mean])
        table = self.query_one(DataTable)
        for row in run.ranks:
            values = {
                "done": f"{row.done:,}",
                "step time": f"{row.step_time:.2f}",
                "last seen": f"{row.age:.0f}s",
            }
            if str(row.rank) not in table.rows:
                table.add_row(str(row.rank), *values.values(), key=str(row.rank))
                continue
            for name, value in values.items():
                if table.get_cell(str(row.rank), name) != value:
                    table.update_cell(str(row.rank), name, value)
        self.query_one("#log", Static).update("\n".join(text for _, text in run.log))


if __name__ == "__main__":
    Baseline(socket.socket(fileno=int(sys.argv[1]))).run()
