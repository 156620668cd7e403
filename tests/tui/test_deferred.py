"""What is drawn before there is something to show."""

import os
import threading

import pytest
from textual.constants import ESCAPE_DELAY

from runwatch.tui import deferred
from runwatch.tui.deferred import DeferredDriver, WakingEvent


class Writer:
    def __init__(self) -> None:
        self.written = []

    def write(self, text: str) -> None:
        self.written.append(text)


def driver() -> DeferredDriver:
    made = DeferredDriver.__new__(DeferredDriver)
    made._writer_thread = Writer()
    return made


def test_nothing_is_written_before_the_release_and_nothing_is_lost():
    held = driver()
    held.write("a")
    held.write("b")
    assert held._writer_thread.written == []
    held.release()
    held.write("c")
    held.release()
    assert held._writer_thread.written == ["ab", "c"]


async def test_the_first_picture_brings_the_screen_up(open_app, monkeypatch):
    up = []
    async with open_app(wait=False) as s:
        monkeypatch.setattr(s.app, "_come_up", lambda: up.append(s.scene.snapshot))
        await s.until(lambda: s.scene.snapshot is not None)
        await s.settle()
        assert up
        assert up[0] is not None


def test_what_a_frame_writes_is_one_piece():
    held = driver()
    held.release()
    with held.together():
        held.write("a")
        held.write("b")
        assert held._writer_thread.written == []
    held.write("c")
    assert held._writer_thread.written == ["ab", "c"]


def test_a_frame_before_the_release_is_kept_too():
    held = driver()
    with held.together():
        held.write("a")
        held.release()
        assert held._writer_thread.written == []
    assert held._writer_thread.written == ["a"]


class Typed:
    """A driver that reads keys from a pipe, and its thread."""

    def __init__(self) -> None:
        self.driver, self.keys, self.came = driver(), [], threading.Condition()
        self.driver.fileno, self.end = os.pipe()
        self.driver.exit_event = WakingEvent()
        self.driver.process_message = self.take
        self.thread = threading.Thread(target=self.driver.run_input_thread)

    def take(self, message) -> None:
        with self.came:
            self.keys.append(message.key)
            self.came.notify()

    def wait(self, count: int) -> None:
        with self.came:
            assert self.came.wait_for(lambda: len(self.keys) >= count, 20), self.keys


def test_keys_are_read_until_the_exit_and_bytes_that_are_no_text_are_no_reason_to_end():
    typed = Typed()
    typed.thread.start()
    for sent in (b"a", b"\x98\xc3", b"\xa9", b"b"):
        os.write(typed.end, sent)
    typed.wait(4)
    assert typed.keys[0] == "a"
    assert typed.keys[-1] == "b"
    typed.driver.exit_event.set()
    typed.thread.join(20)
    assert not typed.thread.is_alive()


def test_an_escape_alone_is_a_key_though_nothing_follows():
    typed = Typed()
    typed.thread.start()
    os.write(typed.end, b"\x1b")
    typed.wait(1)
    assert typed.keys == ["escape"]
    os.write(typed.end, b"\x1b[A")
    typed.wait(2)
    assert typed.keys[1:] == ["up"]
    typed.driver.exit_event.set()
    typed.thread.join(20)


def test_nobody_looks_for_keys_while_none_comes(monkeypatch):
    typed, timeouts, now = Typed(), [], [0.0]
    steps = iter([(1000.0, b"a"), (1000.1, b""), (1010.0, b"")])

    def select(files, _writes, _errors, timeout):
        timeouts.append(timeout)
        at, sent = next(steps, (now[0], None))
        now[0] = at
        if sent is None:
            typed.driver.exit_event.set()
            return [], [], []
        os.write(typed.end, sent)
        return ([typed.driver.fileno] if sent else []), [], []

    monkeypatch.setattr(deferred.select, "select", select)
    monkeypatch.setattr(deferred.time, "monotonic", lambda: now[0])
    typed.driver.run_input_thread()
    assert timeouts[:4] == [None, ESCAPE_DELAY, ESCAPE_DELAY, None]


def test_a_waking_event_can_be_set_again():
    event = WakingEvent()
    for _ in range(3):
        event.set()
        event.set()
        assert event.is_set()
        event.clear()
        event.clear()
    os.set_blocking(event.waking, False)
    with pytest.raises(BlockingIOError):
        os.read(event.waking, 1)


def test_a_sigcont_that_follows_no_stop_begins_no_second_reader_of_the_keys(monkeypatch):
    held, begun = driver(), []
    monkeypatch.setattr(held, "resume_application_mode", lambda: begun.append(1))
    held._auto_restart, held._must_signal_resume = True, False
    held._sigcont_application()
    assert begun == []
    held._must_signal_resume = True
    held._sigcont_application()
    assert begun == [1]
