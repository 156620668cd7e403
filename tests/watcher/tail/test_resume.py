"""A later session goes on where the last one stopped, or says that it cannot."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import msgspec
import pytest

from runwatch.watcher.sources.tail import HEAD, Mark, Piece, Position, Tail

if TYPE_CHECKING:
    from pathlib import Path

LONG = b"".join(b"step %05d | loss 2.5\n" % step for step in range(200))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "run.log"


def read_to_end(log: Path) -> Position:
    """Read all there is and return the place, as it comes back from a store."""
    tail = Tail(str(log))
    while tail.poll():
        pass
    position = tail.position()
    tail.close()
    return msgspec.json.decode(msgspec.json.encode(position), type=Position)


def resumed(log: Path, position: Position | None) -> list[Piece]:
    tail = Tail.resume(str(log), position)
    pieces = []
    while piece := tail.poll():
        pieces.append(piece)
    tail.close()
    return pieces


def append(log: Path, data: bytes) -> None:
    with log.open("ab") as file:
        file.write(data)


@pytest.mark.parametrize("before", [b"", b"1\n", LONG])
def test_lines_written_in_between_are_read_and_no_others(log, before) -> None:
    log.write_bytes(before)
    position = read_to_end(log)
    assert resumed(log, position) == []
    append(log, b"new\n")
    assert resumed(log, position) == [Piece(b"new\n")]


def test_no_position_means_from_the_beginning(log) -> None:
    log.write_bytes(b"1\n")
    assert resumed(log, None) == [Piece(b"1\n")]


def test_unfinished_line_is_read_again_when_it_was_held_back(log) -> None:
    log.write_bytes(LONG + b"step 00200 | lo")
    tail = Tail(str(log))
    tail.poll()
    position = tail.position(held=len(b"step 00200 | lo"))
    tail.close()
    append(log, b"ss 2.4\n")
    assert resumed(log, position) == [Piece(b"step 00200 | loss 2.4\n")]


def test_file_that_is_not_back_yet_is_waited_for(log) -> None:
    log.write_bytes(LONG)
    position = read_to_end(log)
    log.rename(log.with_suffix(".away"))
    tail = Tail.resume(str(log), position)
    assert tail.poll() is None
    assert tail.position() == position
    log.with_suffix(".away").rename(log)
    append(log, b"new\n")
    assert tail.poll() == Piece(b"new\n")
    tail.close()


def test_file_rotated_in_between_is_finished_first(log) -> None:
    log.write_bytes(b"1\n")
    position = read_to_end(log)
    append(log, b"2\n")
    log.rename(log.with_suffix(".1"))
    log.write_bytes(b"3\n")
    assert resumed(log, position) == [Piece(b"2\n"), Piece(b"3\n", Mark.ROTATED)]


def test_position_taken_during_a_rotation_still_leads_to_both_files(log) -> None:
    log.write_bytes(LONG)
    tail = Tail(str(log), block=100)
    tail.poll()
    log.rename(log.with_suffix(".1"))
    log.write_bytes(b"new\n")
    tail.poll()
    position = tail.position()
    tail.close()
    assert position.offset == 200
    assert resumed(log, position) == [Piece(LONG[200:]), Piece(b"new\n", Mark.ROTATED)]


def test_file_truncated_in_between_is_read_from_its_beginning(log) -> None:
    log.write_bytes(LONG)
    position = read_to_end(log)
    log.write_bytes(b"over\n")
    assert resumed(log, position) == [Piece(b"over\n", Mark.TRUNCATED)]


def test_file_rewritten_in_between_is_read_from_its_beginning(log) -> None:
    log.write_bytes(LONG)
    position = read_to_end(log)
    changed = LONG.replace(b"step 00199", b"Step 00199")
    log.write_bytes(changed)
    assert resumed(log, position) == [Piece(changed, Mark.REWRITTEN)]


def test_reused_inode_number_is_not_taken_for_the_old_file(log) -> None:
    """The same number, a longer file, the same last lines, but another beginning."""
    log.write_bytes(b"run a\n" + LONG)
    position = read_to_end(log)
    log.unlink()
    log.write_bytes(b"run b\n" + LONG + b"more\n")
    now = log.stat()
    same_number = msgspec.structs.replace(position, device=now.st_dev, inode=now.st_ino)
    assert resumed(log, same_number) == [Piece(b"run b\n" + LONG + b"more\n", Mark.REWRITTEN)]


def test_other_file_is_read_from_its_beginning(log) -> None:
    log.write_bytes(b"run a\n")
    position = read_to_end(log)
    held = os.open(log, os.O_RDONLY)  # keeps the number from being given out again
    log.unlink()
    log.write_bytes(b"run b\n")
    assert resumed(log, position) == [Piece(b"run b\n", Mark.REPLACED)]
    os.close(held)


def test_short_file_with_the_same_text_is_still_another_run(log) -> None:
    """A CSV header tells nothing: only a file that is long and equal is taken for a copy."""
    header = b"epoch,loss\n"
    log.write_bytes(header)
    position = read_to_end(log)
    log.with_suffix(".new").write_bytes(header + b"1,2.5\n")
    log.with_suffix(".new").replace(log)
    assert resumed(log, position) == [Piece(header + b"1,2.5\n", Mark.REPLACED)]


def test_device_number_changed_by_a_reboot_is_the_same_file(log) -> None:
    log.write_bytes(LONG)
    position = msgspec.structs.replace(read_to_end(log), device=999_999)
    assert position.offset > HEAD
    append(log, b"new\n")
    assert resumed(log, position) == [Piece(b"new\n")]


def test_hole_at_the_beginning_does_not_spoil_the_position(log) -> None:
    with log.open("wb") as writer:
        writer.seek(50_000)
        writer.write(LONG)
    position = read_to_end(log)
    append(log, b"new\n")
    assert resumed(log, position) == [Piece(b"new\n")]


def test_killed_anywhere_and_resumed_reads_every_byte_once(log) -> None:
    log.write_bytes(LONG)
    data, position = b"", None
    while True:
        tail = Tail.resume(str(log), position, block=97)
        piece = tail.poll()
        if piece is None:
            break
        assert piece.mark is None
        data += piece.data
        position = tail.position()
        tail.close()
    tail.close()
    assert data == LONG


def test_files_rotated_one_after_the_other_in_between_are_read_in_their_order(log) -> None:
    log.write_bytes(LONG)
    position = read_to_end(log)
    names = ["run.log.2", "run.log.1", "run-20260131.log", "run.log"]
    texts = [LONG + b"late\n", b"one\n", b"two\n", b"three\n"]
    log.rename(log.with_name(names[0]))
    for number, (name, text) in enumerate(zip(names, texts, strict=True)):
        path = log.with_name(name)
        path.write_bytes(text)
        os.utime(path, (1e9 + number, 1e9 + number))
    for other in ("run.log.3.gz", "run.log.bak", "other.log.1", "run.log.4"):
        log.with_name(other).write_bytes(b"nothing\n")
        os.utime(log.with_name(other), (1e9 + 2.5, 1e9 + 2.5 if other != "run.log.4" else 1e9 - 1))
    pieces = resumed(log, position)
    assert [piece.data for piece in pieces] == [b"late\n", b"one\n", b"two\n", b"three\n"]
    assert {piece.mark for piece in pieces[1:]} == {Mark.ROTATED}


def test_files_rotated_between_two_looks_are_read_once(log) -> None:
    log.write_bytes(b"1\n")
    tail = Tail(str(log))
    assert tail.poll() == Piece(b"1\n")
    reported = b""
    for number in range(1, 7):
        log.rename(log.with_name(f"run.log.{number}"))
        log.write_bytes(b"%d\n" % (number + 1))
        os.utime(log, (3e9 + number, 3e9 + number))
        if number % 2 == 0:
            while piece := tail.poll():
                reported += piece.data
    tail.close()
    assert reported == b"2\n3\n4\n5\n6\n7\n"


def test_file_truncated_and_then_rotated_in_between_is_read_whole(log) -> None:
    log.write_bytes(LONG)
    position = read_to_end(log)
    log.write_bytes(b"over\n")
    log.rename(log.with_name("run.log.1"))
    log.write_bytes(b"next\n")
    assert resumed(log, position) == [Piece(b"over\n", Mark.TRUNCATED), Piece(b"next\n", Mark.ROTATED)]


def test_file_deleted_and_its_successor_rotated_in_between(log) -> None:
    log.write_bytes(LONG)
    os.utime(log, (1e9, 1e9))
    position = read_to_end(log)
    held = os.open(log, os.O_RDONLY)  # keeps the number from being given out again
    log.unlink()
    for number, text in ((1, b"one\n"), (0, b"two\n")):
        path = log.with_name("run.log.1") if number else log
        path.write_bytes(text)
        os.utime(path, (2e9 - number, 2e9 - number))
    assert resumed(log, position) == [Piece(b"one\n", Mark.REPLACED), Piece(b"two\n", Mark.ROTATED)]
    os.close(held)
