"""Logs that are rotated, replaced or deleted while they are followed; each test is named after one way."""

from __future__ import annotations

import gzip
import os
import shutil

from runwatch.watcher.sources.tail import DELETED_WAIT, Mark, Tail

from .tailed import drain, lines, opened, read


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


def test_silent_deleted_log_does_not_keep_its_disk_space_forever(log, tail, clock) -> None:
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


def test_parent_directory_removed_and_made_again_continues(tmp_path, clock) -> None:
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


def test_a_file_that_was_closed_at_rest_is_read_on_where_it_was_renamed(log, tail) -> None:
    old = opened(log)
    os.write(old, lines(0, 10))
    assert read(tail) == lines(0, 10)
    assert tail.rest()
    log.rename(log.with_suffix(".1"))  # nobody has written a new one yet
    os.write(old, lines(10, 12))
    assert drain(tail) == (lines(10, 12), [None])
    log.write_bytes(lines(12, 14))
    assert drain(tail) == (lines(12, 14), [Mark.ROTATED])
    os.close(old)


def test_a_packed_copy_at_a_whole_second_is_not_taken_for_the_file_that_was_cut_and_deleted(
    log, clock
) -> None:
    """A compressed file has the time of what it holds, often without what is below a second."""
    tail = Tail(str(log), block=64, clock=clock)
    log.write_bytes(lines(0, 9))
    assert tail.poll().data == lines(0, 9)[:64]
    log.rename(log.with_suffix(".old"))
    log.write_bytes(lines(9, 11))
    os.utime(log, ns=(1_700_000_001_000_000_000,) * 2)
    assert tail.poll().data == lines(0, 9)[64:128], "the second file is known now, and nothing of it is read"
    copy = log.with_suffix(".log.1.gz")
    copy.write_bytes(gzip.compress(log.read_bytes()))
    os.utime(copy, ns=(1_700_000_001_000_000_000,) * 2)
    log.write_bytes(lines(11, 14))
    os.utime(log, ns=(1_700_000_001_030_000_000,) * 2)
    log.unlink()
    log.write_bytes(lines(14, 15))
    assert read(tail) == lines(0, 15)[128:]
    tail.close()
