"""View 5: alerts, with what is known of one of them."""

from __future__ import annotations

from textual.app import ComposeResult

from runwatch.core.snapshot import IncidentRow, Snapshot
from runwatch.render import plain
from runwatch.tui import actions, choose, silencing
from runwatch.tui.screens.lists import LEAST_CHART, ListScreen
from runwatch.tui.screens.moves import MOVES
from runwatch.tui.screens.pointed import PointedScreen
from runwatch.tui.widgets.alerts import AlertDetail, AlertList
from runwatch.tui.widgets.boxes import Horizontal, Vertical
from runwatch.tui.widgets.chart_mouse import ChartMouse
from runwatch.tui.widgets.charts import ChartPanel
from runwatch.tui.widgets.logs import LEAST_LOG, LogExcerpt
from runwatch.tui.widgets.ranks import RankGrid
from runwatch.tui.widgets.rows import Panel
from runwatch.watcher import protocol

_OF_ONE = frozenset({"evidence", "acknowledge", "silence", "jump", "jump_log"})
"""What is done to the selected alert."""
_HEAD_AND_KEYS = 4
_SIDE_BY_SIDE = 100
"""Columns from which on the chart is next to the evidence; else below it, where that leaves room."""
_BARS = 20
"""Rows of the bars of ranks at most, next to a log."""
_DETAIL = 5
"""Rows that the evidence needs at least, with its frame; with fewer, the list says what to do."""


class Alerts(PointedScreen, ListScreen):
    """Alerts with the evidence, cause and advice of the selected one, and its metric as a chart."""

    view = actions.ALERTS
    alone = False
    """Whether the evidence has the view to itself."""
    _of = ""
    """The alert whose line is looked for."""
    _before: Snapshot | None = None
    """The picture from before it was."""
    _gone = False
    """Whether the engine does not keep that line."""

    def body(self) -> ComposeResult:
        """Lay out list, evidence, and chart, ranks or log."""
        yield AlertList(id="alert-list")
        with Horizontal(id="alert-lower"):
            yield AlertDetail(id="alert-detail")
            with Vertical(id="alert-side"):
                yield ChartPanel(id="alert-chart")
                yield RankGrid(id="alert-ranks")
        yield LogExcerpt(id="alert-log")

    def place(self) -> None:
        """Show the chart of the selected alert, or its rank among the others, where there is room.

        Below it are the lines of the log around its own, as far as the engine keeps them; of one that lasts
        and has neither chart nor ranks, such as a hang, the end of the log.
        """
        row = self.scene.selected()
        metric = row.metric if row is not None else None
        panel = self.query_one("#alert-chart", ChartPanel)
        panel.metrics = (metric,) if metric and self.scene.latest(metric) else ()
        self.alone = self.alone and row is not None
        detail, found = self.query_one(AlertDetail), self.query_one(AlertList)
        detail.alone, found.display = self.alone, not self.alone
        body, least = self.free - _HEAD_AND_KEYS, found.least(self.size.width)
        # The list says in full what the selected alert is; the evidence gives way to that.
        crowded = row is None or body - least < _DETAIL
        lower = self.query_one("#alert-lower")
        lower.display = self.alone or not crowded
        found.hides = crowded and row is not None
        most = max(4, body * 2 // 5, least)
        rows = min(found.needed(self.size.width), most)
        found.styles.height = "1fr" if crowded else rows
        ranks = self.scene.ranks if row is not None and row.rank is not None else ()
        grid = self.query_one("#alert-ranks", RankGrid)
        side_by_side = self.size.width >= _SIDE_BY_SIDE
        below, needed = body - rows, detail.needed(self.size.width)
        room = not self.alone and (side_by_side or below - needed >= LEAST_CHART)
        panel.display = room and bool(panel.metrics)
        grid.display = room and not panel.metrics and len(ranks) > 1
        side = self.query_one("#alert-side")
        side.display = panel.display or grid.display
        upper = self._upper(below, panel.display, grid.display, side_by_side)
        log = self.query_one(LogExcerpt)
        drawn = bool(panel.metrics) or len(ranks) > 1
        log.display = not crowded and self._has_log(row, drawn) and below - upper >= LEAST_LOG
        grid.styles.max_height = None if side_by_side and not log.display else _BARS
        stacked = side.display and not side_by_side
        lower.set_class(stacked, "-stacked")
        lower.styles.height = upper if log.display else "1fr"
        detail.styles.height = needed if stacked else "1fr"

    def _upper(self, below: int, chart: bool, bars: bool, side_by_side: bool) -> int:
        """Return how many of the rows below the list the evidence and its chart or bars take above a log."""
        detail, width = self.query_one(AlertDetail), self.size.width
        if not (chart or bars):
            return detail.needed(width)
        if not side_by_side:
            return below if chart else detail.needed(width) + _BARS
        most = below * 3 // 5
        return max(detail.needed(width // 2), min(most, _BARS) if bars else most)

    def _has_log(self, row: IncidentRow | None, drawn: bool) -> bool:
        """Return whether there are lines to show: those around its own, else while it lasts the end.

        Of what lasts and cannot be `drawn`, as a hang, the end says more. A traceback is in the evidence.
        """
        log, snapshot = self.query_one(LogExcerpt), self.scene.snapshot
        log.at = log.source = None
        if row is None or self.alone or "frames" in row.evidence:
            return False
        if row.id != self._of:
            self._of, self._before, self._gone = row.id, snapshot, False
        lasts = row.state == "firing"
        if row.line is None or self._gone or (lasts and not drawn):
            return lasts
        source = row.evidence.get("source")
        log.at, log.source = row.line, source if isinstance(source, str) else None
        run = self.scene.run
        come = run is not None and (not run.log or run.log[-1][0] <= row.line + self.free)
        if snapshot is not self._before and come and not log.has_line():
            self._gone, log.at, log.source = True, None, None
            return lasts
        return True

    def log_wanted(self) -> tuple[int, int | None]:
        """Return how many log lines are wanted, and the last one: around the line of the alert."""
        log = self.query_one(LogExcerpt)
        return super().log_wanted() if log.at is None else (2 * self.free, log.at + self.free)

    def log_from(self) -> str | None:
        """Return the log of the alert."""
        return self.query_one(LogExcerpt).source or super().log_from()

    def move(self, by: int) -> None:
        """Select another alert; where the evidence is alone, scroll it."""
        if self.alone:
            self.scroll(self.query_one(AlertDetail), by)
            return
        rows, chosen = self.scene.incidents(), self.scene.selected()
        if chosen is None:
            return
        at = next(i for i, row in enumerate(rows) if row.id == chosen.id)
        self.scene.incident = rows[max(0, min(len(rows) - 1, at + by))].id
        self.show()

    def scroll(self, panel: Panel, by: int) -> None:
        """Move in the list or in the evidence, whichever the mouse is over."""
        if isinstance(panel, AlertDetail):
            panel.at = max(0, panel.at + by)
            self.show()
        else:
            self.move(by)

    def choose(self, panel: Panel, entry: int) -> None:
        """Select the alert that was clicked, or show it on its chart; its evidence, where it has none."""
        if not isinstance(panel, AlertList):
            return
        row, chosen = self.scene.incidents()[entry], self.scene.selected()
        if chosen is None or row.id != chosen.id:
            self.scene.incident = row.id
            self.show()
        elif self.can("jump"):
            self.do_jump()
        else:
            self.do_evidence()

    def open_chart(self, panel: ChartMouse) -> None:
        """Show the alert on its chart, large."""
        if self.can("jump"):
            self.do_jump()

    def can(self, action: str) -> bool:
        """Return whether an action would do something now."""
        row, live = self.scene.selected(), self.scene.link == "live"
        if action == "unsilence":
            return live
        if action in MOVES and self.alone:
            return self.query_one(AlertDetail).hidden > 0
        if row is None or action not in _OF_ONE:
            return super().can(action) and action not in _OF_ONE
        return {
            "evidence": True,
            "acknowledge": row.state == "firing",
            "silence": live,
            "jump": self._metric(row) is not None,
            "jump_log": row.line is not None,
        }[action]

    def label(self, action: str, usual: str) -> str:
        """Return the word of an action for the footer."""
        row = self.scene.selected()
        if action == "silence" and row is not None and self.scene.silenced(row.id):
            return silencing.AGAIN
        return super().label(action, usual)

    def length(self) -> int:
        """Return how many alerts there are."""
        return len(self.scene.incidents())

    def _metric(self, row: IncidentRow) -> str | None:
        """Return what to show a chart of: the metric of the alert, else the first; None without a step."""
        names = choose.of_run(self.scene.run)
        if row.step is None or not names:
            return None
        return row.metric if row.metric in names else names[0]

    def do_evidence(self) -> None:
        """Give the evidence all of the view, and take it back."""
        self.alone = not self.alone
        self.query_one(AlertDetail).at = 0
        self.show()

    def do_back(self) -> None:
        """Give the list its place back, else leave."""
        if self.alone:
            self.do_evidence()
        else:
            self.runwatch.do_back()

    def do_acknowledge(self) -> None:
        """Inform the engine that a person has seen the selected alert."""
        if (row := self.scene.selected()) is not None:
            self.runwatch.link.send(protocol.Acknowledge(row.id))

    def do_silence(self) -> None:
        """Ask for how long alerts like the selected one are not sent; end the silence of one that has one."""
        row = self.scene.selected()
        if row is not None and (held := self.scene.silenced(row.id)) is not None:
            for request in silencing.end(held, row.id):
                self.runwatch.link.send(request)
            return

        def chosen(span: tuple[str, ...] | None) -> None:
            if span and row is not None:
                self.runwatch.link.send(silencing.request(row, span[0], self.scene.engine_time()))

        if row is not None:
            self.app.push_screen(silencing.how_long(row, self.scene.alone), callback=chosen)

    def do_unsilence(self) -> None:
        """Ask the engine what is silenced; the app asks which one ends."""
        self.runwatch.link.send(protocol.Silences())

    def copied(self) -> str:
        """Return the alert in words."""
        row = self.scene.selected()
        return "" if row is None else ". ".join(filter(None, (row.title, row.cause, plain.advice(row))))

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
