"""Ways in which followers of logs lose or repeat lines; each test is named after one.

Every writer is a real one on real files. Time is a number the test moves, and
the tail looks only when it is told to.
"""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import tracemalloc

import pytest

from runwatch.core.errors import SourceError
from runwatch.watcher.sources.tail import Mark, Tail

from .tailed import drain, lines, read

# Growth


def test_lines_of_a_file_created_after_start_are_read_from_its_beginning(log, tail) -> None:
    assert tail.poll() is None
    assert tail.problem == "No such file or directory"
    log.write_bytes(lines(0, 5))
    assert drain(tail) == (lines(0, 5), [None])
    assert tail.problem is None


def test_line_written_in_pieces_is_passed_on_as_it_comes(log, tail) -> None:
    with log.open("ab", buffering=0) as writer:
        for byte in b"step 1\rstep 2\n\xff\xfe\xc3\x28\x00end":
            writer.write(bytes([byte]))
            assert read(tail) == bytes([byte])
    assert tail.poll() is None


def test_no_poll_returns_more_than_a_block(log) -> None:
    log.write_bytes(lines(0, 100))
    tail = Tail(str(log), block=64)
    pieces = []
    while piece := tail.poll():
        pieces.append(piece.data)
        assert tail.backlog == len(lines(0, 100)) - tail.offset
    assert max(map(len, pieces)) == 64
    assert b"".join(pieces) == lines(0, 100)
    assert tail.size == tail.offset == len(lines(0, 100))
    tail.close()


def test_lines_of_a_concurrent_process_that_rotates_arrive_once_and_in_order(log, tail) -> None:
    count = 3000
    code = f"""
import os, sys
for number in range({count}):
    if number % 500 == 250:
        sys.stdin.readline()
        os.rename({str(log)!r}, {str(log)!r} + f".{{number}}")
    with open({str(log)!r}, "a") as log:
        log.write(f"line {{number}}\\n")
"""
    data, permits = b"", 0
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, text=True) as writer:
        while writer.poll() is None:
            data += read(tail)
            if data.count(b"\n") > 500 * permits:  # it has been seen in each file: it may turn to the next
                writer.stdin.write("go\n")
                writer.stdin.flush()
                permits += 1
    data += read(tail)
    assert data == b"".join(b"line %d\n" % number for number in range(count))


def test_giant_line_is_read_in_bounded_memory(log) -> None:
    with log.open("wb") as writer:
        for _ in range(50):
            writer.write(b"x" * (1 << 20))
    tail, total = Tail(str(log), block=1 << 16), 0
    tracemalloc.start()
    try:
        while piece := tail.poll():
            total += len(piece.data)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
    assert total == 50 << 20


# What cannot be read


def test_permission_lost_and_regained_loses_nothing(log, tail, monkeypatch) -> None:
    log.write_bytes(b"1\n")
    read(tail)

    def denied(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    log.rename(log.with_suffix(".1"))
    log.write_bytes(b"3\n")
    with log.with_suffix(".1").open("ab") as old:
        old.write(b"2\n")
    with monkeypatch.context() as patch:  # the superuser, who may run this, is refused nothing
        patch.setattr(os, "open", denied)
        assert read(tail) == b"2\n"
        assert tail.problem == "Permission denied"
    assert drain(tail) == (b"3\n", [Mark.ROTATED])
    assert tail.problem is None


@pytest.mark.parametrize("code", [errno.ESTALE, errno.EIO])
def test_stale_handle_is_opened_again_where_it_was(log, tail, monkeypatch, code) -> None:
    log.write_bytes(lines(0, 10))
    read(tail)
    with log.open("ab") as writer:
        writer.write(lines(10, 20))

    def fail(*_: object) -> bytes:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(os, "pread", fail)
        assert tail.poll() is None
        assert tail.problem == os.strerror(code)
        assert tail.position().offset == len(lines(0, 10))
    assert drain(tail) == (lines(10, 20), [None])


def test_directory_is_a_clear_error(tmp_path) -> None:
    with pytest.raises(
        SourceError, match=r"a directory cannot be followed as a log: .*: name a regular file"
    ):
        Tail(str(tmp_path)).poll()


def test_pipe_is_a_clear_error_and_is_not_opened(tmp_path, monkeypatch) -> None:
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.setattr(os, "open", None)
    with pytest.raises(SourceError, match="a pipe cannot"):
        Tail(str(tmp_path / "pipe")).poll()


def test_device_is_a_clear_error() -> None:
    with pytest.raises(SourceError, match="a device cannot"):
        Tail("/dev/null").poll()


def test_no_descriptor_is_left_open(log, clock) -> None:
    before = len(os.listdir("/proc/self/fd"))
    tail = Tail(str(log), clock=clock)
    for number in range(3):
        log.write_bytes(b"1\n")
        read(tail)
        log.rename(log.with_suffix(f".{number}"))
    tail.close()
    assert len(os.listdir("/proc/self/fd")) == before


def test_close_and_poll_continues_where_it_stopped(log, tail) -> None:
    log.write_bytes(b"1\n")
    read(tail)
    tail.close()
    with log.open("ab") as writer:
        writer.write(b"2\n")
    assert drain(tail) == (b"2\n", [None])


@pytest.mark.parametrize("start", [100, 5000])
def test_start_beyond_the_end_is_a_truncated_file(log, start) -> None:
    log.write_bytes(b"1\n")
    tail = Tail(str(log), start=start)
    assert drain(tail) == (b"1\n", [Mark.TRUNCATED])
    tail.close()


def test_start_skips_what_was_read_before(log) -> None:
    log.write_bytes(lines(0, 10))
    tail = Tail(str(log), start=len(lines(0, 4)))
    assert drain(tail) == (lines(4, 10), [None])
    tail.close()


# The first picture


def test_last_block_begins_with_a_line_and_moves_nothing(log, tail) -> None:
    log.write_bytes(lines(0, 100))
    width = len(lines(0, 1))
    for count in (3 * width, 3 * width + 1, 4 * width - 1):
        assert tail.last_block(count) == (97 * width, lines(97, 100))
    assert tail.last_block(1 << 20) == (0, lines(0, 100))
    assert read(tail) == lines(0, 100)
    assert tail.last_block(width) == (99 * width, lines(99, 100))


def test_last_block_of_one_long_line_is_its_end(log, tail) -> None:
    log.write_bytes(b"x" * 1000)
    assert tail.last_block(10) == (990, b"x" * 10)
    log.write_bytes(b"x" * 999 + b"\n")
    assert tail.last_block(10) == (990, b"x" * 9 + b"\n")


def test_last_block_of_nothing_is_empty(log, tail) -> None:
    assert tail.last_block(10) == (0, b"")
    log.touch()
    assert tail.last_block(10) == (0, b"")
