"""What each piece says of the bytes before it, and what is known of the files in between."""

from __future__ import annotations

import os
import shutil

import msgspec

from runwatch.watcher.sources.tail import DELETED_WAIT, Mark, Position, Tail

from .tailed import drain, opened, read


def pieces(tail):
    """Return what the next pieces say: (data, mark, lost)."""
    found = []
    while piece := tail.poll():
        found.append((piece.data, piece.mark, piece.lost))
    return found


def rotated(log, tail, old=b"one\n", new=b"two\n"):
    """Write and read a log and its successor."""
    log.write_bytes(old)
    read(tail)
    log.rename(log.with_suffix(".1"))
    log.write_bytes(new)
    read(tail)


def test_a_hole_before_the_first_text_is_no_loss(log, tail) -> None:
    log.write_bytes(bytes(5000) + b"on\n")
    assert pieces(tail) == [(b"on\n", None, 0)]


def test_of_a_file_that_was_read_whole_nothing_is_lost_when_it_is_cut(log, tail) -> None:
    log.touch()
    assert pieces(tail) == []
    with log.open("ab") as file:
        file.write(b"a longer line\n")
    assert pieces(tail) == [(b"a longer line\n", None, 0)]
    log.write_bytes(b"new\n")
    assert pieces(tail) == [(b"new\n", Mark.TRUNCATED, 0)]


def test_a_file_without_text_rests_and_is_read_on(log, tail) -> None:
    log.touch()
    assert pieces(tail) == []
    assert tail.rest()
    log.write_bytes(b"one\n")
    assert pieces(tail) == [(b"one\n", None, 0)]


def test_what_was_renamed_is_followed_however_long_it_is_silent(log, tail, clock) -> None:
    writer = opened(log)
    os.write(writer, b"one\n")
    read(tail)
    log.rename(log.with_suffix(".1"))
    for _ in range(3):
        clock.now += DELETED_WAIT + 1
        assert pieces(tail) == []
    os.write(writer, b"two\n")
    os.close(writer)
    assert pieces(tail) == [(b"two\n", None, 0)]


def test_a_copy_put_in_place_that_lacks_what_was_known_to_be_there_is_another_file(log, tail) -> None:
    tail = Tail(str(log), block=2000)
    text = b"one line\n" * 1000
    log.write_bytes(text)
    assert tail.poll().data == text[:2000]
    log.with_suffix(".part").write_bytes(text[:3000])
    log.with_suffix(".part").replace(log)
    data, marks = drain(tail)
    assert data == text[2000:] + text[:3000]
    assert [mark for mark in marks if mark] == [Mark.REPLACED]
    tail.close()


def test_what_was_copied_and_cut_before_it_was_read_comes_first(log, tail) -> None:
    log.touch()
    read(tail)
    place = tail.position()
    tail.close()
    log.write_bytes(b"one\n")
    shutil.copyfile(log, log.with_name(f"{log.name}.1"))
    os.truncate(log, 0)
    with log.open("ab") as file:
        file.write(b"two\n")
    later = Tail.resume(str(log), place)
    assert pieces(later) == [(b"one\n", None, 0), (b"two\n", Mark.COPIED, 0)]
    later.close()


def test_a_late_line_before_the_next_text_takes_no_mark_from_it(log, tail, clock) -> None:
    slow = opened(log)
    os.write(slow, b"slow 0\n")
    read(tail)
    log.rename(log.with_suffix(".1"))
    log.write_bytes(b"fast 1\n")
    assert pieces(tail) == [(b"fast 1\n", Mark.ROTATED, 0)]
    place = tail.position()
    os.truncate(log, 0)
    assert pieces(tail) == []
    os.write(slow, b"slow 1\n")
    os.close(slow)
    assert pieces(tail) == [(b"slow 1\n", None, 0)]
    assert tail.position() == place, "a successor must see the break, too"
    with log.open("ab") as file:
        file.write(b"fast 2\n")
    assert pieces(tail) == [(b"fast 2\n", Mark.TRUNCATED, 0)]


def test_an_old_file_that_is_cut_is_let_go_before_its_time(log, tail) -> None:
    rotated(log, tail)
    assert tail.files == 2
    log.with_suffix(".1").write_bytes(b"")
    assert (pieces(tail), tail.files) == ([], 1)


def test_held_bytes_are_in_this_file_or_in_an_older_one(log, tail) -> None:
    rotated(log, tail, b"old", b"new")
    assert [(tail.elsewhere(held), tail.position(held).offset) for held in (0, 3, 5)] == [
        (0, 3),
        (0, 0),
        (2, 0),
    ]


def test_after_the_end_no_file_is_open(log, tail) -> None:
    rotated(log, tail)
    assert tail.files == 2
    tail.close()
    assert tail.files == 0


def test_a_place_in_a_file_without_text_is_as_old_as_the_file(log, tail) -> None:
    log.touch()
    os.utime(log, ns=(10**18, 10**18))
    read(tail)
    assert (tail.position().offset, tail.position().changed) == (0, 10**18)


def test_a_place_that_an_older_version_kept_is_of_no_copy() -> None:
    place = msgspec.convert({"device": 1, "inode": 2, "offset": 3, "head": 4, "recent": 5}, Position)
    assert (place.changed, place.copied, place.begins(b"")) == (0, False, False)


def test_what_its_copy_holds_is_not_lost_though_the_hole_is_larger_than_what_was_read(log, tail) -> None:
    writer = opened(log, 0)
    os.write(writer, b"a" * 99 + b"\n")
    assert pieces(tail) == [(b"a" * 99 + b"\n", None, 0)]
    os.write(writer, b"b" * 49 + b"\n")
    shutil.copyfile(log, log.with_name(f"{log.name}.1"))
    os.truncate(log, 0)
    os.write(writer, b"c" * 9 + b"\n")
    os.close(writer)
    assert pieces(tail) == [(b"b" * 49 + b"\n", None, 0), (b"c" * 9 + b"\n", Mark.COPIED, 0)]


def test_the_last_lines_begin_with_a_whole_one(log, tail) -> None:
    log.write_bytes(b"one\ntwo\nsix\n")
    assert [tail.last_block(count) for count in (4, 5, 7, 8, 12, 99)] == [
        (8, b"six\n"),
        (8, b"six\n"),
        (8, b"six\n"),
        (4, b"two\nsix\n"),
        (0, b"one\ntwo\nsix\n"),
        (0, b"one\ntwo\nsix\n"),
    ]


def test_what_was_unread_of_a_copy_that_the_next_one_overwrites_is_lost(log) -> None:
    tail, copy, now = Tail(str(log), block=4), log.with_name(f"{log.name}.1"), 10**18

    def write(path, data: bytes) -> None:
        nonlocal now
        now += 10**9
        path.write_bytes(data)
        os.utime(path, ns=(now, now))

    write(log, b"one\ntwo\nsix\n")
    assert tail.poll().data == b"one\n"
    for path, data in ((copy, b"one\ntwo\nsix\n"), (log, b"new\n")):
        write(path, data)
    assert tail.poll().data == b"two\n"
    for path, data in ((copy, b"new\n"), (log, b"end\n")):
        write(path, data)
    assert pieces(tail) == [(b"new\n", Mark.COPIED, 4), (b"end\n", Mark.COPIED, 0)]
    tail.close()
