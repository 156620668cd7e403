"""Fixtures: a scripted engine, an app connected to it, and text pictures of the screen."""

from __future__ import annotations

import asyncio
import contextlib
import difflib
import os
import time
from pathlib import Path

import pytest
from textual import _wait, events
from textual.css.stylesheet import Stylesheet

from runwatch.tui.app import RunwatchApp
from runwatch.tui.widgets.rows import Rows

from .fake_engine import FakeEngine, picture

PATIENCE = 120.0
"""Seconds that a screen may take to get where it should: how often it is looked at depends on the load."""
_wait.SLEEP_GRANULARITY, _wait.SLEEP_IDLE = (
    1 / 200,
    1 / 4000,
)  # a key waits twice for that long: a quarter of Textual's
_parse_rules, _parsed = Stylesheet._parse_rules, {}


def _parse_once(sheet, *given, **named):
    """Parse each style sheet once and not for each app: a tenth of the time of all these tests."""
    key = (tuple(sheet._variables.items()), given, tuple(named.items()))
    if key not in _parsed:
        _parsed[key] = _parse_rules(sheet, *given, **named)
    return _parsed[key]


Stylesheet._parse_rules = _parse_once
GOLDEN = Path(__file__).with_name("golden")


class Clock:
    """A clock that moves only when it is set."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Session:
    """One app under test with the engine it talks to."""

    def __init__(self, app, pilot, engine, clock) -> None:
        self.app, self.pilot, self.engine, self.clock = app, pilot, engine, clock

    @property
    def scene(self):
        return self.app.scene

    @property
    def view(self):
        return self.app.view

    async def until(self, condition, why="the screen did not get there"):
        """Let the app work until the condition holds."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if condition():
                return
            await self.pilot.pause()
            await asyncio.sleep(0)
        pytest.fail(f"{why}\n{self.text()}")

    async def settle(self):
        """Let requests, pictures and layout come to rest."""
        quiet, before = 0, None
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if quiet % 6 == 0:  # it asks each widget, which costs most of a test
                await self.pilot._wait_for_screen()
                self.app.screen._on_timer_update()
            await asyncio.sleep(0)
            drawn = tuple(len(part._drawn) for part in self.view.walk_children(Rows)) if self.view else ()
            now = (len(self.engine.requests), self.engine.frames, id(self.app.link.snapshot), drawn)
            quiet = quiet + 1 if now == before and (quiet % 3 or self._answered()) else 0
            before = now
            if quiet >= 12:
                return
        pytest.fail("the screen never came to rest")

    def _answered(self) -> bool:
        """Whether the engine was asked for all that is on the screen, so that nothing more will come."""
        view = self.view
        if self.scene.link == "lost" or view is None or not self.app.is_running:
            return True
        covered = view is not self.app.screen  # it gets its layout when it is seen again
        return view.wanted() == self.engine.view and (covered or not view._layout_required)

    async def press(self, *keys):
        await self.pilot.press(*keys)
        await self.settle()

    async def paste_keys(self, text):
        """Press the keys of a text as a terminal has them that sends all at once."""
        for char in text:
            self.app.post_message(
                events.Key({":": "colon", "/": "slash", " ": "space"}.get(char, char), char)
            )
        await self.settle()

    async def resize(self, width, height):
        """Give the terminal another size; textual passes it on when it is idle."""
        await self.pilot.resize_terminal(width, height)
        await self.until(
            lambda: self.app.screen._compositor.size == (width, height), "the size did not arrive"
        )
        await self.settle()

    async def push(self, **changes):
        """Send a changed picture, and from now on."""
        base = self.engine.picture
        self.engine.picture = lambda view: picture(view, **changes) if changes else base(view)
        self.engine.push()
        await self.settle()

    def text(self) -> str:
        """The screen as the terminal has it, without colours."""
        update = self.app.screen._compositor.render_strips()
        return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in update)

    def drawn(self, selector: str) -> str:
        """What one widget shows."""
        widget = self.view.query_one(selector, Rows)
        return "\n".join("".join(text for text, _ in row) for row in widget._drawn)


@pytest.fixture
def open_app():
    """Return a context manager that runs the app against a scripted engine."""

    @contextlib.asynccontextmanager
    async def opened(
        size=(120, 40), make=picture, ascii_only=False, title="train.log", wait=True,
        theme="dark", registry=None, reopen=None, rules=tuple, hints=None, alone=False, **changes,
    ):  # fmt: skip
        engine = FakeEngine(lambda view: make(view, **changes))
        clock = Clock()
        app = RunwatchApp(
            await engine.start(), ascii=ascii_only, title=title, clock=clock, theme=theme,
            registry=registry, reopen=reopen, rules=rules, hints=hints, alone=alone,
        )  # fmt: skip
        try:
            async with app.run_test(size=size) as pilot:
                session = Session(app, pilot, engine, clock)
                if wait:
                    await session.until(lambda: app.scene.snapshot is not None, "no picture came")
                    await session.settle()
                yield session
        finally:
            await engine.stop()

    return opened


@pytest.fixture
def golden():
    """Return a comparison with a stored picture; UPDATE_GOLDEN=1 stores the new one."""

    def compare(name: str, text: str) -> None:
        path = GOLDEN / f"{name}.txt"
        if os.environ.get("UPDATE_GOLDEN"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text + "\n", encoding="utf-8")
            return
        stored = path.read_text(encoding="utf-8").rstrip("\n")
        if text != stored:
            diff = "\n".join(difflib.unified_diff(stored.splitlines(), text.splitlines(), lineterm="", n=1))
            pytest.fail(f"{path.name} changed (UPDATE_GOLDEN=1 stores the new picture):\n{diff}")

    return compare
