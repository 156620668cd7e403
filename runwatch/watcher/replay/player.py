"""Plays a session into an engine: forward at any pace, back by beginning again."""

from __future__ import annotations

import math
import time as system
from collections.abc import Callable, Iterable, Iterator

from runwatch.alerts.incidents.incidents import Change
from runwatch.alerts.rules.ruleset import Ruleset
from runwatch.watcher.engine.engine import Engine
from runwatch.watcher.engine.views.views import Shown
from runwatch.watcher.persistence.keeper import Keeper
from runwatch.watcher.replay.sessions import Given, Jumped, Sampled, Session, Ticked
from runwatch.watcher.service.intake import Intake
from runwatch.watcher.sources.member import ORDER

SLICES = 1000
"""Parts in which a session is played where nobody looks at each: the same at any speed."""
SHORTEST = 1.0
"""Seconds of such a part at least."""


class Player:
    """An engine whose clock is that of what it is given."""

    def __init__(
        self,
        session: Session,
        rules: Ruleset,
        prefer: tuple[str, ...] = ORDER,
        changed: Callable[[list[Change]], object] = lambda changes: None,
        notice: Callable[[str], object] = lambda text: None,
    ) -> None:
        """Begin; `changed` takes changes of incidents as they arise, `notice` what people should know."""
        self.session, self._rules, self._prefer = session, rules, prefer
        self._changed, self._notice = changed, notice
        self._play = session.play()
        self._begin()

    def on_change(self, changed: Callable[[list[Change]], object]) -> None:
        """Pass changes of incidents on to another taker."""
        self._changed = changed

    def rewind(self) -> None:
        """Begin again with an engine that knows nothing."""
        self.close()
        self._play = self.session.play()
        self._begin()

    def close(self) -> None:
        """Close the files that are read."""
        self._play.close()

    def _begin(self) -> None:
        self.now = self.session.first
        self.engine = Engine(self._rules, self._prefer)
        self._intake = Intake(self.engine, Keeper(None, self.engine, self.notice), self)
        self._coming: Iterator[tuple[float, Given]] = iter(())
        self._reached = -math.inf

    @property
    def shown(self) -> dict[str, Shown]:
        """The groups as clients see them, by id."""
        return self._intake.shown

    @property
    def part(self) -> float:
        """Seconds of a part in which a session is played where nobody looks at each."""
        return max(SHORTEST, (self.session.last - self.session.first) / SLICES)

    @property
    def ended(self) -> bool:
        """Whether all of it was played."""
        return self.session.share == 1.0 and self.now >= self.session.last

    def advance(self, time: float, spell: float | None = None) -> bool:
        """Play on to a Unix time, for `spell` seconds at most; return whether that was reached.

        Raises SourceError where the session cannot be read.
        """
        begun = system.monotonic()
        target = max(self._reached, time)
        while True:
            for at, given in self._coming:
                self.now = max(self.now, min(at, self._reached))
                self._take(at, given)
                if spell is not None and system.monotonic() - begun > spell:
                    return False
            if self._reached >= target:
                self.now = max(self.now, target)
                return True
            self._reached, self._coming = target, self._play.until(target)

    def _take(self, now: float, given: Given) -> None:
        if isinstance(given, Sampled):
            if given.group in self.engine.groups:
                self.changed(self.engine.sample(given.group, given.message))
        elif isinstance(given, Ticked):
            self.changed(self.engine.tick(now, [each for each in given.groups if each in self.engine.groups]))
        elif isinstance(given, Jumped):
            self.engine.shift(given.seconds)
        else:
            self._intake.receive(given, now)

    # -- what the intake asks of its listener ----------------------------------------------------

    def changed(self, changes: Iterable[Change]) -> None:
        """Pass on the changes of incidents."""
        while self.engine.troubles:
            self.notice(self.engine.troubles.pop())
        if changes := list(changes):
            self._changed(changes)

    def notice(self, text: str) -> None:
        """Pass on something that people should know."""
        self._notice(text)

    def wake(self, *, at_once: bool = False) -> None:
        """Nothing to do: who shows the engine looks at it by itself."""

    def found(self, source: str, group: str) -> None:
        """Nothing to do."""

    def forgotten(self, group_id: str) -> None:
        """Nothing to do."""

    def whole(self) -> None:
        """Nothing to do."""

    def give_up(self, why: str) -> None:
        """Say why there was nothing to watch."""
        self._notice(why)
