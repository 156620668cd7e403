"""Ray Tune and RLlib: `Result for TRIAL:`, and indented below it a line for each value."""

from __future__ import annotations

import re

from runwatch.core.batch import TRAIN
from runwatch.parsers.api import Format, Reader, Row, Sample
from runwatch.parsers.body.matchers import VALUE, number
from runwatch.parsers.body.readers import RowMaker

_HEAD = re.compile(rb"(?:\A|[\s)])Result for (?P<trial>[^\s:]{1,200}):\s*\Z")
_ITEM = re.compile(rb"(?:\([^)\r\n]{1,80}\) )? {2,40}(?P<name>[A-Za-z_][\w/-]{0,100}): *(?P<value>[^\r\n]*)\Z")
_NUMBER = re.compile(VALUE + rb"\Z")
_NAMES = {"training_iteration": "step", "time_total_s": "elapsed"}
_STEP = "training_iteration"
_MAX_ITEMS = 512


class ResultReader(Reader):
    """Reads the blocks of the first trial; one ends with a line that is no item of it."""

    needles = (b"Result for ",)

    def __init__(self) -> None:
        self._row = RowMaker("result", _NAMES)
        self._first = self._trial = b""
        self._items: list[tuple[str, float]] | None = None
        self._line = 0

    @property
    def awake(self) -> bool:
        """Whether an item may come."""
        return self._items is not None

    def feed(self, line: bytes, number_: int) -> list[Row] | None:
        """Take one line of a block."""
        item = _ITEM.match(line) if self._items is not None else None
        if item is not None and self._items is not None:
            if len(self._items) < _MAX_ITEMS and _NUMBER.match(value := item["value"].rstrip()):
                self._items.append((item["name"].decode("ascii"), number(value)))
            return []
        head = _HEAD.search(line)
        rows = self.flush()
        if head is None:
            return rows or None
        self._trial, self._items, self._line = head["trial"], [], number_
        self._first = self._first or self._trial
        return rows

    def flush(self) -> list[Row]:
        """Return the record of the block that is open."""
        items, self._items = self._items, None
        if not items or self._trial != self._first or _STEP not in dict(items):
            return []
        return [self._row(TRAIN, self._line, items)]


FORMAT = Format(
    name="ray-result",
    title="Ray Tune, RLlib: results of trials",
    example="Result for PPO_CartPole-v1_3e8a3_00000:",
    matchers=(),
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
