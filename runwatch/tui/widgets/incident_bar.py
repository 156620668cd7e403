"""The bar below the tabs of every view: what is wrong, in full, since when, why, and what to do."""

from __future__ import annotations

from functools import partial

from runwatch.render import incident
from runwatch.render.cells import Row
from runwatch.tui import actions
from runwatch.tui.api import api
from runwatch.tui.widgets.rows import Rows

_FIXED = 4
"""Rows of head and footer."""
_BODY = 5
"""Rows that a body needs at least; cause and advice give way to them, the headline does not."""
_RUNS = 8
"""Rows that the list of runs needs at least: it says itself of each run that something is wrong."""
_ENOUGH = 6
"""Rows that nearly all incidents fit in."""


class IncidentBar(Rows):
    """As high as its sentences need; not there while nothing needs attention."""

    def __init__(self) -> None:
        super().__init__(id="incident-bar")

    def fit(self, width: int, height: int) -> int:
        """Take the height that is needed on a screen of this size, and return it."""
        body = _RUNS if self._view == actions.RUNS else _BODY
        rows = self._rows(width, max(1, min(max(_ENOUGH, height // 4), height - _FIXED - body)))
        needed = max(0, min(len(rows), height - _FIXED - 1))
        self.styles.height = needed
        self.display = needed > 0
        return needed

    @property
    def _view(self) -> str:
        """The view that it is in."""
        return getattr(self.screen, "view", "")

    def draw(self, width: int, height: int) -> list[Row]:
        """Return the most urgent incident, and how many others there are."""
        rows = self._rows(width, height)
        follow = partial(api(self.app).action_do, "next_alert")
        self.targets = [(y, 0, width, follow) for y in range(len(rows))]
        return rows

    def _rows(self, width: int, most: int) -> list[Row]:
        scene, run = self.scene, self.scene.run
        firing = scene.firing()
        if run is None or not (firing or run.phase == "blind"):
            return []
        if self._view == actions.ALERTS and not (run.phase == "blind" and run.reason):
            return []  # this view says it all
        if run.phase == "blind" and run.reason:
            firing = [row for row in firing if row.rule != "blind"]  # it says the same
            return incident.because(run.phase, run.reason, width, scene.glyphs) + (
                incident.rows(firing[0], width, 1, scene.glyphs, scene.now()) if firing else []
            )
        more, hint = self._keys(len(firing))
        if quiet := scene.silence_left(firing[0].id):  # it is said even if that takes a row
            more = [(f"{quiet}  " if more else quiet, "dim"), *more]
        return incident.rows(firing[0], width, most, scene.glyphs, scene.now(), more, hint)

    def _keys(self, count: int) -> tuple[Row, Row]:
        """Return how many more there are with the keys that show them, and what key shows this one."""
        following, every = self.scene.key("next_alert"), self.scene.key(actions.ALERTS)
        if count == 1:
            return [], [(following, "key"), (" evidence", "dim")]
        more = f"{count - 1} more: "
        return [(more, "dim"), (following, "key"), (" next, ", "dim"), (every, "key"), (" all", "dim")], []
