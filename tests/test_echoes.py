"""Processes that print the same steps into one log, untagged, make one series."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runwatch.core.fold.segments import Splitter
from runwatch.parsers.log import LogParser

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
    """A loss of the process's own batches, and a time that all of them share."""
    time = 100 + step * 37 % 60
    return (
        f"iter {step}: loss {9 / step + rank / 8:.4f}, time {time}.{rank % 10}0ms, mfu {40 + rank % 2}.00%\n"
    )


@pytest.mark.parametrize("ranks", [2, 4, 8])
def test_each_step_counts_once(ranks):
    steps, losses, restarts = read("".join(line(step, r) for step in STEPS for r in range(ranks)))
    assert steps[-30:] == [*STEPS][-30:]
    assert steps == sorted(steps)
    assert len(steps) <= len(STEPS) + max(3 * (ranks - 1), 5)  # the first steps tell how many print
    assert losses[-30:] == [float(f"{9 / step:.4f}") for step in [*STEPS][-30:]]
    assert restarts == 0


def stamped(seconds: float, text: str) -> str:
    return f"2026-06-12 {10 + int(seconds) // 3600}:{int(seconds) // 60 % 60:02}:{int(seconds) % 60:02} - INFO - {text}\n"


def bare(step: int, loss: float, time: float = 100.0) -> str:
    return f"iter {step}: loss {loss:.4f}, time {time:.2f}ms, mfu 40.00%"


PRINTED = {
    "a reduced loss": lambda step, rank, rng: bare(step, 5 - step / 99) + "\n",
    "losses close together": lambda step, rank, rng: bare(step, 5 - step / 99 + rank / 9999) + "\n",
    "their own losses, at once": lambda step, rank, rng: stamped(step, bare(step, 2 + rng.random())),
}


@pytest.mark.parametrize("ranks", [2, 4, 8])
@pytest.mark.parametrize("kind", PRINTED)
def test_what_processes_print_together_counts_once(kind, ranks):
    rng = random.Random(ranks)
    steps = read("".join(PRINTED[kind](step, r, rng) for step in STEPS for r in range(ranks)))[0]
    assert steps[-30:] == [*STEPS][-30:]


def test_a_logger_that_prints_each_record_twice_is_read_once():
    text = "".join(2 * stamped(3 * i, bare(10 * i, 3 + (i * 37 % 11) / 9)) for i in range(1, 41))
    assert len(read(text)[0]) <= 45


def short(count: int) -> str:
    return f"{count}" if count < 1000 else f"{count / 1e3:.0f}K" if count < 10**6 else f"{count / 1e6:.0f}M"


def rounded(i: int, rng: random.Random) -> str:
    return stamped(
        102 * i,
        f"step:{short(200 * i)} smpl:{short(6400 * i)} ep:{short(20 * i)} epch:{i / 2:.2f} loss:{50 / (i + 9):.3f} "
        f"grdn:{300 / (i + 9) + rng.random():.3f} lr:1.0e-05 updt_s:0.50{rng.randrange(9)}",
    )


def scores(i: int, rng: random.Random) -> str:
    """An epoch's batches, behind epochs of one."""
    d, g = (1.5 + rng.gauss(0, 0.2) for _ in range(2))
    epoch = i if i < 60 else (i - 60) // 11
    return f"{epoch} [loss: {d:.6f}, acc.: {50 + 20 * rng.random():.2f}%] [G loss: {g:.6f}]\n"


def noisy(i: int, rng: random.Random) -> str:
    return bare(i // 2, 3 + rng.gauss(0, 0.1), 100 + rng.random()) + "\n"


def running_mean(i: int, rng: random.Random) -> str:
    return bare(i // 4, 3 / (1 + i // 4) + 0.5 / (1 + i % 4), 100 + rng.random()) + "\n"


def scheduled(i: int, rng: random.Random) -> str:
    epoch = i // 4
    lr, best = 0.1 * 0.9**epoch, 0.5 + epoch / 999
    return f"step: {epoch} loss: {3 + rng.gauss(0, 0.1):.4f} lr: {lr:.3e} best: {best:.4f}\n"


def close_at_first(i: int, rng: random.Random) -> str:
    return bare(i // 2, 2 + i // 2 / 9 + i % 2 / 500 if i < 8 else 2 + i * 37 % 11 / 11) + "\n"


def steady(i: int, rng: random.Random) -> str:
    return stamped(7 * i, bare(i // 4, 3 - i / 99))


@pytest.mark.few(7)
@pytest.mark.parametrize("single", [rounded, scores, noisy, running_mean, scheduled, close_at_first, steady])
@pytest.mark.parametrize("seed", range(3))
def test_what_one_process_prints_is_not_touched(single, seed):
    rng = random.Random(seed)
    assert len(read("".join(single(i, rng) for i in range(1, 401)))[0]) == 400


def test_a_step_that_is_printed_more_often_than_there_are_processes_keeps_the_others():
    lines = [line(step, r) for step in STEPS for r in range(2)] + [line(410, r) for r in range(5)]
    assert read("".join(lines))[0][-4:] == [410.0] * 4


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
        together = rng.random() < 0.8
        lines += [line(step, r) if together else noisy(2 * step, rng) for r in range(count)]
        if rng.random() < 0.2 and len(lines) > 1:
            lines[-2:] = reversed(lines[-2:])
    text = "".join(lines)
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=8))
    assert read(text, cuts) == read(text)
