"""Scores of an evaluation: tables below `Evaluation results for bbox:`, and what COCO's API prints."""

from __future__ import annotations

import re

from runwatch.core.batch import EVAL
from runwatch.parsers.api import Reader, Row
from runwatch.parsers.body.matchers import VALUE, number
from runwatch.parsers.body.readers import RowMaker

_TITLE = re.compile(rb"[Ee]valuation results (?:for (?P<of>[\w.-]{1,60})|in csv format):\s*$")
_RULE = re.compile(rb"\s*\|[\s|:+-]*$")
_SCORE = re.compile(rb"(" + VALUE + rb")%?")
_COPIED = re.compile(rb"copypaste: (?:Task: (?P<of>[\w./-]{1,60})|(?P<row>[^\r\n]{1,2000}))\s*\Z")
_COCO = re.compile(
    rb"Average Precision  \(AP\) @\[ IoU=0\.50:0\.95 \| area= *all \| maxDets= *\d+ \] = ("
    + VALUE
    + rb")\s*\Z"
)
_COCO_OF = re.compile(rb"IoU metric: (\w{1,20})\s*\Z")
_NEAR = 2
"""Lines within which a table begins below its title, and each of its rows below another."""
_MOST = 64
"""Columns read."""


class EvaluationTableReader(Reader):
    """Reads the rows of each table as evaluations; Detectron2 prints some only for spreadsheets."""

    needles = (b"valuation results", b"copypaste: ")
    apart = (b"|",)

    def __init__(self) -> None:
        self._row = RowMaker("evaluation")
        self._of = ""
        """What the title says that the table is of."""
        self._names: list[str] = []
        self._until = 0
        """Number of the last line that may be of the table."""
        self._read: set[str] = set()
        """What tables were of that are not printed once more yet."""
        self._columns: list[str] = []
        """Names of what is printed once more."""

    @property
    def awake(self) -> bool:
        """Whether the next line may be of a table."""
        return self._until > 0

    def feed(self, line: bytes, number_: int) -> list[Row] | None:
        """Take a title, or a line of the table below it."""
        title = _TITLE.search(line) if self.needles[0] in line else None
        if title is not None:
            self._of, self._names, self._until = (title["of"] or b"").decode(), [], number_ + _NEAR
            return []
        copied = _COPIED.search(line) if self.needles[1] in line else None
        if copied is not None:
            return self._copied(copied, number_)
        if number_ > self._until:
            self._until = 0
            return None
        if not line.startswith(b"|"):
            return None
        self._until = number_ + _NEAR
        cells = [cell.strip().decode("utf-8", "replace") for cell in line.strip().strip(b"|").split(b"|")]
        if not self._names or _RULE.match(line):
            self._names = self._names or cells[:_MOST]
            return []
        return self._scores(cells, number_)

    def _copied(self, line: re.Match[bytes], number_: int) -> list[Row]:
        """Return the scores that no table showed."""
        if line["of"] is not None:
            self._of, self._columns = line["of"].decode(), []
            return []
        cells = line["row"].decode("utf-8", "replace").strip().split(",")
        if not self._columns:
            self._columns = cells[:_MOST]
            return []
        self._names, self._columns = self._columns, []
        if self._of in self._read:
            self._read.remove(self._of)
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
        if items and len(self._read) < _MOST:
            self._read.add(self._of)
        return [self._row(EVAL, number_, items)] if items else []


class CocoReader(Reader):
    """Reads the first score that COCO's API prints, the mean over all thresholds, areas and classes."""

    needles = (b"Average Precision  (AP)", b"IoU metric: ")
    apart = ()
    awake = False  # its lines are known by themselves
    _row = RowMaker("coco")
    _of = ""
    """What the scores are of: boxes, masks."""

    def feed(self, line: bytes, number_: int) -> list[Row] | None:
        """Take what the scores below are of, or a score."""
        of = _COCO_OF.match(line)
        if of is not None:
            self._of = f"{of[1].decode()}/"
            return []
        score = _COCO.search(line)
        return [self._row(EVAL, number_, [(f"val/{self._of}mAP50-95", number(score[1]))])] if score else None
