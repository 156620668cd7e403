"""One small run in every spelling: carriers x envelopes x counters x names give the same records."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runwatch.core.metrics import GRAD_NORM, LEARNING_RATE, LOSS, VAL_LOSS

from .envelopes import ENVELOPES, Envelope
from .logs import Parsed, parse
from .test_lexicon import NAMES

EPOCHS, LENGTH, EVERY = 4, 20, 4
"""Steps are printed where EVERY divides them."""
Row = dict[str, float]


@dataclass(frozen=True)
class Spelling:
    """How the run is written."""

    carrier: str
    counter: str
    loss: str
    rate: str
    norm: str
    val: str


def run() -> Iterator[tuple[int, int, Row]]:
    """Epoch and step within it, both from 1, and what was measured there."""
    for epoch, step in product(range(1, EPOCHS + 1), range(EVERY, LENGTH + 1, EVERY)):
        at = (epoch - 1) * LENGTH + step
        row = {"loss": round(2.5 / (1 + at / 16) + 0.3, 4), "rate": 3e-4 - at * 1e-6, "norm": 0.8 + at / 256}
        yield epoch, step, row


def val_of(epoch: int) -> float:
    """Loss of validation at the end of an epoch."""
    return 2.25 - epoch / 8


COUNTERS: dict[str, Callable[[int, int], dict[str, object]]] = {
    "step": lambda epoch, step: {"step": (epoch - 1) * LENGTH + step},
    "iteration": lambda epoch, step: {"iteration": (epoch - 1) * LENGTH + step},
    "global_step": lambda epoch, step: {"epoch": epoch, "global_step": (epoch - 1) * LENGTH + step},
    "epoch, batch": lambda epoch, step: {"epoch": epoch, "batch": step},
    "epoch, iter of": lambda epoch, step: {"epoch": epoch, "iter": f"{step}/{LENGTH}"},
    "step of": lambda epoch, step: {"step": f"{(epoch - 1) * LENGTH + step}/{EPOCHS * LENGTH}"},
}


def _pairs(row: dict[str, object], between: str, join: str) -> str:
    return join.join(f"{name}{between}{value}" for name, value in row.items())


LINES: dict[str, Callable[[dict[str, object]], str]] = {
    "a: 1, b: 2": lambda row: _pairs(row, ": ", ", "),
    "a=1 b=2": lambda row: _pairs(row, "=", " "),
    "a 1 | b 2": lambda row: _pairs(row, " ", " | "),
    "a: 1 - b: 2": lambda row: _pairs(row, ": ", " - "),
    "[train] a: 1": lambda row: "[train] " + _pairs(row, ": ", ", "),
    "JSON": json.dumps,
    "dict": str,
}
"""Carriers that write a line per record, whatever stands before it."""
TABLES = {"CSV": ",", "TSV": "\t"}
SPACED = {"a: 1, b: 2", "a: 1 - b: 2", "[train] a: 1", "JSON", "dict", *TABLES}
"""Carriers in which a name may hold spaces."""


def _written(spelling: Spelling) -> tuple[list[dict[str, object]], list[str]]:
    """The rows of the run in order, those of validation after each epoch, and the columns."""
    counters, rows = COUNTERS[spelling.counter], []
    for epoch, step, values in run():
        named = {spelling.loss: values["loss"], spelling.rate: values["rate"], spelling.norm: values["norm"]}
        rows.append({**counters(epoch, step), **named})
        if step == LENGTH:
            rows.append({**counters(epoch, step), spelling.val: val_of(epoch)})
    columns = [*counters(1, 1), spelling.loss, spelling.rate, spelling.norm, spelling.val]
    return rows, columns


def text_of(spelling: Spelling, envelope: Envelope | None = None) -> bytes:
    """The whole log."""
    rows, columns = _written(spelling)
    if spelling.carrier in TABLES:
        out = io.StringIO()
        writer = csv.DictWriter(out, columns, delimiter=TABLES[spelling.carrier], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return out.getvalue().encode()
    lines = [LINES[spelling.carrier](row) for row in rows]
    if envelope is not None:
        lines = [envelope.put(line, 0, second) for second, line in enumerate(lines)]
    return "".join(f"{line}\n" for line in lines).encode()


def check(parsed: Parsed) -> None:
    """Assert that every record was read, each value at its step."""
    steps = [(epoch - 1) * LENGTH + step for epoch, step, _ in run()]
    assert parsed.column("step").tolist() == steps
    for metric, key in ((LOSS, "loss"), (LEARNING_RATE, "rate"), (GRAD_NORM, "norm")):
        assert parsed.column(metric).tolist() == pytest.approx([row[key] for *_, row in run()], abs=1e-6)
    validated = [*parsed.column(VAL_LOSS), *parsed.column(VAL_LOSS, "eval")]
    assert validated == [val_of(epoch) for epoch in range(1, EPOCHS + 1)]


HEADS: dict[str, str] = {
    "epoch and step of": "Epoch [{e}/{epochs}], Step [{s}/{length}], ",
    "epoch and batch of": "Epoch {e}/{epochs} | Batch {s}/{length} | ",
    "two in brackets": "[{e}, {s:5d}] ",
    "two of totals": "[{e}/{epochs}][{s}/{length}] ",
    "letters": "E{e} B{s}/{length} ",
    "in parentheses": "(epoch {e}, step {s}) ",
    "share": "Train Epoch: {e} [{s}/{length} ({percent:.0f}%)]\t",
    "named": "Epoch: {e} | Iter: {s} | ",
    "short": "Ep {e} It {s}/{length}: ",
    "run": "Step {at}/{total}: ",
    "epoch behind": "step {at} (epoch {share:.2f}): ",
    "nameless": "{at}/{total} ",
    "padded": "iter: {at:>6d} ",
    "number sign": "Epoch #{e} Batch #{s}: ",
    "of": "epoch {e} batch {s} of {length}: ",
}
"""What lines begin with, so that a reader knows where they are."""
BODIES = (
    "loss: {loss}, lr: {rate:.6g}, grad_norm: {norm:.6f}",
    "loss={loss} lr={rate:.6g} grad_norm={norm:.6f}",
    "Loss {loss} | LR {rate:.6g} | Grad Norm {norm:.6f}",
    "Loss: {loss}\tLR: {rate:.6g}\tgnorm: {norm:.6f}",
)
ENDS = (
    "Epoch {e} validation loss: {val}",
    "Validation: loss {val} acc 0.5",
    "val_loss: {val}",
    "====> Val Loss: {val}",
)
"""What is printed at the end of an epoch."""


def lines_of(head: str, body: str, end: str) -> Iterator[str]:
    """The run in a home-made loop's words."""
    for epoch, step, row in run():
        at = (epoch - 1) * LENGTH + step
        reported = {
            "e": epoch,
            "s": step,
            "epochs": EPOCHS,
            "length": LENGTH,
            "at": at,
            "total": EPOCHS * LENGTH,
        }
        yield (head + body).format(**reported, **row, percent=100 * step / LENGTH, share=at / LENGTH)
        if step == LENGTH:
            yield end.format(e=epoch, val=val_of(epoch))


PLAIN = Spelling("a: 1, b: 2", "step", "loss", "lr", "grad_norm", "val_loss")
WHOLE = {name: COUNTERS[name] for name in ("step", "iteration", "global_step", "epoch, batch")}


@pytest.mark.few(18)
@pytest.mark.parametrize("counter", COUNTERS)
@pytest.mark.parametrize("carrier", [*LINES, *TABLES])
def test_every_carrier_counts_alike(carrier, counter):
    if counter not in WHOLE and carrier in {*TABLES, "JSON", "dict"}:
        pytest.skip("a value there is a number")
    check(parse(text_of(Spelling(carrier, counter, "loss", "lr", "grad_norm", "val_loss"))))


@pytest.mark.few(6)
@pytest.mark.parametrize("head", HEADS)
@given(st.sampled_from(BODIES), st.sampled_from(ENDS), st.sampled_from([None, *sorted(ENVELOPES)]))
@settings(max_examples=4, deadline=None)
def test_every_way_to_count_gives_one_growing_step(head, body, end, envelope):
    lines = list(lines_of(HEADS[head], body, end))
    if envelope is not None:
        lines = [ENVELOPES[envelope].put(line, 0, second) for second, line in enumerate(lines)]
    check(parse("".join(f"{line}\n" for line in lines).encode()))


def _names(metric: str, carrier: str) -> Sequence[str]:
    return [n for n in NAMES[metric] if carrier in SPACED or not set(n) & set(" ()|=")]


@st.composite
def spellings(draw: st.DrawFn) -> Spelling:
    carrier = draw(st.sampled_from([*LINES, *TABLES]))
    counter = draw(st.sampled_from(list(WHOLE)))
    names = [draw(st.sampled_from(_names(m, carrier))) for m in (LOSS, LEARNING_RATE, GRAD_NORM, VAL_LOSS)]
    return Spelling(carrier, counter, *names)


@given(spellings(), st.sampled_from(sorted(ENVELOPES)))
@settings(max_examples=60, deadline=None)
def test_the_same_run_in_any_spelling(spelling, envelope):
    check(parse(text_of(spelling, ENVELOPES[envelope])))
