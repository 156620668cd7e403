"""Ray Tune and RLlib: `Result for TRIAL:`, and indented below it a line for each value."""

from __future__ import annotations

import re

from runwatch.core.batch import TRAIN
from runwatch.parsers.api import Format, Sample
from runwatch.parsers.body.item_blocks import ItemBlockReader, Items
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


FORMAT = Format(
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
