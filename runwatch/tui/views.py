"""The views of the app: each imported and made when it is first asked for, and kept."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from runwatch.tui import actions
from runwatch.tui.screens.base import RunScreen

if TYPE_CHECKING:
    from textual.app import App

_CLASSES = {
    actions.RUNS: ("runs", "Runs"),
    actions.OVERVIEW: ("overview", "Overview"),
    actions.METRICS: ("metrics", "Metrics"),
    actions.RANKS: ("ranks", "Ranks"),
    actions.LOGS: ("logs", "Logs"),
    actions.ALERTS: ("alerts", "Alerts"),
    actions.CHECKPOINTS: ("lists", "Checkpoints"),
    actions.CONFIGURATION: ("lists", "Configuration"),
}


def class_of(name: str) -> type[RunScreen]:
    """Return the class of a view."""
    module, found = _CLASSES[name]
    kind: type[RunScreen] = getattr(importlib.import_module(f"runwatch.tui.screens.{module}"), found)
    return kind


class Views:
    """Which view is up, and those that were."""

    def __init__(self, app: App[int]) -> None:
        self._app = app
        self._made: dict[str, RunScreen] = {}

    @property
    def current(self) -> RunScreen | None:
        """The view on the screen, also when something is over it."""
        app = self._app
        stack = app.screen_stack if app._screen_stacks.get(app._current_mode) else []
        return next((screen for screen in reversed(stack) if isinstance(screen, RunScreen)), None)

    def open(self, name: str) -> RunScreen:
        """Bring up a view."""
        if name not in self._made:
            self._made[name] = class_of(name)()
            # An installed screen survives being switched away from.
            self._app.install_screen(self._made[name], name)
        screen = self._made[name]
        if self.current is None:
            self._app.push_screen(screen)
        elif self.current is not screen:
            self._app.switch_screen(screen)
        return screen
