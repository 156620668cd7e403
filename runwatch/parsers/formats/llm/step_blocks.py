"""OLMo and MosaicML Composer (LLM Foundry): a step in brackets, below it a line for each value measured."""

from __future__ import annotations

import re

from runwatch.core.batch import EVAL, TRAIN
from runwatch.parsers.api import Format, Sample
from runwatch.parsers.body.item_blocks import ItemBlockReader, Items
from runwatch.parsers.body.matchers import VALUE
from runwatch.parsers.body.readers import RowMaker

_COUNTERS = "time/"
"""What Composer's counters begin with."""


class StepBlockReader(ItemBlockReader):
    """Reads blocks of steps and of evaluations."""

    needles = (b"[step=", b"[batch=")
    head = re.compile(
        rb"(?:^|[\s:])\[(?:step|batch)=(?P<step>\d{1,15})/(?P<total>\d{1,15})(?:,epoch=\d+)?\]:?\s*\Z"
    )
    item = re.compile(
        rb"(?: {4}|\t )(?:Train )?(?P<name>[A-Za-z_][\w./+-]{0,100}(?: [\w./()+-]{1,40}){0,4})"
        rb"(?:=|: )(?P<value>" + VALUE + rb")\s*\Z"
    )
    last = b"    System/"
    row = RowMaker("step-block")

    def complete(self, items: Items) -> tuple[str, Items] | None:
        """Return a record at the step of its head; evaluations have no total."""
        step, total, *measured = (item for item in items if not item[0].startswith(_COUNTERS))
        if all(name.startswith("eval/") for name, _ in measured):
            return (EVAL, [step, *measured]) if measured else None
        return TRAIN, [step, total, *measured]


FORMAT = Format(
    name="step-block",
    title="OLMo, MosaicML Composer: a step in brackets, its metrics below it",
    example="[step=40/900,epoch=0]",
    readers=(StepBlockReader,),
    samples=(
        Sample(
            "2030-01-02 03:04:05.678\tnode7:0\tolmo.train:979\tINFO\t[step=40/900,epoch=0]\n"
            "    optim/total_grad_norm=1.250\n"
            "    train/CrossEntropyLoss=6.125\n"
            "    train/Perplexity=1,250\n"
            "    throughput/device/tokens_per_second=8,000\n"
            "    System/Peak GPU Memory (MB)=18,000\n",
            {
                "step": [40],
                "total": [900],
                "train/grad_norm": [1.25],
                "train/loss": [6.125],
                "train/Perplexity": [1250],
                "perf/tokens_per_sec": [8000],
            },
        ),
        Sample(
            "[batch=40/900]:\n"
            "\t Train time/batch: 39\n"
            "\t Train loss/train/total: 6.1250\n"
            "\t Train lr-DecoupledAdamW/group0: 0.0005\n"
            "[batch=50/900]:\n"
            "\t Train time/batch: 49\n"
            "\t Train loss/train/total: 5.5000\n"
            "\t Train lr-DecoupledAdamW/group0: 0.0004\n",
            {
                "step": [40, 50],
                "total": [900, 900],
                "train/loss": [6.125, 5.5],
                "train/learning_rate": [0.0005, 0.0004],
            },
        ),
    ),
)
