"""How much of a file is read, remembered and compared, to the byte; and what rests is found again."""

from __future__ import annotations

import os

import pytest

from runwatch.watcher.sources.tail import HEAD, Mark, Position, Tail

from .tailed import drain, lines, opened, read

NS = 1_800_000_000 * 10**9


def test_a_block_has_768_kib(log, tail) -> None:
    log.write_bytes(b"x" * (1 << 20))
    assert len(tail.poll().data) == 768 << 10


def test_before_anything_is_opened_nothing_is_known(tail) -> None:
    assert (tail.offset, tail.size, tail.backlog, tail.files, tail.position()) == (0, 0, 0, 0, None)
    assert (tail.around(9, 9), tail.last_block(9), tail.elsewhere(9)) == (None, (0, b""), 0)


@pytest.mark.parametrize(
    ("place", "noticed"),
    [(0, True), (HEAD - 1, True), (HEAD, False), (3000 - 257, False), (3000 - 256, True), (2999, True)],
)
@pytest.mark.parametrize("later", [False, True])
def test_1024_first_and_256_last_bytes_are_compared(log, tail, place, noticed, later) -> None:
    log.write_bytes(b"a" * 3000)
    read(tail)
    if later:
        tail = Tail.resume(str(log), tail.position())
    with log.open("r+b") as file:
        file.seek(place)
        file.write(b"b")
    with log.open("ab") as file:
        file.write(b"new\n")
    data, marks = drain(tail)
    tail.close()
    assert (len(data), marks) == ((3004, [Mark.REWRITTEN]) if noticed else (4, [None]))


def test_it_is_reported_how_many_bytes_were_cut_unread(log) -> None:
    tail = Tail(str(log), block=10)
    log.write_bytes(b"0123456789" * 10)
    assert tail.poll().data == b"0123456789"
    log.write_bytes(b"new\n")
    piece = tail.poll()
    assert (piece.data, piece.mark, piece.lost) == (b"new\n", Mark.TRUNCATED, 90)
    with log.open("ab") as file:
        file.write(b"more\n")
    assert tail.poll().lost == 0
    tail.close()


def test_a_place_to_start_counts_only_if_the_file_is_there_at_first(log) -> None:
    tail = Tail(str(log), start=3)
    assert tail.poll() is None
    log.write_bytes(b"012345\n")
    assert read(tail) == b"012345\n"
    tail.close()


@pytest.mark.parametrize(("held", "again"), [(0, b""), (4, b"end\n"), (100, b"begin\nend\n")])
def test_what_rests_changes_with_its_file_and_is_read_on(log, tail, held, again) -> None:
    log.write_bytes(b"begin\nend\n")
    read(tail)
    assert tail.changed()
    assert tail.rest(held)
    assert (tail.files, tail.changed(), tail.poll()) == (0, False, None)
    with log.open("ab") as file:
        file.write(b"new\n")
    assert tail.changed()
    assert read(tail) == again + b"new\n"


def test_a_file_of_which_something_is_unread_does_not_rest_for_long(log) -> None:
    tail = Tail(str(log), block=4)
    log.write_bytes(b"one\ntwo\n")
    assert tail.poll().data == b"one\n"
    assert tail.rest()
    assert tail.changed()
    assert read(tail) == b"two\n"
    tail.close()


def test_during_a_rotation_nothing_rests(log, clock) -> None:
    tail = Tail(str(log), block=4, clock=clock)
    assert tail.poll() is None
    assert not tail.rest(), "there is no file"
    log.write_bytes(b"one\ntwo\n")
    assert tail.poll().data == b"one\n"
    log.rename(log.with_suffix(".1"))
    log.write_bytes(b"six\n")
    assert tail.poll().data == b"two\n"
    assert (tail.rest(), tail.files) == (False, 2)
    assert tail.around(3, 4) == (b"one", b"two\n")
    assert tail.last_block(9) == (0, b"six\n")
    assert read(tail) == b"six\n"
    assert (tail.rest(), tail.files) == (False, 2), "the old one may still be written to"
    clock.now = 5.0
    assert read(tail) == b""
    assert (tail.rest(), tail.files) == (True, 0)
    tail.close()


def test_a_deleted_file_does_not_rest(log, tail) -> None:
    log.write_bytes(b"one\n")
    read(tail)
    log.unlink()
    assert not tail.rest()


@pytest.mark.parametrize("same", [True, False])
def test_a_copy_put_in_place_may_have_no_more_than_was_read(log, tail, same) -> None:
    log.write_bytes(lines(0, 100))
    read(tail)
    copy = log.with_suffix(".part")
    copy.write_bytes(lines(0, 100) + b"" if same else lines(0, 99))
    copy.replace(log)
    data, marks = drain(tail)
    assert (data, marks) == ((b"", []) if same else (lines(0, 99), [Mark.REPLACED]))


@pytest.mark.parametrize(("held", "earlier"), [(0, 0), (5, 0), (10, 1)])
def test_a_place_before_all_text_is_older_than_the_text(log, tail, held, earlier) -> None:
    """A copy of it may have been made in the moment in which it was written."""
    log.write_bytes(b"0123456789")
    os.utime(log, ns=(NS, NS))
    read(tail)
    place = tail.position(held)
    assert (place.offset, NS - place.changed) == (10 - held, earlier)


def test_a_file_that_is_shorter_than_its_place_is_another() -> None:
    place = Position(1, 2, 10, 0, 0)
    assert place.begins(b"") is True
    assert place.begins(b"x" * 10) is False


def test_what_a_hole_shows_was_written_and_cut_in_between_is_lost(log) -> None:
    tail = Tail(str(log))
    writer = opened(log, 0)
    os.write(writer, b"a" * 100)
    read(tail)
    os.write(writer, b"b" * 50)
    os.truncate(log, 0)
    os.write(writer, b"c" * 10)
    os.close(writer)
    piece = tail.poll()
    assert (piece.data, piece.mark, piece.lost) == (b"c" * 10, Mark.TRUNCATED, 50)
    tail.close()
