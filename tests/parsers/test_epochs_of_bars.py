"""Bars that show no epoch: laid end to end, by what is told between them or by counting."""

from __future__ import annotations

import pytest

from runwatch.parsers.log import LogParser

from .logs import Parsed, parse

PER = 20


def bar(epoch: int, text: str = "", *, steps: int = PER, post: str = "", begun: bool = True) -> str:
    """Return a bar of `PER` batches, drawn `steps` times; its losses count on through the epochs."""
    drawn = [f"\r{text}  0%|          | 0/{PER} [00:00<?, ?it/s]"] if begun else []
    for i in range(1, steps + 1):
        loss = f"{post}loss={100 * epoch + i}.5"
        drawn.append(f"\r{text} {5 * i}%|##        | {i}/{PER} [00:02<00:09,  2.00it/s, {loss}]")
    return "".join(drawn)


def below(text: str) -> str:
    """Return a bar as tqdm draws it below another one."""
    return "".join(f"\n\r{drawn}\x1b[A" for drawn in text.split("\r")[1:])


def reported(text: str, times: int, size: int = 1 << 20):
    """Return what is read of a text; of one that is read in pieces, too."""
    data = text.encode()
    parsed = parse(data, range(size, len(data), size))
    parsed.same_as(parse(data, bulk=False))
    assert parsed.column("train/loss").tolist() == [
        100 * e + i + 0.5 for e in range(times) for i in range(1, PER + 1)
    ]
    return parsed.column("step").tolist(), parsed.column("total").tolist()


@pytest.mark.few(3)
@pytest.mark.parametrize("times", [3, 200])
@pytest.mark.parametrize("begun", [True, False])
@pytest.mark.parametrize("text", ["", "Training: "])
def test_bars_that_end_and_begin_again_are_epochs(times, begun, text):
    step, total = reported("\n".join(bar(e, text, begun=begun) for e in range(times)) + "\n", times, 40_000)
    assert step == list(range(1, PER * times + 1))
    assert total == [PER * (e + 1) for e in range(times) for _ in range(PER)]


@pytest.mark.parametrize(("line", "before"), [("Epoch {0}/40", 1), ("Epoch {0}", 0)])
def test_a_line_with_an_end_says_that_a_resumed_bar_counts_epochs_from_one(line, before):
    text = "".join(f"{line.format(e)}\n{bar(e - 12, f'Epoch {e} [ultra]: ')}\n" for e in (12, 13))
    step, _ = reported(text, 2)
    assert step == [PER * (12 - before) + i for i in range(1, 2 * PER + 1)]


@pytest.mark.few(2)
@pytest.mark.parametrize("times", [3, 200])
@pytest.mark.parametrize("line", ["Epoch {0}/{1}", "2030-01-02 03:04:05 - INFO - --- EPOCH [{0}/{1}] ---"])
def test_a_line_before_each_bar_shows_its_epoch(times, line):
    text = "".join(f"{line.format(e + 1, times)}\n{bar(e)}\n" for e in range(times))
    step, total = reported(text, times)
    assert step == list(range(1, PER * times + 1))
    assert total == [PER * times] * PER * times


@pytest.mark.few(2)
@pytest.mark.parametrize("times", [3, 200])
@pytest.mark.parametrize("text", ["Epoch [{0}/{1}]: ", "Epochs {0}/{1}. Running "])
@pytest.mark.parametrize(("first", "last"), [(1, 0), (0, 0), (0, 1)])
def test_a_description_counts_epochs_from_one_or_from_zero(times, text, first, last):
    """From zero, the number behind the stroke is that of all epochs until the last one has it."""
    numbered = "\n".join(bar(e, text.format(e + first, times - last)) for e in range(times)) + "\n"
    step, total = reported(numbered, times)
    assert step == list(range(1, PER * times + 1))
    assert total == [PER * (times - last)] * PER * (times - last) + [PER * times] * PER * last


@pytest.mark.parametrize("times", [3, 200])
def test_a_line_behind_each_bar_shows_what_has_ended(times):
    text = "".join(f"{bar(e)}\nEpoch {e + 1}/{times}: done\n" for e in range(times))
    step, total = reported(text, times)
    assert step == list(range(1, PER * times + 1))
    assert total[PER:] == [PER * times] * PER * (times - 1)


@pytest.mark.few(2)
@pytest.mark.parametrize("times", [3, 200])
@pytest.mark.parametrize("post", [", loss=7.5", ""])
def test_a_bar_of_epochs_above_shows_the_epoch_of_those_below(times, post):
    outer = "\rEpochs: 10%|#     | {0}/{1} [00:02<00:09,  2.00s/it{2}]"
    text = "".join(f"{outer.format(e, times, post if e else '')}{below(bar(e))}" for e in range(times))
    step, total = reported(text + outer.format(times, times, post) + "\n", times)
    assert step == list(range(1, PER * times + 1))
    assert total == [PER * times] * PER * times


def test_a_bar_of_epochs_alone_counts_steps():
    outer = "\rEpochs: 10%|#     | {0}/50 [00:02<00:09,  2.00s/it, loss={0}.5]"
    parsed = parse("".join(map(outer.format, range(1, 51))).encode() + b"\n")
    assert parsed.column("step").tolist() == list(range(1, 51))
    assert set(parsed.column("total").tolist()) == {50}


def test_the_epoch_may_be_among_the_values():
    text = "\n".join(bar(e, post=f"epoch={e}, ") for e in range(3)) + "\n"
    assert reported(text, 3)[0] == list(range(1, 3 * PER + 1))


@pytest.mark.parametrize("text", ["[part_a] {0:03}/{1:03}:", "{0}/{1}:", "Train {0}/{1}: "])
def test_a_count_behind_a_tag_is_the_epoch(text):
    step, total = reported("\n".join(bar(e, text.format(e + 1, 3)) for e in range(3)) + "\n", 3)
    assert step == list(range(1, 3 * PER + 1))
    assert set(total) == {3 * PER}


@pytest.mark.parametrize("text", ["Fold {0}/{1}:", "shard {0}/{1}: "])
def test_a_count_of_something_else_plans_no_epochs(text):
    _, total = reported("\n".join(bar(e, text.format(e + 1, 3)) for e in range(3)) + "\n", 3)
    assert total[0] == PER


def test_a_bar_that_was_broken_off_is_no_epoch():
    text = f"{bar(0)}\n{bar(1, steps=7)}\nKilled\n{bar(0)}\n"
    assert parse(text.encode()).column("step").tolist() == [*range(1, 28), *range(1, 21)]


@pytest.mark.parametrize("name", ["loss (batch)", "loss (step)", "batch_loss"])
def test_the_loss_of_a_batch_is_the_loss(name):
    text = "\n".join(bar(e, f"Epoch {e + 1}/3:").replace("loss=", f"{name}=") for e in range(3)) + "\n"
    step, total = reported(text, 3)
    assert step == list(range(1, 3 * PER + 1))
    assert set(total) == {3 * PER}


@pytest.mark.parametrize(
    ("line", "begin"),
    [("Epoch {0}/9\n{1}\n", "45%|##        | 9/20"), ("{1}\nEpoch {0}/9: done\n", "Epoch 6/9")],
)
def test_the_head_of_a_log_shows_where_its_lines_show_the_epoch(line, begin):
    text = "".join(line.format(e + 1, bar(e)) for e in range(9))
    parser = LogParser(settled="progress-bar", start=1000, first_line=40)
    parser.prime(text[: len(text) // 4].replace("\r", "\n").encode())
    parsed = Parsed()
    parsed.add(parser.feed(text[text.index(begin, len(text) // 2) :].encode()))
    parsed.add(parser.flush())
    assert parsed.column("step")[-1] == 9 * PER


def test_bars_that_are_only_drawn_when_full_leave_the_word_to_lines():
    begun, full = bar(0).split("\r")[1], bar(0).split("\r")[-1]
    text = "".join(
        f"Epoch {e}/30\n{full}\n{begun}Saved best model\nEpoch {e} done in 9.5s - Train Loss: {e}.25\n"
        for e in range(1, 31)
    )
    parsed = parse(text.encode())
    assert parsed.format == "learned"
    assert parsed.column("train/loss").tolist() == [e + 0.25 for e in range(1, 31)]


@pytest.mark.parametrize("stamp", ["", "2030-01-02 03:04:05,678 - INFO - "])
def test_a_bar_whose_unit_is_an_epoch_is_above_those_of_its_steps(stamp):
    text = f"{stamp}0%|          | 0/5 [00:00<?, ?epoch/s]\n"
    for epoch in range(1, 6):
        for n in range(1, 41):
            text += f"{stamp}{n * 2.5:.0f}%|##   | {n}.0/40 [00:02<00:03, 6.88batch/s, loss={epoch}.{n}]\n"
        text += (
            f"{stamp}Epoch {epoch}:\n{stamp}val_loss={6 - epoch}.5\n"
            f"{stamp}20%|##   | {epoch}/5 [00:26<04:01, 26.86s/epoch, loss={epoch}.40]\n"
        )
    parsed = parse(text.encode())
    assert parsed.column("step").tolist() == list(range(1, 201))
    assert parsed.column("val/loss", "eval").tolist() == [5.5, 4.5, 3.5, 2.5, 1.5]
    parsed.same_as(parse(text.encode(), bulk=False))


@pytest.mark.parametrize("sign", [" - ", "="])
@pytest.mark.parametrize("size", [100, 10_000])
def test_bars_only_drawn_when_full_are_of_the_epochs_that_lines_announce(sign, size):
    losses = [1 / (i + 1) for i in range(12)]
    text = "".join(
        f"\nEpoch: {epoch}\n"
        + f"train: 100%|####| 100/100 [00:30<00:00,  3.30it/s, dice_loss{sign}{loss}, iou_score{sign}0.7]\n"
        * 2
        + f"valid: 100%|####| 20/20 [00:05<00:00,  3.30it/s, dice_loss{sign}0.9, iou_score{sign}0.6]\n"
        for epoch, loss in enumerate(losses)
    ).encode()
    parsed = parse(text, range(size, len(text), size))
    assert parsed.column("step").tolist() == [100 * (epoch + 1) for epoch in range(12)]
    assert parsed.column("train/loss").tolist() == losses


@pytest.mark.few(2)
@pytest.mark.parametrize("size", [100, 40_000])
@pytest.mark.parametrize("times", [20, 900])
@pytest.mark.parametrize("text", ["", "Train: "])
def test_bars_only_drawn_when_full_and_nothing_else_are_an_epoch_each(text, times, size):
    losses = [round(3 / (i + 1), 9) for i in range(times)]
    lines = "".join(
        f"{text}100%|##########| 469/469 [00:10<00:00, 45.1it/s, loss={loss}]\n"
        f"Valid: 100%|##########| 79/79 [00:01<00:00, 65.1it/s, loss={loss + 1}]\n"
        for loss in losses
    ).encode()
    parsed = parse(lines, range(size, len(lines), size))
    parsed.same_as(parse(lines, bulk=False))
    assert parsed.column("step").tolist() == [469 * (epoch + 1) for epoch in range(times)]
    assert parsed.column("train/loss").tolist() == losses
    assert parsed.column("val/loss", "eval").tolist() == pytest.approx([loss + 1 for loss in losses])


def test_a_full_bar_that_is_drawn_again_with_another_value_is_of_one_epoch():
    drawn = "\r".join(f"{50 * n}%|##  | {n}/2 [00:01<00:00, 2.0it/s, loss={n}.5]" for n in (1, 2, 2))
    text = "\n".join(drawn[:-4] + f"{epoch}.5]" for epoch in range(1, 19)) + "\n"
    assert parse(text.encode()).column("step").tolist() == list(range(1, 37))


@pytest.mark.parametrize("size", [60, 10_000])
def test_a_bar_that_is_reset_before_its_next_epoch_shows_nothing(size):
    """As Lightning draws it: with the values that it had, at 0 of the epoch that is over."""
    bar = "\rEpoch {0}: {1:3}%|{2:10}| {3}/4 [00:0{3}<00:00,  1.00it/s, train_loss={4}]"
    lines = "".join(
        "".join(
            bar.format(epoch, 25 * n, "#" * n, n, loss)
            for n, loss in ((1, 3 - epoch), (3, 2.5 - epoch), (4, 2 - epoch))
        )
        + bar.format(epoch, 0, "", 0, 2 - epoch)
        + bar.format(epoch + 1, 0, "", 0, 2 - epoch)
        for epoch in range(12)
    ).encode()
    parsed = parse(lines, range(size, len(lines), size))
    assert parsed.column("step").tolist() == [4 * epoch + n for epoch in range(12) for n in (1, 3, 4)]
    parsed.same_as(parse(lines, bulk=False))
