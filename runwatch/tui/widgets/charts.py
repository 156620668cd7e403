"""One chart in a frame: its curves and their values."""

from __future__ import annotations

import math
from collections.abc import Mapping

from runwatch.core import metrics
from runwatch.core.plural import counted
from runwatch.core.snapshot import Columns
from runwatch.render import cells, numbers, summary
from runwatch.render.cells import Row
from runwatch.render.charts import axis, chart, still, xaxis
from runwatch.render.charts.extremes import Cut
from runwatch.render.charts.options import Options, Shade
from runwatch.render.panel import Content
from runwatch.tui.widgets.chart_mouse import NOTHING, ChartMouse
from runwatch.tui.widgets.rows import centered

_STEADY = 0.2
"""Speed charts show at least this range: a per cent of noise is no news."""
_EXACT = frozenset({metrics.LEARNING_RATE, metrics.LR_MULTIPLIER, metrics.EPOCH, metrics.LOSS_SCALE})
"""Schedules have no noise; smoothing them would only make them late."""
_FEW = 64
"""Fewer samples are seen one by one: evaluations need no smoothing."""
_SERIES_ROLES = ("value", "second", "third", "fourth")
MOST_COMPARED = chart.MOST - 1
"""Other runs that a chart has room for."""
_NAME, _LEAST_NAME = 14, 6
"""Cells of the name of a compared run in the title, at most and at least."""
_A_VALUE = 10
"""Cells next to each of them."""
_WIDE = 50
"""Cells from which a chart's title has room for more than its name and value."""
MARKS = {"incident": "alert", "eval": "evaluation", "spoilt": "bad checkpoint"}
"""What kinds of marks are called, where that is another word."""
_BRIEF = {**MARKS, "checkpoint": "ckpt", "eval": "eval", "spoilt": "bad ckpt"}
_BRIEFEST = {**_BRIEF, "spoilt": "bad"}
"""The same where there is no room for that."""
_EDGES = 6
"""Cells of a border that its legend leaves free."""
_SHADES = {"warning": "shade-warn", "critical": "shade-crit"}
_NOT_FINITE = "not finite"
"""The value of a column in which one is NaN or infinite: which of them is not known there."""


def _steps(count: float) -> str:
    return axis.trimmed(numbers.si(round(count)))


class ChartPanel(ChartMouse):
    """Shows one metric, and others laid over it."""

    _range_of: tuple[object, ...] = ()
    """What the y range of the plot belongs to."""
    _picture: still.Picture | None = None
    _outer = 0
    """Cells of the panel with its frame."""

    def charts(self) -> list[tuple[str, int]]:
        """Return the metrics with the columns of the plot."""
        columns = chart.plot_width(max(1, self.size.width - 2))
        return [(metric, columns) for metric in self.metrics]

    def content(self, width: int, height: int) -> Content:
        """Return the chart at this size."""
        scene, self._outer = self.scene, width + 2
        self._plot = NOTHING
        if not self.metrics:
            return Content([], centered("no metric", width, height))
        own, others = self._own(), self._others()
        series = [*own, *others.values()]
        right = self._values(own, others, width)
        if not any(columns.x for columns in series):
            waiting = (
                scene.waiting_for() if scene.latest(self.metrics[0]) is None else "waiting for its history"
            )
            return Content(self._title(), centered(waiting, width, height), right)
        run = scene.run.id if scene.run is not None else ""
        shown = [columns.x[:2] for columns in series]  # other buckets are another picture
        range_of = (run, self.metrics, scene.compare, scene.window, scene.right, scene.log_x, height, *shown)
        if range_of != self._range_of:
            self._range_of, self._picture = range_of, None
        options = Options(
            glyphs=scene.glyphs,
            smoothing=self._smoothing(),
            log=scene.log_y,
            log_x=scene.log_x,
            first=self._begin(),
            last=scene.last_step(),
            cursor=scene.cursor,
            least=_STEADY if self.metrics[0].startswith("perf/") else 0.0,
            unit=numbers.unit(self.metrics[0]),
            axis=scene.places(),
            others=[scene.places()] * (len(own) - 1) + [scene.places(run) for run in others],
            shades=self._shades(),
        )
        marks = scene.run.marks if scene.run and scene.marks else ()
        asked = still.Asked(series, width, height, marks, options)
        self._picture = still.picture(asked, self._picture)
        self._plot = self._picture.plot
        return Content(self._title(), self._plot.rows, right, self._legend())

    def _own(self) -> list[Columns]:
        """Return the series of this run; next to other runs only the main one."""
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

    def _shades(self) -> list[Shade]:
        """Return where incidents of these metrics were open, the most severe last, and what is picked."""
        scene, run = self.scene, self.scene.run
        out = []
        for row in run.incidents if run is not None and scene.marks else ():
            role = _SHADES.get(row.severity)
            # What is about no metric, such as a crash, is about all of them.
            about = row.metric in self.metrics or (row.metric is None and row.severity == "critical")
            if role is None or row.step is None or row.state == "pending" or not about:
                continue
            end = float(row.step) if row.state == "resolved" else float("inf")
            out.append(Shade(row.step, end if row.resolved_step is None else row.resolved_step, role))
        out.sort(key=lambda shade: shade.role, reverse=True)
        if scene.picked is not None:
            out.append(Shade(*scene.picked, "picked"))
        return out

    def _title(self) -> Row:
        """Return the name, then what is unusual, the most informative first: the last is left out first."""
        scene, dot = self.scene, self.scene.glyphs.dot
        title: Row = [(metrics.label(self.metrics[0]), "title")]
        for cut, sign, where in (
            (self._plot.above, scene.glyphs.higher, "above"),
            (self._plot.below, scene.glyphs.lower, "below"),
        ):
            if cut.count:
                title.append((f" {dot} {sign} {self._cut(cut, where)}", "dim"))
        if not (self.has_focus or self._outer >= _WIDE):
            return title
        if scene.right is not None and scene.window is not None:
            first, last = _steps(max(0, scene.right - scene.window)), _steps(scene.right)
            title.append((f" {dot} {first} to {last}", "warn"))
        elif scene.window is not None:
            title.append((f" {dot} last {_steps(scene.window)}", "dim"))
        if scene.axis != xaxis.STEP:
            shown = scene.axis if scene.places().steps else f"step, {scene.axis} is not known"
            title.append((f" {dot} x {shown}", "dim"))
        if scene.log_x:
            title.append((f" {dot} log x", "dim"))
        if scene.log_y:
            title.append((f" {dot} log y", "dim"))
        if smoothing := self._smoothing():
            title.append((f" {dot} smoothing {smoothing:g}", "dim"))
        return title

    def _cut(self, cut: Cut, where: str) -> str:
        """Return what is cut off: `2 values above, to 1.2M`; in a narrow chart `to 1.2M`."""
        end = f"to {numbers.value(self.metrics[0], cut.extreme)}"
        if self._outer < _WIDE:
            return end
        count = counted(cut.count, "value") if cut.single else "values"
        return f"{count} {where}, {end}"

    def _legend(self) -> Row:
        """Return what the signs on the plot mean; that of NaN stays longest."""
        bests, alone = self._best(), list[tuple[str, str]]()
        if self._plot.bad:
            words = ("! NaN or Inf", "! NaN", "! NaN")
            said = zip(bests, words, strict=True)
            bests = tuple([*best, ("  " * bool(best) + word, "bad")] for best, word in said)
            alone = [("! NaN", "bad")]
        most, least, value = bests
        marked = bool(self._plot.marks or self._plot.many) and self.is_attached and self._explains()
        ways = [(most, MARKS), (most, _BRIEF), (least, _BRIEF)]
        ways += [(each, _BRIEFEST) for each in (least, value, alone)]
        rows = [
            [*best, *self._signs(names, bool(best))] if marked else best
            for best, names in ways
            if best or marked
        ]
        room = self._outer - _EDGES
        return next((row for row in rows if cells.row_width(row) <= room), rows[-1] if rows else [])

    def _best(self) -> tuple[Row, ...]:
        """Return the best value with its step, without it, and its value alone; nothing without a mark."""
        best = self._plot.best
        if best is None:
            return [], [], []
        name = summary.best_is(best.metric)
        name += "" if best.metric == self.metrics[0] else f" {metrics.label(best.metric)}"
        value = self._newest_best(best.metric, best.value)
        sign, text = self.scene.glyphs.best, numbers.value(best.metric, value)
        said = f"{sign} {name} {text}"
        at = f" @{numbers.step(round(best.step))}" if best.single and value == best.value else ""
        return tuple([(each, "best")] for each in (said + at, said, f"{sign} {text}"))

    def _newest_best(self, metric: str, drawn: float) -> float:
        """Return the best value of all the run where all of it is shown: the newest may not be drawn yet."""
        newest = None if self.scene.is_part else self.scene.latest(metric)
        known = summary.best_of(newest) if newest is not None else None
        if known is None:
            return drawn
        return min(drawn, known.value) if metrics.goal(metric) == "min" else max(drawn, known.value)

    def _signs(self, names: Mapping[str, str], follow: bool) -> Row:
        """Return the marks with their names; where they `follow` something, with a gap before them."""
        glyphs = self.scene.glyphs
        signs = [(f"{glyphs.marks[kind]} {names.get(kind, kind)}", role) for kind, role in self._plot.marks]
        signs += [(self._many(kind, count, names), "dim") for kind, count in self._plot.many.items()]
        return [("  " * bool(follow or i) + text, role) for i, (text, role) in enumerate(signs)]

    def _explains(self) -> bool:
        """Return whether this chart explains the marks of all: it has the focus, else it is the first."""
        focused = self.screen.focused
        if isinstance(focused, ChartPanel) and focused.metrics and focused.display:
            return focused is self
        shown = (part for part in self.screen.walk_children(ChartPanel) if part.metrics and part.display)
        return next(shown, self) is self

    def _many(self, kind: str, count: int, names: Mapping[str, str]) -> str:
        """Return how many marks there are where too many to show: `72 evaluations`."""
        scene, name = self.scene, names.get(kind, kind)
        if kind == "eval":  # the picture has only the newest
            counts = [
                item.count
                for item in (scene.run.latest if scene.run else ())
                if item.metric.startswith("val/")
            ]
            known = max(counts, default=0)
            if known > count and scene.is_part:
                return f"many {name}s"
            count = max(count, known)
        return f"{count:,} {name}s"

    def _begin(self) -> float | None:
        """Return the step at the left edge: of all charts the same, where the first of them has data."""
        asked = self.scene.first_step()
        begun = [each.x[0] for each in self.scene.columns.values() if each.x and math.isfinite(each.x[0])]
        known = min(begun, default=None)
        return known if asked is None else asked if known is None else max(asked, known)

    def _values(self, own: list[Columns], others: dict[str, Columns], width: int) -> Row:
        """Return the newest values, or those under the cursor."""
        scene = self.scene
        out: Row = []
        if scene.cursor is not None:
            out.append((f"@{scene.places().value(scene.cursor)}", "cursor"))
        roles = iter(_SERIES_ROLES)
        points = iter(scene.glyphs.points)
        ids = [scene.run.id if scene.run is not None else "", *others]
        room = width - cells.width(metrics.label(self.metrics[0])) - len(ids) * _A_VALUE
        names = iter(self._names(ids, max(_LEAST_NAME, min(_NAME, room // len(ids)))))
        for metric in self.metrics[:1] if scene.compare else self.metrics:
            text, bad = self._value(metric, own)
            main = metric == self.metrics[0]
            name = "" if main else f"{next(points, '')} {metrics.label(metric)} "
            if scene.compare and scene.run is not None:
                name = f"{next(names)} "
            role = next(roles, "dim")
            out += [("  ", "")] if out else []
            out.append((f"{name}{text}", "bad" if bad else role))
            out += [(self._range(own, metric), "dim")] if main and width > 60 else []
        for columns in others.values():
            text, bad = self._of_other(columns)
            role = next(roles, "dim")
            out += [("  ", ""), (f"{next(points, '')} {next(names)} {text}", "bad" if bad else role)]
        if self.metrics[0] == metrics.TOKENS_PER_SEC and (mfu := scene.latest(metrics.MFU)) and width > 30:
            out += [("  ", ""), (f"MFU {numbers.latest(metrics.MFU, mfu.value, mfu.text)}", "dim")]
        return out

    def _names(self, runs: list[str], room: int) -> list[str]:
        """Return names of runs that differ."""
        return cells.apart([self.scene.name_of(run) for run in runs], room, self.scene.glyphs.ellipsis)

    def _range(self, own: list[Columns], metric: str) -> str:
        """Return the smallest and the largest value under the cursor, where its column holds several."""
        columns = next((columns for columns in own if columns.metric == metric), None)
        at = (
            None
            if columns is None or self.scene.cursor is None
            else chart.nearest(columns, self.scene.cursor)
        )
        if columns is None or at is None or at >= min(len(columns.low), len(columns.high)):
            return ""
        low, high = columns.low[at], columns.high[at]
        if low is None or high is None or low == high:
            return ""
        return f" ({numbers.value(metric, low)} to {numbers.value(metric, high)})"

    def _of_other(self, columns: Columns) -> tuple[str, bool]:
        """Return the value of a run that is laid over, and whether it is not finite."""
        value, bad = self._point(columns)
        bad = bad and value is None and self.scene.cursor is None
        return (_NOT_FINITE, True) if bad else (numbers.value(self.metrics[0], value), False)

    def _point(self, columns: Columns) -> tuple[float | None, bool]:
        """Return the value under the cursor, without one the newest, and whether any there is not finite."""
        cursor = self.scene.cursor
        at = chart.nearest(columns, cursor) if cursor is not None else len(columns.last) - 1
        if at is None or at < 0:
            return None, False
        value = columns.last[at] if cursor is None else columns.mean[at]
        return value, any(columns.nonfinite[at : at + 1])

    def _value(self, metric: str, series: list[Columns]) -> tuple[str, bool]:
        scene = self.scene
        if scene.cursor is not None:
            columns = next((columns for columns in series if columns.metric == metric), None)
            if columns is None or not columns.x:
                return numbers.MISSING, False
            value, bad = self._point(columns)
            return (_NOT_FINITE, True) if bad or value is None else (numbers.value(metric, value), False)
        latest = scene.latest(metric)
        if latest is None:
            return numbers.MISSING, False
        return numbers.latest(metric, latest.value, latest.text), latest.value is None and bool(latest.text)
