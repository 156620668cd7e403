"""Ray Tune's table of trials, which RLlib prints: a row for each, again and again."""

from __future__ import annotations

import re

from runwatch.core.batch import TRAIN
from runwatch.parsers.api import Format, Reader, Row, Sample
from runwatch.parsers.body.matchers import VALUE, number
from runwatch.parsers.body.readers import RowMaker

_HEAD = re.compile(rb"\| Trial name +\|(?:[^|\r\n]{1,80}\|){2,60}\s*\Z")
_NUMBER = re.compile(VALUE + rb"\Z")
_BUSY = frozenset((b"RUNNING", b"TERMINATED", b"ERROR"))
_NAMES = {"iter": "step", "total time (s)": "elapsed"}


class TrialReader(Reader):
    """Reads the first trial of a table that has come to an iteration; a step is an iteration."""

    begins = rb"\| Trial name +\|"

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
            self._names = [cell.strip().decode("utf-8", "replace") for cell in line.split(b"|")[1:-1]]
            return []
        if not self._names or not line.startswith((b"|", b"+")):
            self._names = []
            return None
        cells = [cell.strip() for cell in line.split(b"|")[1:-1]]
        shown = dict(zip(self._names, cells, strict=False))
        items = {name: number(cell) for name, cell in shown.items() if _NUMBER.match(cell)}
        if len(cells) != len(self._names) or shown.get("status") not in _BUSY or "iter" not in items:
            if line.startswith(b"+"):
                self._names = []  # the rule below the rows: that below the head begins with a bar
            return []
        self._names, reported = [], (cells[0], items["iter"])
        if reported == self._reported:
            return []
        self._reported = reported
        return [self._row(TRAIN, number_, items.items())]


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
    ),
)
