"""Keys that move in a list, in views and in dialogs alike."""

from __future__ import annotations

MOVES = frozenset({"up", "down", "page_up", "page_down", "top", "bottom"})
_FAR = 10**9


class Moves:
    """Carries out the actions in `MOVES`."""

    def move(self, by: int) -> None:
        """Move by so many rows."""
        raise NotImplementedError

    def page_rows(self) -> int:
        """Return how many rows make a page."""
        raise NotImplementedError

    def do_up(self) -> None:
        """One row up."""
        self.move(-1)

    def do_down(self) -> None:
        """One row down."""
        self.move(1)

    def do_page_up(self) -> None:
        """One page up."""
        self.move(-self.page_rows())

    def do_page_down(self) -> None:
        """One page down."""
        self.move(self.page_rows())

    def do_top(self) -> None:
        """To the first row."""
        self.move(-_FAR)

    def do_bottom(self) -> None:
        """To the last row."""
        self.move(_FAR)
