"""Which actions do something now: on the screen that is up, and in the view below it."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from textual.driver import Driver
from textual.screen import Screen

from runwatch.tui.navigation import NavigationApp
from runwatch.tui.scene import Scene
from runwatch.tui.screens.base import RunScreen
from runwatch.tui.screens.help import Help


class ActingApp(NavigationApp, inherit_bindings=False):
    """An app whose keys do something only where their action does."""

    def __init__(
        self,
        scene: Scene,
        driver: type[Driver] | None,
        ansi_color: bool | None,
        reopen: Callable[[], socket.socket] | None,
    ) -> None:
        """`reopen` starts another engine when one is lost; None: there is no way to."""
        super().__init__(scene, driver, ansi_color)
        self._reopen = reopen

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Let a key through only where it does something."""
        if action == "do" and parameters:
            return self.available(str(parameters[0]))
        return super().check_action(action, parameters)

    def available(self, action: str) -> bool:
        """Return whether an action does something on the screen that is up."""
        return self._does(self.screen, action)

    def footer(self, name: str) -> dict[str, str]:
        """Return the actions that do something in a view, also when something is over it, and their words."""
        view = self.view
        if view is None:
            return {}
        known = (action for action in self.scene.registry.of_view(name) if action.label)
        words = {each.id: view.label(each.id, each.label) for each in known if self._does(view, each.id)}
        return {action: word for action, word in words.items() if word}

    def _does(self, screen: Screen[Any], action: str) -> bool:
        if not screen.is_mounted:
            return False
        views = self.scene.registry.by_id[action].views
        if not isinstance(screen, (RunScreen, Help)) or screen.view not in views:
            return False
        return screen.can(action) and self._can(action)

    def _can(self, action: str) -> bool:
        scene = self.scene
        if action in {"next_run", "previous_run"}:
            return len(scene.runs) > 1
        if action.startswith("replay_"):
            return scene.replay is not None
        if action in {"next_stage", "previous_stage"}:
            return scene.run is not None and len(scene.run.stages) > 1
        if action == "next_alert":
            return bool(scene.firing()) or any(row.critical for row in scene.runs)
        if action == "retry":
            return scene.link == "lost" and self._reopen is not None
        return action != "suspend" or (self._driver is not None and self._driver.can_suspend)
