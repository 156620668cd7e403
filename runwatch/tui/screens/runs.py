"""View 0: all runs in a table, with the loss and the alerts of the selected one where there is room."""

from __future__ import annotations

from msgspec.structs import replace
from textual.app import ComposeResult

from runwatch.core.snapshot import Silenced
from runwatch.render import run_table
from runwatch.tui import actions, choose, silencing
from runwatch.tui.cycle import following
from runwatch.tui.screens.charts import compare_with
from runwatch.tui.screens.filtering import FilterScreen
from runwatch.tui.screens.lists import ListScreen
from runwatch.tui.widgets.boxes import Horizontal, Vertical
from runwatch.tui.widgets.charts import MOST_COMPARED, ChartPanel
from runwatch.tui.widgets.logs import LEAST_LOG, LogPanel
from runwatch.tui.widgets.rows import Panel
from runwatch.tui.widgets.runs import RunDetail, RunTable
from runwatch.watcher import protocol

_LEAST = 7
"""Rows from which the run below the table is shown."""
_SIDE_BY_SIDE = 80
"""Columns from which its chart and its alerts are next to each other."""
_SIDE = 2
"""Fifths of the columns that the side of the chart has."""
_BELOW = 24
"""Rows from which, on a narrower screen, the alerts are below the chart."""

_ON_MARKED = frozenset({"silence", "compare"})
"""Actions on the marked runs; on the selected one where none is marked."""
_FOR_WORDS = 100
"""Columns from which the footer has room for all words."""
_TRENDS = 100
"""Columns from which the table has room for sparklines."""


class Runs(FilterScreen, ListScreen):
    """All runs; Enter shows one."""

    view = actions.RUNS
    bar_below = True

    def body(self) -> ComposeResult:
        """Lay out the table, and below it the selected run."""
        yield RunTable()
        with Horizontal(id="run-lower"):
            yield ChartPanel(id="run-chart")
            with Vertical(id="run-side"):
                yield RunDetail(id="run-detail")
                yield LogPanel(id="run-log")

    @property
    def table(self) -> RunTable:
        """The table."""
        return self.query_one(RunTable)

    def place(self) -> None:
        """Give the table the rows it needs, and what is left to the run that is selected in it.

        Next to the chart, the log has the rows that what is known of the run does not need; above
        what is known, the chart has them.
        """
        lower, chart, detail = (
            self.query_one("#run-lower"),
            self.query_one(ChartPanel),
            self.query_one(RunDetail),
        )
        needed = self.table.needed()
        left = self.free - 4 - needed
        names = choose.of_run(self.scene.run)
        chart.metrics = tuple(names[:1])
        lower.display = left >= _LEAST and self.table.selected() is not None
        wide, high = self.size.width >= _SIDE_BY_SIDE, left >= _BELOW
        lower.set_class(high and not wide, "-stacked")
        side, log, run = self.query_one("#run-side"), self.query_one(LogPanel), self.scene.run
        detail.display = side.display = wide or high or not chart.metrics
        rows = detail.needed(self.size.width * _SIDE // 5 if wide else self.size.width)
        log.display = wide and run is not None and bool(run.log_source) and left - rows >= LEAST_LOG
        detail.styles.height = rows if log.display else "1fr"
        side.styles.height = min(rows, left // 2) if high and not wide and chart.metrics else "1fr"
        chart.display = bool(chart.metrics) and (wide or high or not detail.display)
        self.table.styles.height = needed if lower.display else "1fr"

    def wanted(self) -> protocol.View:
        """Ask for sparklines too, as wide as the table shows them."""
        return replace(super().wanted(), trends=run_table.TREND if self.size.width >= _TRENDS else 0)

    def move(self, by: int) -> None:
        """Select another run."""
        self.table.move(by)
        self.show()

    def choose(self, panel: Panel, entry: int) -> None:
        """Select the run that was clicked, or show it."""
        row = self.table.run_of(entry)
        if row is None:
            return
        here = self.table.selected()
        if here is not None and row.id == here.id:
            self.do_open()
        else:
            self.runwatch.choose_run(row.id)

    def can(self, action: str) -> bool:
        """Return whether an action would do something now."""
        if action in {"open", "mark", "sort", "sort_back", "reverse"}:
            return self.length() > 0
        if action == "group_runs":
            return len(run_table.groupings(self.table.found())) > 1
        if action == "compare":
            return len(self.table.marked) > 1 or (self.length() > 0 and len(self.scene.runs) > 1)
        if action == "silence":
            return self.length() > 0 and self.scene.link == "live"
        return super().can(action)

    def label(self, action: str, usual: str) -> str:
        """Return the word of an action for the footer: on how many marked runs it acts, if there are any."""
        word = super().label(action, usual)
        if action == "silence" and self._held():
            word = silencing.AGAIN
        count, narrow = len(self.table.marked), self.size.width < _FOR_WORDS
        if count and action in _ON_MARKED:
            return f"{word} {count}" if narrow else f"{word} {count} marked"
        return "" if count and narrow and action == "open" else word  # what acts on the marked needs the room

    def filter_by(self, words: str) -> None:
        """Show only what has these words, and the run that is selected then."""
        super().filter_by(words)
        here, run = self.table.selected(), self.scene.run
        shown = {self.scene.run_id, *([run.id, *(stage.id for stage in run.stages)] if run else [])}
        if here is not None and here.id not in shown:
            self.runwatch.choose_run(here.id)

    def inside(self) -> bool:
        """Return whether there is something in this view to go back from."""
        return bool(self.table.marked) or super().inside()

    def length(self) -> int:
        """Return how many runs there are."""
        return len(self.table.found())

    def do_open(self) -> None:
        """Show the selected run."""
        row = self.table.selected()
        if row is not None:
            self.runwatch.choose_run(row.id)
            self.runwatch.open_view(actions.OVERVIEW)

    def do_mark(self) -> None:
        """Mark the selected run, or take its mark away, and move to the next."""
        self.table.mark()
        self.move(1)

    def do_back(self) -> None:
        """Take away the marks, else the filter, else leave."""
        if self.table.marked and not self.typing:
            self.table.marked.clear()
            self.show()
        else:
            super().do_back()

    def do_compare(self) -> None:
        """Show the first of the marked runs with the others laid over it; of one run, ask for the others."""
        first, *others = self.table.chosen()
        self.runwatch.choose_run(first.id)
        if others:
            self._compare(tuple(row.id for row in others)[:MOST_COMPARED])
        else:
            self.app.push_screen(
                compare_with(self.scene, first.id, self.table.marked), callback=self._compare
            )

    def _compare(self, others: tuple[str, ...] | None) -> None:
        if others is not None:
            self.scene.lay_over(others)
            self.runwatch.open_view(actions.OVERVIEW)

    def do_silence(self) -> None:
        """Ask for how long nothing is sent about the marked runs; if all are silenced, send it again."""
        rows, held = self.table.chosen(), self._held()
        for row in rows if held else ():
            for request in silencing.end(held[row.id], row.id):
                self.runwatch.link.send(request)

        def chosen(span: tuple[str, ...] | None) -> None:
            now = self.scene.engine_time()
            for name in span or ():
                for row in rows:
                    self.runwatch.link.send(silencing.of_run(row, name, now))

        if rows and not held:
            question = silencing.how_long_runs(rows, bool(self.table.marked), self.scene.alone)
            self.app.push_screen(question, callback=chosen)

    def _held(self) -> dict[str, Silenced]:
        """Return what silences each of the marked runs, or the selected one; nothing where one is sent."""
        found = {row.id: held for row in self.table.chosen() if (held := self.scene.silenced(row.id))}
        return found if len(found) == len(self.table.chosen()) else {}

    def do_sort(self) -> None:
        """Sort by the next column."""
        self._sort(1)

    def do_sort_back(self) -> None:
        """Sort by the previous column."""
        self._sort(-1)

    def do_reverse(self) -> None:
        """Sort the other way round."""
        order = self.scene.order
        self.scene.order = run_table.Order(order.column, not order.backwards)
        self.show()

    def do_group_runs(self) -> None:
        """Group by the next thing that distinguishes runs."""
        known = run_table.groupings(self.table.found())
        self.table.grouping = following(known, self.table.grouping)
        self.show()

    def _sort(self, by: int) -> None:
        known = run_table.sortable(self.table.found())
        self.scene.order = run_table.Order(following(known, self.scene.order.column, by))
        self.show()
