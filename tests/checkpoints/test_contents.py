"""A file is told whole or cut from its ends alone."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runwatch.parsers.checkpoints.contents import Whole, check, shards
from tests.checkpoints import made


def judged(name: str, data: bytes):
    return check(name, len(data), lambda offset, length: data[offset : offset + length])


ARCHIVE, TENSORS = made.archive(), made.tensors()


@pytest.mark.parametrize("name", ["model.pt", "last.ckpt", "pytorch_model.bin", "best.pth.tar"])
def test_a_zip_archive_is_whole(name):
    assert judged(name, ARCHIVE).whole is Whole.YES


@settings(max_examples=60)
@given(st.integers(0, len(ARCHIVE) - 1))
def test_a_zip_archive_cut_anywhere_is_not(length):
    assert judged("model.pt", ARCHIVE[:length]).whole is not Whole.YES
    if length > 16:
        assert judged("model.pt", ARCHIVE[:length]).whole is Whole.NO


@settings(max_examples=60)
@given(st.integers(0, len(TENSORS) - 1))
def test_safetensors_cut_anywhere_are_not_whole(length):
    assert judged("model.safetensors", TENSORS[:length]).whole is Whole.NO


def test_safetensors_say_how_long_they_must_be():
    assert judged("model.safetensors", TENSORS).whole is Whole.YES
    assert "4,203 of 4,204" in judged("model.safetensors", TENSORS[:-1]).reason
    assert "too long" in judged("model.safetensors", TENSORS + b"\0").reason


@settings(max_examples=60)
@given(st.binary(max_size=200), st.sampled_from(["a.pt", "a.safetensors", "a.json"]))
def test_garbage_is_judged_without_an_error(data, name):
    judged(name, data)


@settings(max_examples=40)
@given(st.binary(max_size=60))
def test_a_safetensors_header_may_hold_anything(header):
    assert judged("a.safetensors", struct.pack("<Q", len(header)) + header).whole in (Whole.NO, Whole.YES)


def test_a_tail_of_zeros_is_a_cut():
    """What a file system leaves of a file that was not flushed before a power loss."""
    data = ARCHIVE[: len(ARCHIVE) // 2] + bytes(len(ARCHIVE) - len(ARCHIVE) // 2)
    assert judged("model.pt", data).whole is Whole.NO
    assert judged("model.pt", bytes(1000)) == (Whole.NO, "begins with zero bytes")


def test_an_archive_with_a_hole_where_its_directory_stands_is_damaged():
    at = ARCHIVE.index(b"PK\x01\x02")
    assert judged("model.pt", ARCHIVE[:at] + bytes(8) + ARCHIVE[at + 8 :]).whole is Whole.NO


def test_an_archive_that_lost_its_middle_is_damaged():
    data = ARCHIVE[:1000] + ARCHIVE[2000:]
    assert judged("model.pt", data) == (Whole.NO, "has a zip directory that does not fit its size")


def test_a_zip64_archive_is_read_by_its_own_end_record():
    """Files beyond 4 GiB: the plain end record holds only ones, a second one the true numbers."""
    body = ARCHIVE[: ARCHIVE.rindex(b"PK\x05\x06")]
    begin = body.index(b"PK\x01\x02")
    record = b"PK\x06\x06" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, 2, 2, len(body) - begin, begin)
    locator = b"PK\x06\x07" + struct.pack("<IQI", 0, len(body), 1)
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    data = body + record + locator + end
    assert judged("model.pt", data).whole is Whole.YES
    assert judged("model.pt", data[:100] + data[101:]).whole is Whole.NO


def test_formats_whose_end_cannot_be_told_say_so():
    assert judged("model.pt", made.LEGACY).whole is Whole.UNTOLD
    assert "cannot be checked" in judged("model.pt", made.LEGACY).reason
    assert judged("data.pt", b"\x93NUMPY or anything").whole is Whole.UNTOLD


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_dcp_metadata_tells_the_shards_and_their_sizes(protocol):
    sizes = {"__0_0.distcp": 1000, "__1_0.distcp": 2000}
    assert shards(made.metadata(sizes, protocol)) == sizes


@settings(max_examples=40)
@given(st.integers(0, 200), st.binary(max_size=40))
def test_dcp_metadata_that_is_cut_is_an_error_and_runs_nothing(length, more):
    whole = made.metadata({"__0_0.distcp": 1000})
    with pytest.raises(ValueError, match="not a whole pickle"):
        shards(whole[: min(length, len(whole) - 1)])
    try:
        shards(b"cos\nsystem\n(S'exit 1'\ntR" + more)
    except ValueError:
        return
