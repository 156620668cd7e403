"""Ray Tune's table of trials, which RLlib prints: a row for each, again and again.

Newer versions draw a box around it, and put spaces between its columns.
"""

from __future__ import annotations

import re

from runwatch.core.batch import TRAIN
from runwatch.parsers.api import Format, Reader, Row, Sample
from runwatch.parsers.body.matchers import VALUE, number
from runwatch.parsers.body.readers import RowMaker

_RULE = b"\xe2\x94\x82"
"""What is at both ends of a line in a box."""
_HEAD = re.compile(
    rb"(?:\| Trial name +\|(?:[^|\r\n]{1,80}\|){2,60}|%b Trial name  [^\xe2\r\n]{1,2000}%b)\s*\Z"
    % (_RULE, _RULE)
)
_GAP = re.compile(rb"\s{2,}")
_NUMBER = re.compile(VALUE + rb"\Z")
_BUSY = frozenset((b"RUNNING", b"TERMINATED", b"ERROR"))
_NAMES = {"iter": "step", "total time (s)": "elapsed", "epochs": "total"}


class TrialReader(Reader):
    """Reads the first trial of a table that has come to an iteration; a step is an iteration."""

    begins = rb"(?:\||%b) Trial name  " % _RULE

    def __init__(self) -> None:
        self._row = RowMaker("tune", _NAMES)
        self._names: list[str] = []
        self._reported: tuple[bytes, float] | None = None
        """The trial and the iteration that were printed last."""

    @property
    def awake(self) -> bool:
        """Whether a row of the table may come."""
        return bool(self._names)

    def feed(self, line: bytes, number_: int) -> list[Row] | None:
        """Take one line of a table."""
        if _HEAD.match(line):
            self._names = [cell.decode("utf-8", "replace") for cell in _cells(line)]
            return []
        if not self._names or not line.startswith((b"|", b"+", b"\xe2")):
            self._names = []
            return None
        cells = _cells(line)
        shown = dict(zip(self._names, cells, strict=False))
        items = {name: number(cell) for name, cell in shown.items() if _NUMBER.match(cell)}
        if len(cells) != len(self._names) or shown.get("status") not in _BUSY or "iter" not in items:
            if line.startswith((b"+", b"\xe2\x95")):
                self._names = []  # the rule below the rows: that below the head begins with a bar
            return []
        self._names, reported = [], (cells[0], items["iter"])
        if reported == self._reported:
            return []
        self._reported = reported
        return [self._row(TRAIN, number_, items.items())]


def _cells(line: bytes) -> list[bytes]:
    """Return the cells of a row; in a box, an empty one is not among them."""
    if line.startswith(_RULE):
        return _GAP.split(line.strip().removeprefix(_RULE).removesuffix(_RULE).strip())
    return [cell.strip() for cell in line.split(b"|")[1:-1]]


FORMAT = Format(
    name="ray-tune",
    title="Ray Tune, RLlib: tables of trials",
    example="| PPO_CartPole-v1_3e8a3_00000 | RUNNING  | 10.0.0.5:213 |     40 |    125.5 | 160000 |   62.5 |",
    readers=(TrialReader,),
    weak=True,
    samples=(
        Sample(
            "".join(
                "== Status ==\n"
                "+-----------------+---------+------------+------+----------------+--------+\n"
                "| Trial name      | status  | loc        | iter | total time (s) | reward |\n"
                "|-----------------+---------+------------+------+----------------+--------|\n"
                f"| PPO_Cart_3e8a_0 | RUNNING | 10.0.0.5:2 |    {n} |           {n}2.5 |   {n}.25 |\n"
                "| PPO_Cart_3e8a_1 | PENDING |            |      |                |        |\n"
                "+-----------------+---------+------------+------+----------------+--------+\n"
                "\n"
                for n in (1, 1, 2, 3)
            ),
            {"step": [1, 2, 3], "reward": [1.25, 2.25, 3.25], "elapsed": [12.5, 22.5, 32.5]},
        ),
        Sample(
            "".join(
                "Trial status: 1 RUNNING | 1 PENDING\n"
                "\u256d\u2500\u2500\u2500\u256e\n"
                "\u2502 Trial name   status    lr   epochs   iter   total time (s)   loss \u2502\n"
                "\u251c\u2500\u2500\u2500\u2524\n"
                f"\u2502 fit_3e8a_0   RUNNING  0.1       40      {n}             {n}2.5   0.{n}5 \u2502\n"
                "\u2502 fit_3e8a_1   PENDING  0.2       40                               \u2502\n"
                "\u2570\u2500\u2500\u2500\u256f\n"
                for n in (1, 1, 2, 3)
            ),
            {"step": [1, 2, 3], "total": [40, 40, 40], "train/loss": [0.15, 0.25, 0.35]},
        ),
    ),
)
