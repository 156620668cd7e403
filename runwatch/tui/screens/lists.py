"""Views that are mostly lists: runs (0), ranks (3), alerts (5), checkpoints (6), configuration (7)."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal

from runwatch.metrics import LOSS
from runwatch.render import rank_table, ranks
from runwatch.snapshot import IncidentRow
from runwatch.tui import actions, choose, silencing
from runwatch.tui.scene import Scene
from runwatch.tui.screens.base import RunScreen
from runwatch.tui.widgets.alerts import AlertDetail, AlertList
from runwatch.tui.widgets.charts import ChartPanel
from runwatch.tui.widgets.machine import MachinePanel
from runwatch.tui.widgets.pages import CheckpointTable, EventTable, FactTable, PagePanel
from runwatch.tui.widgets.ranks import RankDetail, RankGrid, RankTable, measure_of
from runwatch.tui.widgets.tables import RunTable
from runwatch.watcher import protocol

_FAR = 10**9
MACHINE_FROM = 36
"""Rows of a screen from which the machine is shown beneath the ranks."""
_LOOKED_AT = 400
"""Newest lines of the log in which one of the selected rank is looked for."""
_MOVES = frozenset({"up", "down", "page_up", "page_down", "top", "bottom"})


class ListScreen(RunScreen):
    """A view with a position in a list."""

    def move(self, by: int) -> None:
        """Move the position by so many rows."""
        raise NotImplementedError

    def page(self) -> int:
        """Return how many rows make a page."""
        return max(1, self.size.height - 8)

    def length(self) -> int:
        """Return how many rows there are."""
        raise NotImplementedError

    def can(self, action: str) -> bool:
        """Return whether an action would do something now."""
        if action in _MOVES:
            return self.length() > 1
        return super().can(action)

    def do_up(self) -> None:
        """One row up."""
        self.move(-1)

    def do_down(self) -> None:
        """One row down."""
        self.move(1)

    def do_page_up(self) -> None:
        """One page up."""
        self.move(-self.page())

    def do_page_down(self) -> None:
        """One page down."""
        self.move(self.page())

    def do_top(self) -> None:
        """To the first row."""
        self.move(-_FAR)

    def do_bottom(self) -> None:
        """To the last row."""
        self.move(_FAR)


class Runs(ListScreen):
    """All runs; Enter shows one."""

    view = actions.RUNS

    def body(self) -> ComposeResult:
        """Lay out the table."""
        yield RunTable()

    def move(self, by: int) -> None:
        """Select another run."""
        self.query_one(RunTable).at += by
        self.show()

    def can(self, action: str) -> bool:
        """Return whether an action would do something now."""
        return self.length() > 0 if action == "open" else super().can(action)

    def length(self) -> int:
        """Return how many runs there are."""
        return len(self.scene.snapshot.runs) if self.scene.snapshot else 0

    def do_open(self) -> None:
        """Show the selected run."""
        runs = self.scene.snapshot.runs if self.scene.snapshot else ()
        at = self.query_one(RunTable).at
        if at < len(runs):
            self.runwatch.choose_run(runs[at].id)
            self.runwatch.open_view(actions.OVERVIEW)


class Ranks(ListScreen):
    """The grid of all ranks, all of them in a table, and one of them in detail."""

    view = actions.RANKS
    shown = 0
    """0 for cells and table, 1 for the table, 2 for the cells."""
    detail = False
    """Whether what is known of the selected rank stands in place of the cells."""

    def body(self) -> ComposeResult:
        """Lay out grid, detail, table and machine."""
        yield RankGrid(id="rank-grid")
        yield RankDetail(id="rank-detail")
        yield RankTable()
        yield MachinePanel(id="machine")

    def machine(self) -> bool:
        """Ask for the machine too."""
        return True

    def place(self) -> None:
        """Give the grid the rows it needs, at most half of the view; without ranks the machine has it all."""
        count = len(self.scene.run.ranks) if self.scene.run else 0
        view = self.scene.run.machine if self.scene.run else None
        seen = view is not None and bool(view.processes or view.gpus or view.host)
        alone = seen and not count
        panel = self.query_one(MachinePanel)
        panel.display = seen and (alone or self.size.height >= MACHINE_FROM)
        panel.styles.height = "1fr" if alone else min(panel.needed(), self.size.height // 3)
        grid, table = self.query_one("#rank-grid"), self.query_one(RankTable)
        detail = self.query_one(RankDetail)
        detail.row = table.selected() if self.detail else None
        detail.display = detail.row is not None and not alone
        cells, lines = self.shown != 1 and not detail.display, self.shown != 2 or detail.display
        grid.display, table.display = cells and not alone, lines and not alone
        half = max(4, (self.size.height - 4) // 2)
        needed = 4 + count // (8 if self.scene.by_node else 32)
        grid.styles.height = "1fr" if not table.display else min(half, needed)

    def log_wanted(self) -> tuple[int, int | None]:
        """Return how many lines are looked at for the newest one of the selected rank."""
        return (_LOOKED_AT if self.detail else 0), None

    def move(self, by: int) -> None:
        """Select another rank."""
        self.query_one(RankTable).move(by)
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
            return self.length() > 0
        return super().can(action)

    def length(self) -> int:
        """Return how many ranks there are."""
        return len(self.scene.run.ranks) if self.scene.run else 0

    def do_measure(self) -> None:
        """Show the other thing known about ranks."""
        known = ranks.measures(self.scene.run.ranks if self.scene.run else ())
        self.scene.measure = known[(known.index(measure_of(self.scene)) + 1) % len(known)]
        self.show()

    def do_group(self) -> None:
        """One line a node, or all ranks in a row."""
        self.scene.by_node = not self.scene.by_node
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
        known = ranks.sortable(self.scene.run.ranks if self.scene.run else ())
        at = known.index(table.column) if table.column in known else 0
        table.column = known[(at + by) % len(known)]
        table.first()
        self.show()


class Alerts(ListScreen):
    """Alerts with the evidence, cause and advice of the selected one, and its metric as a chart."""

    view = actions.ALERTS

    def body(self) -> ComposeResult:
        """Lay out list, evidence and chart."""
        yield AlertList(id="alert-list")
        with Horizontal(id="alert-lower"):
            yield AlertDetail(id="alert-detail")
            yield ChartPanel(id="alert-chart")

    def place(self) -> None:
        """Show the chart of the selected alert where there is room."""
        row = self.scene.selected()
        metric = row.metric if row is not None else None
        panel = self.query_one("#alert-chart", ChartPanel)
        panel.metrics = (metric,) if metric and self.scene.latest(metric) else ()
        panel.display = bool(panel.metrics) and self.size.width >= 100
        self.query_one("#alert-lower").display = row is not None

    def move(self, by: int) -> None:
        """Select another alert."""
        rows, chosen = self.scene.incidents(), self.scene.selected()
        if chosen is None:
            return
        at = next(i for i, row in enumerate(rows) if row.id == chosen.id)
        self.scene.incident = rows[max(0, min(len(rows) - 1, at + by))].id
        self.show()

    def can(self, action: str) -> bool:
        """Return whether an action would do something now."""
        row = self.scene.selected()
        if action == "acknowledge":
            return row is not None and row.state == "firing"
        if action == "jump":
            return row is not None and self._metric(row) is not None
        if action == "silence":
            return row is not None and scene_live(self.scene)
        if action == "unsilence":
            return scene_live(self.scene)
        if action == "jump_log":
            return row is not None and row.line is not None
        return super().can(action)

    def length(self) -> int:
        """Return how many alerts there are."""
        return len(self.scene.incidents())

    def _metric(self, row: IncidentRow) -> str | None:
        """Return what to show a chart of: the metric of the alert, else the loss; None without a step."""
        names = choose.of_run(self.scene.run)
        wanted = [name for name in (row.metric, LOSS) if name in names] or names
        return wanted[0] if row.step is not None and wanted else None

    def do_silence(self) -> None:
        """Ask for how long alerts like the selected one are not told."""
        row, scene = self.scene.selected(), self.scene

        def chosen(span: tuple[str, ...] | None) -> None:
            if span and row is not None:
                now = scene.snapshot.time + scene.since_frame() if scene.snapshot else 0.0
                self.runwatch.link.send(silencing.request(row, span[0], now))

        if row is not None:
            self.app.push_screen(silencing.how_long(row), callback=chosen)

    def do_unsilence(self) -> None:
        """Ask the engine what is silenced; the app asks which one ends."""
        self.runwatch.link.send(protocol.Silences())

    def copied(self) -> str:
        """Return the alert in words."""
        row = self.scene.selected()
        return "" if row is None else ". ".join(filter(None, (row.title, row.cause, row.advice)))

    def do_jump(self) -> None:
        """Show the metric of the alert with the cursor at its step."""
        row = self.scene.selected()
        metric = self._metric(row) if row is not None else None
        if row is not None and metric is not None and row.step is not None:
            self.runwatch.show_chart(metric, float(row.step))

    def do_jump_log(self) -> None:
        """Show the log line of the alert."""
        row = self.scene.selected()
        if row is not None and row.line is not None:
            source = row.evidence.get("source")
            self.runwatch.show_line(row.line, source if isinstance(source, str) else None)


def scene_live(scene: Scene) -> bool:
    """Return whether there is an engine to ask."""
    return scene.link == "live"


class PageScreen(ListScreen):
    """A view of long tables, of which one scrolls."""

    def table(self) -> PagePanel:
        """Return the table that is scrolled."""
        raise NotImplementedError

    def move(self, by: int) -> None:
        """Scroll the table."""
        self.table().at = max(0, self.table().at + by)
        self.show()

    def page(self) -> int:
        """Return how many rows make a page."""
        return max(1, self.table().size.height - 4)

    def length(self) -> int:
        """Return in how many places the table can stand: 1 if all of it is shown."""
        return 1 + self.table().hidden

    def details(self) -> bool:
        """Ask for what only such views show."""
        return True


class Checkpoints(PageScreen):
    """Checkpoints, and what happened."""

    view = actions.CHECKPOINTS

    def body(self) -> ComposeResult:
        """Lay out the two tables."""
        yield CheckpointTable()
        yield EventTable()

    def place(self) -> None:
        """Give the checkpoints the rows they need, at most half of the view."""
        table = self.query_one(CheckpointTable)
        half = max(4, (self.size.height - 4) // 2)
        needed = 3 + (len(table.rows(self.size.width - 2)) or 1)
        table.styles.height = min(half, needed)

    def table(self) -> PagePanel:
        """Return the checkpoints; the events where all checkpoints are shown."""
        table = self.query_one(CheckpointTable)
        return table if table.hidden else self.query_one(EventTable)


class Configuration(PageScreen):
    """What is known about the run besides its numbers."""

    view = actions.CONFIGURATION

    def body(self) -> ComposeResult:
        """Lay out the table."""
        yield FactTable()

    def table(self) -> PagePanel:
        """Return the facts."""
        return self.query_one(FactTable)
