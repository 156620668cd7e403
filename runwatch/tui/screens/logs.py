"""View 4: the log, with search."""

from __future__ import annotations

import re

from textual import on
from textual.app import ComposeResult
from textual.widgets import Input

from runwatch.tui import actions
from runwatch.tui.screens.lists import ListScreen
from runwatch.tui.widgets.logs import LogView

_AHEAD = 4
"""Screens of lines asked for, so that scrolling meets lines that are already here."""


class Logs(ListScreen):
    """Scrolls, follows, searches in the lines at hand."""

    view = actions.LOGS

    def body(self) -> ComposeResult:
        """Lay out the lines and the search field, which is hidden until asked for."""
        yield LogView()
        yield Input(placeholder="search", id="search", select_on_focus=True)

    @property
    def lines(self) -> LogView:
        """The log."""
        return self.query_one(LogView)

    @property
    def field(self) -> Input:
        """The search field."""
        return self.query_one("#search", Input)

    def place(self) -> None:
        """Remember new lines before they are drawn."""
        self.lines.learn()

    def log_wanted(self) -> tuple[int, int | None]:
        """Return some screens of lines around what is shown."""
        return self.lines.room * _AHEAD, self.lines.before()

    def page(self) -> int:
        """Return how many rows make a page."""
        return self.lines.room

    def move(self, by: int) -> None:
        """Scroll."""
        self.lines.scroll_lines(by)
        self.runwatch.subscribe()

    def can(self, action: str) -> bool:
        """Return whether an action would do something now."""
        if action in {"hit", "hit_back"}:
            return self.lines.pattern is not None
        if action == "follow":
            return not self.lines.following
        if action == "source":
            return self.scene.run is not None and len(self.scene.run.sources) > 1
        return super().can(action)

    def length(self) -> int:
        """Return how many lines there are, as far as is known here."""
        return self.lines.bottom

    def do_top(self) -> None:
        """To the first line."""
        self.lines.first()
        self.runwatch.subscribe()

    def do_bottom(self) -> None:
        """To the newest line."""
        self.do_follow()

    def do_follow(self) -> None:
        """Follow the newest lines."""
        self.lines.follow()
        self.show()

    def do_search(self) -> None:
        """Ask what to search for."""
        self.field.add_class("-open")
        self.field.focus()

    @on(Input.Submitted)
    def search(self, event: Input.Submitted) -> None:
        """Go to the first hit; text that is no regular expression is searched as it is."""
        try:
            pattern = re.compile(event.value, re.IGNORECASE) if event.value else None
        except re.error:
            pattern = re.compile(re.escape(event.value), re.IGNORECASE)
        self._close()
        self.lines.pattern, self.lines.at = pattern, None
        if pattern is not None:
            self.lines.find(pattern, forward=False)
        self.show()

    def _close(self) -> None:
        self.field.remove_class("-open")
        self.lines.focus()

    def do_back(self) -> None:
        """Close the search field, else end the search, else leave."""
        if self.field.has_class("-open"):
            self._close()
        elif self.lines.pattern is not None:
            self.lines.pattern, self.lines.note = None, ""
            self.show()
        else:
            self.runwatch.do_back()

    def do_wrap(self) -> None:
        """Wrap long lines, or cut them off."""
        self.lines.wrap = not self.lines.wrap
        self.show()

    def do_source(self) -> None:
        """Show the log of the next source."""
        run = self.scene.run
        if run is None:
            return
        at = run.sources.index(run.log_source) if run.log_source in run.sources else -1
        self.scene.log_source = run.sources[(at + 1) % len(run.sources)]
        self.lines.follow()
        self.runwatch.subscribe()

    def do_hit(self) -> None:
        """Next hit."""
        self._find(self.lines.pattern, True)

    def do_hit_back(self) -> None:
        """Previous hit."""
        self._find(self.lines.pattern, False)

    def do_error(self) -> None:
        """Next error or warning."""
        self._find(None, True)

    def do_error_back(self) -> None:
        """Previous error or warning."""
        self._find(None, False)

    def go_to_line(self, number: int) -> None:
        """Show one line, and ask for those around it."""
        self.lines.go_to(number)
        self.runwatch.subscribe()

    def _find(self, pattern: re.Pattern[str] | None, forward: bool) -> None:
        self.lines.find(pattern, forward)
        self.runwatch.subscribe()
        self.show()
