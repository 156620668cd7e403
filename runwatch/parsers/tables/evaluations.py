"""Tables of an evaluation below its title, `Evaluation results for bbox:`: names, a rule, rows of scores."""

from __future__ import annotations

import re

from runwatch.core.batch import EVAL
from runwatch.parsers.api import Reader, Row
from runwatch.parsers.body.matchers import VALUE, number
from runwatch.parsers.body.readers import RowMaker

_TITLE = re.compile(rb"[Ee]valuation results (?:for (?P<of>[\w.-]{1,60})|in csv format):\s*$")
_RULE = re.compile(rb"\s*\|[\s|:+-]*$")
_SCORE = re.compile(rb"(" + VALUE + rb")%?")
_NEAR = 2
"""Lines below a title within which its table begins."""
_MOST = 64
"""Columns read."""


class EvaluationTableReader(Reader):
    """Reads the rows of each table as evaluations; text in a row says what it is of."""

    needles = (b"valuation results",)

    def __init__(self) -> None:
        self._row = RowMaker("evaluation")
        self._of = ""
        """What the title says that the table is of."""
        self._names: list[str] = []
        self._left = 0
        """Lines that may still be of the table."""

    @property
    def awake(self) -> bool:
        """Whether the next line may be of a table."""
        return self._left > 0

    def feed(self, line: bytes, number_: int) -> list[Row] | None:
        """Take a title, or a line of the table below it."""
        title = _TITLE.search(line) if self.needles[0] in line else None
        if title is not None:
            self._of, self._names, self._left = (title["of"] or b"").decode(), [], _NEAR
            return []
        if not self.awake:
            return None
        if not line.startswith(b"|"):
            self._left = 0 if self._names else self._left - 1
            return None
        cells = [cell.strip().decode("utf-8", "replace") for cell in line.strip().strip(b"|").split(b"|")]
        if not self._names or _RULE.match(line):
            self._names = self._names or cells[:_MOST]
            return []
        return self._scores(cells, number_)

    def _scores(self, cells: list[str], number_: int) -> list[Row]:
        """Return a row of scores."""
        of, items = [self._of], []
        for name, cell in zip(self._names, cells, strict=False):
            score = _SCORE.fullmatch(cell.encode())
            if score is None:
                of.append(cell)
            else:
                items.append(("/".join(("val", *filter(None, of), name)), number(score[1])))
        return [self._row(EVAL, number_, items)] if items else []
