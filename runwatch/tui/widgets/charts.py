"""One chart in a frame."""

from __future__ import annotations

from runwatch.core import metrics
from runwatch.core.snapshot import Columns
from runwatch.render import cells, chart, numbers, states, xaxis
from runwatch.render.cells import Row
from runwatch.render.panel import Content
from runwatch.tui import actions, choose
from runwatch.tui.widgets.rows import Panel, centred

_STEADY = 0.2
"""Speed charts show at least this range: a per cent of noise is no news."""
_EXACT = frozenset({metrics.LEARNING_RATE, metrics.LR_MULTIPLIER, metrics.EPOCH, metrics.LOSS_SCALE})
"""Schedules have no noise; smoothing them would only make them late."""
_FEW = 64
"""Fewer samples are seen one by one: evaluations need no smoothing."""
_SERIES_ROLES = ("value", "second", "third", "fourth")
MOST_COMPARED = chart.MOST - 1
"""Other runs that a chart has room for."""


class ChartPanel(Panel):
    """Shows one metric, and others laid over it."""

    def __init__(self, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self.metrics: tuple[str, ...] = ()

    def charts(self) -> list[tuple[str, int]]:
        """Return the metrics with the columns of the plot."""
        columns = chart.plot_width(max(1, self.size.width - 2))
        return [(metric, columns) for metric in self.metrics]

    def content(self, width: int, height: int) -> Content:
        """Return the chart at this size."""
        scene = self.scene
        if not self.metrics:
            return Content([], centred("no metric", width, height))
        own, others = self._own(), self._others()
        series = [*own, *others.values()]
        content = Content(self._title(), right=self._values(own, others, width))
        if not any(columns.x for columns in series):
            waiting = (
                scene.waiting_for() if scene.latest(self.metrics[0]) is None else "waiting for its history"
            )
            content.rows = centred(waiting, width, height)
            return content
        options = chart.Options(
            glyphs=scene.glyphs,
            smoothing=self._smoothing(),
            log=scene.log_y,
            first=scene.first_step(),
            last=scene.last_step(),
            cursor=scene.cursor,
            least=_STEADY if self.metrics[0].startswith("perf/") else 0.0,
            unit=numbers.unit(self.metrics[0]),
            axis=scene.places(),
            others=[scene.places()] * (len(own) - 1) + [scene.places(run) for run in others],
        )
        marks = scene.run.marks if scene.run and scene.marks else ()
        content.rows = chart.chart(series, width, height, marks, options)
        return content

    def _own(self) -> list[Columns]:
        """Return the series of this run; beside other runs only the main one."""
        shown = self.metrics[:1] if self.scene.compare else self.metrics
        return [self.scene.columns[metric] for metric in shown if metric in self.scene.columns]

    def _others(self) -> dict[str, Columns]:
        """Return the same metric of the runs that are laid over, by their ids."""
        found = {run: self.scene.others.get(run, {}).get(self.metrics[0]) for run in self.scene.compare}
        return {run: columns for run, columns in found.items() if columns is not None and columns.x}

    def _smoothing(self) -> float:
        newest = self.scene.latest(self.metrics[0])
        few = newest is not None and newest.count < _FEW
        return 0.0 if few or self.metrics[0] in _EXACT else self.scene.smoothing

    def _title(self) -> Row:
        """Return the name, then what is not as usual, the most telling first: the last is left out first."""
        scene, dot = self.scene, self.scene.glyphs.dot
        title: Row = [(metrics.label(self.metrics[0]), "title")]
        if not (self.has_focus or self.size.width >= 50):
            return title
        if scene.right is not None and scene.window is not None:
            title.append((f" {dot} {numbers.si(scene.window)} to {numbers.si(scene.right)}", "warn"))
        elif scene.window is not None:
            title.append((f" {dot} last {numbers.si(scene.window)}", "dim"))
        if scene.axis != xaxis.STEP:
            told = scene.axis if scene.places().steps else f"step, {scene.axis} is not told"
            title.append((f" {dot} x {told}", "dim"))
        if scene.log_y:
            title.append((f" {dot} log y", "dim"))
        if smoothing := self._smoothing():
            title.append((f" {dot} smooth {smoothing:g}".replace("0.", "."), "dim"))
        return title

    def _values(self, own: list[Columns], others: dict[str, Columns], width: int) -> Row:
        """Return the newest values, or those under the cursor."""
        scene = self.scene
        out: Row = []
        if scene.cursor is not None:
            out.append((f"@{scene.places().value(scene.cursor)}", "cursor"))
        roles = iter(_SERIES_ROLES)
        points = iter(scene.glyphs.points)
        for metric in self.metrics[:1] if scene.compare else self.metrics:
            text, bad = self._value(metric, own)
            main = metric == self.metrics[0]
            name = "" if main else f"{next(points, '')} {metrics.label(metric)} "
            role = next(roles, "dim")
            out += [("  ", "")] if out else []
            out.append((f"{name}{text}", "bad" if bad else role))
        for run, columns in others.items():
            text = numbers.value(self.metrics[0], self._at_cursor(columns))
            name = cells.clip(scene.name_of(run), 14, scene.glyphs.ellipsis)
            out += [("  ", ""), (f"{next(points, '')} {name} {text}", next(roles, "dim"))]
        if self.metrics[0] == metrics.TOKENS_PER_SEC and (mfu := scene.latest(metrics.MFU)) and width > 30:
            out += [("  ", ""), (f"MFU {numbers.latest(metrics.MFU, mfu.value, mfu.text)}", "dim")]
        return out

    def _at_cursor(self, columns: Columns) -> float | None:
        """Return the value under the cursor, without one the newest."""
        cursor = self.scene.cursor
        at = chart.nearest(columns, cursor) if cursor is not None else len(columns.mean) - 1
        return None if at is None or at < 0 else columns.mean[at]

    def _value(self, metric: str, series: list[Columns]) -> tuple[str, bool]:
        scene = self.scene
        if scene.cursor is not None:
            columns = next((columns for columns in series if columns.metric == metric), None)
            if columns is None or not columns.x:
                return numbers.MISSING, False
            value = self._at_cursor(columns)
            return ("nan", True) if value is None else (numbers.value(metric, value), False)
        latest = scene.latest(metric)
        if latest is None:
            return numbers.MISSING, False
        return numbers.latest(metric, latest.value, latest.text), latest.value is None and bool(latest.text)


def _fitted(line: str, width: int, more: str) -> list[str]:
    """Return a text in lines; a path loses its middle, so that it stays on one."""
    return [cells.shorten(line, width, more)] if "/" in line else cells.wrapped(line, width, 3, more)


class Note(Panel):
    """A frame that only says something: what an empty screen waits for."""

    can_focus = False

    def content(self, width: int, height: int) -> Content:
        """Return the reason for the emptiness."""
        scene = self.scene
        more = scene.glyphs.ellipsis
        title, *lines = self._lines()
        room = max(8, width - 2)
        pieces = [piece for line in lines for piece in _fitted(line, room, more)]
        rows = centred(title, width, height - len(pieces), "title")
        for piece in pieces:
            rows += centred(piece, width, 1)
        return Content([], rows)

    def _lines(self) -> list[str]:
        """Return what is waited for, from where, and what can be done."""
        scene, run = self.scene, self.scene.run
        if run is not None and choose.of_run(run):
            wanted = scene.filters.get(actions.METRICS, "")
            return [f"no metric fits {wanted!r}; esc shows all"]
        lines = [scene.waiting_for()]
        if run is None:
            return lines + (
                ["it is watched from its first line on; q leaves, ? explains"] * (scene.link == "live")
            )
        lines += [f"source {source}" for source in run.sources[:3]]
        if run.format:
            return [*lines, f"format {run.format}"]
        if not run.log_source:
            return [*lines, "it has no line yet: is the run started, and does it write here?"]
        if run.log or states.ended(run.phase):
            lines.append("its lines tell of no training step that is known; why, says")
            lines.append(f"runwatch formats {run.log_source}")
        return lines
