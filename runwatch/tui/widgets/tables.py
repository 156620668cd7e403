"""Small tables: metrics with sparklines, the summary at the side, the newest checkpoints."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from runwatch.core import metrics
from runwatch.core.snapshot import Latest, RunRow, RunView
from runwatch.render import cells, checkpoints, numbers, states, summary
from runwatch.render.cells import Row
from runwatch.render.panel import Content
from runwatch.render.sparkline import of_columns, sparkline
from runwatch.tui import actions, choose
from runwatch.tui.widgets.rows import Panel, Rows

_NAME, _VALUE = 9, 8
_COLUMN = 30
"""Cells of a column of the summary at least."""


class Stats(Rows):
    """Metric, last value and trend, one row each, then the summary: the charts of a narrow screen."""

    def _names(self) -> list[str]:
        return [name for name in choose.charted(self.scene.run) if name != metrics.LOSS]

    def _trend(self, width: int) -> int:
        return max(0, width - _NAME - _VALUE - 3)

    def charts(self) -> list[tuple[str, int]]:
        """Return what the sparklines need."""
        trend = self._trend(self.size.width)
        room = max(0, self.size.height - 1)
        return [(name, trend) for name in self._names()[:room]] if trend else []

    def draw(self, width: int, height: int) -> list[Row]:
        """Return a heading, a row per metric, spaced out when there is room, and lines of the summary."""
        scene, trend = self.scene, self._trend(width)
        names = self._names()
        lines = card(scene.run)
        rows: list[Row] = [[(f" {'metric':<{_NAME}} {'last':>{_VALUE}} trend", "dim")]] if names else []
        spaced = 2 * len(names) + 1 + len(lines) <= height
        shown = names[: max(0, height - 1)]
        labels = cells.apart([metrics.label(name) for name in shown], _NAME, scene.glyphs.ellipsis)
        for name, said in zip(shown, labels, strict=True):
            item = scene.latest(name)
            if item is None:
                continue
            _, text, role = summary.last(item)
            columns = scene.columns.get(name)
            line = sparkline(of_columns(columns), trend, scene.glyphs) if columns and trend else ""
            label = cells.pad(said, _NAME, scene.glyphs.ellipsis)
            value = cells.pad(text, _VALUE, scene.glyphs.ellipsis, right=True)
            rows.append([(f" {label} ", ""), (value, role), (f" {line}", "smooth")])
            if spaced:
                rows.append([])
        room = height - len(rows)
        if lines and room > 1:
            rows += [[(" summary", "dim")]] if names else []
            rows += [[(" ", ""), *row] for row in pairs(lines[: room - 1], width - 2, scene.glyphs.ellipsis)]
        return rows


def card(run: RunView | None) -> list[summary.Line]:
    """Return what the summary of a run says."""
    return summary.lines(run, choose.single(run)) if run is not None else []


def label_width(lines: Sequence[summary.Line], width: int) -> int:
    """Return the cells that labels get: what they need, as far as values leave it that need half at most."""
    label, value = (
        max((cells.width(cells.settled(line[part])) for line in lines), default=0) for part in (0, 1)
    )
    return min(label, max(_NAME, width - 1 - min(value, width // 2)))


def pairs(lines: Sequence[summary.Line], width: int, more: str, label: int = 0) -> list[Row]:
    """Return labels and values, each in a column of its own; `label` cells for labels, if that is given."""
    label = label or label_width(lines, width)
    names = cells.apart([line.label for line in lines], label, more)
    return [
        [
            (f"{cells.pad(name, label, more)} ", "dim"),
            (cells.clip(line.value, width - label - 1, more), line.role),
        ]
        for name, line in zip(names, lines, strict=True)
    ]


class SummaryCard(Panel):
    """What a run comes to, and what has no chart, in as many columns as there is room for."""

    can_focus = False

    def content(self, width: int, height: int) -> Content:
        """Return the lines, from the top of the first column on."""
        more = self.scene.glyphs.ellipsis
        lines = card(self.scene.run)
        across = max(1, min(width // _COLUMN, -(-len(lines) // max(1, height))))
        each = width // across
        columns = [pairs(lines[i * height :][:height], each - 1, more) for i in range(across)]
        rows: list[Row] = [[] for _ in range(min(height, len(lines)))]
        for column in columns:
            for row, more_of_it in zip(rows, column, strict=False):
                row += [*cells.fit(more_of_it, each)]
        hidden = len(lines) - across * height
        return Content(
            [("summary", "title")], rows, [(f"2 shows {hidden} more", "dim")] if hidden > 0 else []
        )


class Values(Panel):
    """Metrics that are not worth a chart, a row each."""

    can_focus = False

    def __init__(self, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self.metrics: list[str] = []

    def content(self, width: int, height: int) -> Content:
        """Return a heading and a row for each metric, in as many columns as fit."""
        scene, more = self.scene, self.scene.glyphs.ellipsis
        known = [item for name in self.metrics if (item := scene.latest(name)) is not None]
        numbered = (("last", _last), ("step", _step), ("values", _count), ("min", _low), ("max", _high))
        columns = [[title, *map(write, known)] for title, write in numbered]
        widths = [max(map(len, column)) + 2 for column in columns]
        names = [metrics.label(item.metric) for item in known]
        name = max(8, min(width - sum(widths), max(map(cells.width, ["metric", *names]))))
        while sum(widths) + name > width and len(columns) > 1:
            columns.pop()
            widths.pop()
        first = ["metric", *cells.apart(names, name, more)]
        rows = [
            [
                (cells.pad(first[i], name, more), "dim" if not i else ""),
                *(
                    (f"{column[i]:>{size}}", "dim" if not i else "value" if not at else "")
                    for at, (column, size) in enumerate(zip(columns, widths, strict=True))
                ),
            ]
            for i in range(len(first))
        ]
        hidden = len(rows) - height
        told: Row = [(f"{hidden} more", "dim")] if hidden > 0 else []
        return Content([("values", "title"), (f" {len(known)} without a chart", "dim")], rows, told)


def _last(item: Latest) -> str:
    return summary.last(item).value


def _step(item: Latest) -> str:
    return numbers.step(item.step)


def _count(item: Latest) -> str:
    return f"{item.count:,}"


def _low(item: Latest) -> str:
    return numbers.value(item.metric, item.minimum)


def _high(item: Latest) -> str:
    return numbers.value(item.metric, item.maximum)


class Summary(Panel):
    """Runs, newest values, the summary and facts: the side of a wide screen."""

    can_focus = False
    opens = actions.RUNS

    def content(self, width: int, height: int) -> Content:
        """Return the runs, then the metrics, then what was found out about the run."""
        scene, run, more = self.scene, self.scene.run, self.scene.glyphs.ellipsis
        runs = scene.snapshot.runs if scene.snapshot else ()
        rows: list[Row] = [run_line(row, width, self._here(row)) for row in runs[: max(1, height // 4)]]
        if run is not None:
            facts = dict(run.facts)
            if run.format:
                facts.setdefault("format", run.format)
            if run.records:
                facts.setdefault("records", f"{run.records:,}")
            newest = [summary.last(item) for name in choose.charted(run) if (item := scene.latest(name))]
            sections = {
                "newest": newest,
                "summary": card(run),
                "run": [summary.Line(name, text, "") for name, text in facts.items()],
            }
            label = label_width([*chain.from_iterable(sections.values())], width)
            for title, lines in sections.items():
                rows += [[], [(title, "dim")], *pairs(lines, width, more, label)] if lines else []
        return Content([("runs", "title"), (f" {len(runs)}", "dim")], rows)

    def _here(self, row: RunRow) -> bool:
        return self.scene.run is not None and row.id == self.scene.run.id


def run_line(row: RunRow, width: int, here: bool) -> Row:
    """Return one run in a narrow column: sign, name, percent."""
    done = "" if row.progress.fraction is None else numbers.percent(row.progress.fraction, 0)
    counts = states.run_counts(row, 8)
    sign, _, role = states.phase_tag(row.phase, critical=row.critical, warning=row.warning)
    right: Row = [(f" {done}", "value"), (" ", ""), *counts] if counts else [(f" {done}", "value")]
    room = width - cells.row_width(right) - 2
    return cells.spread(
        [(f"{sign} ", role), (cells.clip(row.name, room), "title" if here else "")], right, width
    )


class Checkpoints(Panel):
    """The newest checkpoints in few words."""

    can_focus = False
    opens = actions.CHECKPOINTS

    def content(self, width: int, height: int) -> Content:
        """Return them with the newest first."""
        run, glyphs = self.scene.run, self.scene.glyphs
        rows = run.checkpoints[:height] if run else ()
        usual = run.saving.usual_bytes if run else None
        lines = [checkpoints.brief(row, glyphs, usual) for row in rows]
        return Content([("checkpoints", "title")], lines, [("6", "key"), (" all", "dim")])
