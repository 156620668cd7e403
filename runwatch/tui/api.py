"""What screens, widgets and commands may ask of the app. None of them imports the app itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol, cast

from textual.app import App
from textual.screen import Screen

from runwatch.tui.hints import Hints
from runwatch.tui.link import Link
from runwatch.tui.scene import Scene

Rules = Callable[[], Iterable[tuple[str, str]]]
"""Returns the health rules, each with what it finds: asked only where somebody looks for one."""


class AppApi(Protocol):
    """The app, as everything below it knows it."""

    scene: Scene
    rules: Rules
    hints: Hints
    link: Link

    @property
    def view(self) -> Screen[None] | None:
        """The view on the screen, also when something is over it."""

    def subscribe(self) -> None:
        """Ask the engine for what is on the screen, if that changed."""

    def refresh_view(self) -> None:
        """Draw the view that is up, and ask for what it now needs."""

    def say(self, text: str) -> None:
        """Show a short answer in the header, until the next key."""

    def available(self, action: str) -> bool:
        """Return whether an action does something on the screen that is up."""

    def footer(self, name: str) -> dict[str, str]:
        """Return the actions that do something in a view, also when something is over it, and their words."""

    def action_do(self, action: str) -> None:
        """Carry out an action of the registry."""

    def do_there(self, view: str, action: str) -> None:
        """Bring up a view, and carry out an action there."""

    def do_back(self) -> None:
        """Drop the cursor, else go one level up."""

    def leave(self, code: int) -> bool:
        """Exit with that code; return False if nothing runs."""

    def fail(self, error: Exception) -> None:
        """End the screen at an internal error."""

    def open_view(self, name: str) -> None:
        """Bring up a view."""

    def choose_run(self, run: str) -> None:
        """Ask for another run."""

    def show_chart(self, metric: str, step: float) -> None:
        """Show one metric alone with the cursor at a step."""

    def show_metric(self, metric: str) -> None:
        """Show one metric alone."""

    def show_rank(self, rank: int) -> None:
        """Show one rank in detail; in the view of ranks it is selected first."""

    def show_line(self, number: int, source: str | None = None) -> None:
        """Show one line of the log."""

    def show_step(self, step: int) -> None:
        """Show the log line of a step."""

    def go_to_step(self, step: int) -> None:
        """Put the cursor of all charts at a step."""

    def search_log(self, text: str) -> None:
        """Search the log."""

    def play_from(self, time: float) -> None:
        """Play a replay from a Unix time on."""

    def use_theme(self, name: str) -> None:
        """Use the theme of that name."""

    def export(self, ending: str) -> str:
        """Save the numbers of the chart with the focus; return why that cannot be, or ""."""


def api(app: App[Any]) -> AppApi:
    """Return the app as everything below it knows it."""
    return cast(AppApi, app)
