"""Every format reads lines of its shape, however they arrive."""

from __future__ import annotations

import random
import time
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runwatch.parsers.formats import builtin, catalogue
from runwatch.parsers.lexicon.names import canonical

from . import cases_drawn, cases_kin, cases_language, cases_other, cases_versions
from .case import Case
from .logs import parse

CASES = [
    *cases_language.CASES,
    *cases_other.CASES,
    *cases_drawn.CASES,
    *cases_kin.CASES,
    *cases_versions.CASES,
    *(
        Case(fmt.name, sample.text, dict(sample.train), dict(sample.eval))
        for fmt in builtin()
        for sample in fmt.samples
    ),
]
IDS = [f"{case.format} {i}" for i, case in enumerate(CASES)]


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_columns(case):
    parsed = parse(case.text.encode())
    assert parsed.format == case.format
    for kind, columns in (("train", case.train), ("eval", case.eval)):
        for name, expected in columns.items():
            values = parsed.column(name, kind).tolist()
            assert values == pytest.approx([float(v) for v in expected], nan_ok=True), (kind, name)
    assert len(parsed.column("step")) in (len(case.train.get("step", [])), 0)
    if case.plan:
        assert parsed.column("total", "plan").tolist() == case.plan


def test_every_format_has_a_case_or_a_test_of_its_own():
    elsewhere = {"build-nanogpt", "build-nanogpt-logtxt"}
    lines = {fmt.name for fmt in catalogue() if not fmt.alone} | {"sklearn-mlp"}
    assert lines - elsewhere == {case.format for case in CASES}


@cache
def _many(case: Case) -> bytes:
    """The case's lines over and over, their digits varied, among noise."""
    rng = random.Random(len(case.text))
    lines = []
    for _ in range(40):
        for line in case.text.splitlines(keepends=True):
            lines.append("".join(rng.choice("123456789") if c in "123456789" else c for c in line))
            if rng.random() < 0.05:
                lines.append(
                    rng.choice(["\n", "noise 12 3.5\n", "Traceback (most recent call last):\n", "\r\n"])
                )
    return "".join(lines).encode()


@pytest.mark.few(36)
@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_bulk_path_gives_the_same_bits_as_the_matcher(case):
    text = _many(case)
    parse(text).same_as(parse(text, bulk=False))


@given(st.data())
@settings(max_examples=80, deadline=None)
def test_chunking_does_not_matter(data):
    text = _many(data.draw(st.sampled_from(CASES)))[: data.draw(st.integers(0, 40000))]
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=10))
    parse(text, cuts, bulk=data.draw(st.booleans())).same_as(parse(text, bulk=False))


def test_a_weak_format_gives_way_to_the_trainers_own_lines():
    line = (
        b"[2030-01-02 03:04:05,678] [INFO] [logging.py:96:log_dist] [Rank 0] step=%d, skipped=0, lr=[1e-05]\n"
    )
    text = b"".join(line % i for i in range(1, 6)) + b"{'loss': 1.5, 'learning_rate': 1e-05, 'epoch': 0.1}\n"
    parsed = parse(text + b"".join(line % i for i in range(6, 90)))
    assert parsed.format == "hf-trainer"
    assert len(parsed.column("train/learning_rate")) == 1


def test_one_line_of_a_weak_format_is_no_evidence():
    assert parse(b"[Rank 0] step=10, skipped=0, lr=[1e-05], mom=[0.0]\n").format is None


@pytest.mark.few(8)
@pytest.mark.parametrize("piece", [b"a1", b" ", b"loss: ", b"[x] ", b"1,", b"a b c ", b"- a:1 ", b"- "])
@pytest.mark.parametrize(
    "head", [b"", b"step 1/2 | loss 1 ", b" iteration 1/ 2 | ", b"tick 1 kimg 1 time 1s "]
)
def test_no_line_takes_quadratic_time(head, piece):
    begin = time.process_time()
    parse(head + piece * (60000 // len(piece)) + b"\n")
    assert time.process_time() - begin < 1.0  # quadratic would be minutes


@pytest.mark.parametrize("prefix", ["", "[rank0]: "])
def test_of_a_progress_only_the_end_counts_also_in_bulk(prefix):
    train = "Train: 1 [   7/900 (  6%)]  Loss: 6.97 (6.98)  Time: 0.316s,  405.65/s  (0.344s,  371.84/s)\n"
    test = "Test: [  {}/12]  Time: 1.515 (1.515)  Loss:   0.975 ( 0.625)  Acc@1:  81.250 ( 81.250)\n"
    text = (
        "".join(prefix + line for line in (train, *(test.format(f"{i:2}") for i in range(12, -1, -1)))) * 200
    )
    parsed = parse(text.encode(), [200])
    assert parsed.column("val/loss", "eval").tolist() == [0.625] * 200
    parsed.same_as(parse(text.encode(), bulk=False))


def test_a_loss_by_itself_is_no_evaluation_of_nanochat():
    text = b"".join(b"Step %d | loss: %.3f | lr: 1.00e-04\n" % (i, 9 - i / 50) for i in range(60))
    parsed = parse(text)
    assert parsed.format == "learned"
    assert len(parsed.column("train/loss")) == 60


@pytest.mark.parametrize("name", ["eval_runtime", "eval/runtime"])
def test_an_evaluations_metric_has_one_name(name):
    assert canonical(name) == "val/runtime"
    assert canonical("eval_loss") == "val/loss"
    assert canonical("eval_") == "eval_"
