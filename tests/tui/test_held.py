"""What is drawn before there is something to show."""

from runwatch.tui.deferred import HeldDriver, _lenient


class Writer:
    def __init__(self) -> None:
        self.written = []

    def write(self, text: str) -> None:
        self.written.append(text)


def driver() -> HeldDriver:
    made = HeldDriver.__new__(HeldDriver)
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


def test_bytes_that_are_no_text_are_no_reason_to_end():
    decoder = _lenient("utf-8")()
    assert decoder.decode(b"a\x98\xc3") == "a\ufffd"
    assert decoder.decode(b"\xa9") == "\xe9"


def test_a_sigcont_that_follows_no_stop_begins_no_second_reader_of_the_keys(monkeypatch):
    held, begun = driver(), []
    monkeypatch.setattr(held, "resume_application_mode", lambda: begun.append(1))
    held._auto_restart, held._must_signal_resume = True, False
    held._sigcont_application()
    assert begun == []
    held._must_signal_resume = True
    held._sigcont_application()
    assert begun == [1]
