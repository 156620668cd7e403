"""The row above the footer of a replay: where it is, how fast, and what its times are from."""

from __future__ import annotations

import time
from functools import partial

from runwatch.core.snapshot import Replay
from runwatch.render import cells, numbers
from runwatch.render.cells import Row
from runwatch.render.glyphs import Glyphs
from runwatch.render.progress import bar
from runwatch.tui.api import api
from runwatch.tui.widgets.rows import Rows

_LEAST = 10
"""Cells of the bar at least; the words next to it give way to it."""
_DAY = 86_400.0


class ReplayBar(Rows):
    """Not there where nothing is played. A click on the bar goes there."""

    def __init__(self) -> None:
        super().__init__(id="replay")

    def fit(self) -> int:
        """Take a row, or none where nothing is played; return how many."""
        self.display = self.scene.replay is not None
        return int(self.display)

    def draw(self, width: int, height: int) -> list[Row]:
        """Return the row."""
        replay = self.scene.replay
        if replay is None:
            return [[]]
        if replay.share < 1.0:
            self.targets = []
            return [reading(replay, width, self.scene.glyphs)]
        row, begin, count = position(replay, width, self.scene.glyphs)
        go = api(self.app).play_from
        span = replay.last - replay.first
        self.targets = [
            (0, begin + at, begin + at + 1, partial(go, replay.first + span * (at + 0.5) / count))
            for at in range(count)
        ]
        return [row]


def reading(replay: Replay, width: int, glyphs: Glyphs) -> Row:
    """Return the row until the end is known: how much was read."""
    left: Row = [(f"REPLAY {replay.state}", "good" if replay.state == "playing" else "warn")]
    left.append((f" {_speed(replay)}  ", "value"))
    right = f" reading {numbers.percent(replay.share, 0)}"
    track = bar(replay.share, max(0, width - cells.row_width(left) - cells.width(right)), glyphs)
    return [*left, *track, (right, "dim")]


def _speed(replay: Replay) -> str:
    return "max" if replay.speed is None else f"{replay.speed:g}x"


def position(replay: Replay, width: int, glyphs: Glyphs) -> tuple[Row, int, int]:
    """Return the row, and where its bar begins and how many cells it has."""
    span = replay.last - replay.first
    dated = "%m-%d %H:%M:%S" if span > _DAY / 2 else "%H:%M:%S"
    now, last = (time.strftime(dated, time.localtime(at)) for at in (replay.now, replay.last))
    role = "good" if replay.state == "playing" else "warn"
    left: Row = [(f"REPLAY {replay.state}", role), (f" {_speed(replay)}  ", "value"), (f"{now} ", "")]
    rest = numbers.brief(max(0.0, replay.last - replay.now))
    endings = [f" {last}, {rest} left; times: {replay.basis}", f" {last}, {rest} left", f" {last}", ""]
    room = width - cells.row_width(left)
    right = next((text for text in endings if room - cells.width(text) >= max(_LEAST, room // 3)), "")
    count = max(0, room - cells.width(right))
    track = bar((replay.now - replay.first) / span if span > 0 else 1.0, count, glyphs)
    marked = _marked(track, replay, count, glyphs)
    return [*left, *marked, (right, "dim")], cells.row_width(left), max(1, count)


def _marked(track: Row, replay: Replay, count: int, glyphs: Glyphs) -> Row:
    """Return the bar with a mark where incidents began."""
    span = replay.last - replay.first
    places = {min(count - 1, int(count * (at - replay.first) / span)) for at in replay.incidents if span > 0}
    characters = [(character, role) for text, role in track for character in text]
    sign = glyphs.severities["critical"]
    return [(sign, "mark-incident") if at in places else each for at, each in enumerate(characters)]
