"""All runs, those of several hosts in one table, and what is known of the selected one."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from runwatch.core.snapshot import RunRow, RunView
from runwatch.render import cells, outcome, plain, run_table, states
from runwatch.render.cells import Row
from runwatch.render.panel import Content
from runwatch.render.run_table import Heading, Order, Place
from runwatch.render.summary import SummaryLine
from runwatch.tui import actions
from runwatch.tui.api import api
from runwatch.tui.widgets.rows import Listed, Panel, Target
from runwatch.tui.widgets.tables import card, placed

_TOP = 2
"""Rows above the runs: the frame and the names of the columns."""


class RunTable(Panel):
    """All runs, one a row. The selected one is the run of all views."""

    can_focus = False

    def __init__(self) -> None:
        super().__init__(id="runs")
        self.grouping = ""
        self.marked: dict[str, None] = {}
        """Ids of the runs that something is done to together, in the order in which they were chosen."""
        self._at = 0
        """Where the selected run was when it was last there."""
        self._first = 0
        """The first line that is shown."""
        self._kept: tuple[str, int] = "", 0
        """The run that was selected, and in which line of the table it was shown."""
        self._places: list[Place] = []
        self._names: dict[str, str] = {}
        self._lines: list[Heading | RunRow] = []

    def found(self) -> list[RunRow]:
        """Return the runs that the filter lets through, in order."""
        return [line for line in self._laid() if isinstance(line, RunRow)]

    def _laid(self) -> list[Heading | RunRow]:
        fit = [row for row in self.scene.runs if self.scene.fits(actions.RUNS, *run_table.said(row))]
        by = self.grouping if self.grouping in run_table.groupings(fit) else ""
        return run_table.groups(run_table.ordered(fit, self.scene.order), by)

    def selected(self) -> RunRow | None:
        """Return the run that is on the screen; where it is not in the table, what is at its place.

        None while the most urgent is still being found: what is selected stays so.
        """
        if self.scene.choosing():
            return None
        found, run = self.found(), self.scene.run
        ids = {row.id: place for place, row in enumerate(found)}
        here = [self.scene.run_id, *([run.id, *(s.id for s in reversed(run.stages))] if run else [])]
        self._at = next((ids[key] for key in here if key in ids), min(self._at, max(0, len(found) - 1)))
        return found[self._at] if found else None

    def move(self, by: int) -> None:
        """Select another run."""
        if self.selected() is not None:
            found = self.found()
            api(self.app).choose_run(found[max(0, min(len(found) - 1, self._at + by))].id)

    def chosen(self) -> list[RunRow]:
        """Return the runs that were marked, else the selected one."""
        rows = {row.id: row for row in self.scene.runs}
        self.marked = {name: None for name in map(self.scene.now_called, self.marked) if name in rows}
        here = self.selected()
        return [rows[name] for name in self.marked] or ([here] if here is not None else [])

    def mark(self) -> None:
        """Mark the selected run, or take its mark away."""
        if (row := self.selected()) is not None:
            if row.id in self.marked:
                del self.marked[row.id]
            else:
                self.marked[row.id] = None

    def needed(self) -> int:
        """Return how many rows show all of it."""
        return max(1, len(self._laid())) + _TOP + 1

    def content(self, width: int, height: int) -> Content:
        """Return the rows around the selected one."""
        scene, glyphs = self.scene, self.scene.glyphs
        runs, self._lines = scene.runs, self._laid()
        count = sum(isinstance(line, RunRow) for line in self._lines)
        self.chosen()  # marks of runs that are gone go too
        title: Row = [("runs", "title"), (f" {len(runs)}", "dim"), *scene.filtered(actions.RUNS, count)]
        if self.marked:
            title.append((f"  {len(self.marked)} marked", "value"))
        if self.grouping:
            title.append((f"  by {self.grouping}", "dim"))
        elif not scene.order.column and count > 1:  # no heading of a column has the arrow
            title.append(("  worst last" if scene.order.backwards else f"  {run_table.WORST}", "dim"))
        note = max((cells.width(scene.silence_left(row.id)) for row in runs), default=0)
        self._places = run_table.layout(runs, width, glyphs, note)
        self.listed, self.targets = None, []
        if not self._lines:
            why = f"no run fits; {scene.key('back')} shows all" if runs else scene.waiting_for()
            return Content(title, [[(why, "dim")]])
        here = self.selected()
        self._keep_shown(max(1, height - 1), self._lines.index(here) if here is not None else 0, here)
        self._names = run_table.names(runs, self._places, glyphs)
        rows = [run_table.heading(self._places, self.scene.order, glyphs)]
        for line in self._lines[self._first : self._first + height - 1]:
            rows.append(self._row(line, line is here, width))
        self.listed = Listed(self._first, len(rows) - 1, len(self._lines), top=1)
        self.targets = self._headings()
        below = len(self._lines) - self._first - (height - 1)
        return Content(title, rows, [(f"{below} more below", "dim")] if below > 0 else [])

    def _row(self, line: Heading | RunRow, here: bool, width: int) -> Row:
        glyphs = self.scene.glyphs
        if isinstance(line, Heading):
            return [(f"{glyphs.horizontal * 2} {line.text} ", "title")]
        marked, name = line.id in self.marked, self._names[line.id]
        row = run_table.line(
            line,
            self._places,
            glyphs,
            here=here,
            marked=marked,
            name=name,
            note=self.scene.silence_left(line.id),
        )
        return cells.bar(row, width, glyphs.ascii) if here else row

    def _keep_shown(self, room: int, at: int, here: RunRow | None) -> None:
        """Show the line at `at`, and the heading above it; where it is scrolled, a run stays where it was.

        At the top, what has become most urgent comes into view.
        """
        name, place = self._kept
        stays = self._first > 0 and here is not None and here.id == name
        first = at - place if stays else self._first
        above = at - (at > 0 and isinstance(self._lines[at - 1], Heading))
        first = max(0, min(max(first, at - room + 1), above))
        self._first = min(first, max(0, len(self._lines) - room))
        self._kept = "" if here is None else here.id, at - self._first

    def _headings(self) -> list[Target]:
        """Return where the names of the columns sort."""
        sortable = [place for place in self._places if place.column.name != "trend"]
        return [
            (1, x, x + place.width + run_table.GAP, partial(self.sort_by, place.column.name))
            for x, place in ((place.x + 1, place) for place in sortable)
        ]

    def run_of(self, entry: int) -> RunRow | None:
        """Return the run in a line of the table; None for a heading."""
        line = self._lines[entry] if entry < len(self._lines) else None
        return line if isinstance(line, RunRow) else None

    def sort_by(self, column: str) -> None:
        """Sort by a column; the other way round if it is that already."""
        was = self.scene.order
        self.scene.order = Order(column, backwards=column == was.column and not was.backwards)
        self.redraw()


class RunDetail(Panel):
    """What is wrong with the run on the screen, in full, and where it is."""

    can_focus = False
    opens = actions.OVERVIEW

    def needed(self, width: int) -> int:
        """Return how many rows show all of it at this outer width, with the frame."""
        run = self.scene.run
        return 2 + (len(self._rows(run, width - 2)) if run is not None else 0)

    def content(self, width: int, height: int) -> Content:
        """Return its alerts, then what is known of it."""
        run = self.scene.run
        if run is None:
            return Content([("run", "title")])
        return Content([(run.name, "title")], self._rows(run, width), [("enter opens", "dim")])

    def _rows(self, run: RunView, width: int) -> list[Row]:
        glyphs, rows = self.scene.glyphs, list[Row]()
        firing = self.scene.firing()
        for incident in firing[1:]:  # the bar has the first
            sign, word, role = states.incident_tag(incident, glyphs)
            lines = cells.wrapped(plain.title(incident), max(1, width - 8), 4, glyphs.ellipsis)
            rows += [
                [(f"{sign} {word:<5} " if not n else " " * 8, role), (text, "")]
                for n, text in enumerate(lines)
            ]
            for text in cells.wrapped(plain.to_do(incident), max(1, width - 8), 8, glyphs.ellipsis):
                rows.append([(" " * 8 + text, "dim")])
        if not firing:
            reason = cells.wrapped(run.reason, width, 4, glyphs.ellipsis)
            rows += [[(text, "warn")] for text in reason] or [[("no alerts", "dim")]]
        known = [*_known(run)]
        room = width - 1 - max((cells.width(line.label) for line in known), default=0)
        if run.sources:
            known.append(SummaryLine("log", cells.shorten(run.sources[0], max(1, room), glyphs.ellipsis), ""))
        return rows + [row for row, _ in placed(known, width, glyphs.ellipsis)]


def _known(run: RunView) -> Iterator[SummaryLine]:
    """Yield what a run reached, its results, and what prints it."""
    lines = card(run)
    said = {outcome.GO_BACK, *(line.label for line in lines)}
    yield from (SummaryLine(name, text) for name, text in outcome.facts(run) if name not in said)
    yield from lines
    if run.format:
        yield SummaryLine("format", run.format, "")
