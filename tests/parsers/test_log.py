"""The parser reads the same numbers from the same bytes, however they arrive."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runwatch.parsers.log import MAX_LINE, LogParser

from .logs import hf, nanochat, parse


def coloured(text: bytes) -> bytes:
    """The lines in colours, some with NUL bytes before them and some with a colour inside."""
    lines = text.split(b"\n")
    for i, line in enumerate(lines):
        if line and i % 5:
            red = b"\x1b[38;2;%d;60;0m" % (10 + i % 300) + line + b"\x1b[39m"
            lines[i] = red.replace(b"loss: ", b"loss: \x1b[1m") if i % 3 else b"\0\0" + red
        if i % 97 == 0:
            lines[i] = line.replace(b"loss: 5", b"loss: 5\x1b[1m")  # inside of a number
    return b"\n".join(lines)


def weak(rows: int) -> bytes:
    """A log of a weak format, long enough to settle on it for good."""
    return b"".join(b"global_step=%d, episodic_return=[%d.%d]\n" % (i, i % 300, i % 7) for i in range(rows))


LONG = {
    "nanochat": nanochat(900, seed=1),
    "nanochat, CRLF": nanochat(400, seed=2, end=b"\r\n"),
    "nanochat, every line noise": nanochat(300, seed=3, noise=0.6),
    "nanochat, coloured": coloured(nanochat(900, seed=4)),
    "weak": weak(6000),
    "hf": hf(300),
    "hf, strings": hf(300, strings=True),
    "hf, loguru": hf(
        100, prefix=b"\x1b[1mINFO \x1b[22m | \x1b[32m2024-05-02 10:51:14\x1b[39m | on_log:226 - "
    ),
}


@pytest.mark.few(4)
@pytest.mark.parametrize("name", LONG)
def test_bulk_path_gives_the_same_bits_as_the_matcher(name):
    parse(LONG[name]).same_as(parse(LONG[name], bulk=False))


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_chunking_does_not_matter(data):
    text = LONG[data.draw(st.sampled_from(sorted(LONG)))]
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=12))
    parse(text, cuts, bulk=data.draw(st.booleans())).same_as(parse(text, bulk=False))


@given(
    st.lists(
        st.sampled_from(
            [
                b"\r",
                b"\n",
                b"step 1/2 (50.00%) | loss: 1.5",
                b" 5%|# | 1/20 [00:01<00:09, 2.0it/s]",
                b"\x1b[K",
                b"\0\0",
                b"Traceback (most recent call last):\n",
                b"  File x\n",
                b"KeyError: 'a'\n",
                b"{'loss': 1, 'epoch': 2}",
                b"Rank 7 | 0/3 (0.00%)",
                b"\xff",
                b"^[[B",
                b"Killed\n",
            ]
        ),
        max_size=30,
    ),
    st.data(),
)
@settings(max_examples=200, deadline=None)
def test_any_bytes_in_any_pieces(parts, data):
    text = b"".join(parts)
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=8))
    parse(text, cuts).same_as(parse(text))


@given(st.binary(max_size=400))
def test_no_bytes_raise(data):
    parse(data)


@given(st.data(), st.booleans())
@settings(max_examples=30, deadline=None)
def test_dicts_read_together_are_those_read_one_by_one(data, strings):
    odd = data.draw(
        st.lists(
            st.sampled_from(
                [
                    b"{'loss': '1_0', 'grad_norm': '1', 'learning_rate': '1', 'epoch': '1'}",
                    b"{'loss': ' 1', 'grad_norm': '1', 'learning_rate': '1', 'epoch': '1'}",
                    b"{'loss': 1 , 'grad_norm': 2, 'learning_rate': 3, 'epoch': 4}",
                    b"{'loss': -0, 'grad_norm': 2, 'learning_rate': 3, 'epoch': 4}",
                    b"{'loss': 1, 'grad_norm': nan, 'learning_rate': -inf, 'epoch': 4}",
                    b"{'loss': 1, 'learning_rate': 3, 'grad_norm': 2, 'epoch': 4}",
                    b"{'loss': 1, 'loss': 9, 'grad_norm': 2, 'learning_rate': 3, 'epoch': 4}",
                    b"{'loss': 1, 'grad_norm': 2}, {'learning_rate': 3, 'epoch': 4}",
                    b"{'loss': 01, 'grad_norm': +2, 'learning_rate': 3., 'epoch': 1,000}",
                    b"{'loss': 1, 'grad_norm': 2, 'learning_rate': 3, 'epoch': 4} ",
                    b"{'loss': '1', 'grad_norm': 2, 'learning_rate': '3', 'epoch': 4}",
                    b"x {'loss': 99999999999999999999, 'grad_norm': 2e400, 'learning_rate': 3, 'epoch': 4}",
                ]
            ),
            min_size=1,
            max_size=6,
        )
    )
    rows = hf(120, strings=strings, bars=False).splitlines()
    for i, line in enumerate(odd):
        rows.insert(20 + 17 * i, line)
    text = b"\n".join(rows * 4) + b"\n"
    parse(text).same_as(parse(text, bulk=False))


@given(st.lists(st.text("0123456789", min_size=1, max_size=17), min_size=64, max_size=64), st.integers(0, 20))
@settings(max_examples=50, deadline=None)
def test_decoded_numbers_equal_float_of_their_text(digits, places):
    values = [d[:-places] + "." + d[-places:] if 0 < places < len(d) else d for d in digits]
    text = "".join(f"step {i:05d}/00064 (1.00%) | loss: {v}\n" for i, v in enumerate(values)).encode() * 40
    loss = parse(text).column("train/loss")
    assert loss.tolist() == [float(v) for v in values] * 40


def test_every_field_of_a_pretraining_line():
    line = (
        b"step 05567/05568 (99.98%) | loss: 2.336916 | lrm: 0.05 | dt: 997.40ms | tok/sec: 1,051,311 | "
        b"bf16_mfu: 63.45 | epoch: 1 pq: 122 rg: 80 | total time: 92.46m | eta: 0.0m\n"
    )
    parsed = parse(line)
    expected = {
        "step": 5567, "total": 5568, "train/loss": 2.336916, "train/lr_multiplier": 0.05,
        "perf/step_time": 0.9974, "perf/tokens_per_sec": 1051311, "perf/mfu": 0.6345, "train/epoch": 1,
        "pq": 122, "rg": 80, "total time": 92.46 * 60, "perf/remaining": 0.0, "line": 1,
    }  # fmt: skip
    assert {name: parsed.column(name)[0] for name in expected} == pytest.approx(expected)
    assert parsed.format == "nanochat"


def test_sft_lines_have_no_total():
    parsed = parse(
        b"step 00012 (1.23%) | loss: 1.234567 | lrm: 1.00 | dt: 997.40ms | mfu: 63.45 | epoch: 1\n"
    )
    assert parsed.column("step").tolist() == [12]
    assert not len(parsed.column("total"))


def test_older_sft_and_evaluations():
    parsed = parse(
        b"Step 00000 | Validation loss: 1.009291\n"
        b"Step 00000/00651 | Training loss: 0.843050| lrm: 1.000000| num_tokens: 15,432\n"
        b"Step 00100 | ChatCORE: 0.2345 | ChatCORE_cat: 0.1234\n"
        b"Step 00250 | Validation bpb: 1.234567\n"
    )
    assert parsed.column("train/loss").tolist() == [0.84305]
    assert parsed.column("num_tokens").tolist() == [15432]
    assert parsed.column("val/loss", "eval").tolist() == [1.009291]
    assert parsed.column("val/bpb", "eval").tolist() == [1.234567]
    assert parsed.column("ChatCORE_cat", "eval").tolist() == [0.1234]


def test_rank_progress_redrawn_on_one_line():
    parsed = parse(b"\r\x1b[KRank 7 | 0/3 (0.00%)\r\x1b[KRank 2 | 1/2 (50.00%)\nFinal: 12/24 (50.00%)\n")
    assert parsed.column("rank", "rank").tolist() == [7, 2]
    assert parsed.column("done", "rank").tolist() == [3, 2]
    assert parsed.column("passed", "rank").tolist() == [0, 1]
    assert parsed.column("line", "rank").tolist() == [1, 1]
    assert parsed.lines == 2


@pytest.mark.parametrize("junk", [b"^[[B^[[B^[[A", b"\x1b[B\x1b[B", b"\0\0\0\0", b"\x1b[31m"])
def test_what_a_terminal_leaves_before_a_line(junk):
    assert parse(junk + b"step 1/2 (50.00%) | loss: 1.5\n").column("train/loss").tolist() == [1.5]


@pytest.mark.parametrize("word", ["nan", "NaN", "NAN", "inf", "-inf", "Infinity", "-Infinity", "1.#QNAN"])
def test_nonfinite_values_are_values(word):
    value = parse(f"step 1/2 (50.00%) | loss: {word} | dt: 5ms\n".encode()).column("train/loss")[0]
    assert not math.isfinite(value)
    assert math.copysign(1, value) < 0 or not word.startswith("-")
    value = parse(f"{{'loss': {word}, 'epoch': 1.0}}\n".encode()).column("train/loss")[0]
    assert not math.isfinite(value)


def test_a_skipped_field_and_a_unit():
    parsed = parse(b"step 1/2 (50.00%) | loss: 1.5 | jepa: skip | mfu: 63.5% | remaining: 280s\n")
    assert parsed.column("perf/mfu").tolist() == [0.635]
    assert parsed.column("remaining").tolist() == [280]
    assert not len(parsed.column("jepa"))


@pytest.mark.parametrize("strings", [False, True])
def test_hf_dicts(strings):
    parsed = parse(hf(20, strings=strings))
    assert len(parsed.column("train/loss")) == 20
    assert parsed.column("train/loss")[-1] == 0.2
    assert parsed.column("train/learning_rate")[-1] == 5e-5 * 20
    assert len(parsed.column("val/loss", "eval")) == 4
    assert parsed.column("total", "bar").tolist().count(200) == 20
    assert [event.kind for event in parsed.events] == ["finished"]


def test_a_dict_cut_off_is_no_record():
    assert not parse(b"{'loss': 1.0, 'epoch': 1.0}\n{'loss': 2.0, 'epo").column("train/loss")[1:].size


def test_build_nanogpt():
    parsed = parse(
        b"validation loss: 10.9522\nHellaSwag accuracy: 2497/10042=0.2487\n"
        b"step     0 | loss: 10.955010 | lr 8.3916e-07 | norm: 15.3421 | dt: 18549.18ms | tok/sec: 28264.75\n"
    )
    assert parsed.format == "build-nanogpt"
    assert parsed.column("train/learning_rate").tolist() == [8.3916e-07]
    assert parsed.column("train/grad_norm").tolist() == [15.3421]
    assert parsed.column("perf/step_time").tolist() == [18.54918]
    assert parsed.column("val/loss", "eval").tolist() == [10.9522]


def test_a_line_that_never_ends_costs_bounded_memory_and_one_warning():
    parser = LogParser()
    events = []
    for _ in range(50):
        events += parser.feed(b"x" * (1 << 20)).events
    assert parser.held <= MAX_LINE
    events += parser.feed(b"y\nstep 1/2 (50.00%) | loss: 1.5\n").events
    assert [event.kind for event in events] == ["overlong"]
    assert parser.feed(b"step 2/2 (99.00%) | loss: 2.5\n").tables[0].column("line").tolist() == [3]


def test_line_numbers_and_offsets():
    text = b"hello\n\nstep 1/2 (50.00%) | loss: 1.5\r\nstep 2/2 (99.00%) | loss: 2.5\n"
    parsed = parse(text)
    assert parsed.column("line").tolist() == [3, 4]
    assert [text[int(o) :][:6] for o in parsed.column("offset")] == [b"step 1", b"step 2"]
    assert (parsed.lines, parsed.unparsed) == (4, 1)


def test_tail_carries_the_newest_lines_as_plain_text():
    batch = LogParser().feed(b"one\ntwo\rthree\n\x1b[31mfour\x1b[0m\nfi", tail=2)
    assert batch.tail == ((2, "three"), (3, "four"))


def test_noise_alone_has_no_format():
    parsed = parse(b"hello world 1 2 3\nloss is a word\n{'config': {'lr': 3}}\n")
    assert parsed.format is None
    assert not parsed.tables


def test_bulk_path_is_really_used():
    text = nanochat(2000, noise=0.05)
    parser = LogParser()
    parser.feed(text)
    parser.feed(text)
    assert sum(len(decoder._skeletons) for decoder in parser._pipeline.candidates.decoders) > 3


def test_bulk_path_reads_colored_lines_and_weak_formats():
    for text in (coloured(nanochat(2000, noise=0.0)), weak(20000)):
        parser = LogParser()
        parser.feed(text)
        parser.feed(text)
        assert sum(len(decoder._skeletons) for decoder in parser._pipeline.candidates.decoders) > 3


def test_columns_are_rectangular_and_ordered():
    for (_, _, names), matrix in parse(LONG["nanochat"]).tables.items():
        assert matrix.shape[0] == len(names)
        assert np.all(np.diff(matrix[0]) > 0)


def test_dicts_behind_a_stamp_show_their_time_in_bulk_too():
    line = b"[2030-01-02 03:04:%02d,678] INFO: {'loss': 1.25, 'grad_norm': 0.5, 'epoch': 3.0}\n"
    text = b"".join(line % (second % 60) for second in range(1500))
    whole, by_line = parse(text), parse(text, bulk=False)
    whole.same_as(by_line)
    assert len(whole.column("time")) == 1500
