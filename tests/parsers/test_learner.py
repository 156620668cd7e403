"""Training lines that no format describes are learnt, however they arrive, at a bounded cost."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runwatch.parsers.body.matchers import number
from runwatch.parsers.inference.fields import fields
from runwatch.parsers.inference.learner import KEPT_BYTES, KEPT_LINES, Learner

from .logs import parse
from .templates import LOGS, log


@pytest.mark.parametrize("name", LOGS)
def test_steps_and_losses(name):
    parsed = parse(log(LOGS[name]), formats=())
    assert parsed.format == "learned"
    assert parsed.column("step").tolist() == list(range(1, 61))
    metric = "train-rmse" if name == "leading" else "train/loss"
    wanted = [line.split(b"oss") for line in log(LOGS[name]).splitlines()]
    if metric == "train/loss":
        texts = [
            fields(b"x" + parts[1])[0]
            for parts in wanted
            if len(parts) > 1 and b"INFO saving" not in parts[0]
        ]
        assert len(texts) == 60
    assert len(parsed.column(metric)) == 60
    assert parsed.unparsed == 23


@pytest.mark.few(2)
@pytest.mark.parametrize("name", LOGS)
def test_bulk_and_line_by_line_agree(name):
    text = log(LOGS[name], 300, per_epoch=60)
    parse(text).same_as(parse(text, bulk=False))
    parse(text, formats=()).same_as(parse(text, bulk=False, formats=()))


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_chunking_does_not_matter(data):
    text = log(LOGS[data.draw(st.sampled_from(sorted(LOGS)))]).replace(b"saving", b"a\rb loss 1")
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=12))
    parse(text, cuts, bulk=data.draw(st.booleans())).same_as(parse(text, bulk=False))


@given(
    st.lists(
        st.sampled_from(
            [
                b"\r",
                b"\n",
                b"step 1 loss 2.5\n",
                b"step 2 loss nan\n",
                b"step 3 loss -inf\r",
                b"epoch 1 [3/9] loss 4\n",
                b"step ",
                b"loss=",
                b"1e5",
                b"12/500",
                b"{'loss': ",
                b"\xff",
                b"\0",
                b"val_loss 3.5\n",
                b"\x1b[0m",
                b", ",
            ]
        ),
        max_size=80,
    ),
    st.data(),
)
@settings(max_examples=200, deadline=None)
def test_any_bytes_in_any_pieces(parts, data):
    text = b"".join(parts)
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=8))
    parse(text, cuts).same_as(parse(text))


def test_epochs_with_a_known_end_give_a_total():
    text = log("Train: [{epoch}/6][{within}/{per}] loss {loss} lr {lr}")
    assert set(parse(text).column("total")) == {60}


def test_a_counter_that_grows_through_epochs_is_not_counted_again():
    parsed = parse(log("epoch {epoch} iter {step}/{total} loss {loss}"))
    assert parsed.column("step").tolist() == list(range(1, 61))
    assert set(parsed.column("total")) == {400}


def test_evaluations_are_no_records():
    lines = log("step {step}: loss {loss}, lr {lr}").splitlines()
    for at in range(70, 20, -10):
        lines.insert(at, b"step %d: val loss 2.50, val accuracy 0.5" % (at - 20))
    parsed = parse(b"\n".join(lines) + b"\n")
    assert len(parsed.column("step")) == 60
    assert parsed.column("val/loss", "eval").tolist() == [2.5] * 5


def test_lines_next_to_the_records_are_no_records():
    lines = []
    for step in range(40):
        lines += [b"Iteration %d, loss = %.3f" % (step, 1 / (step + 1)), b"Iteration %d, lr = 0.01" % step]
    parsed = parse(b"\n".join(lines) + b"\n")
    assert parsed.column("step").tolist() == list(range(40))
    assert parsed.column("train/learning_rate", "eval").tolist() == [0.01] * 40


@pytest.mark.parametrize("word", ["nan", "NaN", "NAN", "inf", "-inf", "Infinity"])
def test_nonfinite_values_are_values(word):
    text = b"".join(b"step %d loss %s lr 1e-4\n" % (i, word.encode()) for i in range(20))
    losses = parse(text).column("train/loss").tolist()
    assert len(losses) == 20
    assert not any(math.isfinite(loss) for loss in losses)


def test_units():
    text = b"".join(
        b"update %d | loss 2.5 | iter time (ms): 250.0 | mem 1.5GiB | seen 1.2M | 12,500 tok/s | load 50%%\n"
        % i
        for i in range(20)
    )
    parsed = parse(text)
    expected = {
        "perf/step_time": 0.25,
        "mem": 1.5 * 2**30,
        "seen": 1.2e6,
        "perf/tokens_per_sec": 12500,
        "load": 0.5,
    }
    assert {name: parsed.column(name)[0] for name in expected} == pytest.approx(expected)


def test_dates_and_places_are_no_metrics():
    text = b"".join(
        b"2026-11-21 10:00:%02d.5 train.py:88] step %d loss 2.5 eta 1:02:03\n" % (i, i) for i in range(20)
    )
    assert {names for _, _, names in parse(text).tables} == {("offset", "line", "step", "train/loss", "time")}


def test_memory_is_bounded():
    learner = Learner()
    for i in range(KEPT_LINES):
        learner.see(b"loss %d " % (i % 2) + b"x" * 1000, i, i)
    assert len(learner.kept) <= KEPT_LINES
    assert sum(len(kept.line) for kept in learner.kept) <= KEPT_BYTES


@pytest.mark.parametrize(
    "line", [b"loss " * 800, b"a" * 4000 + b" 1", b"1 " * 2000, b"1:1" * 1300, b"=" * 4000, b"1," * 2000]
)
def test_hard_lines_cost_little(line):
    import time

    begun = time.process_time()
    fields(line)
    assert time.process_time() - begun < 0.1


@given(st.lists(st.text("0123456789.,eE+-/:#%|[]() nainfkMs", max_size=24), min_size=16, max_size=40))
@settings(max_examples=100, deadline=None)
def test_every_value_is_a_number_of_the_text(texts):
    lines = [f"step {i} loss 1.5 x {text} y=2" for i, text in enumerate(texts)]
    parsed = parse("\n".join(lines).encode())
    steps = parsed.column("step")
    assert steps.tolist() == sorted(steps.tolist())
    for (_, _, names), matrix in parsed.tables.items():
        for name, column in zip(names[2:], matrix[2:], strict=True):
            for at, value in zip(matrix[1], column, strict=True):
                found = fields(lines[int(at) - 1].encode())
                units = [field.unit(name) for field in found]
                raw = [lines[int(at) - 1][f.start : f.end] for f in found]
                ends = [lines[int(at) - 1][slice(*f.total)] for f in found if f.total]
                seen = [unit.apply(number(text.encode())) for unit, text in zip(units, raw, strict=True)]
                seen += [float(text) for text in [*raw, *ends] if text.isdigit()]
                assert math.isnan(value) or value in seen


def test_ranks_are_distinguished():
    text = b"".join(b"[rank%d] it %d loss %d.5 gnorm 2.5\n" % (r, i, r) for i in range(20) for r in range(2))
    parsed = parse(text, formats=())
    assert parsed.column("step").tolist() == [i for i in range(20) for _ in range(2)]
    assert parsed.column("rank").tolist() == [0, 1] * 20
