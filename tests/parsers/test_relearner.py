"""A layout that changes within a log is learnt again, and nothing else is taken for a stage of training."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from .logs import parse

FIRST = "[pretrain] step {i}/5000 recon_loss: {x}"
STAGES = {
    "other names": "[finetune] Epoch {i} loss = {x} top = 0.5",
    "in stretches": "tuning: iter {i}, ce_loss {x}, margin 0.2{i}",
}


def _rows(line: str, count: int, begin: int = 1) -> list[str]:
    return [line.format(i=i, x=round(3 / i, 5)) for i in range(begin, begin + count)]


def _text(*parts: list[str]) -> bytes:
    return "\n".join(["hello", *(row for part in parts for row in part), ""]).encode()


def _losses(parsed, step: int, count: int) -> list[float]:
    steps, losses = parsed.column("step").tolist(), parsed.column("train/loss").tolist()
    return [x for i, x in zip(steps, losses, strict=True) if step <= i < step + count]


@pytest.mark.few(4)
@pytest.mark.parametrize("name", STAGES)
@pytest.mark.parametrize("first", [40, 1500])
@pytest.mark.parametrize("second", [14, 40])
def test_a_later_stage_of_another_layout_is_read(name, first, second):
    parsed = parse(_text(_rows(FIRST, first), ["loading weights", ""], _rows(STAGES[name], second, 7001)))
    assert len(parsed.column("step")) == first + second
    assert _losses(parsed, 7001, second) == [round(3 / i, 5) for i in range(7001, 7001 + second)]
    assert len({pattern for _, pattern, _ in parsed.tables}) == 2


def test_stages_take_turns():
    other = STAGES["other names"]
    parsed = parse(_text(*(_rows(line, 40, 100 * k + 1) for k, line in enumerate([FIRST, other] * 3))))
    assert parsed.column("step").tolist() == [100 * k + i for k in range(6) for i in range(1, 41)]


def test_a_step_next_to_losses_that_none_was_next_to():
    parsed = parse(_text(_rows("acc: 0.5 | loss: {x}", 60), _rows("batch: {i}/60, acc: 0.5, loss: {x}", 60)))
    assert parsed.column("step").tolist() == [*range(1, 61)]


BESIDE = {
    "few": lambda k: _rows(STAGES["other names"], 8, 10 * k + 1),
    "among the records": lambda k: _rows(f"part {k} of batch {{i}}: loss {{x}}", 1),
    "validation": lambda k: _rows("test batch {i}: loss {x}", 40),
    "told again": lambda k: _rows("final epoch {i}: loss {x}", 40),
    "no step": lambda k: _rows("mean loss {x}", 40),
    "seen among them": lambda k: _rows("batch {i}: loss {x}", 40 if k else 4),
}


@pytest.mark.few(3)
@pytest.mark.parametrize("name", BESIDE)
def test_other_lines_are_no_stage(name):
    parts = [rows for k in range(12) for rows in (_rows(FIRST, 20, 20 * k + 1), BESIDE[name](k))]
    parsed = parse(_text(*parts, ["done"]))
    assert parsed.column("step").tolist() == [*range(1, 241)]


def test_a_format_that_is_known_takes_the_place_of_learned_stages():
    trainer = [f"{{'loss': {3 / i}, 'learning_rate': 0.1, 'epoch': {i / 10}}}" for i in range(1, 31)]
    parsed = parse(_text(_rows(FIRST, 40), _rows(STAGES["other names"], 40), trainer))
    assert parsed.format == "hf-trainer"


LONG = _text(
    _rows(FIRST, 1300),
    ["Epoch 3 begins\rreading", *_rows("note {i}: {x} of loss", 5)],
    _rows(FIRST, 100, 1301),
    _rows(STAGES["other names"] + "\rloss 1", 60),
    _rows(FIRST, 300, 1401),
    _rows(STAGES["in stretches"], 500),
    *(
        _rows(f"probe round {k}: loss 0.5", 1) + _rows(STAGES["in stretches"], 40, 8001 + 40 * k)
        for k in range(9)
    ),
    _rows("something else {i}: loss {x} unread", 20),
)


@pytest.mark.deep
@given(st.lists(st.integers(0, len(LONG)), max_size=6), st.booleans())
@settings(max_examples=4, deadline=None)
def test_chunking_does_not_matter(cuts, bulk):
    parse(LONG, cuts, bulk=bulk).same_as(whole())


@cache
def whole():
    return parse(LONG, bulk=False)


def test_the_long_log_holds_what_it_is_made_of():
    assert {pattern for kind, pattern, _ in whole().tables if kind == "train"} >= {
        "learned",
        "stage 3 learned",
    }
