"""What lies over a view until it is closed: by its keys, or by a click outside."""

from __future__ import annotations

from textual.events import Click
from textual.screen import ModalScreen, ScreenResultType

from runwatch.tui.widgets.rows import Panel


class Dialog(ModalScreen[ScreenResultType], inherit_bindings=False):
    """A list in which the wheel and the scrollbar move."""

    def action_move(self, by: int) -> None:
        """Move by so many rows."""
        raise NotImplementedError

    def action_close(self) -> None:
        """Return nothing."""
        self.dismiss(None)

    def on_panel_scrolled(self, event: Panel.Scrolled) -> None:
        """Move with the wheel and the scrollbar."""
        self.action_move(event.by)

    def on_click(self, event: Click) -> None:
        """Close at a click outside."""
        if event.widget is self:
            self.action_close()
