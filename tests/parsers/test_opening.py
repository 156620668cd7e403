"""A program that is started again into the same log."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runwatch.parsers.formats import catalogue
from runwatch.parsers.stream import StreamParser

BANNER = "2030-01-02 03:04:{:02d} - INFO - args: Namespace(batch_size={}, config='a.yaml', out='runs')\n"
ROWS = "".join(f"step {at}/100 | loss {3 - at / 50:.4f}\n" for at in range(1, 60))


def launch(number: int) -> str:
    return BANNER.format(number, 8 * number) + "loading data\n" * 3 + ROWS


def launches(*pieces: bytes) -> list[tuple[int, str]]:
    parser = StreamParser(catalogue())
    batches = [*map(parser.feed, pieces), parser.flush()]
    return [
        (event.line, event.title) for batch in batches for event in batch.events if event.kind == "launch"
    ]


def test_the_first_words_of_a_log_begin_another_launch():
    text = "".join(map(launch, (1, 2, 3)))
    lines = [line for line, _ in launches(text.encode())]
    size = launch(1).count("\n")
    assert lines == [size + 1, 2 * size + 1]
    assert launches(text.encode())[0][1].startswith("args: Namespace(batch_size=16")  # without its time


def test_the_first_line_may_be_longer_than_the_beginning():
    text = "".join(launch(number).replace("out=", "names='" + "a.b " * 300 + "', out=") for number in (1, 2))
    assert [line for line, _ in launches(text.encode())] == [launch(1).count("\n") + 1]


def test_a_first_line_that_begins_with_another_tag_behind_its_level():
    first = "2030-01-02 03:04:{:02d},678 - root - WARNING - [rank0]: Starting the training of acme\n"
    text = "".join(first.format(number) + launch(number)[len(BANNER.format(0, 0)) :] for number in (1, 2))
    assert [line for line, _ in launches(text.encode())] == [launch(1).count("\n") + 1]


@given(cuts=st.lists(st.integers(0, 6000), max_size=6))
def test_however_it_is_cut(cuts):
    text = "".join(map(launch, (1, 2, 3))).encode()
    edges = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    pieces = [text[a:b] for a, b in pairwise(edges)]
    assert launches(*pieces) == launches(text)


@pytest.mark.parametrize("at", [b"loading", b"step 9/", b"step 40/"])
@pytest.mark.parametrize(
    "known", [0, 4096]
)  # bytes behind the place that the file held when the reader began
def test_a_reader_that_continues_in_the_middle_knows_how_it_began(at, known):
    text = "".join(map(launch, (1, 2))).encode()
    cut = text.index(at)
    parser = StreamParser(catalogue(), start=cut, first_line=text.count(b"\n", 0, cut) + 1)
    parser.prime(text[: cut + known], text[:cut])
    events = [event for event in parser.feed(text[cut:]).events if event.kind == "launch"]
    assert [event.line for event in events] == [launch(1).count("\n") + 1]


@pytest.mark.parametrize(
    "first",
    [
        "epoch 1 train loss: 0.5 accuracy of the model\n",  # a record: it comes with each epoch
        "--------\n",
        '{"step": 1, "train_loss_of_this": 0.5}\n',
        "Traceback (most recent call last):\n",
    ],
)
def test_what_comes_again_anyway_is_no_beginning(first):
    rest = "some other words\n" if first == "--------\n" else ""
    text = (first + ROWS) * 3 if not rest else first + ROWS * 3
    assert launches(text.encode()) == []


def test_a_line_that_each_process_prints_is_no_beginning():
    text = "Setting ds_accelerator to cuda (auto detect)\n" * 8 + ROWS
    assert launches((text * 2).encode()) == []


def test_launches_that_end_at_once_begin_alike():
    words = "Using the default model\nLoading weights from a.pt\nBeginning to train\n"
    text = (words + "step 1/100 | loss 3.0000\n") * 3 + (words + ROWS) * 3
    first, size = 13, (words + ROWS).count("\n")  # within the head none is reported
    assert [line for line, _ in launches(text.encode())] == [first + size, first + 2 * size]
    stages = "Computing the loss\nStepping the optimizer\nLearning rate: {}\nDone with it\n"
    assert launches("".join(stages.format(at) for at in range(90)).encode()) == []


def test_the_error_of_a_start_before_the_first_words_is_no_beginning():
    failed = (
        "Traceback (most recent call last):\n  File \"train.py\", line 3, in <module>\nKeyError: 'a.yaml'\n"
    )
    text = failed + "".join(map(launch, (1, 2)))
    assert [line for line, _ in launches(text.encode())] == [4 + launch(1).count("\n")]


def test_the_first_line_is_no_launch_of_its_own():
    banner = b"Training with many words in its first line " * 60 + b"\n"
    assert not launches(banner + b"step 1 loss 2.5\n" * 40)
