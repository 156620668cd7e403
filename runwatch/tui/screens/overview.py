"""View 1: the run on one screen."""

from __future__ import annotations

from msgspec.structs import replace
from textual.app import ComposeResult

from runwatch.render import outcome
from runwatch.render.charts import chart
from runwatch.tui import actions, choose
from runwatch.tui.screens.charts import ChartScreen
from runwatch.tui.widgets.alerts import AlertsPanel
from runwatch.tui.widgets.boxes import Horizontal, Vertical
from runwatch.tui.widgets.charts import ChartPanel
from runwatch.tui.widgets.comparison_card import ComparisonCard
from runwatch.tui.widgets.end_card import EndCard
from runwatch.tui.widgets.logs import LogPanel
from runwatch.tui.widgets.note import Note
from runwatch.tui.widgets.ranks import RankGrid
from runwatch.tui.widgets.tables import NewestCheckpoints, Side, Stats, SummaryCard
from runwatch.watcher import protocol

_MAIN, _MINOR, _SIDE = 2, 3, 2
"""Large charts, small ones below them, and small ones next to the only large one."""
_FOR_SIDE, _FOR_ONE, _FOR_STACK = 23, 19, 44
"""Rows from which small charts are next to the large one, if they show all there is; one; below it."""
_STATS = 6
"""Rows of the other metrics below the charts of a phone."""
_BELOW, _PART = 4, 5
"""Height of the small charts of a phone, below the large one, which has 3; and rows of 1 of those."""
_SIDE_WIDTH, _STATS_WIDTH = 36, 32
"""Cells of what is next to the only large chart: with charts, and at least without."""
_PHONE = 80
"""Columns below which a high screen is a phone that is held upright."""
_LEAST = 9
"""Rows of the screen that the card of the end and a comparison leave."""
_CARD = 6
"""Rows of the summary where no chart is next to it."""
_CHART = 33
"""Least width of a small chart next to the summary."""
_FOR_LOG = 22
"""Rows from which there is a log below the ranks: curves say more."""
_SAVES = 3
"""Checkpoints that have rows of their own."""
_WORTH_A_CARD = 3
"""Lines of the summary that are worth the place of a chart."""


class Overview(ChartScreen):
    """Loss and gradient norm large, the rest smaller, ranks, alerts and log below."""

    view = actions.OVERVIEW
    closed = ""
    """Id of the run whose card of the end was closed."""
    pinned: str | None = None
    """A metric to show in the first chart whatever the order, set by a jump from an alert."""

    def body(self) -> ComposeResult:
        """Lay out all panels; `place` shows those that have something to say."""
        yield EndCard(id="end", classes="part")
        yield ComparisonCard(id="comparison", classes="part")
        yield Note(id="note", classes="part")
        with Horizontal(id="upper", classes="part"):
            yield Side(id="summary", classes="part")
            with Vertical(id="plots", classes="part"):
                with Horizontal(id="main", classes="part"):
                    for i in range(_MAIN):
                        yield ChartPanel(id=f"main-{i}", classes="part")
                    with Vertical(id="side", classes="part"):
                        for i in range(_SIDE):
                            yield ChartPanel(id=f"side-{i}", classes="part")
                        yield Stats(id="stats", classes="part")
                with Horizontal(id="minor", classes="part"):
                    for i in range(_MINOR):
                        yield ChartPanel(id=f"minor-{i}", classes="part")
                    yield SummaryCard(id="card", classes="part")
        with Horizontal(id="lower", classes="part"):
            yield RankGrid(id="ranks", classes="part")
            yield AlertsPanel(id="alerts", classes="part")
            yield NewestCheckpoints(id="checkpoints", classes="part")
        yield LogPanel(id="log", classes="part")

    def wanted(self) -> protocol.View:
        """Return what to ask for; before any metric of the run is known, those that most runs have.

        Else one picture would show which metrics there are, and only the next one show them.
        """
        view = super().wanted()
        if choose.of_run(self.scene.run):
            return view
        columns = chart.plot_width(max(1, self.size.width // (1 if self.size.width < 100 else _MAIN)))
        return replace(view, charts=tuple(protocol.Chart(metric, columns) for metric in choose.LIKELY))

    def place(self) -> None:
        """Give charts to panels in order of importance and hide what has nothing to show."""
        scene, run = self.scene, self.scene.run
        width, height = self.size.width, self.free
        end = self.query_one(EndCard)
        needed = 0 if run is not None and run.id == self.closed else end.needed(width)
        ending = needed if height - needed >= _LEAST else 0
        end.styles.height = ending
        height -= ending
        comparing = self.query_one(ComparisonCard).fit(width, height - _LEAST)
        height -= comparing
        narrow, wide, tall = width < 100, width >= 160, height >= 30
        wanted = choose.charts(run, 1 if narrow else _MAIN)
        if self.pinned is not None:
            chosen = next((group for group in wanted if self.pinned in group), (self.pinned,))
            wanted = [chosen, *(group for group in wanted if group != chosen)]
        main = wanted[: 1 if narrow else _MAIN]
        runs = wide and self.query_one(Side).worth()
        summary, stats = self.query_one(SummaryCard), self.query_one(Stats)
        summary.said = stats.said = frozenset(dict(outcome.facts(run)) if run and ending else ())
        says = len(summary.lines) >= _WORTH_A_CARD and tall and not narrow and not runs
        card_width = self._card_width() if says else 0
        fitting = min(_MINOR, (width - card_width) // _CHART)
        minor = wanted[_MAIN:][:fitting] if tall and not narrow else []
        stacked = width < _PHONE and tall
        side = self._side(wanted[1:], stacked, height)
        for prefix, groups, count in (
            ("main", main, _MAIN),
            ("minor", minor, _MINOR),
            ("side", side, _SIDE),
        ):
            for i in range(count):
                panel = self.query_one(f"#{prefix}-{i}", ChartPanel)
                panel.metrics = groups[i] if i < len(groups) else ()
                panel.display = bool(panel.metrics)
        stats.charted = frozenset(group[0] for group in (*main[:1], *side))
        rows = self._lay_side(stacked, bool(side), max(_STATS, height // 5))
        judged = [row for row in scene.incidents() if row.severity != "info"]  # the card has how it ended
        said = not scene.notices and len(judged) == len(scene.firing()) <= 1  # by the bar above
        alerts = run is not None and not said and (not narrow or tall)
        ranks = bool(run and run.ranks) and not (stacked and alerts)
        checkpoints = bool(run and run.checkpoints) and wide and (ranks or alerts)
        lower = (ranks or alerts) and height >= 20
        self.query_one("#main").set_class(stacked, "-stacked")
        shown = {
            "end": bool(ending),
            "comparison": bool(comparing),
            "note": not wanted,
            "upper": bool(wanted),
            "summary": runs,
            "plots": True,
            "main": True,
            "stats": rows,
            "side": bool(side) or rows,
            "minor": bool(minor) or says,
            "card": says,
            "ranks": ranks,
            "alerts": alerts,
            "checkpoints": checkpoints,
            "lower": lower,
            "log": height >= (_FOR_LOG if lower else 18),
        }
        summary.saves = not (checkpoints and lower)
        for name, display in shown.items():
            self.query_one(f"#{name}").display = display
        self.query_one("#minor").styles.height = "2fr" if minor else _CARD
        summary.styles.width = card_width if minor else "1fr"
        charted = {name for group in (*main, *minor) for name in group}
        self.query_one(Side).charted = summary.charted = frozenset(charted | choose.named(charted))
        self._lower_height(tall)
        short = lower and height < 24  # charts get what the log can do without
        traced = tall and bool(ending) and said and not ranks  # a traceback gets the room of the lower panels
        self.query_one("#log").styles.height = 4 if short else 10 if traced else 8 if wide else 6
        self.hide_others()

    def inside(self) -> bool:
        """Return whether there is something in this view to go back from."""
        return self.query_one(EndCard).display or super().inside()

    def do_back(self) -> None:
        """Close the zoom, else drop the cursor, else close the card of the end, else leave."""
        run = self.scene.run
        if super().inside() or run is None or not self.query_one(EndCard).display:
            super().do_back()
        else:
            self.closed = run.id
            self.show()

    def _side(self, others: list[tuple[str, ...]], stacked: bool, height: int) -> list[tuple[str, ...]]:
        """Return the small charts next to the only large one, or below it on a phone."""
        if stacked:
            return others[:_SIDE] if height >= _FOR_STACK else []
        few = 60 <= self.size.width < 100 and len(others) <= _SIDE and not self.query_one(SummaryCard).lines
        return others[: (height >= _FOR_ONE) + (height >= _FOR_SIDE)] if few else []

    def _lay_side(self, stacked: bool, charts: bool, most: int) -> bool:
        """Give the small charts, and the rows of the other metrics below them, their place.

        Return whether there are such rows.
        """
        side, stats, width = self.query_one("#side"), self.query_one(Stats), self.size.width
        shown = (stacked or 60 <= width < 100) and stats.worth()
        rows = min(stats.needed(width), most) * shown
        stats.styles.height = rows if stacked or charts else "1fr"
        side.styles.height = "1fr" if not stacked else f"{_BELOW + rows / _PART:g}fr" if charts else rows
        alone = max(_STATS_WIDTH, min(_SIDE_WIDTH, stats.wanted))
        side.styles.width = "100%" if stacked else _SIDE_WIDTH if charts else alone
        return shown

    def _card_width(self) -> int:
        """Return how wide the summary next to the small charts is: no wider than its lines need."""
        return min(self.query_one(SummaryCard).needed, self.size.width // 3)

    def _lower_height(self, tall: bool) -> None:
        """Make the lower panels as high as the longest of them needs, within reason."""
        run = self.scene.run
        if run is None:
            return
        width = self.size.width
        a_line = 32 if 100 <= width < 120 else 64  # cells of ranks next to the alerts
        ranks = len(run.ranks) if self.query_one("#ranks").display else 0
        few = 4 * ranks <= width  # each has a bar with its name below
        needed = 3 if ranks and (few or ranks > a_line) else 2 if ranks else 1
        alerts = self.query_one(AlertsPanel)
        if run.checkpoints and self.query_one("#checkpoints").display:
            needed = max(needed, min(len(run.checkpoints), _SAVES))
        if alerts.display:
            others = 30 if self.query_one("#checkpoints").display else 0
            others += (width - others) * 3 // 5 if ranks else 0
            needed = max(needed, alerts.needed(width - others) - 2)
        most = 9 if tall else 5
        lower = self.query_one("#lower")
        lower.styles.height = (
            "1fr" if self.zoomed is not None and lower in self.zoomed.ancestors else min(most, needed + 2)
        )

    def zoom_metric(self, metric: str) -> None:
        """Show one metric alone, large."""
        self.pinned = metric
        self.zoom(self.query_one("#main-0", ChartPanel))

    def unzoom(self) -> None:
        """Show all panels in their usual order."""
        self.pinned = None
        super().unzoom()
