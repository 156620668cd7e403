"""Logs that are truncated or written anew in place; each test is named after one way."""

from __future__ import annotations

import gzip
import os
import shutil

import pytest

from runwatch.watcher.sources.tail import Mark

from .tailed import drain, lines, opened, read

NS = 1_800_000_000 * 10**9


def test_copytruncate_with_appending_writer_starts_over_and_marks_the_gap(log, tail) -> None:
    writer = opened(log)
    os.write(writer, lines(0, 50))
    read(tail)
    shutil.copy(log, log.with_suffix(".1"))
    os.truncate(log, 0)
    os.write(writer, lines(50, 60))
    os.close(writer)
    assert drain(tail) == (lines(50, 60), [Mark.TRUNCATED])


def test_copytruncate_without_append_leaves_no_nul_bytes(log, tail) -> None:
    writer = opened(log, 0)
    os.write(writer, lines(0, 500))
    read(tail)
    for step in (500, 700):
        os.truncate(log, 0)
        os.write(writer, lines(step, step + 10))
        assert drain(tail) == (lines(step, step + 10), [Mark.TRUNCATED])
        os.write(writer, lines(step + 10, step + 200))
        assert drain(tail) == (lines(step + 10, step + 200), [None])
    os.close(writer)


def test_hole_seen_before_the_writer_continues_is_waited_out(log, tail) -> None:
    writer = opened(log, 0)
    os.write(writer, lines(0, 5))
    read(tail)
    os.truncate(log, 0)
    assert tail.poll() is None
    os.truncate(log, 100_000)
    assert tail.poll() is None
    os.lseek(writer, 100_000, os.SEEK_SET)
    os.write(writer, b"on\n")
    os.close(writer)
    assert drain(tail) == (b"on\n", [Mark.TRUNCATED])


def test_hole_of_terabytes_is_not_read(log, tail) -> None:
    writer = opened(log, 0)
    size = 1 << 40
    try:
        os.truncate(log, size)
    except OSError:
        pytest.skip("no such files on this file system")
    assert tail.poll() is None
    os.lseek(writer, size, os.SEEK_SET)
    os.write(writer, b"on\n")
    os.close(writer)
    assert read(tail) == b"on\n"
    assert tail.last_block(1 << 16) == (size, b"on\n")


def test_written_nul_bytes_before_the_first_line_are_dropped_without_seek_data(
    log, tail, monkeypatch
) -> None:
    monkeypatch.delattr(os, "SEEK_DATA")
    log.write_bytes(bytes(3 << 20) + b"on\n")
    assert read(tail) == b"on\n"


def test_truncate_and_regrow_past_the_old_offset_within_one_poll_is_noticed(log, tail) -> None:
    writer = opened(log)
    os.write(writer, lines(0, 10))
    read(tail)
    os.truncate(log, 0)
    os.write(writer, lines(100, 200))
    os.close(writer)
    assert drain(tail) == (lines(100, 200), [Mark.REWRITTEN])


def test_rewrite_in_place_with_the_same_size_is_noticed(log, tail) -> None:
    log.write_bytes(lines(0, 10))
    read(tail)
    times = log.stat()
    with log.open("r+b") as writer:
        writer.write(lines(10, 20))
    os.utime(log, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert log.stat().st_size == tail.size
    assert drain(tail) == (lines(10, 20), [Mark.REWRITTEN])


def test_rewrite_that_changes_only_the_first_line_is_noticed(log, tail) -> None:
    log.write_bytes(b"started 09:00\n" + lines(0, 100))
    read(tail)
    log.write_bytes(b"started 10:00\n" + lines(0, 101))
    assert drain(tail) == (b"started 10:00\n" + lines(0, 101), [Mark.REWRITTEN])


def test_a_file_that_is_copied_and_cut_in_the_tick_of_its_last_write_is_read_from_its_copy(log, tail) -> None:
    log.write_bytes(b"")
    assert read(tail) == b""
    log.write_bytes(b"one\n")
    new = log.with_suffix(".new")
    new.write_bytes(b"two\n")
    os.utime(new, ns=(NS, NS))
    new.replace(log)
    assert tail.poll().data == b"one\n"  # the new file is known now, and not read yet
    copy = log.with_name(f"{log.name}.1.gz")
    copy.write_bytes(gzip.compress(log.read_bytes()))
    os.truncate(log, 0)
    for path in (copy, log):
        os.utime(path, ns=(NS, NS))
    assert read(tail) == b"two\n"


def test_a_file_that_is_packed_cut_and_deleted_in_one_tick_is_read_from_its_copy_and_goes_on_with_a_mark(
    log, tail
) -> None:
    log.write_bytes(b"one\n")
    fd = opened(log)
    assert read(tail) == b"one\n"
    os.write(fd, b"two\n")
    os.utime(log, ns=(NS, NS))
    assert log.stat().st_size == 8
    copy = log.with_name(f"{log.name}.1.gz")
    copy.write_bytes(gzip.compress(log.read_bytes()))
    os.utime(copy, ns=(NS, NS))
    os.truncate(log, 0)
    os.write(fd, b"three\n")
    os.utime(log, ns=(NS, NS))
    log.unlink()
    assert drain(tail) == (b"two\nthree\n", [None, Mark.COPIED])
    os.close(fd)
