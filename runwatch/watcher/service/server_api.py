"""What connections and answers may ask of the server. Neither imports the server itself."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from runwatch.alerts.incidents.incidents import Change
from runwatch.config.loader import Config
from runwatch.watcher import protocol
from runwatch.watcher.engine.engine import Engine
from runwatch.watcher.engine.views.views import Shown
from runwatch.watcher.service.clock import Clock
from runwatch.watcher.service.launch import Assignment
from runwatch.watcher.service.notify import Notifier


class ServerApi(Protocol):
    """The server, as everything below it knows it."""

    assignment: Assignment
    config: Config

    @property
    def engine(self) -> Engine:
        """What folds; of a replay, another one after each seek back."""

    notifier: Notifier
    clock: Clock
    since: float
    fatal: str | None
    opened: asyncio.Event

    @property
    def shown(self) -> Mapping[str, Shown]:
        """The groups as clients see them, by id."""

    @property
    def paths(self) -> tuple[bytes, ...]:
        """What is watched."""

    @property
    def notices(self) -> tuple[str, ...]:
        """What people should know about runwatch itself."""

    @property
    def connected(self) -> int:
        """How many clients there are."""

    def picture(self, view: protocol.View, now: float) -> bytes:
        """Return the frame for a view, encoded."""

    def wake(self, *, at_once: bool = False) -> None:
        """Let every client know that there is something new."""

    def changed(self, changes: Iterable[Change]) -> None:
        """Pass incident changes on to people and clients."""

    def notice(self, text: str) -> None:
        """Send clients something about runwatch itself."""

    def add(self, paths: Sequence[bytes]) -> str:
        """Watch these too; return what was done, in words. Raises ValueError."""

    def drop(self, paths: Sequence[bytes]) -> str:
        """Watch these no longer; return what was done, in words. Raises ValueError."""

    def reload(self) -> str:
        """Read the configuration again; return what was done. Raises ConfigError, changing nothing."""

    def control(self, action: str, amount: float) -> str:
        """Play a replay otherwise; return what was done, in words. Raises ValueError."""

    def leave(self) -> None:
        """End once the answer is on its way. Raises ValueError."""
