"""Framing: whole records out of any pieces, torn ends waited for, damage told once."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from runwatch.parsers.framing.crc32c import crc32c
from runwatch.parsers.framing.record_files import Found, LevelDbLog, Records, TFRecords, framing

from .trackers import BLOCK, WANDB_HEAD, blocks, event_file, tfrecord, wandb_log

SIZES = st.lists(st.sampled_from([0, 1, 5, 32754, 32753, 32755, 40000, 70000, 300]), max_size=5)


def feed(reader, data: bytes, cuts=()):
    out, start = Found(Records(), []), 0
    for cut in [*sorted(cuts), len(data)]:
        found = reader.feed(data[start:cut])
        out.damages.extend(d._replace(after=d.after + len(out.records)) for d in found.damages)
        out.records.offsets.extend(found.records.offsets)
        out.records.data.extend(found.records.data)
        start = cut
    return out


def texts(found):
    return found.records.data


def damages(found):
    return found.damages


def test_crc32c_of_the_standard():
    assert crc32c(b"123456789") == 0xE3069283  # RFC 3720's check value
    assert crc32c(bytes(32)) == 0x8A9136AA


@given(SIZES, st.lists(st.integers(0, 150_000), max_size=4))
@settings(max_examples=30, deadline=None)
@example([32754, 5], [])
def test_blocks_give_back_what_was_put_in(sizes, cuts):
    records = [bytes([65 + i]) * size for i, size in enumerate(sizes)]
    data = blocks(records)
    reader = LevelDbLog()
    found = feed(reader, data, [cut for cut in cuts if cut < len(data)])
    assert texts(found) == records
    assert not damages(found)
    assert reader.held == 0


@given(SIZES, st.lists(st.integers(0, 150_000), max_size=4))
@settings(max_examples=30, deadline=None)
def test_records_give_back_what_was_put_in(sizes, cuts):
    records = [bytes([65 + i]) * size for i, size in enumerate(sizes)]
    data = b"".join(map(tfrecord, records))
    reader = TFRecords()
    found = feed(reader, data, [cut for cut in cuts if cut < len(data)])
    assert texts(found) == records
    assert not damages(found)
    assert reader.held == 0


@pytest.mark.parametrize(("reader", "data"), [(LevelDbLog, wandb_log(40)), (TFRecords, event_file(20))])
def test_a_torn_end_is_waited_for(reader, data):
    whole = texts(feed(reader(), data))
    for cut in range(len(data) - 60, len(data)):
        torn = reader()
        before = feed(torn, data[:cut])
        assert not damages(before)
        assert torn.held > 0 or len(texts(before)) < len(whole)
        assert texts(before) + texts(torn.feed(data[cut:])) == whole


@given(st.binary(max_size=200), st.sampled_from([LevelDbLog, TFRecords]), st.data())
@settings(max_examples=100, deadline=None)
def test_garbage_never_raises_and_reads_the_same_in_pieces(garbage, reader, data):
    good = wandb_log(3) if reader is LevelDbLog else event_file(3)
    at = data.draw(st.integers(0, len(good)))
    text = good[:at] + garbage + good[at:]
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=5))
    assert feed(reader(), text, cuts) == feed(reader(), text)


def test_a_damaged_fragment_costs_its_block_and_no_more():
    data = bytearray(wandb_log(500))
    assert len(data) > 3 * BLOCK
    whole = feed(LevelDbLog(), bytes(data))
    data[BLOCK + 5000] ^= 1
    found = feed(LevelDbLog(), bytes(data))
    (damage,) = damages(found)
    assert BLOCK < damage.offset <= BLOCK + 5000
    lost = {*whole.records.offsets} - {*found.records.offsets}
    assert lost
    assert all(damage.offset - 200 < offset < 2 * BLOCK for offset in lost)


def test_a_damaged_length_costs_the_records_up_to_the_next():
    data = bytearray(event_file(50))
    whole = feed(TFRecords(), bytes(data))
    third = whole.records.offsets[30]
    data[third] ^= 0x10
    found = feed(TFRecords(), bytes(data))
    assert [d.offset for d in damages(found)] == [third]
    assert texts(found) == texts(whole)[:30] + texts(whole)[31:]


@pytest.mark.parametrize(("reader", "data"), [(LevelDbLog, wandb_log(40)), (TFRecords, event_file(20))])
def test_zeros_at_the_end_are_no_record_and_no_damage(reader, data):
    for zeros in (3, 100, BLOCK - 200, 3 * BLOCK):
        found = feed(reader(), data + bytes(zeros))
        assert found == feed(reader(), data)


def test_zeros_amid_the_blocks_are_reported_once_something_follows():
    first = blocks([b"a" * 100])
    data = first + bytes(2 * BLOCK - len(first))
    data += blocks([b"b"], at=len(data))
    found = feed(LevelDbLog(), data)
    assert texts(found) == [b"a" * 100, b"b"]
    assert [d.offset for d in damages(found)] == [len(first)]


def test_zeros_amid_the_records_are_reported_once_something_follows():
    data = tfrecord(b"a") + bytes(1000) + tfrecord(b"b" * 300)
    found = feed(TFRecords(), data)
    assert texts(found) == [b"a", b"b" * 300]
    assert [d.offset for d in damages(found)] == [17]


def test_a_record_without_its_end_is_reported():
    begun = blocks([b"x" * 40000])[: BLOCK + 3000]
    first = begun[:BLOCK]
    data = first + blocks([b"y"], at=BLOCK)
    found = feed(LevelDbLog(), data)
    assert texts(found) == [b"y"]
    assert [d.title for d in damages(found)] == ["a record without its end"]


@pytest.mark.parametrize(("reader", "data"), [(LevelDbLog, wandb_log(500)), (TFRecords, event_file(300))])
def test_reading_from_any_place_finds_the_records_that_follow(reader, data):
    whole = texts(feed(reader(), data))
    for start in (1, 8, 5000, len(data) // 2):
        found = feed(reader(start, inside=True), data[start:])
        assert not damages(found)
        assert found.records
        assert texts(found) == whole[-len(found.records) :]


def test_a_file_that_begins_within_its_stream():
    data = blocks([b"a" * 40000, b"b"])
    reader = LevelDbLog(1000, 1000)
    offsets = feed(LevelDbLog(), data).records.offsets
    assert feed(reader, data).records.offsets == [1000 + offset for offset in offsets]


def test_long_records_are_read_past():
    data = tfrecord(b"a") + tfrecord(bytes(5 << 20)) + tfrecord(b"b")
    reader = TFRecords()
    found = []
    for at in range(0, len(data), 1 << 16):
        found += texts(reader.feed(data[at : at + (1 << 16)]))
        assert reader.held < 1 << 17
    assert found == [b"a", b"b"]


def test_framing_goes_by_how_a_file_begins():
    assert framing(WANDB_HEAD) is LevelDbLog
    assert framing(event_file(1)) is TFRecords
    assert framing(b":W&B: a log of ours") is None
    assert framing(bytes(64)) is None
    assert framing(b"step 1 loss 2.0\n") is None
