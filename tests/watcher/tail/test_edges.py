"""How much of a file is read, remembered and compared, to the byte; and what rests is found again."""

from __future__ import annotations

import errno
import os
from zlib import crc32

import pytest

from runwatch.core.errors import SourceError
from runwatch.watcher.sources.open_file import OpenFile
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
    assert (tail.offset, tail.size, tail.backlog, tail.elsewhere(8)) == (8, 8, 4, 0)
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


@pytest.mark.parametrize(("size", "held", "earlier"), [(10, 0, 0), (10, 5, 0), (10, 10, 1), (1, 1, 1)])
def test_a_place_before_all_text_is_older_than_the_text(log, tail, size, held, earlier) -> None:
    """A copy of it may have been made in the moment in which it was written."""
    log.write_bytes(b"0123456789"[:size])
    os.utime(log, ns=(NS, NS))
    read(tail)
    place = tail.position(held)
    assert (place.offset, NS - place.changed) == (size - held, earlier)


def test_a_file_that_is_shorter_than_its_place_is_another() -> None:
    place = Position(1, 2, 10, 0, 0)
    assert place.begins(b"") is True
    assert place.begins(b"x" * 10) is False
    assert Position(1, 2, 2, crc32(b"ab"), 0).begins(b"abc") is True, "it is longer"


@pytest.mark.parametrize("looked", [False, True])
def test_what_a_hole_shows_was_written_and_cut_in_between_is_lost(log, looked) -> None:
    tail = Tail(str(log))
    writer = opened(log, 0)
    os.write(writer, b"a" * 100)
    read(tail)
    os.write(writer, b"b" * 50)
    os.truncate(log, 0)
    assert not looked or tail.poll() is None
    os.write(writer, b"c" * 10)
    os.close(writer)
    piece = tail.poll()
    assert (piece.data, piece.mark, piece.lost) == (b"c" * 10, Mark.TRUNCATED, 50)
    tail.close()


@pytest.mark.parametrize("looks_at", ["last_block", "around"])
def test_a_log_that_was_renamed_at_rest_is_followed_after_its_text_was_shown(log, tail, looks_at) -> None:
    log.write_bytes(b"one\n")
    read(tail)
    assert tail.rest()
    away = log.rename(log.with_suffix(".old"))
    show = {"last_block": lambda: tail.last_block(4)[1], "around": lambda: tail.around(4, 4)[1]}
    assert show[looks_at]() == b"one\n"
    with away.open("ab") as writer:
        writer.write(b"two\n")
    assert read(tail) == b"two\n"


def test_a_log_at_rest_shows_its_text_and_rests_until_it_is_deleted(log, tail) -> None:
    log.write_bytes(b"one\ntwo\n")
    read(tail)
    for _ in range(2):
        assert tail.rest()
        assert tail.rest(), "nothing is open"
        assert not tail.changed()
        assert tail.last_block(4) == (4, b"two\n")
        assert tail.rest()
        assert tail.around(3, 4) == (b"one", b"two\n")
    assert tail.rest()
    log.unlink()
    assert tail.changed()


def test_a_log_that_was_cut_does_not_rest_until_text_shows_the_break(log, tail) -> None:
    log.write_bytes(b"one\n")
    read(tail)
    os.truncate(log, 0)
    assert read(tail) == b""
    assert not tail.rest()
    log.write_bytes(b"two\n")
    assert drain(tail) == (b"two\n", [Mark.TRUNCATED])
    assert tail.rest()


@pytest.mark.parametrize("size", [HEAD - 1, HEAD])
def test_a_copy_put_in_place_is_known_by_its_text_from_1024_bytes_on(log, tail, size) -> None:
    log.write_bytes(b"a" * size)
    read(tail)
    copy = log.with_suffix(".part")
    copy.write_bytes(b"a" * size + b"new\n")
    copy.replace(log)
    same = size == HEAD
    assert drain(tail) == ((b"new\n", [None]) if same else (b"a" * size + b"new\n", [Mark.REPLACED]))


def test_a_first_byte_of_nul_shows_that_a_changed_file_was_cut(log, tail) -> None:
    log.write_bytes(b"abcdef\n")
    read(tail)
    log.write_bytes(b"\0longer than before\n")
    assert drain(tail) == (b"longer than before\n", [Mark.TRUNCATED])


def test_nul_bytes_alone_are_no_text(log, tail) -> None:
    log.write_bytes(bytes(100))
    assert drain(tail) == (b"", [])
    with log.open("ab") as file:
        file.write(b"on\n")
    assert drain(tail) == (b"on\n", [None])


def test_a_deleted_file_is_kept_for_ten_minutes_of_silence(log, tail, clock) -> None:
    writer = opened(log)
    os.write(writer, b"one\n")
    read(tail)
    log.unlink()
    clock.now = 600.0
    assert read(tail) == b""
    os.write(writer, b"two\n")
    os.close(writer)
    assert read(tail) == b"two\n"
    clock.now = 1200.1
    assert (read(tail), tail.files) == (b"", 0)


def test_a_file_that_cannot_be_read_is_left_with_a_break_for_its_next(log, monkeypatch) -> None:
    tail = Tail(str(log), block=4)
    log.write_bytes(b"one\ntwo\n")
    assert tail.poll().data == b"one\n"
    place = tail.position()
    log.rename(log.with_suffix(".1"))
    log.write_bytes(b"six\n")
    with monkeypatch.context() as patch:
        patch.setattr(OpenFile, "read", fails)
        assert tail.poll() is None
    assert tail.problem == os.strerror(errno.ESTALE)
    assert tail.position() == place
    assert drain(tail) == (b"six\n", [Mark.REPLACED])
    with monkeypatch.context() as patch:
        patch.setattr(OpenFile, "read", fails)
        assert tail.poll() is None
    assert (tail.files, read(tail)) == (0, b""), "it is opened again where it was left"
    tail.close()


def fails(*_: object, **__: object) -> None:
    raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))


def test_what_is_no_file_is_not_waited_for_nor_kept_open(tmp_path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    before = len(os.listdir("/proc/self/fd"))
    for path, kind in ((pipe, "pipe"), (tmp_path, "directory")):
        with pytest.raises(SourceError, match=f"a {kind} cannot be followed"):
            OpenFile.open(str(path))
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_file_that_does_not_answer_is_gone_and_as_it_was(log) -> None:
    log.write_bytes(b"one\n")
    file = OpenFile.open(str(log))
    file.read(9)
    file.close()
    assert file.gone()
    assert file.intact()


@pytest.mark.parametrize(
    ("text", "data"),
    [(b"abc", b""), (b"abcd", b"abcd"), (b"abcdef", b"abcd"), (b"a\nbcd", b"a\n"), (b"ab\n", b"ab\n")],
)
def test_of_whole_lines_one_is_cut_that_fills_a_block(log, text, data) -> None:
    log.write_bytes(text)
    file = OpenFile.open(str(log))
    assert file.read(4, whole_lines=True) == (None, data)
    file.close()


def test_where_a_file_is_read_from_its_length_is_known(log) -> None:
    log.write_bytes(b"one\n")
    file = OpenFile.open(str(log))
    assert (file.begin, file.unread) == (0, 4)
    log.write_bytes(b"one\ntwo\n")
    file.measure()
    file.seek(4)
    assert (file.unread, file.position(9).offset) == (4, 0)
    file.close()
