"""Views whose list can be filtered by some words."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.widgets import Input

from runwatch.tui.screens.base import RunScreen


class FilterScreen(RunScreen):
    """Has a field for the words, which is hidden until asked for."""

    _before = ""
    """The filter that was there before somebody typed."""

    def below(self) -> ComposeResult:
        """Lay out the field above the footer."""
        yield Input(placeholder="show only what has these words", id="filter", select_on_focus=True)

    @property
    def field(self) -> Input:
        """The field."""
        return self.query_one("#filter", Input)

    def inside(self) -> bool:
        """Return whether there is something in this view to go back from."""
        return self.view in self.scene.filters or super().inside()

    @property
    def typing(self) -> bool:
        """Whether the field is open: keys are letters there."""
        return self.is_mounted and self.field.has_class("-open")

    def label(self, action: str, usual: str) -> str:
        """Return the word of an action for the footer; while somebody types, of the two keys of the field."""
        if self.typing:
            return {"back": "Cancel", "filter": "words, then enter"}.get(action, "")
        if action == "back" and self.view in self.scene.filters:
            return "All"
        return super().label(action, usual)

    def do_filter(self) -> None:
        """Ask for the words."""
        self.field.value = self._before = self.scene.filters.get(self.view, "")
        self.field.add_class("-open")
        self.set_focus(self.field)
        self.show()

    @on(Input.Changed, "#filter")
    def changed(self, event: Input.Changed) -> None:
        """Filter while somebody types."""
        if self.typing:
            self.filter_by(event.value)

    @on(Input.Submitted, "#filter")
    def submitted(self) -> None:
        """Keep the filter and go back to the list."""
        self._close()

    def filter_by(self, words: str) -> None:
        """Show only what has these words; all, if there are none."""
        self.scene.filters.pop(self.view, None)
        if words.strip():
            self.scene.filters[self.view] = words.strip()
        self.show()

    def _close(self) -> None:
        self.field.remove_class("-open")
        self.set_focus(None)
        self.show()

    def do_back(self) -> None:
        """Close the field with the filter as it was, else show all again, else leave."""
        if self.typing:
            self._close()
            self.filter_by(self._before)
        elif self.view in self.scene.filters:
            self.filter_by("")
        else:
            super().do_back()
