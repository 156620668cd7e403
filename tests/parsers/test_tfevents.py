"""TensorBoard event files through the public parser."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runwatch.parsers.stream import StreamParser
from runwatch.watcher.sources import discover, kinds

from .logs import Parsed, nanochat
from .structured import read
from .trackers import VERSION, event, event_file, field, simple, tensor, tfrecord, varint, wandb_log

F32 = np.float32


def events(parsed, kind):
    return [event for event in parsed.events if event.kind == kind]


@given(st.integers(0, 60), st.data())
@settings(max_examples=25, deadline=None)
def test_chunking_does_not_matter(steps, data):
    text = event_file(steps)
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=6))
    read(text, cuts).same_as(read(text))


def test_byte_by_byte_is_the_same():
    text = event_file(12)
    read(text, range(len(text))).same_as(read(text))


@given(st.binary(max_size=80), st.data())
@settings(max_examples=100, deadline=None)
def test_damaged_files_in_any_pieces(garbage, data):
    text = event_file(6)
    at = data.draw(st.integers(12, len(text)))
    text = text[:at] + garbage + text[at + data.draw(st.integers(0, 50)) :]
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=4))
    read(text, cuts).same_as(read(text))


@given(st.binary(max_size=60), st.data())
@settings(max_examples=150, deadline=None)
def test_any_message_is_survived(message, data):
    odd = [message, field(5, message), field(5, field(1, message)), field(5, field(1, field(8, message)))]
    text = VERSION + b"".join(map(tfrecord, odd)) + event(3, simple("loss", 2.0))
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=3))
    parsed = read(text, cuts)
    parsed.same_as(read(text))
    assert 2.0 in parsed.column("train/loss")


def test_values_are_those_that_were_logged():
    parsed = read(event_file(50))
    assert parsed.format == "tfevents"
    assert parsed.column("step").tolist() == list(range(50))
    expected = [float("nan") if step == 7 else F32((step + 1) / 3) for step in range(50)]
    assert np.array_equal(parsed.column("train/loss"), np.float64(expected), equal_nan=True)
    rates = [float(F32((step + 1) / 3 * 10)) for step in range(50)]
    assert parsed.column("train/learning_rate", "eval").tolist() == rates
    assert parsed.column("time").tolist() == [1.7e9 + step for step in range(50)]
    assert not parsed.unparsed


PI = struct.pack("<f", 3.14159)


@pytest.mark.parametrize(
    ("kind", "message", "value"),
    [
        (1, field(4, PI), float(F32(3.14159))),
        (1, field(5, PI), float(F32(3.14159))),
        (1, varint(5 << 3 | 5) + PI, float(F32(3.14159))),
        (2, field(4, struct.pack("<d", 0.1)), 0.1),
        (2, varint(6 << 3 | 1) + struct.pack("<d", 0.1), 0.1),
        (19, field(4, struct.pack("<e", 1.5)), 1.5),
        (19, field(13, varint(int.from_bytes(struct.pack("<e", -2.5), "little"))), -2.5),
        (14, field(4, struct.pack("<f", 1.25)[2:]), 1.25),
        (14, field(13, varint(int.from_bytes(struct.pack("<f", 1.25)[2:], "little"))), 1.25),
        (3, varint(7 << 3) + varint(-7), -7.0),
        (9, field(10, varint(1 << 40)), 2.0**40),
        (9, field(4, struct.pack("<q", -3)), -3.0),
        (1, b"", 0.0),
        (1, field(4, PI * 2), None),
        (7, field(8, "text"), None),
    ],
)
def test_tensors_of_one_number(kind, message, value):
    parsed = read(VERSION + event(5, tensor("a", kind, message)) + event(5, simple("b", 1.0)))
    assert parsed.column("a").tolist() == ([] if value is None else [value])


@pytest.mark.parametrize("shape", [field(2, field(1, 1)), b""])
def test_a_tensor_of_shape_one_is_a_number(shape):
    parsed = read(VERSION + event(5, tensor("a", 1, field(4, PI), shape=shape)))
    assert parsed.column("a").tolist() == [float(F32(3.14159))]


def test_other_tensors_are_none():
    odd = [
        tensor("a", 1, field(4, PI), shape=field(2, field(1, 3))),
        tensor("b", 1, field(4, PI), "histograms"),
    ]
    assert not read(VERSION + event(5, *odd)).tables


def test_several_scalars_of_one_event_are_one_row():
    parsed = read(VERSION + event(5, simple("loss", 2.0), simple("lr", 0.5)))
    assert parsed.column("train/loss").tolist() == [2.0]
    assert parsed.column("train/learning_rate").tolist() == [0.5]


def test_two_tags_of_one_meaning_stay_apart():
    parsed = read(
        VERSION + b"".join(event(i, simple("train/loss", 1.0), simple("loss", 2.0)) for i in range(3))
    )
    assert parsed.column("train/loss").tolist() == [1.0] * 3
    assert parsed.column("loss").tolist() == [2.0] * 3


def test_means_of_the_whole_run_are_called_as_the_log_calls_them():
    """The Trainer's callback puts `train/` before names that its log prints without."""
    tags = ("train/train_loss", "train/train_runtime", "train/train_samples_per_second", "train/total_flos")
    last = (event(7, simple(tag, 2.0)) for tag in tags)
    parsed = read(b"".join([VERSION, event(7, simple("train/loss", 1.5)), *last]))
    means = {"train_loss", "train_runtime", "train_samples_per_second", "total_flos"}
    assert means < {name for _, _, names in parsed.tables for name in names}
    assert parsed.column("train/loss").tolist() == [1.5]


def test_tags_that_count_epochs_are_no_restart():
    text = VERSION
    for step in range(30):
        text += event(step, simple("train/loss", 1.0))
        if step % 10 == 9:
            text += event(step // 10, simple("epoch/acc", 0.5))
    parsed = read(text)
    assert parsed.column("step").tolist() == list(range(30))
    assert parsed.column("step", "eval").tolist() == [0, 1, 2]


def test_a_tag_that_goes_back_is_a_restart():
    parsed = read(event_file(10) + event_file(4, first=5)[len(VERSION) :])
    assert parsed.column("step").tolist() == [*range(10), 5, 6, 7, 8]


def test_a_session_that_starts_again_is_a_restart():
    start = tfrecord(field(1, 1.7e9) + field(2, 5) + field(7, field(1, 1)))
    text = VERSION + event(9, simple("a", 1.0)) + start + event(5, simple("b", 1.0))
    assert read(text).column("step").tolist() == [9, 5]


def test_a_damaged_value_is_passed_over_and_reported():
    text = bytearray(event_file(200))
    at = bytes(text).index(struct.pack("<f", 31 / 3))
    text[at] ^= 1
    parsed = read(bytes(text))
    (damage,) = events(parsed, "damaged")
    assert len(parsed.column("train/loss")) == 199
    assert "checksum" in damage.title
    assert damage.line == 1 + 1 + 3 * 30 + 3


def test_warnings_are_bounded():
    text = bytearray(event_file(300))
    for at in range(200, len(text), 60):
        text[at] ^= 0x40
    assert len(events(read(bytes(text)), "damaged")) == 100


def test_a_replacement_continues_in_the_middle():
    text = event_file(60)
    whole = read(text)
    for cut in (100, len(text) // 2, len(text) - 5):
        first, parsed = StreamParser(), Parsed()
        parsed.add(first.feed(text[:cut]))
        offset, line = first.place
        second = StreamParser(start=offset, first_line=line, settled=first.format)
        second.prime(text[:4096], text[max(0, offset - 3000) : offset])
        parsed.add(second.feed(text[offset:]))
        parsed.same_as(whole)


def test_the_newest_events_are_read_without_what_precedes():
    text = event_file(300)
    parser = StreamParser(bulk=False, start=len(text) // 2 + 1, first_line=0)
    parser.prime(text[:4096])
    parsed = Parsed()
    parsed.add(parser.feed(text[len(text) // 2 + 1 :]))
    newest = read(text).column("perf/tok", "eval")
    got = parsed.column("perf/tok", "eval")
    assert len(got) > 100
    assert got.tolist() == newest[-len(got) :].tolist()
    assert not parsed.events


def test_a_file_written_again_shows_only_what_is_new():
    text = event_file(60)
    parser, parsed = StreamParser(), Parsed()
    parsed.add(parser.feed(text[:5000]))
    parsed.add(parser.break_off())
    parsed.add(parser.feed(text[:100]))
    parsed.add(parser.feed(text[100:]))
    assert parsed.column("step").tolist() == list(range(60))
    assert len(parsed.column("perf/tok", "eval")) == 60


def test_a_log_in_the_place_of_an_event_file():
    parser, parsed = StreamParser(), Parsed()
    parsed.add(parser.feed(event_file(3)))
    parsed.add(parser.break_off())
    parsed.add(parser.feed(nanochat(20)))
    assert parsed.format == "nanochat"
    assert parsed.column("step").tolist() == [*range(3), *range(20)]


@pytest.mark.parametrize("data", [event_file(3), wandb_log(3)])
def test_they_are_no_binary_files_to_pass_over(tmp_path, data):
    path = tmp_path / "file"
    path.write_bytes(data)
    assert not kinds.is_binary(str(path))
    assert [found.path for found in discover.find([str(path)])] == [str(path)]
    path.write_bytes(data[1:])
    assert kinds.is_binary(str(path))
