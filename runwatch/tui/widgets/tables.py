"""Small tables: metrics with sparklines, the summary at the side, the newest checkpoints."""

from __future__ import annotations

from collections.abc import Sequence

from runwatch.core import metrics
from runwatch.core.snapshot import Latest, RunRow
from runwatch.render import cells, checkpoints, numbers, states
from runwatch.render.cells import Row
from runwatch.render.panel import Content
from runwatch.render.sparkline import of_columns, sparkline
from runwatch.tui import choose
from runwatch.tui.widgets.rows import Panel, Rows

_NAME, _VALUE = 9, 8


def _shown(item: Latest) -> tuple[str, str]:
    """Return the newest value and its role."""
    bad = item.value is None and bool(item.text)
    return numbers.latest(item.metric, item.value, item.text), "bad" if bad else "value"


class Stats(Rows):
    """Metric, last value and trend, one row each: the charts of a narrow screen."""

    def _names(self) -> list[str]:
        return [n for n in choose.of_run(self.scene.run) if n != metrics.LOSS and n not in choose.ASIDE]

    def _trend(self, width: int) -> int:
        return max(0, width - _NAME - _VALUE - 3)

    def charts(self) -> list[tuple[str, int]]:
        """Return what the sparklines need."""
        trend = self._trend(self.size.width)
        room = max(0, self.size.height - 1)
        return [(name, trend) for name in self._names()[:room]] if trend else []

    def draw(self, width: int, height: int) -> list[Row]:
        """Return a heading and one row per metric, spaced out when there is room."""
        scene, trend = self.scene, self._trend(width)
        names = self._names()
        rows: list[Row] = [[(f" {'metric':<{_NAME}} {'last':>{_VALUE}} trend", "dim")]]
        spaced = 2 * len(names) + 1 <= height
        shown = names[: max(0, height - 1)]
        labels = cells.apart([metrics.label(name) for name in shown], _NAME, scene.glyphs.ellipsis)
        for name, said in zip(shown, labels, strict=True):
            item = scene.latest(name)
            if item is None:
                continue
            text, role = _shown(item)
            columns = scene.columns.get(name)
            line = sparkline(of_columns(columns), trend, scene.glyphs) if columns and trend else ""
            label = cells.pad(said, _NAME, scene.glyphs.ellipsis)
            value = cells.pad(text, _VALUE, scene.glyphs.ellipsis, right=True)
            rows.append([(f" {label} ", ""), (value, role), (f" {line}", "smooth")])
            if spaced:
                rows.append([])
        return rows


class Summary(Panel):
    """Runs, newest values and facts: the side of a wide screen."""

    can_focus = False

    def content(self, width: int, height: int) -> Content:
        """Return the runs, then the metrics, then what was found out about the run."""
        scene, run, more = self.scene, self.scene.run, self.scene.glyphs.ellipsis
        runs = scene.snapshot.runs if scene.snapshot else ()
        rows: list[Row] = [
            run_line(row, width, self._here(row)) for row in self._nearest(max(1, height // 4))
        ]
        if len(rows) < len(runs):
            rows.append([(f"and {len(runs) - len(rows)} more", "dim")])
        if run is not None:
            rows += [[], [("newest", "dim")]]
            names = [name for name in choose.of_run(run) if name not in choose.ASIDE]
            labels = cells.apart([metrics.label(name) for name in names], min(14, width // 2), more)
            for name, label in zip(names, labels, strict=True):
                if (item := scene.latest(name)) is not None:
                    text, role = _shown(item)
                    rows.append(self._pair(label, text, role, width))
            facts = dict(run.facts)
            if run.format:
                facts.setdefault("format", run.format)
            if run.records:
                facts.setdefault("records", f"{run.records:,}")
            if facts:
                rows += [[], [("run", "dim")]]
                rows += [self._pair(name, text, "", width) for name, text in facts.items()]
        return Content([("runs", "title"), (f" {len(runs)}", "dim")], rows)

    def _nearest(self, most: int) -> Sequence[RunRow]:
        """Return the runs around the one on the screen, it among them."""
        runs = self.scene.snapshot.runs if self.scene.snapshot else ()
        at = next((place for place, row in enumerate(runs) if self._here(row)), 0)
        first = max(0, min(at - most // 2, len(runs) - most))
        return runs[first : first + most]

    def _here(self, row: RunRow) -> bool:
        return self.scene.run is not None and row.id == self.scene.run.id

    def _pair(self, name: str, text: str, role: str, width: int) -> Row:
        half = width // 2
        label = cells.pad(name, min(14, half), self.scene.glyphs.ellipsis)
        return [
            (f"{label} ", "dim"),
            (cells.clip(text, width - len(label) - 1, self.scene.glyphs.ellipsis), role),
        ]


def run_line(row: RunRow, width: int, here: bool) -> Row:
    """Return one run in a narrow column: sign, name, percent."""
    done = "" if row.progress.fraction is None else numbers.percent(row.progress.fraction, 0)
    counts = states.run_counts(row)
    right: Row = [(f" {done}", "value"), (" ", ""), *counts] if counts else [(f" {done}", "value")]
    sign = (f"{states.phase_sign(row.phase)} ", states.phase_role(row.phase, row.critical))
    room = width - cells.row_width(right) - 2
    return cells.spread([sign, (cells.clip(row.name, room), "title" if here else "")], right, width)


class Checkpoints(Panel):
    """The newest checkpoints in few words."""

    can_focus = False

    def content(self, width: int, height: int) -> Content:
        """Return them with the newest first."""
        run, glyphs = self.scene.run, self.scene.glyphs
        rows = run.checkpoints[:height] if run else ()
        usual = run.saving.usual_bytes if run else None
        lines = [checkpoints.brief(row, glyphs, usual) for row in rows]
        return Content([("checkpoints", "title")], lines, [("6 all", "dim")])
