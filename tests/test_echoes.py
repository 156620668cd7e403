"""Processes that print the same steps into one log, untagged, make one series."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runwatch.parsers.log import LogParser
from runwatch.segments import Splitter

STEPS = range(10, 410, 10)


def read(text: str, cuts: list[int] | None = None) -> tuple[list[float], list[float], int]:
    """Return steps and losses of the series, and how many restarts were seen."""
    data, parser, splitter = text.encode(), LogParser(), Splitter()
    steps, losses, restarts, start = [], [], 0, 0
    for cut in [*sorted(cuts or ()), len(data)]:
        for batch in (parser.feed(data[start:cut]), *([parser.flush()] if cut == len(data) else [])):
            for segment in splitter.split(batch):
                samples = segment.block.samples.get("train/loss")
                steps += samples.step.tolist() if samples is not None else []
                losses += samples.value.tolist() if samples is not None else []
                restarts += len(segment.block.restarts) + segment.begins_run
        start = cut
    return steps, losses, restarts


def line(step: int, rank: int) -> str:
    return f"iter {step}: loss {9 / step + rank / 8:.4f}, time {100 + rank}.00ms, mfu {40 + rank % 2}.00%\n"


@pytest.mark.parametrize("ranks", [2, 4, 8])
def test_each_step_counts_once(ranks):
    steps, losses, restarts = read("".join(line(step, r) for step in STEPS for r in range(ranks)))
    assert steps[-30:] == [*STEPS][-30:]
    assert steps == sorted(steps)
    assert len(steps) <= len(STEPS) + 3 * (ranks - 1)  # the first three steps tell how many print
    assert losses[-30:] == [float(f"{9 / step:.4f}") for step in [*STEPS][-30:]]
    assert restarts == 0


def test_a_rank_that_lags_is_no_restart():
    lines = [line(step, r) for step in STEPS for r in range(4)]
    for i in range(20, len(lines) - 4, 8):  # the last of a step comes behind the first of the next
        lines[i - 1], lines[i] = lines[i], lines[i - 1]
    steps, _, restarts = read("".join(lines))
    assert steps[-30:] == [*STEPS][-30:]
    assert restarts == 0


def test_a_restart_is_still_seen():
    before = [line(step, r) for step in STEPS for r in range(4)]
    after = [line(step, r) for step in range(210, 610, 10) for r in range(2)]
    steps, _, restarts = read("".join(before + after))
    assert restarts == 1
    assert steps[-30:] == list(range(310, 610, 10))


def test_a_step_that_is_printed_twice_now_and_then_is_not_touched():
    rng = random.Random(1)
    lines = [line(step, r) for step in STEPS for r in range(2 if rng.random() < 0.2 else 1)]
    assert len(read("".join(lines))[0]) == len(lines)


def test_micro_batches_count_on():
    text = "".join(
        f"Epoch 1 | iter {2 * step + i} step {step} | loss train: 2.{step}{i}, val: n/a | iter time: 5.5 ms\n"
        for step in STEPS
        for i in range(2)
    )
    assert len(read(text)[0]) == 2 * len(STEPS)


def test_batches_of_an_epoch_are_no_echoes():
    text = "".join(
        f"Epoch: {epoch} Loss: {9 / epoch + i / 8:.4f}\n" for epoch in range(1, 40) for i in range(4)
    )
    assert len(read(text)[0]) in (0, 4 * 39)


@given(st.data())
@settings(max_examples=25, deadline=None)
def test_pieces_do_not_matter(data):
    counts = data.draw(st.lists(st.sampled_from([1, 1, 1, 2, 3, 3, 3]), min_size=20, max_size=60))
    rng, step, lines = random.Random(data.draw(st.integers(0, 99))), 0, []
    for count in counts:
        step = step + 10 if rng.random() < 0.95 else max(10, step - 50)
        lines += [line(step, r) for r in range(count)]
        if rng.random() < 0.2 and len(lines) > 1:
            lines[-2:] = reversed(lines[-2:])
    text = "".join(lines)
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=8))
    assert read(text, cuts) == read(text)
