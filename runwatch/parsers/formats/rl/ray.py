"""Ray Tune and RLlib: `Result for TRIAL:` and a line for each value, and the table of trials, ever again.

Newer versions draw a box around the table, and put spaces between its columns.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from runwatch.core.batch import TRAIN
from runwatch.parsers.api import Format, Reader, Row, Sample
from runwatch.parsers.body.item_blocks import ItemBlockReader, Items
from runwatch.parsers.body.matchers import VALUE, number
from runwatch.parsers.body.readers import RowMaker

_STEP = "training_iteration"


class ResultReader(ItemBlockReader):
    """Reads the results of the first trial; a step is an iteration."""

    needles = (b"Result for ",)
    head = re.compile(rb"(?:\A|[\s)])Result for ([^\s:]{1,200}):\s*\Z")
    item = re.compile(
        rb"(?:\([^)\r\n]{1,80}\) )? {2,40}(?P<name>[A-Za-z_][\w/-]{0,100}): *(?P<value>[^\r\n]*)\Z"
    )

    row = RowMaker("result", {_STEP: "step", "time_total_s": "elapsed"})
    _first = _trial = b""

    def begin(self, line: bytes) -> Items | None:
        """Take the name of the trial."""
        head = self.head.search(line)
        if head is not None:
            self._trial = head[1]
            self._first = self._first or self._trial
        return None if head is None else []

    def complete(self, items: Items) -> tuple[str, Items] | None:
        """Return the record of the first trial, if it shows its iteration."""
        return (TRAIN, items) if self._trial == self._first and _STEP in dict(items) else None


RESULT = Format(
    name="ray-result",
    title="Ray Tune, RLlib: results of trials",
    example="Result for PPO_CartPole-v1_3e8a3_00000:",
    readers=(ResultReader,),
    samples=(
        Sample(
            "".join(
                f"Result for PPO_Cart_3e8a_{trial}:\n"
                "  date: 2030-01-02_03-04-05\n"
                "  done: false\n"
                f"  episode_reward_mean: {n}2.5\n"
                "  info:\n"
                "    learner:\n"
                "      default_policy:\n"
                "        learner_stats:\n"
                "          cur_lr: 5.0e-05\n"
                f"          total_loss: {9 - n}.25\n"
                "  time_this_iter_s: 2.5\n"
                f"  timesteps_total: {4000 * n}\n"
                f"  training_iteration: {n}\n"
                "  trial_id: 3e8a_00000\n"
                "  \n"
                for n in (1, 2, 3)
                for trial in (0, 1)
            ),
            {
                "step": [1, 2, 3],
                "episode_reward_mean": [12.5, 22.5, 32.5],
                "train/loss": [8.25, 7.25, 6.25],
                "train/learning_rate": [5e-05, 5e-05, 5e-05],
            },
        ),
    ),
)

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
    _row = RowMaker("tune", _NAMES)
    _names: Sequence[str] = ()
    _reported: tuple[bytes, float] | None = None
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
            self._names = ()
            return None
        cells = _cells(line)
        shown = dict(zip(self._names, cells, strict=False))
        items = {name: number(cell) for name, cell in shown.items() if _NUMBER.match(cell)}
        if len(cells) != len(self._names) or shown.get("status") not in _BUSY or "iter" not in items:
            if line.startswith((b"+", b"\xe2\x95")):
                self._names = ()  # the rule below the rows: that below the head begins with a bar
            return []
        self._names, reported = (), (cells[0], items["iter"])
        if reported == self._reported:
            return []
        self._reported = reported
        return [self._row(TRAIN, number_, items.items())]


def _cells(line: bytes) -> list[bytes]:
    """Return the cells of a row; in a box, an empty one is not among them."""
    if line.startswith(_RULE):
        return _GAP.split(line.strip().removeprefix(_RULE).removesuffix(_RULE).strip())
    return [cell.strip() for cell in line.split(b"|")[1:-1]]


TUNE = Format(
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
