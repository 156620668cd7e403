"""What can be said about the runs that are laid over the charts: how far apart they are, and what differs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from runwatch.core import metrics
from runwatch.core.snapshot import Columns, Compared
from runwatch.render import cells
from runwatch.render.cells import Row
from runwatch.render.panel import Content
from runwatch.tui.widgets.rows import Panel

if TYPE_CHECKING:
    from runwatch.core.noise import Line
    from runwatch.reports.comparison.known import Known

_MOST = 3
"""Rows of one text."""
_CHANGES = "compare"
"""The action that lays runs over, or takes them away."""
_SETTINGS = 4
"""Differences that are named; the rest is counted."""


class ComparisonCard(Panel):
    """There while other runs are laid over the charts; where there is little room, only the verdicts."""

    can_focus = False

    def needed(self, width: int) -> int:
        """Return how many rows show all of it at this outer width, with the frame; 0 without other runs."""
        rows = self._rows(width - 2)
        return 2 + len(rows) if rows else 0

    def fit(self, width: int, room: int) -> int:
        """Take the height of all that is known, or of the verdicts where room is short; return it."""
        verdicts = len(self._rows(width, verdicts=True))
        height = next((needed for needed in (self.needed(width), verdicts) if needed <= room), 0)
        self.styles.height = height
        return height

    def draw(self, width: int, height: int) -> list[Row]:
        """Return all that is known in a frame, or the verdicts alone."""
        if height >= self.needed(width):
            return super().draw(width, height)
        self.targets = [(y, 0, width, partial(self.press, _CHANGES)) for y in range(height)]
        rows = self._rows(width, verdicts=True)[:height]
        return rows + [[] for _ in range(height - len(rows))]

    def content(self, width: int, height: int) -> Content:
        """Return a verdict on each run and what differs from the one that is shown."""
        shown = self.scene.run
        name = "" if shown is None else f" with {shown.name}"
        rows = self._rows(width)[:height]
        self.targets = [(y, 0, width + 2, partial(self.press, _CHANGES)) for y in range(height + 2)]
        right: Row = [
            (self.scene.key(_CHANGES), "key"),
            (" changes or ends it", "dim"),
            ("   runwatch compare says more", "dim"),
        ]
        return Content([("compared", "title"), (name, "dim")], rows, right)

    def _rows(self, width: int, *, verdicts: bool = False) -> list[Row]:
        scene = self.scene
        if scene.run is None or scene.snapshot is None or not scene.compare:
            return []
        rows: list[Row] = []
        for other in scene.snapshot.compared:
            if other.id == scene.run.id:
                continue
            for text, role in islice(self._said(other), 1 if verdicts else None):
                pieces = cells.wrapped(text, width, _MOST, scene.glyphs.ellipsis)
                rows += [[(piece, role)] for piece in pieces]
        return rows

    def _said(self, other: Compared) -> Iterator[tuple[str, str]]:
        """Yield the verdict on a run, and what differs, each with its role."""
        from runwatch.reports.comparison.known import apart
        from runwatch.reports.comparison.phrases import cause, place, said

        scene, run = self.scene, self.scene.run
        assert run is not None
        name = scene.name_of(other.id)
        both = ((run.name, scene.columns), (name, scene.others[other.id]))
        if broken := [who for who, columns in both if _is_broken(columns.get(other.metric))]:
            label = metrics.label(other.metric)
            yield f"{' and '.join(broken)}: the newest {label} is not finite", "crit"
        differs = other.gap is not None and other.gap.real
        if other.gap is None:
            yield f"{name}: too few steps in common to compare", "dim"
        else:
            text, at = said(other.metric, other.gap, name), place("step", other.gap)
            yield (f"{text} {at}", "value") if differs else (f"{name}: {text} {at}", "dim")
        known = apart(
            _known(run.name, run.about, scene.columns), _known(name, other.about, scene.others[other.id])
        )
        changed = [f"{row.name} {row.reference or '-'} > {row.other or '-'}" for row in known.rows]
        more = f" and {len(changed) - _SETTINGS} more" if len(changed) > _SETTINGS else ""
        if changed:
            yield f"{'; '.join(changed[:_SETTINGS])}{more}", ""
        yield f"{cause(known, differs=differs)}", "warn" if len(known.variables) > 1 else "dim"


def _is_broken(columns: Columns | None) -> bool:
    """Return whether a chart ends with values that are not finite."""
    return columns is not None and columns.last[-1:] == (None,) and any(columns.nonfinite[-1:])


def _known(name: str, about: Mapping[str, str], columns: Mapping[str, Columns]) -> Known:
    """Return what is known of a run besides the height of its curves."""
    from runwatch.reports.comparison.known import Known
    from runwatch.reports.facts import sort_facts

    rates = columns.get(metrics.LEARNING_RATE)
    rate = _line(rates) if rates is not None else None
    highest = max((high for high in rates.high if high is not None), default=None) if rates else None
    return Known(name, sort_facts(about), rate if rate is not None and len(rate) > 1 else None, highest)


def _line(columns: Columns) -> Line:
    """Return a chart's means over steps."""
    from runwatch.core.noise import Line

    return Line.of([
        (x, mean)
        for x, mean in zip(columns.x, columns.mean, strict=False)
        if mean is not None and math.isfinite(x)
    ])  # fmt: skip
