"""A line: what precedes its message, and the message."""

from __future__ import annotations

from runwatch.parsers.envelope.header import Header, opened


class Line:
    """One row of the terminal, its envelope separated from its body."""

    __slots__ = ("body", "header", "number", "offset", "ordinal", "outer", "text")

    def __init__(
        self, text: bytes, offset: int, number: int, ordinal: int, outer: Line | None = None
    ) -> None:
        """`outer` is the line with an envelope at whose end this one is, if there is one."""
        self.text, self.offset, self.number, self.ordinal, self.outer = text, offset, number, ordinal, outer
        self.header: Header | None = opened(text)
        """What precedes the message."""
        self.body = text if self.header is None else text[self.header.end :]
