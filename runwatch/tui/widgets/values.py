"""Metrics in rows with newest value and extremes: those without a chart, and all that is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from runwatch.core import metrics
from runwatch.core.snapshot import Latest
from runwatch.render import cells, numbers, summary
from runwatch.render.cells import Row
from runwatch.render.panel import Content
from runwatch.tui.scene import Scene
from runwatch.tui.widgets.rows import Panel

_SHARED = frozenset({"step", "values"})
"""Columns that say nothing where all metrics have the same there."""
_WHOLE = 20
"""Cells of a name for which columns are usually left out, where it is that long."""


class Values(Panel):
    """Metrics that are not worth a chart, a row each; side by side as far as that takes fewer rows."""

    can_focus = False
    _BETWEEN = 6
    """Cells between two of them in a row."""
    metrics: Sequence[str] = ()

    def needed(self, width: int) -> int:
        """Return how many rows show all of it at this outer width, with the frame."""
        return 3 + self._down(value_table(self.scene, self.metrics, width - 2), width - 2)

    def _down(self, table: list[Row], width: int) -> int:
        """Return how many metrics are below each other."""
        across = max(1, (width + self._BETWEEN) // (cells.row_width(table[0]) + self._BETWEEN))
        return -(-(len(table) - 1) // across)

    def content(self, width: int, height: int) -> Content:
        """Return headings and a row for each metric."""
        table = value_table(self.scene, self.metrics, width)
        heading, *found = table
        down = self._down(table, width)
        blocks = [[heading, *found[at : at + down]] for at in range(0, len(found), max(1, down))]
        gap = (" " * self._BETWEEN, "")
        rows = [
            [segment for block in blocks if y < len(block) for segment in (*block[y], gap)]
            for y in range(1 + down)
        ]
        hidden = len(rows) - height
        more_below: Row = [(f"{hidden} more", "dim")] if hidden > 0 else []
        title: Row = [("values", "title"), (f" {len(found)} without a chart", "dim")]
        return Content(title, rows, more_below)


def value_table(
    scene: Scene,
    names: Iterable[str],
    width: int,
    write: Callable[[Latest], str] | None = None,
    whole: int = _WHOLE,
    *,
    below: bool = False,
) -> list[Row]:
    """Return a heading and a row for each metric, with as many columns as fit.

    `write` names a metric; columns are left out for names of up to `whole` cells. What they say is in a row
    `below` each metric, if that is asked.
    """
    more, write = scene.glyphs.ellipsis, write or _label
    known = [item for name in names if (item := scene.latest(name)) is not None]
    numbered = (("last", _last), ("step", _step), ("values", _count), ("min", _low), ("max", _high))
    columns = [[title, *map(put, known)] for title, put in numbered]
    columns = [column for column in columns if column[0] not in _SHARED or len({*column[1:]}) > 1]
    widths = [max(map(len, column)) + 2 for column in columns]
    named = [write(item) for item in known]
    longest = max(map(cells.width, ["metric", *named]))
    out: list[list[str]] = []
    while sum(widths) + min(longest, whole) > width and len(columns) > 1:
        out.insert(0, columns.pop())
        widths.pop()
    name = max(8, min(width - sum(widths), longest))
    first = ["metric", *cells.apart(named, name, more)]
    rows: list[Row] = [
        [
            (cells.pad(first[i], name, more), "dim" if not i else ""),
            *(
                (f"{column[i]:>{size}}", "dim" if not i else "value" if not at else "")
                for at, (column, size) in enumerate(zip(columns, widths, strict=True))
            ),
        ]
        for i in range(len(first))
    ]
    if not below or not out:
        return rows
    for i in range(len(first) - 1, 0, -1):
        rows.insert(i + 1, [("  " + "  ".join(f"{column[0]} {column[i]}" for column in out), "dim")])
    return rows


def _label(item: Latest) -> str:
    return metrics.label(item.metric)


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
