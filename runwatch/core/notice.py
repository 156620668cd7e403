"""One line for people about runwatch itself."""

from __future__ import annotations


class Notice(str):
    """A line that takes the place of what was said before about the same thing: "... again"."""

    about: str

    def __new__(cls, text: str, about: str = "") -> Notice:
        """Make one; "" is about nothing else that was said."""
        made = super().__new__(cls, text)
        made.about = about
        return made
