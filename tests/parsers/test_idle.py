"""Redraws that tell nothing are passed over many at a time, and tell what they tell line by line."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runwatch.parsers.log import LogParser
from runwatch.parsers.pipeline import Pipeline

from .logs import Parsed, nanochat, parse

UP = "\x1b[A"


def tqdm(text: str, done: int, total: int, *, unit: str = "it", postfix: str = "", rate: float = 43.2) -> str:
    """Return what tqdm draws of one bar."""
    share = done / total
    filled = "#" * int(10 * share) + f"{int(100 * share) % 10}" * (done < total)
    rest = f"{done // 60:02d}:{done % 60:02d}<{(total - done) // 60:02d}:{(total - done) % 60:02d}"
    pace = f"{rate:.2f}{unit}/s" if done else f"?{unit}/s"
    return f"{text}{share:4.0%}|{filled:10}| {done}/{total} [{rest}, {pace}{postfix}]"


def download(rng: random.Random, count: int) -> Iterator[str]:
    """The bar of a file; its numbers have units."""
    for i in range(count):
        sizes = f"{498 * i / count:.0f}M" if rng.random() < 0.9 else f"{4.98 * i / count:.2f}G"
        yield tqdm("model-00001-of-00002: ", i, count).replace(f" {i}/{count} ", f" {sizes}/4.98G ") + "\r"


def evaluation(rng: random.Random, count: int) -> Iterator[str]:
    """Bars whose words are an event's."""
    word, loss = rng.choice(("Evaluating", "Validating", "Evaluation", "Loading checkpoint shards")), ""
    for i in range(count):
        if rng.random() < 0.5:
            loss = rng.choice(("", f", val_loss={rng.random():.3f}"))
        yield tqdm(f"{word}: ", i, count, postfix=loss) + rng.choice(("\r", "\r", "\r", " \r", "\n", "\r\n"))


def bare(rng: random.Random, count: int) -> Iterator[str]:
    """A bar without a description, which tells a step."""
    for i in range(count):
        yield tqdm("", i, count, rate=rng.choice((0.0, 4.2, 43.2))) + rng.choice(("\r", "\r", "\r", "\n"))


def epochs(rng: random.Random, count: int) -> Iterator[str]:
    """Bars of training, the first of each without a loss."""
    for i in range(count):
        epoch, done = divmod(i, 60)
        loss = f", loss={rng.random():.3f}" if done > 2 else ""
        yield tqdm(f"Epoch {epoch}: ", done, 60, postfix=loss) + "\r" * (done < 59) + "\n" * (done == 59)


def endless(rng: random.Random, count: int) -> Iterator[str]:
    """A bar that knows no total."""
    for i in range(count):
        yield f"Tokenizing: {i}it [00:{i % 60:02d}, {rng.random():.2f}it/s]\r"


def others(rng: random.Random, count: int) -> Iterator[str]:
    """Bars of pip, and of rich in colours, with no loss."""
    for i in range(count):
        line = "\u2501" * (i % 40) + "\u2578" + " " * (39 - i % 40)
        if rng.random() < 0.5:
            yield f"     {line} {i / 7:.1f}/779.1 MB {rng.random():.1f} MB/s eta 0:00:{i % 60:02d}\r"
        else:
            yield f"Working \x1b[32m{line}\x1b[0m {i}/{count} 0:00:{i % 60:02d}\r"


def below(rng: random.Random, count: int) -> Iterator[str]:
    """Two bars, the second of which is drawn on the line below."""
    for i in range(count):
        yield "\r" + tqdm("shard 0: ", i, count) + "\n\r" + tqdm("shard 1: ", i, count) + UP


def nested(rng: random.Random, count: int) -> Iterator[str]:
    """A bar of epochs, and below it those of training."""
    for i in range(count):
        if i % 60 == 0:
            yield "\r" + tqdm("Epochs: ", i // 60, count)
        yield "\n\r" + tqdm("Train: ", i % 60, 60, postfix=f", loss={rng.random():.3f}" * (i % 60 > 1)) + UP


def ranks(rng: random.Random, count: int) -> Iterator[str]:
    """The bars of two processes, each on a line of its own."""
    for i in range(count):
        bars = [
            tqdm(f"Epoch {i // 60}: ", i % 60, 60, postfix=f", loss={rng.random():.3f}") for _ in range(2)
        ]
        yield "\r" + bars[0] + "\n\r" + bars[1] + UP


DRAWN = (download, evaluation, bare, epochs, endless, others, below, nested, ranks)
AMONG = (
    "step 00012/05568 (0.22%) | loss: 2.336916 | lrm: 1.00 | dt: 997.40ms | tok/sec: 1,051,311\n",
    "trainer: iter=7 objective_loss=1.5 gnorm=0.25\n",
    "{'loss': 1.5, 'grad_norm': 0.5, 'learning_rate': 1e-05, 'epoch': 0.5}\n",
    "Traceback (most recent call last):\n",
    "  File 'x', line 3\n",
    "ValueError: no\n",
    "Evaluating: hellaswag\n",
    "Evaluating now\r",
    tqdm("Map: ", 0, 9, unit=" examples") + "\r",
    tqdm("Map: ", 5, 9, unit=" examples") + "Saving model to out/model_10.pt\n",
    "Epoch 3/9\n",
    "Epochs:  20%|##        | 1/5 [00:10<00:40, 10.0s/it]\r",
    "val_loss: 0.5\n",
    "a,b\r\n",
    "\r",
    "\n",
)


def steps(kind: str, rng: random.Random) -> str:
    """The lines a log begins with: they settle its format, or do not."""
    if kind == "nanochat":
        return nanochat(40, seed=1).decode()
    if kind == "keys":
        return "".join(
            f"trainer: iter={i} objective_loss={9 - i / 9 + rng.random() / 9:.4f} gnorm={rng.random():.3f}\n"
            for i in range(80)
        )
    if kind == "dicts":
        return "".join(
            f"{{'loss': {9 - i / 9:.4f}, 'grad_norm': 0.5, 'epoch': {i / 40}}}\n" for i in range(40)
        )
    if kind == "bars":
        return "".join(epochs(rng, 700))
    return "The run begins.\n" * 12


KINDS = ("nanochat", "keys", "dicts", "bars", "none")


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(KINDS),
    st.integers(0, 1 << 30),
    st.lists(st.tuples(st.sampled_from(DRAWN), st.integers(1, 700)), min_size=1, max_size=4),
    st.sampled_from((0.0, 0.01, 0.3)),
    st.lists(st.floats(0, 1), max_size=4),
)
def test_redraws_show_the_same_however_they_are_read(kind, seed, stretches, noise, cuts):
    rng = random.Random(seed)
    parts = [steps(kind, rng)]
    for draw, count in stretches:
        for text in draw(rng, count):
            parts.append(text)
            if rng.random() < noise:
                parts.append(rng.choice(AMONG))
    data = "".join(parts).encode()
    whole = parse(data, bulk=False)
    parse(data).same_as(whole)
    parse(data, sorted(int(cut * len(data)) for cut in cuts)).same_as(whole)


def read_by_itself(data: bytes, monkeypatch: pytest.MonkeyPatch) -> tuple[Parsed, int]:
    """Return what a log tells, and how many records were read one by one."""
    reads, read = 0, Pipeline.read

    def counted(self: Pipeline, *args: object) -> bool:
        nonlocal reads
        reads += 1
        return read(self, *args)

    monkeypatch.setattr(Pipeline, "read", counted)
    parsed = parse(data, range(1 << 20, len(data), 1 << 20))
    return parsed, reads


@pytest.mark.few(3)
@pytest.mark.parametrize(
    ("kind", "draw"),
    [
        pytest.param(kind, draw, marks=[] if draw is download or nth == 0 else pytest.mark.deep)
        for nth, kind in enumerate(KINDS)
        for draw in (download, evaluation, endless, bare, below)
    ],
)
def test_redraws_are_passed_over_whatever_precedes(kind, draw, monkeypatch):
    before = steps(kind, random.Random(0)).encode()
    _, few = read_by_itself(before, monkeypatch)
    rng = random.Random(5)
    bars = "".join(text.replace("\n", "\r") for text in draw(rng, 20_000)).encode() + b"\n"
    if kind == "none":  # as long as no format is known, bars that show validation values are looked at
        bars = re.sub(rb", val_loss=[\d.]+", b"", bars)
    parsed, reads = read_by_itself(before + bars, monkeypatch)
    assert reads - few < 3000
    assert parsed.lines == before.count(b"\n") + 1


def test_bars_of_ranks_behind_a_block_of_others_are_distinguished():
    rng = random.Random(1)
    data = "".join((*epochs(rng, 1500), *ranks(rng, 100))).encode()
    parse(data).same_as(parse(data, bulk=False))


def test_an_evaluation_bar_is_one_event():
    bar = "".join("\r" + tqdm("Evaluating: ", i, 3000) for i in range(3000))
    for bulk in (True, False):
        parsed = parse(nanochat(40, seed=1) + bar.encode() + b"\n", bulk=bulk)
        assert [event.kind for event in parsed.events].count("eval_begin") == 1


def test_an_event_behind_a_bar_is_reported():
    bars = [tqdm("Map: ", i, 3000, unit=" examples") for i in range(3000)]
    bars[1500] += "CUDA out of memory"
    parsed = parse(nanochat(40, seed=1) + "\r".join(bars).encode() + b"\n")
    assert "oom" in [event.kind for event in parsed.events]


def test_a_line_that_never_ends_is_read_in_bounded_memory():
    parser = LogParser()
    parser.feed(nanochat(40, seed=1))
    block = "".join(tqdm("Map: ", i, 9000) + "\r" for i in range(1, 9000)).encode()
    for _ in range(8):
        parser.feed(block)
        assert parser.held == 0
    batch = parser.flush()
    assert batch.lines == 1
