"""The engine of a replay, for one screen: it plays by itself and answers like any engine."""

from __future__ import annotations

import asyncio
import math
import socket
import time
from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from runwatch.alerts.incidents.incidents import Change
from runwatch.config.loader import Config
from runwatch.core.errors import RunwatchError
from runwatch.core.snapshot import Replay
from runwatch.render import numbers
from runwatch.watcher import protocol
from runwatch.watcher.engine.engine import Engine
from runwatch.watcher.engine.views.views import Shown, snapshot
from runwatch.watcher.replay.player import Player
from runwatch.watcher.replay.sessions import Session
from runwatch.watcher.service.clients import Clients
from runwatch.watcher.service.clock import Clock
from runwatch.watcher.service.connection import CHUNK
from runwatch.watcher.service.launch import Assignment
from runwatch.watcher.service.notices import Notices
from runwatch.watcher.service.notify import Notifier

BEAT = 0.1
"""Seconds between two steps of the play."""
SPELL = 0.1
"""Seconds of one step at most: then clients have their turn."""
LOOK = 0.03
"""Seconds of one step in which more of the log is looked through, while its end is not known."""
ROUNDS = 16
"""Rounds of the loop between two steps: in these a request is read and answered, and a picture is sent."""
FASTEST, SLOWEST = 1e6, 0.1
SEARCH = 4
"""Parts of a session that a search plays at once: it ends behind that in which an incident began."""
MOST_MARKS = 200
"""Incidents that are marked."""
_BEGINS = frozenset({"firing", "escalated"})
_NOT_HERE = "a replay reads nothing else"


class ReplayClock(Clock):
    """The clock of what is played."""

    def __init__(self, player: Player) -> None:
        super().__init__()
        self._player = player

    def time(self) -> float:
        """Return the Unix time up to which it was played."""
        return self._player.now


class ReplayServer:
    """Plays a session and serves the one screen that shows it."""

    def __init__(self, session: Session, config: Config, speed: float | None, assignment: Assignment) -> None:
        self.assignment, self.config = assignment, config
        self._notices = Notices()
        self.clients = Clients(self)
        self.player = Player(session, config.ruleset(), config.sources.order, self.changed, self.notice)
        self.clock: Clock = ReplayClock(self.player)
        self.since = session.first
        self.notifier = Notifier(Config(), self.notice)  # nothing is sent of what is long over
        self.fatal: str | None = None
        self.opened, self.stopped = asyncio.Event(), asyncio.Event()
        self.opened.set()
        self._speed = math.inf if speed is None else speed
        self._paused = False
        self._goal: float | None = None
        """Where it seeks to."""
        self._searching = False
        self._marks: dict[str, float] = {}
        """Id of an incident -> when it began: also what begins later than where it was sought back to."""

    async def run(self) -> None:
        """Play until the screen is gone."""
        playing = asyncio.create_task(self._play())
        await self.stopped.wait()
        playing.cancel()
        await asyncio.gather(playing, return_exceptions=True)
        self.player.close()
        self.clients.close()
        self.notifier.close()

    async def serve(self, sock: socket.socket) -> None:
        """Serve the screen, and end with it."""
        reader, writer = await asyncio.open_connection(sock=sock, limit=CHUNK)
        try:
            await self.clients.admit(reader, writer)
        finally:
            self.stopped.set()

    # -- the play --------------------------------------------------------------------------------

    async def _play(self) -> None:
        before = time.monotonic() - BEAT  # the first picture is not of an empty run
        while True:
            now = time.monotonic()
            passed, before = now - before, now
            try:
                busy = self._step(passed)
            except RunwatchError as error:
                self.notice(f"the replay ends here: {error}")
                self._paused, self._goal, self._searching, busy = True, None, False, False
            self.clients.wake()
            if busy:
                for _ in range(ROUNDS):
                    await asyncio.sleep(0)
            else:
                await asyncio.sleep(BEAT)

    def _step(self, passed: float) -> bool:
        """Play what is due after so many seconds; return whether there is more to do at once."""
        player = self.player
        if player.session.share < 1.0:
            self._look()
            if player.session.share < 1.0:
                if not self._paused:
                    self._forward(passed)
                return True
        if self._goal is not None:
            if not player.advance(self._goal, SPELL):
                return True
            self._goal = None
        if self._searching:
            self._search()
            return self._searching
        if not self._paused and not player.ended:
            return not self._forward(passed)
        return False

    def _forward(self, passed: float) -> bool:
        """Play on by so many seconds; return whether that was reached."""
        player, last = self.player, self.player.session.last
        target = last if self._speed == math.inf else min(last, player.now + passed * self._speed)
        return player.advance(target, SPELL)

    def _look(self) -> None:
        """Look through more of the session; when its times are known, play again up to where it is."""
        player, until = self.player, time.monotonic() + LOOK
        while player.session.share < 1.0 and time.monotonic() < until:
            now = player.session.look(player.now)
            if player.session.share == 1.0:
                player.rewind()
                self._goal, self.since = now, player.session.first
                self._marks.clear()

    def _search(self) -> None:
        """Play on, part by part, until an incident begins; `changed` ends the search."""
        until = time.monotonic() + SPELL
        while self._searching and time.monotonic() < until:
            player = self.player
            goal = min(player.session.last, player.now + SEARCH * player.part)
            if player.advance(goal, SPELL) and player.ended:
                self._searching, self._paused = False, True

    def control(self, action: str, amount: float) -> str:
        """Play otherwise; return what was done, in words. Raises ValueError."""
        if action == "pause":
            self._paused = not self._paused
            self._searching, self._goal = False, None
            return "paused" if self._paused else "playing"
        if action == "speed" and amount > 0:
            speed = min(FASTEST, self.player.session.last) if self._speed == math.inf else self._speed
            self._speed = min(FASTEST, max(SLOWEST, speed * amount))
            return f"{self._speed:g} times as fast as it was"
        if action == "incident":
            self._searching, self._goal, self._paused = True, None, True
            return "playing to the next incident"
        if action in ("share", "goto") and self.player.session.share < 1.0:
            return f"reading {numbers.percent(self.player.session.share, 0)}: where it ends is not known yet"
        if action in ("share", "goto") and math.isfinite(amount):
            return self._seek(action, amount)
        raise ValueError(f"a replay cannot {action} by {amount:g}")

    def _seek(self, action: str, amount: float) -> str:
        session, now = self.player.session, self._goal or self.player.now
        goal = amount if action == "goto" else now + amount * max(1.0, session.last - session.first)
        goal = min(session.last, max(session.first, goal))
        self._goal, self._searching = goal, False
        if goal < self.player.now:
            self.player.rewind()
        return f"at {time.strftime('%H:%M:%S', time.localtime(goal))}"

    def _state(self) -> Replay:
        session, player = self.player.session, self.player
        states = (
            ("reading", session.share < 1.0 and (self._searching or player.now >= session.last)),
            ("seeking", self._goal is not None),
            ("searching", self._searching),
            ("ended", player.ended),
            ("paused", self._paused),
        )
        state = next((name for name, holds in states if holds), "playing")
        speed = None if self._speed == math.inf else self._speed
        marks = tuple(sorted(self._marks.values())[:MOST_MARKS])
        return Replay(
            session.first, session.last, player.now, speed, state, session.basis, marks, session.share
        )

    # -- what clients ask for --------------------------------------------------------------------

    @property
    def engine(self) -> Engine:
        """The engine that plays; another one after each seek back."""
        return self.player.engine

    @property
    def shown(self) -> Mapping[str, Shown]:
        """The groups as clients see them, by id."""
        return self.player.shown

    @property
    def paths(self) -> tuple[bytes, ...]:
        """What is played."""
        return self.assignment.paths

    @property
    def notices(self) -> tuple[str, ...]:
        """What people should know about runwatch itself."""
        return self._notices.texts()

    @property
    def connected(self) -> int:
        """How many clients there are."""
        return len(self.clients.connections)

    def picture(self, view: protocol.View, now: float) -> bytes:
        """Return the frame for a view, encoded."""
        shown = snapshot(tuple(self.shown.values()), view, self.player.now, self.notices)
        return protocol.encode(protocol.Frame(replace(shown, replay=self._state())))

    def wake(self, *, at_once: bool = False) -> None:
        """Let every client know that there is something new."""
        self.clients.wake(at_once=at_once)

    def changed(self, changes: Iterable[Change]) -> None:
        """Show changes of incidents; one that begins ends a search for it."""
        for change in changes:
            if change.kind in _BEGINS and change.row.severity != "info":
                self._marks.setdefault(change.row.id, self.player.now)
                if self._searching:
                    self._searching = False
                    self.notice(f"incident: {change.row.title}")
            self.clients.incident(change)

    def notice(self, text: str) -> None:
        """Inform the screen about runwatch itself."""
        if self._notices.add(text):
            self.clients.notice(text)

    def add(self, paths: Sequence[bytes]) -> str:
        """Refuse. Raises ValueError."""
        raise ValueError(_NOT_HERE)

    def drop(self, paths: Sequence[bytes]) -> str:
        """Refuse. Raises ValueError."""
        raise ValueError(_NOT_HERE)

    def reload(self) -> str:
        """Refuse. Raises ValueError."""
        raise ValueError("a replay keeps the configuration that it began with")

    def leave(self) -> None:
        """Refuse: it ends with its screen. Raises ValueError."""
        raise ValueError("this engine ends with its only client")
