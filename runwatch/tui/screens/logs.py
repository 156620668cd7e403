"""View 4: the log, with search."""

from __future__ import annotations

from collections.abc import Callable

from textual import on
from textual.app import ComposeResult
from textual.widgets import Input

from runwatch.tui import actions, choose
from runwatch.tui.cycle import following
from runwatch.tui.lines import step_of
from runwatch.tui.screens.lists import ListScreen
from runwatch.tui.search import Search
from runwatch.tui.widgets.logs import LogView
from runwatch.tui.widgets.rows import Panel

_AHEAD = 4
"""Screens of lines asked for, so that scrolling meets lines that are already here."""
_ALL = 4000
"""More lines than an engine keeps of a source."""


class Logs(ListScreen):
    """Scrolls, follows, filters, and searches all the lines that the engine keeps."""

    view = actions.LOGS

    def body(self) -> ComposeResult:
        """Lay out the lines and the search field, which is hidden until asked for."""
        yield LogView()
        yield Input(placeholder="search", id="search", select_on_focus=True)

    @property
    def log_view(self) -> LogView:
        """The log."""
        return self.query_one(LogView)

    @property
    def field(self) -> Input:
        """The search field."""
        return self.query_one("#search", Input)

    def place(self) -> None:
        """Remember new lines before they are drawn."""
        self.log_view.learn(self.log_view.room * _AHEAD)

    def log_wanted(self) -> tuple[int, int | None]:
        """Return some screens of lines around what is shown; at first all there are, to search in."""
        view = self.log_view
        return (_ALL if view.waiting else view.room * _AHEAD), view.before()

    def page_rows(self) -> int:
        """Return how many rows make a page."""
        return self.log_view.room

    def move(self, by: int) -> None:
        """Scroll."""
        self.log_view.scroll_lines(by)
        self.runwatch.subscribe()

    def choose(self, panel: Panel, entry: int) -> None:
        """Select the line that was clicked, or show the charts at its step."""
        if entry != self.log_view.at:
            self.log_view.choose(entry)
            self.runwatch.subscribe()
        elif self.can("at_chart"):
            self.do_at_chart()

    def can(self, action: str) -> bool:
        """Return whether an action would do something now."""
        view, run = self.log_view, self.scene.run
        searched = view.lines.pattern is not None
        conditions: dict[str, Callable[[], bool]] = {
            "hit": lambda: searched,
            "hit_back": lambda: searched,
            "only": lambda: searched,
            "follow": lambda: not view.following,
            "source": lambda: run is not None and len(run.sources) > 1,
            "rank": lambda: view.lines.rank is not None or len(view.lines.ranks()) > 1,
            "at_chart": lambda: self._step() is not None and bool(choose.of_run(run)),
            "times": lambda: view.times or (run is not None and any(at for _, at in run.log_read)),
            "bookmark": lambda: view.chosen() is not None,
            "next_bookmark": lambda: bool(view.lines.marked),
        }
        return conditions[action]() if action in conditions else super().can(action)

    def length(self) -> int:
        """Return how many lines there are, as far as is known here."""
        return self.log_view.bottom

    def copied(self) -> str:
        """Return the line that keys speak of."""
        number, lines = self.log_view.chosen(), self.log_view.lines
        return lines[number] if number is not None and number in lines else ""

    def do_top(self) -> None:
        """To the first line."""
        self.log_view.first()
        self.runwatch.subscribe()

    def do_bottom(self) -> None:
        """To the newest line."""
        self.do_follow()

    def do_follow(self) -> None:
        """Follow the newest lines."""
        self.log_view.follow()
        self.show()

    def do_search(self) -> None:
        """Ask what to search for."""
        self.field.add_class("-open")
        self.set_focus(self.field)

    @on(Input.Submitted)
    def submitted(self, event: Input.Submitted) -> None:
        """Search for what was typed."""
        self._close()
        self.search_for(event.value)

    def search_for(self, text: str) -> None:
        """Go to the last hit; text that is no regular expression is searched as it is."""
        self.log_view.search(Search(text) if text else None)
        self.show()

    def _close(self) -> None:
        self.field.remove_class("-open")
        self.log_view.focus()

    def do_back(self) -> None:
        """Close the search field, else show all lines again, else end the search, else leave."""
        lines = self.log_view.lines
        if self.field.has_class("-open"):
            self._close()
        elif lines.rank is not None or lines.only:
            lines.rank, lines.only = None, False
            self.show()
        elif lines.pattern is not None:
            self.log_view.search(None)
            self.show()
        else:
            self.runwatch.do_back()

    def do_wrap(self) -> None:
        """Wrap long lines, or cut them off."""
        self.log_view.wrap = not self.log_view.wraps
        self.show()

    def do_times(self) -> None:
        """Show when each line was read, or do not."""
        self.log_view.times = not self.log_view.times
        self.show()

    def do_source(self) -> None:
        """Show the log of the next source."""
        run = self.scene.run
        if run is None:
            return
        at = run.sources.index(run.log_source) if run.log_source in run.sources else -1
        self.scene.log_source = run.sources[(at + 1) % len(run.sources)]
        self.log_view.follow()
        self.runwatch.subscribe()

    def do_rank(self) -> None:
        """Show only the lines of the next rank; after the last one, all."""
        lines = self.log_view.lines
        known: list[int | None] = [None, *lines.ranks()]
        lines.rank = following(known, lines.rank)
        self.show()

    def do_only(self) -> None:
        """Show only lines that match, or all."""
        self.log_view.lines.only = not self.log_view.lines.only
        self.show()

    def do_hit(self) -> None:
        """Next hit."""
        self._find(self.log_view.lines.hits(), True)

    def do_hit_back(self) -> None:
        """Previous hit."""
        self._find(self.log_view.lines.hits(), False)

    def do_error(self) -> None:
        """Next error or warning."""
        self._find(self.log_view.lines.errors(), True)

    def do_error_back(self) -> None:
        """Previous error or warning."""
        self._find(self.log_view.lines.errors(), False)

    def do_bookmark(self) -> None:
        """Mark the line, or take its mark away."""
        number = self.log_view.chosen()
        if number is not None:
            self.log_view.lines.marked ^= {number}
            self.log_view.redraw()

    def do_next_bookmark(self) -> None:
        """Go to the next marked line."""
        self._find(sorted(self.log_view.lines.marked), True)

    def _step(self) -> int | None:
        """Return the step that the chosen line shows."""
        line = self.copied()
        return step_of(line) if line else None

    def do_at_chart(self) -> None:
        """Show the charts at the step of the line."""
        step, names = self._step(), choose.of_run(self.scene.run)
        if step is not None and names:
            self.runwatch.show_chart(names[0], float(step))

    def go_to_line(self, number: int) -> None:
        """Show one line, and ask for those around it."""
        self.log_view.go_to(number)
        self.runwatch.subscribe()

    def go_to_step(self, step: int) -> None:
        """Show the line of a step."""
        self.log_view.go_to_step(step)
        self.runwatch.subscribe()

    def _find(self, hits: list[int], forward: bool) -> None:
        self.log_view.find(hits, forward)
        self.runwatch.subscribe()
        self.show()
