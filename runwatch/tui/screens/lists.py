"""Views that are mostly lists: checkpoints (6), configuration (7); and what the others share."""

from __future__ import annotations

from textual.app import ComposeResult

from runwatch.core import metrics
from runwatch.tui import actions, choose
from runwatch.tui.screens.base import RunScreen
from runwatch.tui.screens.filtering import FilterScreen
from runwatch.tui.screens.moves import MOVES, Moves
from runwatch.tui.screens.pointed import PointedScreen
from runwatch.tui.widgets.charts import ChartPanel
from runwatch.tui.widgets.logs import LEAST_LOG, LogPanel
from runwatch.tui.widgets.paged import PagePanel
from runwatch.tui.widgets.pages import CheckpointTable, EventTable, FactTable, StageTable
from runwatch.tui.widgets.rows import Panel

_LEAST = 4
"""Rows of a table, with its frame and heading, that show something."""
LEAST_CHART, _FLAT = 9, 7
"""Rows from which a chart is worth its place; and where nothing else would have it."""


class ListScreen(Moves, RunScreen):
    """A view with a position in a list."""

    def page_rows(self) -> int:
        """Return how many rows make a page."""
        return max(1, self.free - 8)

    def length(self) -> int:
        """Return how many rows there are."""
        raise NotImplementedError

    def can(self, action: str) -> bool:
        """Return whether an action would do something now."""
        if action in MOVES:
            return self.length() > 1
        return super().can(action)

    def label(self, action: str, usual: str) -> str:
        """Return the word of an action for the footer; pages are not offered where all of a list is shown."""
        lists = [part.listed for part in self.parts(Panel) if part.display and part.listed is not None]
        if action == "page_down" and lists and all(each.shown >= each.total for each in lists):
            return ""
        return super().label(action, usual)

    def choose(self, panel: Panel, entry: int) -> None:
        """Select an entry that was clicked; one that is selected already is opened."""

    def scroll(self, panel: Panel, by: int) -> None:
        """Move by some entries with the mouse, in the list that it is over."""
        self.move(by)

    def on_panel_chosen(self, event: Panel.Chosen) -> None:
        """Answer a click on an entry."""
        self.choose(event.panel, event.entry)

    def on_panel_scrolled(self, event: Panel.Scrolled) -> None:
        """Answer the wheel and the scrollbar."""
        self.scroll(event.panel, event.by)


class PageScreen(ListScreen):
    """A view of long tables, of which one scrolls."""

    @property
    def table(self) -> PagePanel:
        """The table that is scrolled."""
        raise NotImplementedError

    def move(self, by: int) -> None:
        """Scroll the table."""
        self.scroll(self.table, by)

    def scroll(self, panel: Panel, by: int) -> None:
        """Scroll the table that the mouse is over."""
        if isinstance(panel, PagePanel):
            panel.at = max(0, panel.at + by)
            self.show()

    def page_rows(self) -> int:
        """Return how many rows make a page."""
        return max(1, self.table.size.height - 4)

    def length(self) -> int:
        """Return how many rows can be the first: 1 if all of the table is shown."""
        return 1 + self.table.hidden

    def details(self) -> bool:
        """Ask for what only such views show."""
        return True


class Checkpoints(PointedScreen, PageScreen):
    """The stages of a pipeline, checkpoints with the curve that they are chosen by, and what happened."""

    view = actions.CHECKPOINTS

    def body(self) -> ComposeResult:
        """Lay out the tables; that of stages takes no room where there are none."""
        yield StageTable()
        yield CheckpointTable()
        yield ChartPanel(id="checkpoint-chart")
        yield EventTable()

    def place(self) -> None:
        """Give the checkpoints the rows they need first, then the stages; a third is left to the events.

        What none of them needs goes to the chart, and so do the rows of events where there are none. Without
        room for them, checkpoints have their rows.
        """
        upper, lower = self.query_one(CheckpointTable), self.query_one(EventTable)
        width, height = self.size.width - 2, self.free - 4
        stages = self.query_one(StageTable)
        run, chart = self.scene.run, self.query_one(ChartPanel)
        least = min(max(_LEAST, height // 3), lower.needed(width))
        behind = min(_LEAST, stages.needed(width))
        happened = run is not None and bool(run.events)
        lower.display = (happened and height >= 2 * _LEAST) or upper.needed(width) + behind + least <= height
        least *= lower.display
        rows = min(upper.needed(width), max(_LEAST, height - least - behind), height)
        upper.styles.height = rows
        stages.display = behind > 0
        behind = min(stages.needed(width), max(behind, height - least - rows))
        stages.styles.height = behind
        validated = [name for name in choose.of_run(run) if name in (metrics.VAL_LOSS, metrics.VAL_BPB)]
        chart.metrics = tuple((validated or choose.of_run(run))[:1])
        left = height - rows - behind - (lower.needed(width) if happened else 0)
        chart.display = bool(chart.metrics) and left >= _FLAT
        lower.display &= happened or not chart.display
        lower.styles.height = lower.needed(width) if chart.display else "1fr"

    @property
    def table(self) -> PagePanel:
        """The table with the focus; the other one where all of that is shown."""
        upper, lower = self.query_one(CheckpointTable), self.query_one(EventTable)
        first, second = (lower, upper) if lower.has_focus else (upper, lower)
        return first if first.hidden else second

    def choose(self, panel: Panel, entry: int) -> None:
        """Show the charts at the checkpoint that was clicked, and the log line of an event."""
        if isinstance(panel, CheckpointTable) and (step := panel.step_of(entry)) is not None:
            self.runwatch.go_to_step(step)
        elif isinstance(panel, EventTable) and self.scene.run is not None:
            event = self.scene.run.events[entry]
            if event.line is not None:
                self.runwatch.show_line(event.line, event.source)
            elif event.step is not None:
                self.runwatch.go_to_step(event.step)

    def can(self, action: str) -> bool:
        """Return whether an action would do something now."""
        if action in {"panel", "panel_back"}:
            return self.query_one(CheckpointTable).hidden > 0 and self.query_one(EventTable).hidden > 0
        return super().can(action)

    def do_panel(self) -> None:
        """Scroll the other table."""
        self.focus_next()

    def do_panel_back(self) -> None:
        """Scroll the other table."""
        self.focus_previous()


class Configuration(FilterScreen, PageScreen):
    """What is known about the run besides its curves; where rows are left, the log that it is read from."""

    view = actions.CONFIGURATION

    def body(self) -> ComposeResult:
        """Lay out the table, and the log."""
        yield FactTable()
        yield LogPanel(id="log")

    def place(self) -> None:
        """Give the log the rows that the facts leave."""
        facts, log = self.query_one(FactTable), self.query_one(LogPanel)
        needed, run = facts.needed(self.size.width), self.scene.run
        log.display = run is not None and bool(run.log_source) and self.free - 4 - needed >= LEAST_LOG
        facts.styles.height, log.styles.height = needed if log.display else "1fr", "1fr"

    @property
    def table(self) -> PagePanel:
        """The facts."""
        return self.query_one(FactTable)
