"""What a log was found to be, told to people: the same that the parser found, and where it stands."""

from __future__ import annotations

import time

import pytest

from runwatch.parsers.formats import builtin
from runwatch.parsers.formats.user import build
from runwatch.reports.explain.explain import WORDS, Explanation, explain
from runwatch.reports.explain.spans import tokens, trace
from tests.parsers.fuzzing import TEXTS
from tests.parsers.structured import read


@pytest.mark.few(36)
@pytest.mark.parametrize("text", TEXTS)
def test_every_kind_of_log_is_explained(text):
    reported, parsed = explain(text, builtin()), read(text)
    assert reported.format == parsed.format
    assert reported.lines - reported.understood == parsed.unparsed
    counts: dict[tuple[str, str], int] = {}
    for (kind, pattern, _), matrix in parsed.tables.items():
        counts[kind, pattern] = counts.get((kind, pattern), 0) + matrix.shape[1]
    assert {(found.kind, found.pattern): found.count for found in reported.records} == counts
    for found in reported.records:
        shown = "\n".join(line for _, line in found.sample.lines)
        assert all(taken.text.strip() in shown for taken in found.sample.taken if "…" not in shown)
        traced = [taken.name for taken in found.sample.taken if taken.text]
        assert 2 * len(traced) >= len(found.sample.taken)
    if reported.format is not None:
        assert reported.certainty >= 0.5
        assert reported.spoke
        assert reported.words in dict(WORDS).values()


@pytest.mark.deep
def test_the_section_proposed_reads_the_line_it_was_made_of():
    made = 0
    for text in TEXTS:
        reported = explain(text, builtin())
        if reported.template:
            made += 1
            train = reported.template.splitlines()[2].removeprefix("train = ").strip("'\"")
            if "units" not in reported.template and "names" not in reported.template and "\\" not in train:
                line = reported.records[0].sample.lines[0][1].encode()
                assert build("mine", train=train).matchers[0].match(line), train
    assert made > 10


@pytest.mark.parametrize(
    ("line", "name", "value", "text"),
    [
        (b"loss: 2.5 lr: 2.5", "lr", 2.5, "2.5"),
        (b"dt: 997.40ms", "dt", 0.9974, "997.40ms"),
        (b"mfu: 63.45", "mfu", 0.6345, "63.45"),
        (b"memory: 2GiB", "memory", 2.0**31, "2GiB"),
        (b"1,051,311 tok/s", "tokens", 1051311.0, "1,051,311"),
        (b"pace 4.00it/s", "pace", 0.25, "4.00it/s"),
        (b"[2030-03-02 10:11:12] Ep. 3 : Up. 40", "epoch", 3.0, "3"),
        (b"loss: nan", "loss", float("nan"), "nan"),
        (b"[rank3]: x", "rank", 3.0, "3"),
        (b"INFO 1", "rank", float("inf"), None),
        (b"loss: 63.45", "step", 0.6345, None),
        (b"loss: 12345", "loss", 123.0, None),
    ],
)
def test_where_a_value_is(line, name, value, text):
    found = trace(line, tokens(line), name, value)
    assert (found and found.text) == text


def test_of_two_that_are_as_likely_the_named_one_then_the_first_or_the_last():
    line = b"1 step 1 1"
    assert trace(line, tokens(line), "step", 1.0).start == 7
    assert trace(line, tokens(line), "x", 1.0).start == 0
    assert trace(line, tokens(line), "x", 1.0, last=True).start == 9


def _reported(record: str, after: str = "", count: int = 60) -> Explanation:
    return explain(("".join(record.format(i=i, x=9 / (i + 1)) for i in range(count)) + after).encode(), ())


def test_many_blanks_before_a_number_cost_little():
    line = b" " * 120 + b"1"
    begun = time.process_time()
    assert trace(line * 9, tokens(line * 9), "step", 1.0) is not None
    assert time.process_time() - begun < 0.1


def test_a_learned_reading_is_sure_of_a_loss_and_its_step():
    assert _reported("epoch {i}: loss {x:.4f} acc 0.5\n").words == "sure"
    assert _reported("epoch {i}: loss {x:.4f} acc 0.5\n", count=5).words == "fairly sure"


def test_a_step_that_falls_now_and_again_makes_a_learned_reading_less_sure():
    rows = [f"step {i}: loss {2.5 - i / 1000:.4f}" for i in range(1, 41)]
    once, often = (
        explain(("\n".join(part) + "\n").encode(), builtin()) for part in (rows * 2, rows[:10] * 8)
    )
    assert once.words in ("sure", "fairly sure")
    assert often.certainty < 0.8


@pytest.mark.parametrize(
    "record",
    [
        "epoch {i}: dice: {x:.4f}, dataset: CVC\n",
        "epoch {i}: G_loss {x:.4f} D_loss 0.5\n",
        "step {i}: lr 0.{i}\n",
    ],
)
def test_a_learned_reading_without_a_loss_of_training_is_not_sure(record):
    reported = _reported(record)
    assert reported.format == "learned"
    assert reported.certainty <= 0.75


def test_what_was_not_read_makes_a_learned_reading_less_sure():
    record = "epoch: {i}/90, train_loss: {x:.4f}, train_acc: 0.5\n"
    glued = "".join(f"epoch: {i}/90, train_loss: 0.5, train_acc: 0.5" for i in range(200))
    assert _reported(record, glued).certainty < 0.8 < _reported(record).certainty
    assert _reported(record, glued + "\n").certainty < 0.8
    other = "the loss: 0.5 in the epoch 7 of it\n" * 40
    assert _reported("epoch: {i}, train_loss: {x:.4f}\n", other).certainty < 0.8


def _lines(line: str, count: int = 100, *, ranks: int = 1) -> str:
    """Return lines of `count` steps, of processes that see other data."""
    return "".join(
        line.format(i=i, e=i // 20 + 1, b=i % 20, x=4 / (i + 2) + (7 * i + 3 * rank) % 5 / 9, t=count)
        for i in range(1, count + 1)
        for rank in range(ranks)
    )


STEP = "step {i}/{t} | loss: {x:.4f} | lr: 1.0e-03\n"
MEGATRON = " iteration {i}/ {t} | elapsed time per iteration (ms): 500.0 | learning rate: 1.0E-04 | lm loss: {x:.6E} |\n"
DOUBTFUL = {
    "two processes without a tag": _lines(STEP, ranks=2),
    "two processes that print epochs": _lines("Epoch {i}/{t}: loss={x:.4f} acc=0.5\n", ranks=2),
    "no step": _lines("{{'loss': {x:.4f}, 'grad_norm': 1.5, 'learning_rate': 0.001, 'epoch': {e}}}\n"),
    "another launch": _lines(STEP) + "Training finished\n" + _lines(STEP, 50),
    "epochs without a length": "num_epochs: 30\n" + _lines("Epoch {e} Batch {i} Loss {x:.4f}\n"),
    "few": _lines(STEP, 3),
    "steps of a bar that is drawn late": "".join(
        f"  9%|#   | {25 * i - 1}/5000 [01:00<9:59:59, 11.00s/it]\n"
        f"{{'loss': {4 / i:.4f}, 'grad_norm': 1.5, 'learning_rate': 0.001, 'epoch': {i / 10}}}\n"
        for i in range(1, 101)
    ),
    "another launch without a word": _lines(STEP) + _lines(STEP, 50).replace("/50", "/100"),
    "a counter that begins again, and no epochs": "".join(
        f"[seed {i}] iter {j}/30: loss={x:.4f}\n"
        for i, x in enumerate((2.5, 2.25, 2.0, 1.75) * 9)
        for j in (10, 20, 30)
    ).replace("[seed ", "[run "),
    "beyond its total": _lines(STEP).replace("/100", "/50"),
    "a loss that a known format leaves": _lines(
        "global_step={i}00, episodic_return={x:.2f}\nloss: {x:.4f}\n"
    ),
    "scores of held-out data that a known format leaves": _lines(
        MEGATRON + " test (exact) dice {x:.4f}, f1 {x:.4f}\n"
    ),
    "scores below a heading that a known format leaves": _lines(
        MEGATRON + "----[Evaluate]----\nExtract features:\nRecall@1: {x:.4f} - AP: {x:.4f}\n"
    ),
    "epochs of which the first is not seen": "".join(
        f"Epoch and iter {e} {i} Loss {9 / (40 * e + i):.4f}\n"
        for e in range(28, 40)
        for i in range(9, 200, 10)
    ),
    "losses of which none is the whole": "time/total_timesteps,train/value_loss,train/policy_loss\n"
    + _lines("{i}000,{x:.4f},-{x:.4f}\n"),
    "the first of several losses": "epoch,train_mel_loss,train_dur_loss,val_loss\n"
    + _lines("{i},{x:.4f},0.{i:02},{x:.4f}\n"),
    "no loss": _lines("step {i}: foo {x:.4f} lr 1.0e-03\n"),
}


@pytest.mark.parametrize("name", DOUBTFUL)
def test_what_speaks_against_a_reading_is_said_and_makes_it_less_than_sure(name):
    reported = explain(DOUBTFUL[name].encode(), builtin())
    assert reported.format is not None
    assert reported.words != "sure"
    assert len(reported.reasons) > 2 or name == "no step"


def test_a_reading_without_doubts_is_sure_whoever_printed_it():
    for line in (STEP, "iter {i}: loss {x:.4f}, time 100.00ms, mfu 30.00%\n", MEGATRON):
        reported = explain(_lines(line).encode(), builtin())
        assert reported.words == "sure", reported
        assert reported.reasons[:2] == ("100 records of training read", "the step goes from 1 to 100")


def test_a_section_is_proposed_without_what_a_terminal_does_not_show():
    link = "\x1b]8;;http://host:8265\x1b\\run\x1b]8;;\x1b\\"
    text = "".join(f"{link} [zork] at {n} loss 1.{n}5\n" for n in range(1, 9))
    reported = explain(text.encode(), ())
    assert 'train = "run [zork] at {step} loss {loss}"' in reported.template


def test_a_section_is_proposed_for_a_log_that_ends_in_nan():
    text = "".join(f"zork {n} loss {'nan' if n > 6 else f'1.{n}5'}\n" for n in range(1, 9))
    assert 'train = "zork {step} loss {loss}"' in explain(text.encode(), ()).template
