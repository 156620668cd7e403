"""The log lines that the screen remembers: which of them are shown, and what is found in them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from runwatch.render.cells import Row
from runwatch.tui.search import LONG, Search

_CRITICAL = re.compile(
    r"\b(?:error|exception|traceback|fatal|critical|killed|segfault|out of memory|sig(?:term|kill|segv))\b"
    r"|\w+Error\b|\bOOM\b|NCCL.*(?:timeout|abort)|CUDA error",
    re.IGNORECASE,
)
_WARNING = re.compile(r"\bwarn(?:ing)?\b|(?<![\w/.])(?:nan|inf)(?![\w/.])|\bretry(?:ing)?\b", re.IGNORECASE)
_STEP = re.compile(
    r"\b(?:global[_ ]?step|steps?|iter(?:ation)?s?|it|batch|update)\b"
    r"[\"']?[\s:=#\[|]{0,4}(\d{1,12}(?:,\d{3})*)",
    re.IGNORECASE,
)
_RANK = re.compile(r"(?:\brank|\[r|\br)[ :=_-]?(\d{1,6})(?=[\]\s:,|)>]|$)", re.IGNORECASE)
_KEPT = 5000


def role_of(text: str) -> str:
    """Return how a log line is shown: "crit", "warn" or ""."""
    text = text[:LONG]
    if _CRITICAL.search(text):
        return "crit"
    return "warn" if _WARNING.search(text) else ""


def painted(text: str) -> Row:
    """Return a log line with its roles: an error is red as a whole, of other lines what warns is marked."""
    if _CRITICAL.search(text[:LONG]):
        return [(text, "crit")]
    out: Row = []
    last = 0
    for found in _WARNING.finditer(text[:LONG]):
        out += [(text[last : found.start()], ""), (found[0], "warn")]
        last = found.end()
    return [*out, (text[last:], "")]


def step_of(text: str) -> int | None:
    """Return the training step that a line shows, as far as one can see from the line alone."""
    found = _STEP.search(text[:LONG])
    return int(found[1].replace(",", "")) if found else None


def rank_of(text: str) -> int | None:
    """Return the rank that a line says it is from."""
    found = _RANK.search(text[:LONG])
    return int(found[1]) if found else None


class Lines:
    """Lines by number, of one source; at most some thousands, those around the place that is shown."""

    def __init__(self) -> None:
        self._texts: dict[int, str] = {}
        self.pattern: Search | None = None
        self.only = False
        """Whether only lines that match the pattern are shown."""
        self.rank: int | None = None
        """The rank whose lines are shown; None shows all."""
        self.marked: set[int] = set()

    def __getitem__(self, number: int) -> str:
        return self._texts[number]

    def __contains__(self, number: int) -> bool:
        return number in self._texts

    def clear(self) -> None:
        """Forget all: another source begins."""
        self._texts.clear()
        self.marked.clear()
        self.rank = None

    def learn(self, lines: Iterable[tuple[int, str]], near: int) -> None:
        """Take in lines; of too many keep those nearest to line `near`."""
        self._texts.update(lines)
        if len(self._texts) > _KEPT:
            kept = sorted(self._texts, key=lambda number: abs(number - near))[: _KEPT // 2]
            self._texts = {number: self._texts[number] for number in sorted(kept)}

    def known(self) -> list[int]:
        """Return the numbers of all lines at hand."""
        return sorted(self._texts)

    def shown(self) -> list[int]:
        """Return the numbers of the lines that filters let through."""
        known = self.known()
        if self.rank is not None:
            known = [n for n in known if rank_of(self._texts[n]) == self.rank]
        if self.only and self.pattern is not None:
            known = [n for n in known if self.pattern.finds(self._texts[n])]
        return known

    def ranks(self) -> list[int]:
        """Return the ranks that lines at hand are from."""
        found = {rank_of(text) for text in self._texts.values()}
        return sorted(rank for rank in found if rank is not None)

    def hits(self) -> list[int]:
        """Return the lines that match the pattern."""
        pattern = self.pattern
        return [n for n in self.shown() if pattern and pattern.finds(self._texts[n])]

    def errors(self) -> list[int]:
        """Return the lines that look like errors or warnings."""
        return [n for n in self.shown() if role_of(self._texts[n])]

    def of_step(self, step: int) -> tuple[int | None, int | None]:
        """Return the line whose step is nearest, the first of several, and how far off that is."""
        known = ((abs(at - step), n) for n in self.known() if (at := step_of(self._texts[n])) is not None)
        distance, number = min(known, default=(None, None))
        return number, distance
