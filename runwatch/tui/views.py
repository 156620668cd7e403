"""The views of the app: each made when it is first asked for, and kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runwatch.tui import actions
from runwatch.tui.screens.base import RunScreen
from runwatch.tui.screens.lists import Alerts, Checkpoints, Configuration, Ranks, Runs
from runwatch.tui.screens.logs import Logs
from runwatch.tui.screens.metrics import Metrics
from runwatch.tui.screens.overview import Overview

if TYPE_CHECKING:
    from textual.app import App

SCREENS: dict[str, type[RunScreen]] = {
    actions.RUNS: Runs,
    actions.OVERVIEW: Overview,
    actions.METRICS: Metrics,
    actions.RANKS: Ranks,
    actions.LOGS: Logs,
    actions.ALERTS: Alerts,
    actions.CHECKPOINTS: Checkpoints,
    actions.CONFIGURATION: Configuration,
}


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
            self._made[name] = SCREENS[name]()
            # An installed screen survives being switched away from.
            self._app.install_screen(self._made[name], name)
        screen = self._made[name]
        if self.current is None:
            self._app.push_screen(screen)
        elif self.current is not screen:
            self._app.switch_screen(screen)
        return screen
