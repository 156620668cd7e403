"""Ways in which followers of logs lose or repeat lines; each test is named after one.

Every writer is a real one on real files. Time is a number the test moves, and
the tail looks only when it is told to.
"""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from runwatch.errors import SourceError
from runwatch.watcher.sources.tail import DELETED_WAIT, Mark, Tail

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "run.log"


@pytest.fixture
def tail(log: Path, clock: Clock) -> Iterator[Tail]:
    made = Tail(str(log), clock=clock)
    yield made
    made.close()


def drain(tail: Tail) -> tuple[bytes, list[Mark | None]]:
    """Poll until nothing is new; return the bytes and the marks of the pieces."""
    data, marks = b"", []
    while piece := tail.poll():
        assert piece.data
        data += piece.data
        marks.append(piece.mark)
    return data, marks


def read(tail: Tail) -> bytes:
    return drain(tail)[0]


def lines(first: int, last: int) -> bytes:
    return b"".join(b"step %05d | loss %.6f\n" % (step, 1 / (step + 1)) for step in range(first, last))


def opened(path: Path, flags: int = os.O_APPEND) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | flags)


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
    code = f"""
import resource, sys
from runwatch.watcher.sources.tail import Tail
tail, total = Tail({str(log)!r}, block=1 << 16), 0
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
while piece := tail.poll():
    total += len(piece.data)
print(total, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
"""
    with log.open("wb") as writer:
        for _ in range(50):
            writer.write(b"x" * (1 << 20))
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    total, grown = map(int, done.stdout.split())
    assert total == 50 << 20
    assert grown < 4 << 20


# Rotation


def test_lines_written_to_the_old_file_60_ms_after_rotation_come_before_the_new(log, tail, clock) -> None:
    old = opened(log)
    os.write(old, lines(0, 10))
    assert read(tail) == lines(0, 10)
    log.rename(log.with_suffix(".1"))
    log.touch()
    os.write(old, lines(10, 12))
    clock.now += 0.06
    assert drain(tail) == (lines(10, 12), [None])
    os.write(old, lines(12, 14))
    os.close(old)
    log.write_bytes(lines(14, 20))
    assert drain(tail) == (lines(12, 20), [None, Mark.ROTATED])


def test_writer_keeps_the_old_file_for_3_s_after_the_new_has_lines(log, tail, clock) -> None:
    slow, fast = opened(log), opened(log)
    os.write(slow, b"slow 0\n")
    read(tail)
    log.rename(log.with_suffix(".1"))
    os.close(fast)
    fast = opened(log)
    os.write(fast, b"fast 1\nfast 2, a pie")
    assert drain(tail) == (b"fast 1\nfast 2, a pie", [Mark.ROTATED])
    clock.now += 3
    os.write(slow, b"slow 1\nslow 2, un")
    assert tail.poll() is None, "a late line must not split a line of the new file"
    os.write(fast, b"ce\n")
    assert drain(tail) == (b"ce\nslow 1\n", [None, None])
    os.write(slow, b"finished\n")
    assert drain(tail) == (b"slow 2, unfinished\n", [None])
    os.close(slow)
    os.close(fast)


def test_old_file_is_read_on_as_long_as_the_new_one_is_empty(log, tail, clock) -> None:
    writer = opened(log)
    os.write(writer, b"step 1 | lo")
    read(tail)
    log.rename(log.with_suffix(".1"))
    log.touch()
    for _ in range(3):
        clock.now += 60
        os.write(writer, b"ss 2.5\nstep 2 | lo")
        assert drain(tail) == (b"ss 2.5\nstep 2 | lo", [None])
    os.close(writer)


def test_late_line_that_never_ends_is_given_with_marks_when_time_is_up(log, tail, clock) -> None:
    slow = opened(log)
    os.write(slow, b"slow 0\n")
    read(tail)
    log.rename(log.with_suffix(".1"))
    log.write_bytes(b"fast 1\n")
    read(tail)
    os.write(slow, b"cut o")
    clock.now += 5
    assert drain(tail) == (b"cut o", [None])
    with log.open("ab") as fast:
        fast.write(b"fast 2\n")
    assert drain(tail) == (b"fast 2\n", [Mark.LATE])
    os.write(slow, b"ff\n")
    assert tail.poll() is None, "the old file is let go after rotate_wait"
    os.close(slow)


def test_late_lines_are_cut_in_when_the_new_file_never_ends_its_line(log, tail, clock) -> None:
    slow = opened(log)
    os.write(slow, b"slow 0\n")
    read(tail)
    log.rename(log.with_suffix(".1"))
    log.write_bytes(b"\rstep 1 of 9")
    read(tail)
    os.write(slow, b"slow 1\n")
    os.close(slow)
    assert tail.poll() is None
    clock.now += 5
    assert drain(tail) == (b"slow 1\n", [Mark.LATE])


def test_rotation_while_a_backlog_is_unread_skips_nothing(log, clock) -> None:
    tail = Tail(str(log), block=50, clock=clock)
    log.write_bytes(lines(0, 100))
    data = tail.poll().data
    for number in (1, 2):
        log.rename(log.with_suffix(f".{number}"))
        log.write_bytes(lines(100 * number, 100 * number + 100))
        data += tail.poll().data
    clock.now += 60
    assert data + read(tail) == lines(0, 300)
    tail.close()


def test_old_descriptors_are_closed_after_rotate_wait(log, tail, clock) -> None:
    log.write_bytes(b"0\n")
    read(tail)
    before = len(os.listdir("/proc/self/fd"))
    for number in range(20):
        log.rename(log.with_suffix(f".{number}"))
        log.write_bytes(b"next\n")
        read(tail)
    clock.now += 5
    read(tail)
    assert len(os.listdir("/proc/self/fd")) == before


def test_atomic_replace_reads_the_new_file_from_its_beginning(log, tail) -> None:
    log.write_bytes(lines(0, 10))
    read(tail)
    log.with_suffix(".new").write_bytes(lines(50, 60))
    log.with_suffix(".new").replace(log)
    assert drain(tail) == (lines(50, 60), [Mark.REPLACED])


def test_longer_copy_put_in_place_by_rsync_is_not_read_again(log, tail) -> None:
    log.write_bytes(lines(0, 100))
    read(tail)
    for end in (150, 200):
        log.with_suffix(".new").write_bytes(lines(0, end))
        log.with_suffix(".new").replace(log)
        assert drain(tail) == (lines(end - 50, end), [None])


def test_run_that_begins_like_the_one_rotated_away_is_read_whole(log, tail) -> None:
    log.write_bytes(lines(0, 100))
    read(tail)
    log.rename(log.with_suffix(".1"))
    log.write_bytes(lines(0, 120))
    assert drain(tail) == (lines(0, 120), [Mark.ROTATED])


def test_symlink_switched_to_another_run_is_followed(log, tail) -> None:
    for name in ("a", "b"):
        log.with_name(name).write_bytes(b"run %s\n" % name.encode())
    log.symlink_to("a")
    assert read(tail) == b"run a\n"
    log.with_name("link").symlink_to("b")
    log.with_name("link").replace(log)
    assert drain(tail) == (b"run b\n", [Mark.ROTATED])


def test_regular_file_turned_into_a_symlink_is_followed(log, tail) -> None:
    log.write_bytes(b"run a\n")
    read(tail)
    log.rename(log.with_name("a"))
    log.with_name("b").write_bytes(b"run b\n")
    log.symlink_to("b")
    assert drain(tail) == (b"run b\n", [Mark.ROTATED])


# Deletion


def test_delete_and_recreate_after_2_s_reads_the_new_file_from_its_beginning(log, tail, clock) -> None:
    log.write_bytes(lines(0, 10))
    read(tail)
    log.unlink()
    assert tail.poll() is None
    assert tail.problem == "No such file or directory"
    clock.now += 2
    log.write_bytes(lines(10, 30))
    assert drain(tail) == (lines(10, 30), [Mark.REPLACED])


def test_deleted_log_is_read_on_while_the_run_writes_to_it(log, tail, clock) -> None:
    writer = opened(log)
    os.write(writer, b"1\n")
    read(tail)
    log.unlink()
    for _ in range(3):
        clock.now += DELETED_WAIT - 1
        os.write(writer, b"still here\n")
        assert drain(tail) == (b"still here\n", [None])
    os.close(writer)


def test_silent_deleted_log_does_not_keep_its_disk_space_for_ever(log, tail, clock) -> None:
    log.write_bytes(b"1\n")
    read(tail)
    before = len(os.listdir("/proc/self/fd"))
    log.unlink()
    clock.now += DELETED_WAIT + 1
    assert tail.poll() is None
    assert len(os.listdir("/proc/self/fd")) == before - 1
    log.write_bytes(b"2\n")
    data, [mark] = drain(tail)
    assert data == b"2\n"
    assert mark in {Mark.REPLACED, Mark.REWRITTEN}, "the file system may have given out the number again"


def test_parent_directory_removed_and_made_again_goes_on(tmp_path, clock) -> None:
    log = tmp_path / "run" / "run.log"
    log.parent.mkdir()
    tail = Tail(str(log), clock=clock)
    log.write_bytes(b"first\n")
    assert read(tail) == b"first\n"
    shutil.rmtree(log.parent)
    assert tail.poll() is None
    log.parent.mkdir()
    assert tail.poll() is None
    log.write_bytes(b"second\n")
    assert drain(tail) == (b"second\n", [Mark.REPLACED])
    tail.close()


def test_inode_number_cannot_be_reused_while_its_file_is_followed(log, tail) -> None:
    data = b""
    for number in range(20):
        log.write_bytes(b"generation %02d\n" % number)
        data += read(tail)
        log.unlink()
    assert data == b"".join(b"generation %02d\n" % number for number in range(20))


# Truncation


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


def test_hole_seen_before_the_writer_goes_on_is_waited_out(log, tail) -> None:
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


def test_close_and_poll_goes_on_where_it_stopped(log, tail) -> None:
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
