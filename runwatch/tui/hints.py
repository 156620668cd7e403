"""Hints for a new user: one dim line, until its key was used or three sessions have passed."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from runwatch.core.decoding import UNDECODABLE
from runwatch.system import private_files
from runwatch.tui import actions
from runwatch.tui.scene import Scene

SESSIONS = 3
"""Sessions in which there are hints."""
OFF = "RUNWATCH_HINTS"
"""Set to 0, there are none."""
_MOST = 1 << 14
_HINTS = {
    "help": "explains this screen",
    "palette": "finds every command and metric",
    "zoom": "enlarges a panel; tab: the next one",
    "cursor_left": "reads values off charts",
    "logs": "scrolls and searches the log",
    "theme": "chooses colors",
}


class Kept(msgspec.Struct):
    """What is remembered of former sessions."""

    sessions: int = 0
    used: set[str] = msgspec.field(default_factory=set)


@dataclass
class Hints:
    """The hints of one session; without a file there are none."""

    path: Path | None = None
    kept: Kept = field(default_factory=Kept)

    @property
    def on(self) -> bool:
        """Whether this session has hints at all."""
        return self.path is not None and self.kept.sessions <= SESSIONS

    def line(self, scene: Scene, view: str) -> tuple[str, str, str]:
        """Return an action, its key and what it does; empty texts for no hint."""
        if not self.on or scene.run is None:
            return "", "", ""
        hints = {"alerts": "shows what is wrong and why"} if scene.firing() else {}
        for name, text in {**hints, **_HINTS}.items():
            if name not in self.kept.used and view in scene.registry.by_id[name].views and view != name:
                return name, scene.key(name), text
        return "", "", ""

    def use(self, action: str) -> None:
        """Remember that an action was carried out, if a hint is about it."""
        if action in {*_HINTS, actions.ALERTS} - self.kept.used:
            self.kept.used.add(action)
            self._keep()

    def _keep(self) -> None:
        if self.path is None or self.kept.sessions > SESSIONS:
            return
        with contextlib.suppress(OSError):
            descriptor = private_files.opened(self.path, os.O_WRONLY | os.O_TRUNC)
            with os.fdopen(descriptor, "wb") as file:
                file.write(msgspec.json.encode(self.kept))


def load(directory: Path) -> Hints:
    """Return the hints of a session that begins now. Where nothing can be remembered, there are none."""
    if os.environ.get(OFF) == "0":
        return Hints()
    path = directory / "hints.json"
    try:
        private_files.directory(directory)
        with os.fdopen(private_files.opened(path, os.O_RDWR), "rb") as file:
            known = file.read(_MOST)
    except OSError:
        return Hints()
    hints = Hints(path)
    with contextlib.suppress(*UNDECODABLE):  # an empty file, or one of another version
        hints.kept = msgspec.json.decode(known, type=Kept)
    hints.kept.sessions += 1
    if hints.kept.sessions <= SESSIONS:
        hints._keep()
    return hints
