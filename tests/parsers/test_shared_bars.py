"""Bars of several processes that are drawn into one log: each is a progress of its own."""

from __future__ import annotations

import random
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from .logs import parse

TEXTS = (
    "rank {0}: ",
    "[rank{0}]:",
    "[default{0}]:Training: ",
    "Epoch 1 [Rank {0}]: ",
    "GPU {0}: ",
    "cuda:{0} ",
)


def drawn(text: str, seed: int, *, positions: bool = True, steps: int = 60, ranks: int = 3) -> bytes:
    """What as many processes draw: each its bar at a position of its own, as tqdm does."""
    rng, done = random.Random(seed), [-1] * ranks
    out = []
    while min(done) < steps:
        rank = done.index(-1) if -1 in done else rng.choice([r for r in range(ranks) if done[r] < steps])
        done[rank] += 1
        row = rank * positions
        post = f", loss={100 * rank + done[rank]:.3f}" if done[rank] else ""
        bar = (
            f"{done[rank] / steps:4.0%}|{'#' * rank:10}| {done[rank]}/{steps} [00:01<00:09,  1.50it/s{post}]"
        )
        out.append("\n" * row + "\r" + text.format(rank) + bar + "\x1b[A" * row)
    return "".join(out).encode() + b"\n"


def by_rank(parsed) -> dict[int, tuple[list[float], list[float]]]:
    ranks, steps, losses = (parsed.column(name) for name in ("rank", "step", "train/loss"))
    return {int(r): (steps[ranks == r].tolist(), losses[ranks == r].tolist()) for r in np.unique(ranks)}


@pytest.mark.parametrize("positions", [True, False])
@pytest.mark.parametrize("text", TEXTS)
def test_a_rank_in_front_of_a_bar_shows_whose_it_is(text, positions):
    parsed = parse(drawn(text, 1, positions=positions))
    own = [float(step) for step in range(1, 61)]
    assert by_rank(parsed) == {r: (own, [100.0 * r + s for s in own]) for r in range(3)}


@pytest.mark.parametrize("text", ["", "Training: "])
def test_bars_that_say_the_same_are_distinguished_by_their_position(text):
    own = [float(step) for step in range(1, 61)]
    assert by_rank(parse(drawn(text, 2))) == {r: (own, [100.0 * r + s for s in own]) for r in range(3)}


@pytest.mark.few(2)
@pytest.mark.parametrize("line", ["", "Epoch {0}/3"])
@pytest.mark.parametrize("text", ["rank {0}: ", "Training: "])
def test_bars_of_ranks_that_begin_again_are_epochs(text, line):
    bars = [f"{line.format(e + 1)}\n".encode() * 3 + drawn(text, e) for e in range(3)]
    text = b"".join(bars)
    parsed = parse(text)
    parsed.same_as(parse(text, bulk=False))
    parsed.same_as(parse(text, range(33_000, len(text), 33_000)))
    own = [float(step) for step in range(1, 181)]
    losses = [float(step) for step in range(1, 61)] * 3
    assert by_rank(parsed) == {r: (own, [100.0 * r + s for s in losses]) for r in range(3)}
    assert set(parsed.column("total").tolist()) == ({180} if line else {60, 120, 180})


@pytest.mark.parametrize("bulk", [True, False])
@pytest.mark.parametrize("end", ["\n", "\r"])
def test_a_bar_within_another_that_is_drawn_once_more_at_its_end_is_no_rank(end, bulk):
    text = ""
    for _ in range(9):
        for step in range(1, 41):
            bar = f"{step / 40:4.0%}|###  | {step}/40 [00:01<00:02,  1.50it/s, loss={step}.5]"
            text += f"\n\rIteration: {bar}\x1b[A"
        text += f"\rIteration: {bar}{end}"
    parsed = parse(text.encode() + b"\n", bulk=bulk)
    assert not any("rank" in names for _, _, names in parsed.tables)
    assert parsed.column("step").tolist()[-1] == 360


def test_a_bar_within_another_is_no_rank():
    lines = [
        f"\rEpochs: {epoch}/9\n\r{step / 50:4.0%}|###  | {step}/50 [00:01<00:02,  1.50it/s, loss={step}.5]\x1b[A"
        for epoch in range(2)
        for step in range(1, 51)
    ]
    parsed = parse("".join(lines).encode() + b"\n")
    assert not any("rank" in names for _, _, names in parsed.tables)
    assert len(parsed.column("train/loss")) == 100


@given(st.sampled_from((*TEXTS, "", "Training: ")), st.booleans(), st.data())
@settings(max_examples=15, deadline=None)
def test_pieces_and_the_bulk_path_do_not_matter(text, positions, data):
    log = drawn(text, 3, positions=positions or not text, steps=200)
    cuts = data.draw(st.lists(st.integers(0, len(log)), max_size=4))
    single = parse(log, bulk=False)
    parse(log).same_as(single)
    parse(log, cuts).same_as(single)


RECORDS = (
    "iter {0}: loss {1:.4f}, time 100.00ms, mfu 40.00%",
    "{{'loss': {1:.4f}, 'grad_norm': 1.5, 'learning_rate': 5e-05, 'epoch': 0.{0}}}",
)


def above(bar: str, steps: int = 40, up: int = 1, record: str = RECORDS[0]) -> bytes:
    """Bars, and records whose row the cursor went up to, on one physical line."""
    ups = "\x1b[A" * up
    return "".join(
        f"\r{bar.format(step)}{ups}{record.format(10 * step, 9 / step)}\n" for step in range(1, steps + 1)
    ).encode()


BARS = (
    "Validation: |          | 0/? [00:00<?, ?it/s]",
    "Validation:  50%|#####     | {0}/80 [00:01<00:01,  4.20it/s]",
    "Epoch 0:  50%|#####     | {0}/80 [00:01<00:01,  4.20it/s, v_num=1]",
    "first\x1b[Asecond",
)


@pytest.mark.parametrize("up", [1, 3])
@pytest.mark.parametrize("bar", BARS)
def test_a_record_on_the_row_above_a_bar_is_read(bar, up):
    log = above(bar, up=up)
    parsed = parse(log)
    assert parsed.column("train/loss").tolist() == [float(f"{9 / step:.4f}") for step in range(1, 41)]
    first = log.index(b"iter 10:")
    assert any(first in matrix[0] for (kind, _, _), matrix in parsed.tables.items() if kind == "train")


@pytest.mark.parametrize("record", RECORDS)
@given(st.lists(st.sampled_from((*BARS, None, None)), min_size=2, max_size=5), st.data())
@settings(max_examples=8, deadline=None)
def test_rows_above_are_distinguished_in_bulk_too(record, bars, data):
    plain = above("", record=record).replace(b"\x1b[A", b"")
    log = plain * 30 + b"".join(plain * 20 if bar is None else above(bar, 15, record=record) for bar in bars)
    cuts = data.draw(st.lists(st.integers(0, len(log)), max_size=4))
    single = parse(log, bulk=False)
    assert len(single.column("train/loss")) == log.count(b"loss")
    parse(log).same_as(single)
    parse(log, cuts).same_as(single)


@pytest.mark.parametrize("piece", [b"\x1b[A", b"a\x1b[A", b"\x1b[A\x1b"])
def test_moves_up_without_end_take_no_time(piece):
    log, begin = piece * 40_000 + b"\n", time.process_time()
    parse(log)
    assert time.process_time() - begin < 4.0  # linear takes hundredths, quadratic minutes


def _pcdet(first: int, last: int) -> str:
    """What OpenPCDet's two bars show from one iteration to another, as tqdm rounds long numbers."""
    text = ""
    for at in range(first, last):
        epoch, done = divmod(at - first, 40)
        shown = min(str(at), f"{at:.3g}".replace("+0", "+"), key=len)
        text += f"train:  25%|##5       | {done + 1}/40 [00:24<12:25,  1.24s/it, total_it={shown}]\x1b[A\n\r"
        bar = f"epochs:   0%|          | {epoch}/99 [24:23<?, ?it/s, loss={at % 7}.5, lr=0.25, b_time=0.5(0.75)]"
        text += 2 * f"{bar}\r"
    return text + "\n"


@pytest.mark.parametrize("cut", [1, 999, 20011, 65536])
def test_the_upper_bar_shows_what_the_lower_one_counts(cut):
    """The lower one's count of all iterations is rounded from 10000 to 10049."""
    steps = [*range(9801, 10201), *range(1, 81)]
    data = (_pcdet(9801, 10201) + "a note\n" + _pcdet(1, 81)).encode()
    parsed = parse(data, [cut])
    assert parsed.format == "openpcdet-bars"
    assert parsed.column("step").tolist() == steps
    assert parsed.column("train/loss").tolist() == [at % 7 + 0.5 for at in steps]
    assert set(parsed.column("total").tolist()) == {9800 + 99 * 40, 99 * 40}
    parsed.same_as(parse(data, bulk=False))


def test_a_loss_behind_a_blank_in_the_postfix():
    bar = "SFT:   3%|#         | {}/375 [02:09<1:13:19, 12.05s/it, loss {}.5]\r"
    parsed = parse("".join(2 * bar.format(step, 9 - step) for step in range(9)).encode())
    assert parsed.format == "progress-bar"
    assert parsed.column("step").tolist() == [*range(9)]
    assert parsed.column("train/loss").tolist() == [9.5 - step for step in range(9)]


@pytest.mark.parametrize("name", ["CE", "nll", "bce"])
def test_a_bar_may_call_the_loss_by_its_function(name):
    """It shows the loss of the first batch before it counts that."""
    drawn = [
        f"Epoch {e}:  10%|#    | {{}}/9 [00:01<00:02, 5.00it/s, {name}={{}}.5, acc=9%]\r" for e in (1, 2)
    ]
    shown = [bar.format(n, loss) for bar in drawn for n in range(9) for loss in (n, n + 1)]
    parsed = parse("".join(shown).encode())
    parsed.same_as(parse("".join(shown).encode(), bulk=False))
    assert parsed.column("step").tolist() == [*range(9), *range(10, 18)]
    assert parsed.column("train/loss").tolist() == [n + 1.5 for n in (*range(9), *range(1, 9))]
