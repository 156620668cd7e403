"""Lines of several ranks make one series: that of the lowest rank."""

from __future__ import annotations

import numpy as np
import pytest

from runwatch.core.fold.segments import Splitter
from runwatch.parsers.log import LogParser

LINE = "[rank{}]: step: {}  loss:  {}.5  grad_norm:  1.5\n"


def _losses(text: str, cut: int) -> list[float]:
    parser, splitter, losses = LogParser(), Splitter(), []
    data = text.encode()
    for batch in (parser.feed(data[:cut]), parser.feed(data[cut:]), parser.flush()):
        for segment in splitter.split(batch):
            samples = segment.block.samples.get("train/loss") if segment.block.rank is None else None
            losses += samples.value.tolist() if samples is not None else []
    return losses


def test_only_the_lowest_rank_enters_a_series():
    text = "".join(LINE.format(rank, step, rank) for step in range(1, 6) for rank in range(4))
    for cut in range(0, len(text), 37):
        assert _losses(text, cut) == [0.5] * 5


def test_other_ranks_are_distinguished():
    text = "".join(LINE.format(rank, step, rank) for step in range(1, 6) for rank in range(4)).encode()
    for cut in range(0, len(text), 37):
        parser, splitter = LogParser(), Splitter()
        reported: dict[int, list[tuple[float, float]]] = {}
        for batch in (parser.feed(text[:cut]), parser.feed(text[cut:]), parser.flush()):
            for block in (segment.block for segment in splitter.split(batch)):
                if block.rank is not None:
                    loss = block.samples["train/loss"]
                    reported.setdefault(block.rank, []).extend(zip(loss.step, loss.value, strict=True))
        assert reported == {rank: [(step, rank + 0.5) for step in range(1, 6)] for rank in (1, 2, 3)}


def test_a_rank_that_prints_alone_is_the_series():
    text = "".join(LINE.format(3, step, step) for step in range(1, 4))
    assert np.array_equal(_losses(text, 50), [1.5, 2.5, 3.5])


def test_a_planned_total_outside_of_step_lines():
    text = "Trainer is initialized with local batch size 8, total steps 900 (warmup 50)\n" + LINE.format(
        0, 1, 1
    )
    parser, splitter = LogParser(), Splitter()
    totals = [s.block.total for s in splitter.split(parser.feed(text.encode()))]
    assert totals[-1] == 900


@pytest.mark.parametrize(
    "tag",
    [
        "[rank{}]:",
        "[default{}]:",
        "{}: ",
        "[1,{}]<stdout>: ",
        "[rank: {}] ",
        "2030-01-02 03:04:05 [rank{}]: ",
    ],
)
def test_dicts_of_several_ranks_are_distinguished(tag):
    line = "{}{{'loss': {}, 'grad_norm': 1.5, 'learning_rate': 1e-05, 'epoch': {:.2f}}}\n"
    text = "".join(
        line.format(tag.format(rank), 4.5 - rank - step / 1024, step / 100)
        for step in range(600)
        for rank in (1, 0, 2)
    )
    for cut in (40, 20000):
        assert _losses(text, cut) == [4.5 - step / 1024 for step in range(600)]
