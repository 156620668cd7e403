"""Bars of Keras: which are epochs and which evaluations; bars end with their run."""

from __future__ import annotations

import numpy as np
import pytest

from runwatch.core.batch import EVAL
from runwatch.parsers.log import LogParser
from runwatch.parsers.progress import stacked

from .logs import Parsed, parse


def bar(total: int, text: str, *, end: str = "\n") -> str:
    """Return a bar, drawn three times."""
    old = f" 1/{total} [>.............................] - ETA: 5s - loss: 9.0 - mae: 9.0"
    full = f"{total}/{total} [==============================] - 5s 3ms/step - "
    return f"{old}\r{full}{text.split(' - val', maxsplit=1)[0]}\r{full}{text}{end}"


def quiet(total: int, text: str) -> str:
    """Return what verbose=2 prints of a bar."""
    return f"{total}/{total} - 5s - 3ms/step - {text}\n"


def older(total: int, text: str) -> str:
    """Return what verbose=2 printed before there were batches in it."""
    return f" - 5s 3ms/step - {text}\n"


@pytest.mark.parametrize("draw", [bar, quiet])
def test_a_single_epoch_has_no_headline(draw):
    text = draw(16, "loss: 2.5 - mae: 1.5 - val_loss: 2.0 - val_mae: 1.0") + draw(
        16, "loss: 1.75 - mae: 1.25"
    )
    text += draw(2, "loss: 1.5 - mae: 1.0")
    parsed = parse(text.encode())
    assert parsed.format == "keras"
    assert parsed.column("step").tolist() == [1]
    assert parsed.column("total").tolist() == [1]
    assert parsed.column("train/loss").tolist() == [2.5]
    assert parsed.column("val/loss", "eval").tolist() == [2.0]
    assert parsed.column("evaluate/loss", "eval").tolist() == [1.75, 1.5]


@pytest.mark.parametrize("encoding", ["utf-8", "cp437", "cp850", "gbk"])
def test_bars_are_read_whatever_code_page_a_terminal_took_their_lines_for(encoding):
    """PowerShell decodes what a program prints, and writes it as UTF-16."""
    text = ""
    for epoch in (1, 2, 3):
        text += f"Epoch {epoch}/3\n"
        for done in range(1, 14):
            line = ("\u2501" * done + "\u2500" * (20 - done)).encode().decode(encoding, "replace")
            text += f"\r{done:2}/13 {line} 1:12 6s/step - accuracy: 0.25 - loss: {epoch}.5"
        text += f"\r13/13 {line} 10s 332ms/step - accuracy: 0.25 - loss: {epoch}.25 - val_loss: {epoch}.5\n"
    parsed = parse(text.encode())
    parsed.same_as(parse(text.encode(), bulk=False))
    assert parsed.format == "keras"
    assert parsed.column("step").tolist() == [1, 2, 3]
    assert parsed.column("train/loss").tolist() == [1.25, 2.25, 3.25]
    assert parsed.column("val/loss", "eval").tolist() == [1.5, 2.5, 3.5]


@pytest.mark.parametrize("draw", [bar, quiet])
def test_a_single_epoch_without_validation(draw):
    parsed = parse((draw(16, "loss: 2.5 - mae: 1.5") + draw(2, "loss: 1.5 - mae: 1.0")).encode())
    assert parsed.column("train/loss").tolist() == [2.5]
    assert parsed.column("evaluate/loss", "eval").tolist() == [1.5]


@pytest.mark.parametrize("draw", [bar, quiet])
@pytest.mark.parametrize("then", ["", "Epoch 1/1\n"])
def test_bars_with_validation_train_without_any_headline(draw, then):
    """Headlines may go to another stream, or each fit() is of one epoch."""
    text = "".join(draw(16, f"loss: {i}.5 - mae: 1.5 - val_loss: {i}.25") for i in range(1, 4))
    parsed = parse((text + (then and then + draw(16, "loss: 0.5 - mae: 1.5"))).encode())
    assert parsed.column("step").tolist() == [1, 2, 3] + [1] * bool(then)
    assert parsed.column("train/loss").tolist() == [1.5, 2.5, 3.5] + [0.5] * bool(then)
    assert parsed.column("val/loss", "eval").tolist() == [1.25, 2.25, 3.25]
    assert parsed.column("evaluate/loss", "eval").tolist() == []


@pytest.mark.parametrize(
    ("totals", "trained", "evaluated"),
    [
        ([16, 16, 16, 16], [0, 1, 2, 3], []),
        ([16, 2, 16, 2, 16], [0, 2, 4], [1, 3]),
        ([16, 16], [0], [1]),
        ([16, 16, 2], [0], [1, 2]),
        ([16, 2, 2], [0], [1, 2]),
    ],
)
@pytest.mark.parametrize("draw", [bar, quiet])
def test_bars_of_one_kind_train_without_any_headline(draw, totals, trained, evaluated):
    parsed = parse("".join(draw(of, f"loss: {i}.5 - mae: 1.5") for i, of in enumerate(totals)).encode())
    assert parsed.column("step").tolist() == list(range(1, len(trained) + 1))
    assert parsed.column("train/loss").tolist() == [i + 0.5 for i in trained]
    assert sorted(parsed.column("evaluate/loss", "eval").tolist()) == [i + 0.5 for i in evaluated]


@pytest.mark.parametrize("draw", [bar, quiet, older])
def test_an_evaluation_as_long_as_an_epoch_is_no_epoch(draw):
    text = "".join(f"Epoch {i}/2\n" + draw(16, f"loss: {2 / i} - mae: 1.5") for i in (1, 2))
    if draw is not older:
        text += draw(16, "loss: 0.125 - mae: 1.25")
    parsed = parse(text.encode())
    assert parsed.column("train/loss").tolist() == [2.0, 1.0]
    assert parsed.column("step").tolist() == [1, 2]
    assert parsed.column("evaluate/loss", "eval").tolist() == ([0.125] if draw is not older else [])


def test_an_evaluation_before_training():
    parsed = parse(
        (bar(2, "loss: 9.5 - mae: 1.5") + "Epoch 1/2\n" + bar(16, "loss: 2.5 - mae: 1.5")).encode()
    )
    assert parsed.column("train/loss").tolist() == [2.5]
    assert parsed.column("evaluate/loss", "eval").tolist() == [9.5]


def test_a_log_that_begins_within_a_run():
    text = bar(16, "loss: 2.5 - mae: 1.5 - val_loss: 2.25") + "Epoch 4/9\n" + bar(16, "loss: 2.0 - mae: 1.5")
    parsed = parse(text.encode())
    assert parsed.column("step").tolist() == [3, 4]
    assert parsed.column("train/loss").tolist() == [2.5, 2.0]


@pytest.mark.parametrize("draw", [bar, quiet, older])
@pytest.mark.parametrize("times", [1, 1000])
def test_validation_shows_an_epoch_whose_headline_is_lost(draw, times):
    lines = [draw(16, f"loss: {9 / i} - mae: 1.5 - val_loss: {8 / i}") for i in range(1, 5)]
    text = f"Epoch 1/2\n{lines[0]}Epoch 2/2\n{lines[1]}{lines[2]}Epoch 2/2\n{lines[3]}" * times
    parsed = parse(text.encode())
    assert parsed.column("step").tolist() == [1, 2, 1, 2] * times
    assert parsed.column("train/loss").tolist() == [9.0, 4.5, 3.0, 2.25] * times
    assert parsed.column("val/loss", "eval").tolist() == [8.0, 4.0, 8 / 3, 2.0] * times


@pytest.mark.parametrize("line", ["3/10 - 12s - loss: 0.5", "12/500 - loss: 0.5 - acc: 0.25"])
def test_what_only_looks_like_keras(line):
    assert parse(f"{line}\n".encode()).unparsed == 1


def test_what_is_read_when_a_run_ends_belongs_to_it():
    row = "      {0}/90      2.5G      1.125      2.25      1.375         12        640: 100%|####| 10/10 [00:02<00:00]\n"
    text = (
        row.format(1) + row.format(2) + "2 epochs completed in 0.142 hours.\n" + row.format(1) + row.format(2)
    )
    parsed = parse(text.encode())
    (finished,) = (event.offset for event in parsed.events if event.kind == "finished")
    (offsets,) = (matrix[0] for (kind, *_), matrix in parsed.tables.items() if kind == "train")
    assert sum(offset < finished for offset in offsets) == 2
    assert parsed.column("step").tolist() == [1, 2, 1, 2]


def test_a_message_behind_a_bar_is_read():
    drawn = "Epoch 0: {0}%|####| {0}/90 [00:02<00:00, 8.00it/s, loss=2.5, lr=0.5]"
    text = (
        drawn.format(1)
        + "\r"
        + drawn.format(2)
        + "01/02/2030 03:04:05 - INFO - Saving current state to out/checkpoint-2\n"
    )
    text += drawn.format(90) + "`Trainer.fit` stopped: `max_epochs=1` reached.\n"
    parsed = parse(text.encode())
    assert [(event.kind, event.step) for event in parsed.events] == [
        ("checkpoint", 2),
        ("finished", None),
        ("facts", None),
    ]
    assert parsed.column("step").tolist() == [1, 2, 90]


def test_the_last_step_counts_when_the_end_is_reported_and_is_not_counted_again():
    """Lightning says behind its bar that it stops, and draws the bar once more."""
    drawn = "Epoch 0: {0}%|####| {0}/90 [00:02<00:00, 8.00it/s, loss={1}]"
    text = "\r".join(drawn.format(step, f"2.{step}") for step in range(1, 91))
    text += "`Trainer.fit` stopped: `max_epochs=1` reached.\n\r"
    parser, live = LogParser(), Parsed()
    live.add(parser.feed(text.encode()))
    assert live.column("step").tolist() == list(range(1, 91))
    assert [event.kind for event in live.events] == ["finished", "facts"]
    live.add(parser.feed(drawn.format(90, "2.90").encode() + b"\n"))
    live.add(parser.flush())
    assert live.column("step").tolist() == list(range(1, 91))


def test_bars_of_a_single_batch():
    line = "1/1 [==============================] - 1s 5ms/step - loss: {}\n"
    parsed = parse(("Epoch 1/1\n" + line.format(2.5) + line.format(1.5)).encode())
    assert parsed.column("train/loss").tolist() == [2.5]
    assert parsed.column("evaluate/loss", "eval").tolist() == [1.5]


@pytest.mark.parametrize("steps", [20, 6000])
@pytest.mark.parametrize("bulk", [False, True])
def test_lightning_fills_up_nan_as_it_does_numbers(steps, bulk):
    text = b"".join(
        b"\rEpoch 0:  %d%%|##   | %d/%d [00:00<00:00, 41.50it/s, v_num=0, train_loss=%s, val_loss=%s]"
        % (100 * i // steps, i, steps, b"nan.0" if i > 3 else b"7.070", b"nan.0" if i < 9 else b"-inf.")
        for i in range(1, steps + 1)
    )
    parsed = parse(text, bulk=bulk)
    loss, held_out = parsed.column("train/loss"), parsed.column("val/loss", "eval")
    assert (len(loss), np.isnan(loss).sum()) == (steps, steps - 3)
    assert parsed.column("step").tolist() == [*range(1, steps + 1)]
    assert (len(held_out), np.isnan(held_out).sum(), held_out[-1]) == (2, 1, -np.inf)


@pytest.mark.parametrize("size", [1 << 20, 4099])
def test_what_is_validated_between_bars_is_at_their_step(size):
    text = b"".join(
        b"".join(
            b"Epoch %d:  50%%|#####     | %d/300 [00:10<00:10,  2.00it/s, loss=%d.5]\r" % (e, i, 300 * e + i)
            for i in range(1, 301)
        )
        + b"\nEpoch %d: val_loss 0.%d\nval_loss improved, saving\nlast test loss was low\n" % (e, e)
        for e in range(1, 8)
    )
    parsed = parse(text, range(size, len(text), size))
    assert parsed.format == "progress-bar"
    assert parsed.column("step").tolist() == list(range(1, 2101))
    assert parsed.column("step", "eval").tolist() == [300 * e for e in range(1, 8)]
    assert parsed.column("val/loss", "eval").tolist() == [e / 10 for e in range(1, 8)]
    parsed.same_as(parse(text, bulk=False))


def test_the_head_of_a_log_shows_how_its_bars_number_epochs():
    bars = [f"Epoch {e}:  50%|#####     | 1/2 [00:10<00:10,  2.00it/s, loss={e}.5]\n" for e in range(1, 60)]
    parser = LogParser(settled="progress-bar", start=1000, first_line=40)
    parser.prime("".join(bars[:3]).encode())
    parsed = Parsed()
    parsed.add(parser.feed("".join(bars[40:]).encode()))
    assert parsed.column("step")[0] == 81


def test_the_head_of_a_log_shows_how_its_lines_number_epochs():
    lines = [f"Epoch: [{e}][0/2]\tTime 0.5 (0.5)\tLoss {e}.5 (1.0)\n" for e in range(1, 60)]
    parser = LogParser(settled="swav", start=1000, first_line=40)
    parser.prime("".join(lines[:3]).encode())
    parsed = Parsed()
    parsed.add(parser.feed("".join(lines[40:]).encode()))
    assert parsed.column("step").tolist() == [2 * e for e in range(40, 59)]


def test_lines_between_bars_show_how_many_epochs_there_are():
    bar = "\rTraining Epoch {e}:  10%|#   | {n}/20 [00:01<00:02,  5.00it/s, loss={e}.{n}]"
    text = "".join(
        "".join(bar.format(e=e, n=n) for n in range(1, 21)) + f"\nEpoch {e}/30, Val Loss: 0.{e}\n"
        for e in (1, 2, 3)
    )
    parsed = parse(text.encode())
    parsed.same_as(parse(text.encode(), bulk=False))
    parsed.same_as(parse(text.encode(), range(301, len(text), 301)))
    assert parsed.column("step").tolist() == [*range(1, 61)]
    assert parsed.column("total").tolist() == [20] * 20 + [600] * 40


@pytest.mark.parametrize("records", [1000, 4000])
def test_bars_below_each_other_that_say_the_same_are_compared_in_linear_time(records, monkeypatch):
    """A block of them was compared as a whole for each of its bars."""
    one = "".join(f"\r{i % 100}%|#| {i}/{records} [00:01<00:05, 1.00s/it]" for i in range(records))
    block = (one + one.replace("]", "]\x1b[A\n")).encode()
    compared = []
    apart = stacked.apart
    monkeypatch.setattr(stacked, "apart", lambda part, top: compared.append(len(part)) or apart(part, top))
    starts = [i for i, byte in enumerate(block) if byte == 13]
    at = 0
    while at < len(block):
        stop = stacked.apart_until(block, at, len(block), b"train")
        assert at <= stop <= len(block)
        assert stop == at or apart(block[at:stop], b"train") or stacked.UP not in block[at:stop]
        at = max(stop, next((start for start in starts if start > at), len(block)))
    assert sum(compared) < 60 * len(block)


@pytest.mark.parametrize("count", [2, 400])
def test_a_test_behind_the_last_epoch_comes_after_its_record(count):
    epoch = "Epoch {0}/{1}\n60/60 [==============================] - 2s 3ms/step - loss: 0.{0} - acc: 0.5\n"
    text = "".join(epoch.format(n, count) for n in range(1, count + 1)).encode()
    text += b"Test loss: 0.25\nTest accuracy: 0.75\nTesting Accuracy:  0.8125\n"
    parsed = parse(text)
    assert parsed.column("step").tolist() == list(range(1, count + 1))
    assert parsed.column("Test accuracy", EVAL).tolist() == [0.75]
    assert parsed.column("Testing Accuracy", EVAL).tolist() == [0.8125]
    assert parsed.column("offset").max() < parsed.column("offset", EVAL).min()
    for cut in (len(text) - 40, len(text) - 60, len(text) // 2):
        parse(text, [cut]).same_as(parsed)
    parse(text, bulk=False).same_as(parsed)
