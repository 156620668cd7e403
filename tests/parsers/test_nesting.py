"""Loops that print an epoch and a batch: the step of the run grows, however the log is cut."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runwatch.core.batch import EVAL
from runwatch.parsers.resume_state import ResumeState
from runwatch.parsers.stream import StreamParser

from .logs import Parsed, parse

LINES = {
    "words": "Epoch {e} Batch {b} Loss {loss}",
    "colons": "epoch: {e}, iter: {b}, loss: {loss}",
    "brackets": "[{e}, {b:5d}] loss: {loss}",
    "epochs planned": "Epoch [{e}/9] Batch {b}: loss={loss}",
    "step of epoch": "step {b} of epoch {e}: loss {loss}",
    "pairs": "step={b} epoch={e} loss={loss}",
    "letters alone": "e={e} i={b} loss={loss}",
    "letters": "E{e:02d} B{b:04d} loss {loss}",
    "logger": "2030-01-02 03:04:05,678 - INFO - Epoch: {e}, Batch: {b}, Loss: {loss}",
}

CARRIERS = {
    "JSON lines": '{{"epoch": {e}, "batch": {b}, "loss": {loss}}}',
    "dict": "{{'epoch': {e}, 'batch': {b}, 'loss': {loss}}}",
    "CSV": "{e},{b},{loss}",
    "TSV": "{e}\t{b}\t{loss}",
    "Markdown": "| {e} | {b} | {loss} |",
}
HEADERS = {
    "CSV": "epoch,batch,loss\n",
    "TSV": "Epoch\tIteration\tloss\n",
    "Markdown": "| epoch | batch | loss |\n|---|---|---|\n",
}


def _loss(i: int) -> float:
    return round(2.5 * 0.99**i + 0.3 + i % 7 / 1e4, 5)


def _log(line: str, places: list[tuple[int, int]], preamble: int = 2) -> bytes:
    head = [f"Loading shard {i} of the data" for i in range(preamble)]
    rows = [line.format(e=e, b=b, loss=f"{_loss(i):.5f}") for i, (e, b) in enumerate(places)]
    return "\n".join([*head, *rows, ""]).encode()


def _places(
    epochs: int, per: int, every: int = 1, first: int = 1, last: bool = False
) -> list[tuple[int, int]]:
    """The (epoch, batch) that a loop prints: each `every`th batch, and the last one if `last`."""
    batches = [b for b in range(first, per + first) if b % every == 0 or (last and b == per + first - 1)]
    return [(e, b) for e in range(first, epochs + first) for b in batches]


def _steps(text: bytes) -> list[float]:
    return parse(text).column("step").tolist()


@pytest.mark.few(6)
@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize("per", [20, 200])
def test_the_batches_of_all_epochs_are_one_growing_step(name, per):
    places = _places(4, per)
    parsed = parse(_log(LINES[name], places))
    assert parsed.column("step").tolist() == list(range(1, 4 * per + 1))
    assert parsed.column("train/loss").tolist() == [_loss(i) for i in range(4 * per)]
    assert parsed.column("train/epoch").tolist() == [e for e, _ in places]


@pytest.mark.parametrize("name", CARRIERS)
@pytest.mark.parametrize("per", [20, 200])
def test_every_carrier_asks_the_same_counters(name, per):
    text = HEADERS.get(name, "").encode() + _log(CARRIERS[name], _places(4, per), preamble=0)
    parsed = parse(text)
    assert parsed.column("step").tolist() == list(range(1, 4 * per + 1))
    assert parsed.column("train/loss").tolist() == [_loss(i) for i in range(4 * per)]


@pytest.mark.parametrize("again", [False, True])
def test_an_evaluation_has_its_step_only_where_that_counts_all_epochs(again):
    rows = [
        row
        for e in range(1, 4)
        for b in range(1, 21)
        for at in [b if again else 20 * (e - 1) + b]
        for row in (
            f'{{"epoch": {e}, "iter": {at}, "loss": {_loss(b)}}}',
            *[f'{{"epoch": {e}, "iter": {at}, "val_loss": 0.5}}'] * (b == 20),
        )
    ]
    parsed = parse("\n".join([*rows, ""]).encode())
    assert parsed.column("step").tolist() == list(range(1, 61))
    assert parsed.column("step", "eval").tolist() == ([20] if again else [20, 40, 60])
    assert len(parsed.column("val/loss", "eval")) == 3


@pytest.mark.parametrize(("first", "last"), [(0, True), (1, True), (0, False), (1, False)])
def test_what_is_printed_now_and_then_keeps_its_pace(first, last):
    """Of 938 batches each hundredth is printed: where the last one is not, an epoch is as long as it seems."""
    steps = _steps(_log(LINES["words"], _places(5, 938, 100, first, last)))
    length = 938 if last else 1000 if not first else 900
    shown = [b for _, b in _places(1, 938, 100, first, last)]
    assert steps == [e * length + b for e in range(5) for b in shown]


def test_what_is_printed_now_and_then_of_all_batches_shows_how_long_an_epoch_is():
    """The pace does not start again with the epoch: behind 900 of 938 batches come 62, 162, ... of the next."""
    printed = [divmod(step, 938) for step in range(100, 5 * 938, 100)]
    text = _log(LINES["words"], [(e + 1, b) for e, b in printed])
    assert _steps(text) == list(range(100, 5 * 938, 100))


def test_the_total_is_known_once_the_first_epoch_has_ended():
    parsed = parse(_log(LINES["epochs planned"], _places(5, 20)))
    assert parsed.column("total").tolist() == [180] * 80


def test_epochs_of_different_length_have_no_total():
    places = [(e, b) for e, per in enumerate((20, 22, 19, 21), 1) for b in range(1, per + 1)]
    parsed = parse(_log(LINES["epochs planned"], places))
    assert parsed.column("step").tolist() == list(range(1, len(places) + 1))
    assert len(parsed.column("total")) == 22


def test_a_step_of_all_epochs_stays_as_it_is():
    places = [(1 + i // 20, i) for i in range(100)]
    assert _steps(_log(LINES["words"], places)) == list(range(100))


def test_a_resumed_epoch_has_the_steps_it_had_before():
    places = [*_places(3, 20)[:50], *_places(5, 20)[40:]]
    assert _steps(_log(LINES["words"], places)) == [*range(1, 51), *range(41, 101)]


def test_a_second_run_in_one_log_begins_again():
    places = _places(3, 20)
    assert _steps(_log(LINES["words"], places * 2)) == [*range(1, 61)] * 2


def test_each_rank_counts_for_itself():
    lines = [f"[rank{r}]: Epoch {e} Batch {b} Loss {_loss(b):.5f}" for e, b in _places(4, 20) for r in (0, 1)]
    parsed = parse("\n".join([*lines, ""]).encode())
    for rank in (0, 1):
        own = parsed.column("rank") == rank
        assert parsed.column("step")[own].tolist() == list(range(1, 81))


HEADINGS = {
    "batches": ("Epoch {e}", "Batch {b} loss {loss}"),
    "ruled": ("=== Epoch {e}/9 ===", "step {b}: loss {loss}"),
    "starting": ("Starting epoch {e}", "  iter {b} | loss {loss} | lr 0.001"),
}


@pytest.mark.parametrize("name", HEADINGS)
@pytest.mark.parametrize("per", [20, 200])
def test_a_heading_shows_the_epoch_of_the_lines_below(name, per):
    heading, line = HEADINGS[name]
    places = _places(4, per)
    both = [f"{heading.format(e=e)}\n" * (b == 1) + line for e, b in places]
    lines = [
        text.format(b=b, loss=f"{_loss(i):.5f}")
        for i, (text, (_, b)) in enumerate(zip(both, places, strict=True))
    ]
    parsed = parse("\n".join(["hello", *lines, ""]).encode())
    assert parsed.column("step").tolist() == list(range(1, 4 * per + 1))
    assert len(parsed.column("train/loss")) == 4 * per
    assert set(parsed.column("total")) == ({9 * per} if name == "ruled" else set())


def test_batches_below_a_heading_and_evaluations_below_theirs():
    """As PyTorch's quickstart prints them: samples of the epoch, and what a test found."""
    lines, steps = [], []
    for epoch in range(5):
        lines += [f"Epoch {epoch + 1}", "-------------------------------"]
        for batch in range(0, 938, 100):
            lines.append(f"loss: {_loss(epoch * 10 + batch // 100):.5f}  [{64 * (batch + 1):>5d}/60000]")
            steps.append(60000 * epoch + 64 * (batch + 1))
        lines.append(f"Test Error: \n Accuracy: {64.9 + epoch}%, Avg loss: {1.08 - epoch / 10:.6f} \n")
    parsed = parse("\n".join([*lines, "Done!", ""]).encode())
    assert parsed.column("step").tolist() == steps
    assert parsed.column("train/loss").tolist() == [_loss(i) for i in range(50)]
    assert parsed.column("val/loss", "eval").tolist() == [round(1.08 - e / 10, 6) for e in range(5)]


@pytest.mark.parametrize(("unit", "scale"), [("M", 1e6), ("B", 1e9), ("k", 1e3)])
def test_tokens_seen_are_a_step_where_nothing_finer_is_reported(unit, scale):
    lines = [f"tokens: {i * 1.5:.1f}{unit} loss: {_loss(i)} lr: 0.001" for i in range(1, 60)]
    assert _steps("\n".join([*lines, ""]).encode()) == [i * 1.5 * scale for i in range(1, 60)]


@pytest.mark.few(1)
@pytest.mark.parametrize("name", ["words", "epochs planned"])
def test_a_successor_continues_where_the_counter_was(name):
    """What it is shown again of the file does not hold the epochs before."""
    text = _log(LINES[name], _places(9, 400))
    whole, found = parse(text), Parsed()
    cut = text.index(b"\n", len(text) // 2) + 1
    first = StreamParser()
    found.add(first.feed(text[:cut]))
    resume_state = msgspec.json.decode(msgspec.json.encode(first.resume_state), type=ResumeState)
    offset, line = first.place
    second = StreamParser(start=offset, first_line=line, settled=first.format, resume_state=resume_state)
    second.prime(text[:2000], text[offset - 2000 : offset])
    found.add(second.feed(text[offset:]))
    found.add(second.flush())
    assert found.column("step").tolist() == whole.column("step").tolist()
    assert found.column("total").tolist() == whole.column("total").tolist()


@settings(max_examples=40, deadline=None)
@given(
    name=st.sampled_from(sorted(LINES | CARRIERS)),
    epochs=st.integers(2, 5),
    per=st.integers(3, 90),
    every=st.integers(1, 9),
    first=st.integers(0, 1),
    again=st.booleans(),
    cuts=st.lists(st.floats(0, 1), max_size=6),
)
def test_the_same_bytes_give_the_same_steps_in_any_pieces(name, epochs, per, every, first, again, cuts):
    places = _places(epochs, per, every, first) * (1 + again)
    head = 0 if name in CARRIERS else 2
    text = HEADERS.get(name, "").encode() + _log((LINES | CARRIERS)[name], places, head)
    whole, pieces = parse(text), Parsed()
    parser, edges = StreamParser(), sorted({0, len(text), *(int(cut * len(text)) for cut in cuts)})
    for begin, end in pairwise(edges):
        pieces.add(parser.feed(text[begin:end]))
    pieces.add(parser.flush())
    whole.same_as(pieces)
    scalar = StreamParser(bulk=False)
    one = Parsed()
    for line in text.splitlines(keepends=True):
        one.add(scalar.feed(line))
    one.add(scalar.flush())
    whole.same_as(one)


def _ended(first: int, epochs: int, per: int, every: int) -> bytes:
    """A log whose batches print no epoch, and whose epochs are printed when they have ended."""
    lines = ["Loading the data"]
    for e in range(first, epochs + first):
        lines += [f"batch {b} loss {_loss(e * per + b)}" for b in range(0, per, every)]
        lines.append(f"Epoch {e} finished. Train loss: 9.5, val loss: {_loss(e)}, time 12.5s")
    return "\n".join([*lines, ""]).encode()


@pytest.mark.parametrize("first", [0, 1])
def test_an_epoch_may_be_reported_when_it_has_ended(first):
    parsed = parse(_ended(first, 5, 300, 10))
    assert parsed.column("step").tolist() == list(range(0, 1500, 10))
    assert parsed.column("val/loss", EVAL).tolist() == [_loss(e) for e in range(first, 5 + first)]


def test_epochs_that_have_ended_are_the_same_in_any_pieces():
    text = _ended(1, 40, 300, 10)
    whole = parse(text)
    whole.same_as(parse(text, bulk=False))
    whole.same_as(parse(text, range(1000, len(text), 1000)))
    assert whole.column("step").tolist() == list(range(0, 12000, 10))


def _launch(epochs: range, *, over: bool, cut: int = 0) -> str:
    """Batches with their end and a loss that differs from one to the next, below which a line ends the epoch."""
    lines = []
    for e in epochs:
        lines += [f"train: batch {b}/90 loss {9 / (e + 1) + b % 4:.3f}" for b in (30, 60, 90)]
        lines += [f"Epoch [{e}]/[{epochs[-1]}] Training Loss: {9 / (e + 1):.3f}"]
    if over:
        lines += ["Training complete in 3m 20s"]
    return "\n".join([*lines, ""])


@pytest.mark.parametrize("noted", [True, False])
def test_the_line_that_ends_an_epoch_places_the_next_whatever_the_loss_is(noted):
    broken, whole = _launch(range(2), over=noted), _launch(range(6), over=True)
    parsed = parse((broken + whole + _launch(range(6, 9), over=True)).encode())
    steps = [30.0 * n for n in range(1, 19)]
    relaunched = steps[:3] if noted else steps[6:9]  # until a line says which epoch it was
    assert parsed.column("step").tolist() == [
        *steps[:6],
        *relaunched,
        *steps[3:],
        *steps[:3],
        *(30.0 * n for n in range(22, 28)),
    ]
    assert parsed.column("total")[-1] == 9 * 90
