"""The end of a run in one card: how it ended, what it reached, and what to do next."""

from __future__ import annotations

from functools import partial

from runwatch.render import cells, outcome, plain, states
from runwatch.render.cells import Row
from runwatch.render.panel import Content
from runwatch.tui import actions
from runwatch.tui.widgets.rows import Panel

_BETWEEN = 6
"""Cells of the frame around title and alerts."""
_MOST = 4
"""Rows of one text."""


class EndCard(Panel):
    """There once the run that is shown has ended."""

    can_focus = False
    opens = actions.ALERTS

    def needed(self, width: int) -> int:
        """Return how many rows show all of it at this outer width, with the frame; 0 before the end."""
        run = self.scene.run
        over = run is not None and states.ended(run.phase) and run.history is None
        return 2 + len(self._rows(width - 2)) if over else 0

    def content(self, width: int, height: int) -> Content:
        """Return how it ended, what it reached, and what to do next."""
        run = self.scene.run
        if run is None:
            return Content()
        sign, word, role = outcome.tag(run, self.scene.glyphs)
        alerts = outcome.alerts(run).partition(":")[0]
        title = f"{sign} {word}"
        ways: list[Row] = [
            [(f"alerts: {said}  ", role), (self.scene.key("back"), "key"), (more, "dim")]
            for said, more in ((alerts, " closes"), (alerts, ""), (alerts.partition(",")[0], ""))
        ]
        room = width - cells.width(title) - _BETWEEN
        right = next((row for row in ways if cells.row_width(row) <= room), ways[-1])
        begin = width - 1 - cells.row_width(right[-2:])
        self.targets = [(0, begin, width + 2, partial(self.press, "back"))]
        rows = self._rows(width)
        for y, row in enumerate(rows, 1):
            before, found, _ = "".join(text for text, _ in row).partition(outcome.GO_BACK)
            if found:
                act = partial(self.press, actions.CHECKPOINTS)
                self.targets.append((y, 1 + cells.width(before), width + 1, act))
        return Content([(title, role)], rows, right)

    def _rows(self, width: int) -> list[Row]:
        run, glyphs = self.scene.run, self.scene.glyphs
        if run is None:
            return []
        *_, role = outcome.tag(run, glyphs)
        said, todo = outcome.story(run), outcome.next_step(run)
        barred = next(iter(self.scene.firing()), None)  # what the bar above says is not said again
        out: list[Row] = []
        if barred is not None and plain.title(barred) in said:
            said = run.story if plain.title(barred) not in run.story else ""
        if said:
            out += [[(piece, role)] for piece in cells.wrapped(said, width, _MOST, glyphs.ellipsis)]
        line: Row = []
        for label, value in outcome.facts(run):
            head, *rest = cells.wrapped(value, max(1, width - len(label) - 1), _MOST, glyphs.ellipsis)
            piece: Row = [(f"{label} ", "dim"), (head, "value")]
            if line and cells.row_width(line) + 3 + cells.row_width(piece) > width:
                out.append(line)
                line = []
            line += [("   ", ""), *piece] if line else piece
            if rest:
                indent = (" " * (len(label) + 1), "")
                out += [line, *([indent, (text, "value")] for text in rest)]
                line = []
        out += [line] if line else []
        if todo and (barred is None or todo != plain.advice(barred)):
            pieces = cells.wrapped(f"next: {todo}", width, _MOST, glyphs.ellipsis)
            out += [[(piece, "")] for piece in pieces]
        return out
