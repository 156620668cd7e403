"""When the learner believes what it sees, and how sure it is."""

from __future__ import annotations

import math

import pytest

from runwatch.parsers.log import LogParser

from .logs import parse
from .templates import log


def test_a_short_log_is_learned_at_its_end():
    parser = LogParser()
    fed = parser.feed(b"".join(b"step %d loss 1.5\n" % i for i in range(4)))
    assert (parser.format, fed.unparsed) == (None, 4)
    rest = parser.flush()
    assert (parser.format, rest.unparsed, rest.tables[0].rows) == ("learned", -4, 4)
    assert rest.tables[0].column("line").tolist() == [1, 2, 3, 4]


def test_few_records_after_a_long_preamble():
    preamble = b"layer (linear)  some shape\n" * 200
    epochs = b"".join(b"Epoch %d/4 - loss: 0.%d - val_loss: 0.5\n" % (i, i) for i in range(1, 5))
    assert parse(preamble + epochs + b"Done.\n", formats=()).column("step").tolist() == [1, 2, 3, 4]
    assert parse(preamble + epochs + preamble, formats=()).format is None


def test_two_records_are_enough_if_they_say_much():
    line = b"iteration %d/ 100 | lm loss: 2.5E+00 | learning rate: 1.0E-04 | grad norm: 1.5\n"
    assert parse(line % 10 + line % 20, formats=()).column("step").tolist() == [10, 20]


@pytest.mark.parametrize(
    "line",
    [
        *(
            "step 10 loss 2.5",
            "Epoch 1 | loss 0.5 | acc 0.75",
            "[Ep 1 B 50] loss=2.5",
            "Iteration 9: loss=2.5e-1",
        ),
        *("Epoch: 1, loss: 0.5, val_loss: 0.75", "2030-01-02 03:04:05 INFO step 10 - loss: 0.5 (2.5 s)"),
    ],
)
@pytest.mark.parametrize("often", [1, 2])
@pytest.mark.parametrize("below", [b"", b"Traceback (most recent call last):\n" + b"  more\n" * 9])
def test_a_record_or_two_are_shown_and_unsure(line, often, below):
    text = SETUP + line.encode() + b"\n"
    text += line.replace("1", "3").encode() + b"\n" if often > 1 else b""
    assert len(parse(text + below).column("train/loss")) == often
    assert certainty(text + below) <= 0.5
    assert parse(text + below + (7 if line[0] == "2" else 1) * SETUP).format is None
    parse(text, range(0, len(text), 7)).same_as(parse(text))


SETUP = b"layer (linear)  some shape\nUsing device: cuda\n" * 20


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        (b"10:00:01 - INFO - epoch 0, step 50, training loss = 3.37, validation loss = 2.98\n", [50]),
        (b"Epoch 1/30 - train_loss: 1.5 - val_loss: 1.75\n", [1]),
        (b"Epoch 1/2 loss 1.5\nEpoch 2/2 loss 1.25\nSaved model to a.pt\n", [1, 2]),
        (
            b"[TRAINING] Epoch 0  Loss: 5.5\n[TRAINING] Epoch 1  Loss: 5.25\n[TRAINING] Epoch 0  Loss: 5.5\n",
            [0, 1, 0],
        ),
        (b"".join(b"Epoch 1/30 | Batch %d/100 | Loss: 2.%d\n" % (i, i) for i in (20, 40, 60)), [20, 40, 60]),
        (b"10:00:01 - INFO - Iter 0: loss 10.5, lr 0.0004, 28936.5 tokens/sec\n" + SETUP, [0]),
    ],
)
def test_records_that_leave_no_doubt_are_enough_at_the_end_however_few(text, steps):
    assert parse(SETUP + text, formats=()).column("step").tolist() == steps
    parse(SETUP + text, range(0, len(SETUP + text), 7), formats=()).same_as(parse(SETUP + text, formats=()))


@pytest.mark.parametrize(
    "text",
    [
        b"In epoch 3 the loss was 0.5\n",
        b"After 3 of 30 epochs the validation loss is 0.5\n",
        b"Epoch 3/30 - saved 2.5 MB\n",
        b"Epoch 3 is done: loss 0.5\n",
        b"$ ./train | grep step 10 loss 2.5\n",
        b"Table 3 loss 0.5\n",
        b"version 1/2 loss 0.5\n",
        b"Epoch 1/30 - train_loss: 1.5\n" + SETUP,
        b"Iter 0: loss 10.5, lr 0.0004\n" + SETUP,
        b"10:00:01 - INFO - Iter 0: loss 10.5, lr 0.0004\n" + 10 * SETUP,
        b"Iter 0: lr 0.0004\n" + SETUP,
        b"# Results\nEpoch 1/30 - train_loss: 1.5\n",
    ],
)
def test_a_line_that_leaves_a_doubt_or_has_much_below_it_is_an_example(text):
    assert parse(SETUP + text, formats=()).format is None


@pytest.mark.parametrize(("stamp", "shown"), [(b"2030-01-02 03:04:05,678 - INFO - ", True), (b"", False)])
def test_a_record_that_a_logger_printed_is_no_example(stamp, shown):
    record = stamp + b"Epoch: %d [%d/9000] loss: 2.5\n"
    text = SETUP + record % (1, 0) + 9 * SETUP + record % (1, 640) + 3 * SETUP
    assert parse(text).column("train/loss").tolist() == [2.5, 2.5] * shown
    assert parse(text + 9 * SETUP).format is None


def certainty(text: bytes) -> float:
    parser = LogParser(())
    parser.feed(text)
    parser.flush()
    assert parser.certainty is not None
    return parser.certainty


def test_certainty():
    clear = certainty(b"".join(b"step %d loss 2.5 lr 0.1\n" % i for i in range(60)))
    lossless = certainty(b"".join(b"step %d reward 2.5 lr 0.1\n" % i for i in range(60)))
    stepless = certainty(b"".join(b"loss 2.%d lr 0.1\n" % i for i in range(60)))
    odd = certainty(b"".join(b"epoch %d foo 2.5\n" % i for i in range(60)))
    assert 0 < stepless < lossless < clear <= 1
    assert 0 < odd < clear
    assert clear > 0.9
    assert LogParser(()).certainty is None


def test_very_few_records_make_it_unsure():
    line = b"epoch %d, step 50, training loss = 3.37, validation loss = 2.98\n"
    assert (
        0
        < certainty(line % 0)
        < certainty((line % 0) + (line % 1))
        < certainty(b"".join(line % i for i in range(6)))
    )
    assert certainty(line % 0) < 0.5


def test_after_many_records_a_learned_format_stays():
    text = log("it {step}/{total} xloss={loss} lr={lr}", 1200)
    parsed = parse(text + b"step 1/9 (1.00%) | loss: 1.0\n" * 40)
    assert parsed.format == "learned"
    assert len(parsed.column("step")) >= 1200
    parse(text).same_as(parse(text, bulk=False))
    parse(text, [len(text) // 3, len(text) // 2]).same_as(parse(text))


def plain(template: str, count: int = 5, **more: object) -> bytes:
    """Lines in a row that say all there is to know of a step."""
    return "".join(template.format(step=i + 1, clock=8 * i, **more) + "\n" for i in range(count)).encode()


PLAINLY = "[mine] it={step} of 350 train_loss=nan gnorm=nan lr=1e-4 dt=0.5s"


def test_plain_lines_are_believed_while_few():
    parser = LogParser()
    *before, newest = [parser.feed(line + b"\n") for line in plain(PLAINLY).splitlines()]
    assert not any(batch.tables for batch in before)
    (table,) = newest.tables
    assert table.column("step").tolist() == [1, 2, 3, 4, 5]
    assert table.column("total").tolist() == [350] * 5
    assert all(map(math.isnan, table.column("train/loss").tolist()))


@pytest.mark.parametrize(
    "text",
    [
        plain(PLAINLY, 4),
        plain(PLAINLY.replace(" of 350", ""), 5),
        plain("it={step} of 350 train_loss=nan", 5),
        plain("it={step} of 350 lr=1e-4 grad_norm=nan", 5),
        plain("epoch 1 it={step} of 350 train_loss=nan lr=1e-4", 5),
        plain("it={step} of 350 train_loss=nan lr=1e-4 time {clock}", 5),
        plain(PLAINLY, 4) + b"Epoch 2\n" + plain(PLAINLY, 5),
        plain(PLAINLY, 3) + b"saved\n" + plain(PLAINLY, 5)[3 * len(PLAINLY) :],
        plain("it=7 of 350 train_loss=nan lr=1e-4", 5),
        plain("val: it={step} of 350 val_loss=nan lr=1e-4", 5),
        b"# How to train\n" + plain(PLAINLY, 5),
        plain("it={step} of 35{step} train_loss=nan lr=1e-4", 5),
    ],
)
def test_few_lines_that_leave_doubts_are_waited_for(text):
    assert not LogParser().feed(text).tables


def test_runs_that_begin_again_count_though_they_are_short():
    text = "".join(f"  Epoch {5 * i}/20 - Train Loss: 0.5, Val Loss: {i}.5\n" for i in (1, 2, 3, 4, 1, 2, 3))
    parsed = parse(text.encode(), formats=())
    assert parsed.column("step").tolist() == [5, 10, 15, 20, 5, 10, 15]


def test_a_counter_that_does_not_grow_yet_is_waited_for():
    lines = [f"epoch: 0, D(x): 0.5, FID Score: {9 + i}.5, IS Score: 1.5" for i in range(30)]
    lines += [f"epoch: {i}, D(x): 0.5, FID Score: {9 + i}.5, IS Score: 1.5" for i in range(200)]
    parsed = parse("\n".join(lines).encode(), formats=())
    assert parsed.column("step").tolist() == [0] * 30 + list(range(200))


def test_few_lines_all_over_a_log_are_enough():
    noise = b"INFO collected 12 words of a sentence\n" * 30
    text = b"".join(noise + b"Loss after epoch %d: %d.5\n" % (i, 90 - i) for i in range(10))
    assert parse(text, formats=()).column("step").tolist() == list(range(10))
    assert parse(noise * 9 + text.replace(noise, b""), formats=()).format is None


def test_several_losses_none_of_which_is_the_loss_make_it_less_sure():
    whole = "".join(f"step {i} style loss 1.5 content loss 2.5 total loss 4.0\n" for i in range(30))
    parts = whole.replace(" total loss 4.0", " tv loss 4.25")
    assert certainty(parts.encode()) < certainty(whole.encode())


def test_of_several_losses_the_one_that_is_the_sum_of_the_others_is_the_loss():
    rows = [(3 / i, 1 + 1 / i, 0.25) for i in range(1, 31)]
    text = "".join(f"step {i} net_a_loss {a:.4f} net_b_loss {a + b + c:.4f} x_loss {b:.4f} y_loss {c:.4f}\n"
                   for i, (a, b, c) in enumerate(rows, 1))  # fmt: skip
    loss = parse(text.encode(), formats=()).column("train/loss").tolist()
    assert loss == [round(sum(row), 4) for row in rows]


def test_three_records_that_a_logger_printed_are_enough_among_many_other_lines():
    lines = []
    for i in range(120):
        lines.append(f"2026-03-04 05:06:{i % 60:02d},789 - INFO - batch {i} was moved to the device")
        if i % 50 == 0:
            lines.append(
                f"2026-03-04 05:06:{i % 60:02d},790 - INFO - [BEAT] Step {i}/5000 (Loss: {8 - i / 50})"
            )
    assert parse("\n".join([*lines, ""]).encode()).column("train/loss").tolist() == [8.0, 7.0, 6.0]
    bare = [line.partition(" - INFO - ")[2] for line in lines]
    assert len(parse("\n".join([*bare, ""]).encode()).column("train/loss")) == 0
