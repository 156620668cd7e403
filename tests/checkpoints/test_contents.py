"""A file is told whole or cut from its ends alone."""

from __future__ import annotations

import io
import pickle
import random
import struct
import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runwatch.watcher.checkpoints.contents import Inside, inspect
from runwatch.watcher.layouts.contents import check, checkable, shards
from runwatch.watcher.layouts.signatures import Whole
from runwatch.watcher.sources import files
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


def _tensors(header: str) -> bytes:
    return len(header).to_bytes(8, "little") + header.encode() + bytes(64)


def test_an_end_at_infinity_is_a_damaged_header():
    data = _tensors('{"w": {"data_offsets": [0, Infinity]}}')
    assert judged("model.safetensors", data) == (Whole.NO, "has a damaged header")


def test_a_zip64_record_beyond_all_files_is_not_looked_for(tmp_path):
    locator = b"PK\x06\x07" + struct.pack("<IQI", 0, (1 << 64) - 1, 1)
    made.put(tmp_path / "a.pt", ARCHIVE + locator + b"PK\x05\x06" + bytes(18))
    with files.reading(str(tmp_path / "a.pt")) as read:
        verdict = check("a.pt", len(ARCHIVE) + 42, read)
    assert verdict == (Whole.NO, "stops short: no zip64 end record")


def test_sizes_that_no_file_has_can_be_compared_and_printed(tmp_path):
    made.put(tmp_path / ".metadata", made.metadata({"__0_0.distcp": 10**5000}))
    made.put(tmp_path / "__0_0.distcp", made.shard(512))
    verdicts = inspect(str(tmp_path), files.walk(str(tmp_path)), Inside()).verdicts
    assert verdicts["__0_0.distcp"].reason.startswith("stops short: 512 of 9,223,372,036,854,775,808")


def test_a_tail_of_zeros_is_a_cut():
    """What a file system leaves of a file that was not flushed before a power loss."""
    data = ARCHIVE[: len(ARCHIVE) // 2] + bytes(len(ARCHIVE) - len(ARCHIVE) // 2)
    assert judged("model.pt", data).whole is Whole.NO
    assert judged("model.pt", bytes(1000)) == (Whole.NO, "begins with zero bytes")


def test_an_archive_with_a_hole_at_its_directory_is_damaged():
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


def test_formats_whose_end_cannot_be_recognized_say_so():
    assert judged("model.pt", made.LEGACY).whole is Whole.UNCHECKED
    assert "cannot be checked" in judged("model.pt", made.LEGACY).reason
    assert judged("data.pt", b"\x93NUMPY or anything").whole is Whole.UNCHECKED


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_dcp_metadata_shows_the_shards_and_their_sizes(protocol):
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


# -- formats known by how they begin ----------------------------------------------------------------


def hdf5(version: int, due: int, size: int) -> bytes:
    """A superblock as the HDF5 library writes it, and so many bytes in all."""
    if version < 2:
        head = struct.pack("<8s8B2HI", b"\x89HDF\r\n\x1a\n", version, 0, 0, 0, 0, 8, 8, 0, 4, 16, 0)
        head += bytes(4 * version) + struct.pack("<4Q", 0, 2**64 - 1, due, 2**64 - 1)
    else:
        head = struct.pack("<8s4B4Q", b"\x89HDF\r\n\x1a\n", version, 8, 8, 0, 0, 2**64 - 1, due, 96)
    return head + bytes(size - len(head))


def tar() -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w:") as file:
        info = tarfile.TarInfo("storages")
        info.size = 9000
        file.addfile(info, io.BytesIO(b"\x01" * 9000))
    return held.getvalue()


def manifest(size: int = 200) -> bytes:
    return struct.pack(">I", 0x0CDB3A2A) + struct.pack("<Q", size) + bytes(size - 12)


STATE = {"model": {"weight": [0.5] * 99}, "step": 7}


@pytest.mark.parametrize(
    ("name", "data", "whole"),
    [
        ("model.pt", made.LEGACY, Whole.UNCHECKED),
        ("model.pt", pickle.dumps(0x1950A86A20F9469CFC6C, 4) + b"more", Whole.UNCHECKED),
        *(("model.ckpt", pickle.dumps(STATE, protocol), Whole.UNCHECKED) for protocol in (2, 3, 4, 5)),
        ("model.pth.tar", tar(), Whole.YES),
        ("model.pth.tar", tar()[:8192], Whole.NO),
        ("model.h5", hdf5(0, 2048, 2048), Whole.YES),
        ("model.h5", hdf5(1, 2048, 2048), Whole.YES),
        ("model.h5", hdf5(3, 2048, 2048), Whole.YES),
        ("model.hdf5", hdf5(2, 2048, 2047), Whole.NO),
        ("model.h5", hdf5(0, 2048, 1000), Whole.NO),
        ("model.keras", ARCHIVE, Whole.YES),
        ("weights.npz", ARCHIVE, Whole.YES),
        ("weights.npy", b"\x93NUMPY\x01\x00v\x00{'descr': '<f4'", Whole.UNCHECKED),
        ("flax_model.msgpack", b"\x82\xa6params\x80\xa4step\x07", Whole.UNCHECKED),
        ("flax_model.msgpack", b"\xde\x00\x20\xd9\x21" + b"x" * 33, Whole.UNCHECKED),
        ("default/manifest.ocdbt", manifest(), Whole.YES),
        ("manifest.ocdbt", manifest()[:-1], Whole.NO),
        ("__0_0.distcp", made.shard(5000), Whole.YES),
        ("__0_0.distcp", TENSORS, Whole.YES),
        ("__0_0.distcp", b"", Whole.YES),  # of a rank with nothing to write
    ],
)
def test_a_format_is_known_by_how_it_begins(name, data, whole):
    assert checkable(name)
    assert judged(name, data).whole is whole


NAMES = [
    "model.pt", "model.pth", "best.pth.tar", "last.ckpt", "pytorch_model.bin", "model.safetensors", "w.npz", "w.npy",
    "model.h5", "model.hdf5", "model.keras", "flax_model.msgpack", "__0_0.distcp", "manifest.ocdbt",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_random_bytes_and_other_files_are_nothing_known(name):
    rng = random.Random(name)
    for data in (
        rng.randbytes(5000),
        b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 7\n",
    ):
        assert judged(name, b"\x7f" + data).whole is Whole.UNKNOWN


@given(st.binary(max_size=600), st.sampled_from(NAMES))
def test_any_bytes_get_some_verdict(data, name):
    assert isinstance(judged(name, data).whole, Whole)
