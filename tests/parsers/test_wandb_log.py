"""W&B's transaction log through the public parser; where wandb is installed, its own messages are the oracle."""

from __future__ import annotations

import json
import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runwatch.parsers.stream import StreamParser

from .logs import Parsed
from .structured import read
from .trackers import BLOCK, blocks, field, history, item, rows, wandb, wandb_log


class Text(str):
    """What stands in the log as it is."""


def events(parsed, kind):
    return [event for event in parsed.events if event.kind == kind]


@given(st.integers(0, 120), st.data())
@settings(max_examples=25, deadline=None)
def test_chunking_does_not_matter(steps, data):
    text = wandb_log(steps, code=0)
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=6))
    read(text, cuts).same_as(read(text))


def test_byte_by_byte_is_the_same():
    text = wandb_log(12, code=3)
    read(text, range(len(text))).same_as(read(text))


@given(st.binary(max_size=80), st.data())
@settings(max_examples=60, deadline=None)
def test_damaged_logs_in_any_pieces(garbage, data):
    text = wandb_log(6)
    at = data.draw(st.integers(7, len(text)))
    text = text[:at] + garbage + text[at + data.draw(st.integers(0, 50)) :]
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=4))
    read(text, cuts).same_as(read(text))


@given(st.binary(max_size=60), st.integers(1, 30), st.data())
@settings(max_examples=150, deadline=None)
def test_any_message_of_any_kind_is_survived(message, kind, data):
    text = blocks([wandb(kind, message), message, history({"loss": 2.0, "_step": 1})])
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=3))
    parsed = read(text, cuts)
    parsed.same_as(read(text))
    assert parsed.column("train/loss")[-1] == 2.0


def test_values_are_those_that_were_logged():
    parsed = read(wandb_log(50))
    logged = rows(50)
    assert parsed.format == "wandb"
    assert parsed.column("step").tolist() == list(range(50))
    losses = np.array([row["train/loss"] for row in logged])
    assert np.array_equal(parsed.column("train/loss"), losses, equal_nan=True)
    assert math.isnan(parsed.column("train/loss")[7])
    assert parsed.column("train/learning_rate").tolist() == [row["lr"] for row in logged]
    assert parsed.column("val/loss").tolist() == [row["eval/loss"] for row in logged if "eval/loss" in row]
    assert parsed.column("time").tolist() == [row["_timestamp"] for row in logged]
    assert not parsed.unparsed


def test_infinities_and_odd_values():
    text = blocks(
        history({"_step": i, "loss": 1.0, "x": value})
        for i, value in enumerate(
            ["Infinity", "-Infinity", "NaN", '"NaN"', "true", "null", '"word"', "[1]", "7"]
        )
    )
    parsed = read(text)
    assert parsed.column("step").tolist() == list(range(9))
    assert np.array_equal(parsed.column("x"), [np.inf, -np.inf, np.nan, np.nan, 7.0], equal_nan=True)


def test_keys_of_older_writers_and_nested_ones():
    old = history({"loss": 2.5, "_step": 1, "gen": 1.0}, nested=False)
    nested = history({"a.b": 1.5, "loss": 2.0, "_step": 2})
    typed = field(1, field(1, "loss") + field(6, 0.125)) + field(1, field(1, "n") + field(5, 6))
    parsed = read(blocks([old, nested, wandb(2, typed + field(2, field(1, 3)))]))
    assert parsed.column("train/loss").tolist() == [2.5, 2.0, 0.125]
    assert parsed.column("step").tolist() == [1, 2, 3]
    assert parsed.column("a.b").tolist() == [1.5]
    assert parsed.column("n").tolist() == [3.0]  # zigzag


def test_the_step_is_the_one_that_the_program_counts():
    text = blocks(
        history(row)
        for row in (
            {"_step": 0, "train/loss": 3.0, "train/global_step": 10},
            {"_step": 1, "eval/loss": 3.5, "train/global_step": 10},
            {"_step": 2, "train/loss": 2.0, "train/global_step": 20},
            {"_step": 3, "eval/acc": 1.0},
        )
    )
    parsed = read(text)
    assert parsed.column("step").tolist() == [10, 20]
    assert parsed.column("step", "eval").tolist() == [10]
    assert parsed.column("val/loss", "eval").tolist() == [3.5]
    assert ("eval", "wandb", ("offset", "line", "val/acc")) in parsed.tables


def test_two_rows_of_a_step_are_one_step():
    text = blocks(history(row) for row in ({"_step": 4, "loss": 2.0}, {"_step": 4, "acc": 0.5}))
    parsed = read(text)
    assert parsed.column("step").tolist() == [4]
    assert parsed.column("acc", "eval").tolist() == [0.5]


def test_facts_and_the_planned_steps():
    parsed = read(wandb_log(3))
    (facts,) = events(parsed, "facts")
    assert facts.title == "my run"
    assert facts.data == {
        "config.lr": "0.1",
        "config.max_steps": "3",
        "id": "abc",
        "project": "proj",
        "name": "my run",
    }
    assert parsed.column("total", "plan").tolist() == [3]


def test_the_version_of_the_code_has_no_password():
    git = field(1, "https://me:hunter2pass@example.org/x.git") + field(2, "0123abcd")
    (facts,) = events(read(blocks([wandb(17, field(1, "abc") + field(21, git), 1)])), "facts")
    assert facts.data["git.commit"] == "0123abcd"
    assert "hunter2pass" not in facts.data["git.remote"]
    assert "example.org/x.git" in facts.data["git.remote"]


def test_only_what_changed_of_the_configuration_is_reported():
    update = [
        wandb(5, field(1, item(key, value)))
        for key, value in (("lr", 0.1), ("lr", 0.1), ("lr", 0.2), ("_wandb", {}))
    ]
    reported = [event.data for event in events(read(blocks(update)), "facts")]
    assert reported == [{"config.lr": "0.1"}, {"config.lr": "0.2"}]


def test_facts_are_bounded():
    many = {f"k{i}": "x" * 500 for i in range(3000)}
    (facts,) = events(read(blocks([wandb(5, field(1, item("c", many)))])), "facts")
    assert len(facts.data) <= 512
    assert max(map(len, facts.data.values())) <= 300


def test_system_metrics_are_in_our_units():
    parsed = read(wandb_log(8))
    assert set(parsed.column("gpu/0/util", "system")) == {0.97}
    assert set(parsed.column("gpu/0/temperature", "system")) == {60.5}
    assert parsed.column("time", "system")[0] == 1_700_000_007.5


@pytest.mark.parametrize(
    ("code", "kind"), [(0, "finished"), (1, "error"), (3, "error"), (255, "signal"), (-9, "error")]
)
def test_the_end_of_the_run(code, kind):
    parsed = read(wandb_log(3, code=code))
    assert parsed.events[-1].kind == kind
    assert parsed.events[-1].data == {"exit_code": str(code)}


def test_without_an_exit_record_nothing_is_said_of_an_end():
    assert not {e.kind for e in read(wandb_log(3)).events} & {"finished", "error", "signal", "damaged"}


def test_alerts():
    text = blocks(
        [wandb(10, field(1, "loss is high") + field(2, "look") + field(3, "WARN") + field(4, 60000))]
    )
    (alert,) = events(read(text), "alert")
    assert (alert.title, alert.data) == ("loss is high", {"text": "look", "level": "WARN"})


def test_the_console_is_joined_to_lines_and_shows_a_crash():
    said = [
        "Trace",
        "back (most recent call last):\n",
        '  File "x.py", line 1',
        "\nCUDA out of memory: ",
        "x\n",
    ]
    said += ["\r 1%", "\r 99%\n", "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate\nlast"]
    text = blocks(wandb(13, field(1, 0) + field(3, part)) for part in said)
    parser = StreamParser()
    batch = parser.feed(text, tail=10)
    assert [event.kind for event in (*batch.events, *parser.flush().events)][-1] == "oom"
    assert (8, " 99%") not in batch.tail
    assert batch.tail[-1] == (8, "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate")


def test_a_replacement_continues_in_the_middle():
    text = wandb_log(300, code=0)
    whole = read(text)
    for cut in (9, 5000, BLOCK + 3, len(text) // 2, len(text) - 5):
        first, parsed = StreamParser(), Parsed()
        parsed.add(first.feed(text[:cut]))
        offset, line = first.place
        assert offset == cut - first.held
        second = StreamParser(start=offset, first_line=line, settled=first.format)
        second.prime(text[:4096], text[max(0, offset - 40_000) : offset])
        parsed.add(second.feed(text[offset:]))
        parsed.same_as(whole)


def test_the_newest_rows_are_read_without_what_precedes():
    text = wandb_log(600)
    whole = read(text).column("step")
    start = len(text) - 100_000
    parser = StreamParser(bulk=False, start=start, first_line=0)
    parser.prime(text[:4096])
    parsed = Parsed()
    parsed.add(parser.feed(text[start:]))
    steps = parsed.column("step")
    assert len(steps) > 50
    assert steps.tolist() == whole[-len(steps) :].tolist()
    assert not events(parsed, "damaged")


def test_a_file_written_again_shows_only_what_is_new():
    text = wandb_log(200, code=0)
    parser, parsed = StreamParser(), Parsed()
    parsed.add(parser.feed(text[:50_000] + bytes(300)))
    parsed.add(parser.break_off())
    for at in range(0, len(text), 1000):
        parsed.add(parser.feed(text[at : at + 1000]))
    assert parsed.column("step").tolist() == list(range(200))
    assert len(events(parsed, "facts")) == 1


def test_another_run_in_its_place_is_reported_whole():
    parser, parsed = StreamParser(), Parsed()
    other = blocks([wandb(17, field(1, "other"))] + [history(row) for row in rows(5)])
    for text in (wandb_log(10), other):
        parsed.add(parser.feed(text))
        parsed.add(parser.break_off())
    assert parsed.column("step").tolist() == [*range(10), *range(5)]


VALUES = st.one_of(
    st.floats(width=64),
    st.integers(-(2**70), 2**70),
    st.sampled_from([0, -0.0, 1e-300, 1.7e308, True, None, "word", "NaN", [1, 2], {"_type": "image-file"}]),
    st.sampled_from(["-0", "1_0", "1,2", " 7", "1e999", "01", "", "12345678901234567890123456"]).map(Text),
)
KEYS = st.sampled_from(
    ["loss", "eval/loss", "_step", "_timestamp", "_runtime", "a.b", "trainer/global_step", "ü", "k" * 70]
)
SHAPES = st.lists(st.lists(KEYS, min_size=1, max_size=5), min_size=1, max_size=3)


@given(
    SHAPES,
    st.integers(0, 2**32),
    st.lists(st.tuples(st.integers(0, 299), KEYS, VALUES), max_size=12),
    st.data(),
)
@settings(max_examples=40, deadline=None)
def test_rows_are_the_same_in_any_pieces(shapes, seed, odd, data):
    rng = random.Random(seed)
    changed = {row: (key, value) for row, key, value in odd}
    records = []
    for step in range(300):
        keys = shapes[step % len(shapes)]
        row = {key: rng.choice([rng.random(), rng.randrange(9), -rng.expovariate(9)]) for key in keys}
        row["_step"] = step // 2
        if step in changed:
            row |= dict([changed[step]])
        rows = dict(rng.sample(sorted(row.items()), len(row)))
        reported = field(2, field(1, step)) if seed % 3 == 0 else b""  # the step once more, or only here
        if seed % 6 == 0 and step % 3 == 0:
            del rows["_step"]
        body = b"".join(field(1, item(k, v, nested=seed % 2 == 0)) for k, v in rows.items())
        records += [wandb(2, body + reported, step), wandb(3, field(1, item("loss", step)), step)]
        if step % 97 == 5:
            records.append(
                data.draw(st.sampled_from([b"", b"\x08", b"\x12\x80", b"\x12\x7f\n", wandb(2, b"\n\x05a")]))
            )
    text = blocks(records)
    read(text, data.draw(st.lists(st.integers(0, len(text)), max_size=2))).same_as(read(text))


def test_numbers_keep_their_bits():
    values = [0, -0.0, 5e-324, 1.7976931348623157e308, 0.1, -1.2345678901234567e-100, 2**53 + 1, 1e22, -3]
    text = blocks(history({"_step": i, "loss": values[i % 9], "x": Text("-0")}, 125 + i) for i in range(600))
    parsed = read(text)
    assert parsed.column("train/loss").tobytes() == np.array([values[i % 9] for i in range(600)]).tobytes()
    assert np.signbit(parsed.column("x")).all()


def test_random_rows_agree_with_wandbs_own_messages():
    pb = pytest.importorskip("wandb.proto.wandb_internal_pb2", reason="wandb is an extra")
    rng = random.Random(5)
    records, logged = [], []
    for step in range(300):
        row = {
            f"m{i}": rng.choice([rng.random(), rng.randrange(9), 1e-300, float("inf")])
            for i in range(rng.randrange(1, 9))
        }
        record = pb.Record(num=step)
        for key, value in {**row, "_step": step}.items():
            entry = record.history.item.add()
            entry.nested_key.append(key)
            entry.value_json = json.dumps(value)
        record.history.step.num = step
        records.append(record.SerializeToString())
        logged.append(row)
    parsed = read(blocks(records))
    assert parsed.column("step").tolist() == list(range(300))
    for name in (f"m{i}" for i in range(8)):
        assert parsed.column(name).tolist() == [row[name] for row in logged if name in row]
