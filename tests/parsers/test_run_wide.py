"""Bars that span the run: their `n` goes on growing as the epoch moves on, so it is the step."""

from __future__ import annotations

import pytest

from runwatch.parsers.log import LogParser

from .logs import Parsed, parse

EPOCHS, PER = 5, 60
TOTAL = EPOCHS * PER


def bar(text: str, n: int, *, total: int = TOTAL, post: str = "", loss: bool = True) -> str:
    """Return a redraw; its loss is its n."""
    shown = f", {post}loss={n}.5" if loss else ""
    return f"\r{text}: {100 * n // total:3}%|##        | {n}/{total} [00:02<00:09,  2.00it/s{shown}]"


def steps(text: str, size: int = 1 << 20) -> tuple[list[float], list[float], list[float]]:
    """Return steps, totals and epochs; the same in pieces and line by line."""
    data = text.encode()
    parsed = parse(data, range(size, len(data), size))
    parsed.same_as(parse(data, bulk=False))
    assert parsed.format == "progress-bar"
    return tuple(parsed.column(name).tolist() for name in ("step", "total", "train/epoch"))


def run(text: str, post: str = "", *, every: int = 1, again: bool = False) -> str:
    """Return a bar of a run that shows its epoch, at its boundaries perhaps twice."""
    drawn = []
    for n in range(1, TOTAL + 1, every):
        epoch = (n - 1) // PER
        drawn.append(bar(text.format(epoch + 1), n, post=post.format(epoch + 1)))
        if again and n % PER == 0 and n < TOTAL:
            drawn.append(bar(text.format(epoch + 2), n, post=post.format(epoch + 2)))
    return "".join(drawn) + "\n"


@pytest.mark.few(4)
@pytest.mark.parametrize("size", [1 << 20, 33_000])
@pytest.mark.parametrize(
    ("text", "post"),
    [
        ("Epoch {0}/5", ""),
        ("Epoch {0}", ""),
        ("Train", "epoch={0}, "),
        ("[{0}/5] training", ""),
        ("Epoch {0} of 5, steps", ""),
    ],
)
def test_a_bar_whose_epoch_moves_on_spans_the_run(text, post, size):
    step, total, epoch = steps(8 * "warming up\n" + run(text, post), size)
    assert step == list(range(1, TOTAL + 1))
    assert set(total[PER:]) == {TOTAL}
    assert epoch == [1 + i // PER for i in range(TOTAL)]


@pytest.mark.parametrize("text", ["Epoch {0}/5", "Epoch {0}"])
def test_it_is_drawn_once_more_where_the_epoch_moves_on(text):
    step, total, _ = steps(run(text, again=True))
    assert sorted(set(step)) == list(range(1, TOTAL + 1))
    assert set(total[PER:]) == {TOTAL}


@pytest.mark.parametrize("every", [7, 50])
def test_it_is_drawn_now_and_then(every):
    step, _, _ = steps(run("Epoch {0}/5", every=every))
    assert step == list(range(1, TOTAL + 1, every))


def test_a_bar_that_counts_epochs_spans_the_run():
    text = "".join(bar(f"Epoch {n}/{TOTAL}", n) for n in range(1, TOTAL + 1))
    step, total, epoch = steps(text + "\n")
    assert step == epoch == list(range(1, TOTAL + 1))
    assert set(total[1:]) == {TOTAL}


@pytest.mark.parametrize("text", ["steps", "Steps", "Train"])
@pytest.mark.parametrize("line", ["epoch {0}/5", "Epoch {0}"])
def test_lines_show_the_epochs_of_a_bar_that_continues(text, line):
    drawn = [bar(text, 0, loss=False)]
    for n in range(1, TOTAL + 1):
        drawn.append(f"\n{line.format(n // PER + 1)}\n" if n % PER == 1 else "")
        drawn.append(bar(text, n))
    step, total, epoch = steps("".join(drawn) + "\n")
    assert step == list(range(1, TOTAL + 1))
    assert set(total[0 if text != "Train" else PER :]) == {TOTAL}
    assert epoch == [1 + i // PER for i in range(TOTAL)]


def test_the_head_of_a_log_shows_that_a_bar_spans_the_run():
    lines = [f"{text.strip()}\n" for text in run("Epoch {0}/5").split("\r")[1:]]
    parser = LogParser(settled="progress-bar", start=1000, first_line=40)
    parser.prime("".join(lines[: PER + 3]).encode())
    parsed = Parsed()
    parsed.add(parser.feed("".join(lines[4 * PER :]).encode()))
    parsed.add(parser.flush())
    assert parsed.column("step").tolist() == list(range(4 * PER + 1, TOTAL + 1))


@pytest.mark.few(5)
@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize("seen", [PER, PER - 1, PER // 2, 1])
@pytest.mark.parametrize("text", ["Epoch {0}/5", "Epoch {0}"])
def test_bars_of_epochs_are_laid_end_to_end_also_where_they_are_broken_off(text, seen, begun):
    drawn = []
    for epoch in range(EPOCHS):
        desc = text.format(epoch + 1)
        drawn.append(bar(desc, 0, total=PER, loss=False) if begun else "")
        drawn += [bar(desc, n, total=PER) for n in range(1, seen + 1)]
    step, _, _ = steps("".join(drawn) + "\n")
    assert step == [PER * epoch + n for epoch in range(EPOCHS) for n in range(1, seen + 1)]


def test_bars_that_are_drawn_once_an_epoch_are_laid_end_to_end():
    text = "".join(bar(f"Epoch {epoch}/5", PER // 2, total=PER) for epoch in range(1, 6))
    step, _, _ = steps(text + "\n")
    assert step == [PER * epoch + PER // 2 for epoch in range(EPOCHS)]


def test_a_line_within_an_epoch_shows_no_end():
    drawn = []
    for epoch in range(1, EPOCHS + 1):
        drawn.append(f"\nEpoch {epoch}/5\n")
        for n in range(1, PER + 1):
            drawn.append(bar("Train", n, total=PER))
            drawn.append(f"\nEpoch {epoch}, saving a picture\n" if n % 20 == 0 and n < PER else "")
    step, total, _ = steps("".join(drawn) + "\n")
    assert step == list(range(1, TOTAL + 1))
    assert set(total) == {TOTAL}
