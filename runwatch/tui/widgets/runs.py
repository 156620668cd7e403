"""All runs, those of several hosts in one list."""

from __future__ import annotations

from dataclasses import dataclass

from runwatch.core.snapshot import RunRow
from runwatch.render import cells, numbers, plain, states
from runwatch.render.cells import Row
from runwatch.render.panel import Content
from runwatch.tui import actions
from runwatch.tui.widgets.rows import Listed, Panel

_WIDE = 100
_STATE, _DONE, _LOSS, _ALERTS, _AGE = 13, 6, 7, 8, 7
_OLD = 60.0
"""Seconds after which the age of a run that goes on is worth a look."""


@dataclass(frozen=True)
class _Widths:
    """How wide the columns are that give way."""

    names: int
    host: int
    steps: int
    left: int


class RunTable(Panel):
    """All runs, one a row, with one selected."""

    def __init__(self) -> None:
        super().__init__(id="runs")
        self.at = 0
        self._placed = False
        """Whether the pointer was put at the run on the screen, where it begins."""
        self._pointed: tuple[int, str] = 0, ""
        """Where the pointer was drawn, and the id of the run there."""

    def found(self) -> list[RunRow]:
        """Return the runs that the filter lets through: what is wrong first, what has ended last."""
        runs = self.scene.snapshot.runs if self.scene.snapshot else ()
        fit = [row for row in runs if self.scene.fits(actions.RUNS, row.name, row.host, _word(row))]
        return sorted(fit, key=lambda row: (not row.critical, states.ended(row.phase)))

    def selected(self) -> RunRow | None:
        """Return the run at the pointer, which stays at its run where the order changes."""
        found, (place, run) = self.found(), self._pointed
        moved = self.at - place
        place = next((i for i, row in enumerate(found) if row.id == run), place)
        self.at = max(0, min(place + moved, len(found) - 1))
        row = found[self.at] if found else None
        self._pointed = self.at, row.id if row is not None else ""
        return row

    def content(self, width: int, height: int) -> Content:
        """Return the rows around the selected one."""
        scene = self.scene
        runs, found = scene.snapshot.runs if scene.snapshot else (), self.found()
        if not self._placed and scene.run is not None:
            self._placed = True
            self.at = next((i for i, row in enumerate(found) if row.id == scene.run.id), 0)
            self._pointed = self.at, scene.run.id
        self.selected()
        title: Row = [("runs", "title"), (f" {len(runs)}", "dim"), *scene.filtered(actions.RUNS, len(found))]
        self.listed = None
        if not found:
            return Content(title, [[("no run fits; esc shows all" if runs else scene.waiting_for(), "dim")]])
        widths = _widths(found, width)
        host = f"{'host':<{widths.host}} " if widths.host else ""
        heading = (
            f"  {'state':<{_STATE}}{host}{'name':<{widths.names}} {'step':>{widths.steps}} {'done':>{_DONE}} "
            f"{'loss':>{_LOSS}}  {'alerts':<{_ALERTS}}{'updated':>{_AGE}}  ETA"
        )
        rows: list[Row] = [[(heading, "dim")]]
        start = max(0, self.at - max(1, height - 1) + 1)
        for index, row in enumerate(found[start : start + height], start):
            rows.append(self._row(row, widths, index == self.at))
        self.listed = Listed(start, min(height - 1, len(found) - start), len(found), top=1)
        below = len(found) - start - (height - 1)
        return Content(title, rows, [(f"{below} more below", "dim")] if below > 0 else [])

    def _row(self, row: RunRow, widths: _Widths, here: bool) -> Row:
        scene, more = self.scene, self.scene.glyphs.ellipsis
        told = plain.steps(row.progress, states.ended(row.phase)).removeprefix("step ")
        if cells.width(told) > widths.steps:
            told = told.partition("/")[0]
        done = "" if row.progress.fraction is None else numbers.percent(row.progress.fraction)
        loss = row.loss_text or ("" if row.loss is None else numbers.loss(row.loss))
        ended = states.ended(row.phase)
        left = "" if ended else plain.eta(row.progress, scene.glyphs).removeprefix("ETA ")
        if widths.left < 12:
            left = left.partition(f" {scene.glyphs.spread}")[0]
        if cells.width(left) > widths.left and row.progress.eta_seconds is not None:
            left = numbers.brief(row.progress.eta_seconds)
        age = "" if row.age is None else f"{numbers.brief(row.age)} ago"
        old = not ended and (row.age or 0.0) >= _OLD
        sign, word, role = states.phase_tag(row.phase, scene.glyphs, row.critical, row.warning)
        out: Row = [
            (f"{scene.glyphs.pointer if here else ' '} ", "key"),
            (cells.pad(f"{sign} {word}", _STATE, more), role),
        ]
        if widths.host:
            out.append((cells.pad(row.host, widths.host, more) + " ", "dim"))
        return [
            *out,
            (cells.pad(row.name, widths.names, more), "title" if here else ""),
            (f" {cells.pad(told, widths.steps, more, right=True)} {done:>{_DONE}} {loss:>{_LOSS}}  ", ""),
            *cells.fit(states.run_counts(row, _ALERTS), _ALERTS, scene.glyphs.ascii),
            (cells.pad(age, _AGE, more, right=True) + "  ", "warn" if old else "dim"),
            (left, "dim"),
        ]


def _word(row: RunRow) -> str:
    return states.phase_word(row.phase)


def _widths(runs: list[RunRow], width: int) -> _Widths:
    """Return the widths of the columns that give way; hosts are shown where there are several."""
    steps, left = (21, 12) if width >= _WIDE else (8, 6)
    hosts = {row.host for row in runs}
    host = min(16 if width >= _WIDE else 8, max(map(len, hosts))) if len(hosts) > 1 else 0
    rest = width - 2 - _STATE - steps - _DONE - _LOSS - _ALERTS - _AGE - left - 7 - (host + 1 if host else 0)
    longest = max(cells.width(cells.settled(row.name)) for row in runs)
    return _Widths(max(8, min(longest + 2, rest)), host, steps, left)
