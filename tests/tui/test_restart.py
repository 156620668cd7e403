"""A lost engine: the last picture and its age stay, and a key starts another one."""

import pytest

from runwatch.core.errors import EngineError
from runwatch.watcher.protocol import Shutdown

from .fake_engine import FakeEngine, picture


@pytest.fixture
def another():
    """A second engine, and what opens the way to it."""

    class Another:
        engine = FakeEngine(lambda view: picture(view, step=41_300))
        opened = 0
        failure: Exception | None = None
        sock = None

        def __call__(self):
            self.opened += 1
            if self.failure is not None:
                raise self.failure
            return self.sock

    return Another()


async def lost(s):
    s.engine.hang_up()
    await s.until(lambda: s.scene.link == "lost")
    await s.settle()


async def test_the_last_picture_stays_with_its_age(open_app):
    async with open_app((120, 40)) as s:
        await lost(s)
        s.clock.now += 75
        s.view.tick()
        assert "WATCHING STOPPED 1m" in s.drawn("#head")
        assert "41,230" in s.drawn("#head")
        assert "⣀" in s.drawn("#main-0") or "⠤" in s.drawn("#main-0")
        assert "Watch again" not in s.drawn("#keys")  # nobody told how


async def test_a_key_starts_the_engine_again(open_app, another):
    another.sock = await another.engine.start()
    async with open_app((120, 40), reopen=another) as s:
        assert "Watch again" not in s.drawn("#keys")
        await s.press("R")
        assert another.opened == 0
        await lost(s)
        assert "R Watch again" in s.drawn("#keys")
        assert "R watches again" in s.drawn("#head")
        s.engine = another.engine
        await s.press("R")
        await s.until(lambda: "41,300" in s.drawn("#head"), "the new engine's picture did not come")
        assert "STOPPED" not in s.drawn("#head")
        assert another.opened == 1
        await s.press("4")
        assert another.engine.view.log_lines > 0
        await s.pilot.press("q")
        await s.until(lambda: s.app.return_value is not None)
        assert s.app.return_value == 0
    assert Shutdown() in another.engine.requests
    await another.engine.stop()


async def test_an_engine_that_does_not_start_is_told(open_app, another):
    another.failure = EngineError("cannot start the engine", "no memory")
    async with open_app((120, 40), reopen=another) as s:
        await lost(s)
        await s.press("R")
        assert "cannot start the engine" in s.drawn("#head")
        assert "41,230" in s.drawn("#head")
        await s.press("R")
        assert another.opened == 2
