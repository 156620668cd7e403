"""What was rotated away from a log, compressed or not, is its history; what is of another run is not."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import tracemalloc

import pytest

from runwatch.core.errors import SourceError
from runwatch.watcher.engine.check import check
from runwatch.watcher.ingest import wire
from runwatch.watcher.ingest.feeds import LogSource
from runwatch.watcher.ingest.worker import Reader
from runwatch.watcher.sources import compressed, rotated_history
from runwatch.watcher.sources.discover import Found
from runwatch.watcher.sources.member import Member
from runwatch.watcher.sources.rotated_history import rotated

COMPRESS = {"": bytes, ".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}


def lines(first: int, last: int) -> bytes:
    return b"".join(
        b"step %d/999 | loss: %.3f | lr: 1e-3\n" % (n, 4 - n / 500) for n in range(first, last + 1)
    )


@pytest.fixture
def put(tmp_path):
    def put(name: str, data: bytes, age: float = 0.0) -> str:
        path = tmp_path / name
        path.write_bytes(data)
        os.utime(path, (1.7e9 - age, 1.7e9 - age))
        return str(path)

    return put


@pytest.fixture
def log(put):
    """Return the path of a log that was rotated twice, after a hundred steps each."""
    put("train.log.2.gz", gzip.compress(lines(1, 100)), 200)
    put("train.log.1", lines(101, 200), 100)
    return put("train.log", lines(201, 300))


def steps(path: str) -> tuple[int, int | None, list[str]]:
    """Return how many records `check` finds, the first step, and what it says besides."""
    engine = check([path])
    ((_, watched),) = engine.runs()
    return watched.run.records, watched.run.first_step, engine.troubles


@pytest.mark.parametrize("suffix", COMPRESS)
def test_a_compressed_log_is_read_as_it_was(put, suffix):
    assert steps(put(f"train.log{suffix}", COMPRESS[suffix](lines(1, 30)))) == (30, 1, [])


@pytest.mark.few(4)
@pytest.mark.parametrize("suffix", COMPRESS)
@pytest.mark.parametrize("name", ["train.log.1", "train.log-20260131", "train.log.2026-01-31_10-00-00"])
def test_check_begins_with_what_was_rotated_away(tmp_path, put, name, suffix):
    put(name + suffix, COMPRESS[suffix](lines(1, 20)), 100)
    reported = [f"{tmp_path.name}: its history is in {name}{suffix}"]
    assert steps(put("train.log", lines(21, 30))) == (30, 1, reported)


def test_the_oldest_comes_first_and_a_directory_is_read_so_too(tmp_path, log):
    reported = [f"{tmp_path.name}: its history is in train.log.2.gz, train.log.1"]
    assert steps(log) == (300, 1, reported)
    assert steps(os.path.dirname(log)) == (300, 1, reported)


def test_the_log_of_a_run_before_is_no_history(tmp_path, put):
    put("train.log.1", lines(1, 20), 100)
    reported = [f"{tmp_path.name}: 1 rotated before it left out: of another run"]
    assert steps(put("train.log", lines(1, 10))) == (10, 1, reported)


def test_what_is_too_much_is_left_out_and_said(tmp_path, log, monkeypatch):
    monkeypatch.setattr(rotated_history, "MAX_BYTES", len(lines(101, 200)))
    records, first, reported = steps(log)
    assert (records, first) == (200, 101)
    assert reported == [
        f"{tmp_path.name}: its history is in train.log.1;"
        " 1 rotated before it left out: more than 0 MiB together"
    ]


def test_a_text_that_begins_like_a_compressed_file_is_reported_in_one_line(put):
    with pytest.raises(SourceError, match="damaged"):
        check([put("train.log", b"BZhal loss 11.0\n" + lines(1, 30))])


def test_of_a_cut_file_what_precedes_the_cut_is_read(put):
    whole = gzip.compress(os.urandom(1000).hex().encode() + b"\n" + lines(1, 500))
    records, first, reported = steps(put("train.log.gz", whole[: len(whole) * 3 // 4]))
    assert first == 1
    assert 0 < records < 500
    assert "cut or damaged" in reported[0]


@pytest.mark.parametrize(
    ("suffix", "most"), [(".gz", 2), (".bz2", 2), (".xz", 10)]
)  # its dictionary is 8 MiB
def test_what_expands_a_thousandfold_is_read_in_bounded_memory(put, suffix, most):
    path = put(f"train.log{suffix}", COMPRESS[suffix](bytes(16 << 20)))
    tracemalloc.start()
    try:
        assert sum(map(len, compressed.blocks(path, 1 << 16))) == 16 << 20
        assert tracemalloc.get_traced_memory()[1] < most << 20
    finally:
        tracemalloc.stop()


def test_what_python_cannot_decompress_is_said(put, monkeypatch):
    monkeypatch.setitem(compressed._BEGINS, b"\x28\xb5\x2f\xfd", "no_such_module")
    with pytest.raises(SourceError, match="cannot decompress"):
        check([put("train.log.zst", b"\x28\xb5\x2f\xfd....")])


def test_a_compressed_log_is_not_followed(put):
    path = put("train.log.gz", gzip.compress(lines(1, 10)))
    with pytest.raises(SourceError, match="it will not grow"):
        Reader(wire.Setup((os.fsencode(path),)))


def source(path: str, resume: wire.Resume | None = None) -> LogSource:
    before = rotated([path])[path] if resume is None else ()
    return LogSource(Found(path, "train", Member()), resume, older=before)


def read(follower: LogSource, said: list[wire.Message], most: int = 100) -> list[wire.Read]:
    """Read so many blocks, or all there is."""
    begin = len(said)
    while most and follower.step(said.append):
        most -= 1
    return [message for message in said[begin:] if isinstance(message, wire.Read)]


def rows(messages: list[wire.Read]) -> int:
    return sum(table.rows for message in messages for table in message.batch.tables)


def test_tail_shows_the_newest_then_reads_all_and_then_what_is_new(log):
    said: list[wire.Message] = []
    follower = source(log)
    assert follower.left
    history = read(follower, said)
    assert isinstance(said[0], wire.Preview)
    assert rows(history) == 300
    assert not any(message.live for message in history if message.batch.tables)
    assert follower.left == 0
    notes = [message.message for message in said if isinstance(message, wire.Note)]
    assert notes == ["train: its history is in train.log.2.gz, train.log.1"]
    with open(log, "ab") as file:
        file.write(lines(301, 303))
    live = read(follower, said)
    assert rows(live) == 3
    assert all(message.live for message in live)


@pytest.mark.few(2)
@pytest.mark.parametrize("killed_after", range(1, 7))
def test_a_replaced_reader_repeats_nothing(log, killed_after):
    said: list[wire.Message] = []
    read(source(log), said, killed_after)
    reported = [message for message in said if isinstance(message, wire.Read)]
    known = rows(reported)
    rest = rows(read(source(log, reported[-1].resume), said))
    assert rest == (100 if known <= 200 else 0)  # the log itself, whatever of its history was missed
