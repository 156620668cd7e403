"""What takes pictures of the screen: the terminal, and the engine that a measured screen is served by."""

from __future__ import annotations

import socket
import sys

import pytest

from benchmarks import screen
from benchmarks.pictures.terminal import FAINT, MissingError, Terminal
from runwatch.watcher import protocol

ECHO = """
import sys, tty
tty.setcbreak(0)
print("\\x1b[>1u\\x1b[?2026$p\\x1b[2mfaint\\x1b[22m plain \\x1b[38;2;255;0;2mred", flush=True)
got = ""
while not got.endswith("q"):
    got += sys.stdin.read(1)
    print(f"\\rgot {got!r}", end="", flush=True)
"""


@pytest.fixture
def terminal():
    with Terminal([sys.executable, "-c", ECHO], (60, 4)) as begun:
        yield begun


def test_a_program_is_typed_to_and_looked_at(terminal):
    terminal.wait("red")
    assert terminal.lines()[0] == "faint plain red"
    cells = terminal.screen.buffer[0]
    assert [getattr(cells[column], FAINT) for column in (0, 6, 12)] == [True, False, False]
    assert cells[12].fg == "ff0002"
    terminal.type("x")
    terminal.wait(r"got '.*2026;2\$yx'")  # it asked whether frames can be held together
    terminal.type("q")
    with pytest.raises(MissingError, match="never came; the screen:\nfaint plain red"):
        terminal.wait("more")


def test_a_click_names_the_cell_of_the_words(terminal):
    terminal.wait("red")
    terminal.click("plain")
    terminal.wait(r"\[<0;9;1M.*\[<0;9;1m")


def test_pictures_of_it(terminal, tmp_path):
    image = pytest.importorskip("PIL.Image", reason="pip install runwatch[pictures]")
    from benchmarks.pictures import paint

    terminal.wait("red")
    terminal.screen.buffer[3][0] = terminal.screen.buffer[3][0]._replace(data="\u2588", fg="fe0105")
    try:
        paint.save(terminal.screen, tmp_path / "it.png")
    except SystemExit as no_font:
        pytest.skip(str(no_font))
    picture = image.open(tmp_path / "it.png").convert("RGB")
    assert picture.size == (60 * paint.WIDE + 2 * paint.EDGE, 4 * paint.HIGH + 2 * paint.EDGE)
    assert picture.getpixel((paint.EDGE + 4, paint.EDGE + 3 * paint.HIGH + 9)) == (0xFE, 0x01, 0x05)

    assert paint._arms("┌") == {"d": 1, "r": 1}
    assert paint._arms("┨") == {"u": 2, "d": 2, "l": 1}
    assert paint._arms("╸") == {"l": 2}
    assert paint._arms("x") == {}


def test_the_scripted_engine_speaks_the_protocol_of_the_screen():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        engine = screen.Engine(ours, ranks=3, first=1_000, placed=True)
        view = protocol.View(charts=(protocol.Chart("train/loss", 40),), log_lines=2)
        frame = protocol.Frame(engine._picture(view, engine._begin))
        assert protocol.decode_reply(protocol.encode(frame)) == frame


def test_a_folder_of_this_machine_has_another_name_in_pictures(terminal):
    terminal.wait("red")
    terminal.rename("plain", "label")
    assert terminal.lines()[0] == "faint label red"
    terminal.rename("redder", "bluest")
    assert terminal.lines()[0] == "faint label red", "too little of it to know"
    terminal.rename("label/of/it", "other/words")
    assert terminal.lines()[0] == "faint other red", "the rest of it was cut off"
