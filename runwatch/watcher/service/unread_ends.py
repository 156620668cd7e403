"""Ends of processes wait until what the processes had written is read.

The last lines of a log say how a run ended. Where its reader is late, the end is seen before them.
"""

from __future__ import annotations

import time
from collections import deque
from typing import NamedTuple

from runwatch.core.sample import MachineEvent, Message

PATIENCE = 60.0
"""Seconds for which a reader is waited for: one that is later than that may be stuck."""


class _End(NamedTuple):
    group: str
    event: MachineEvent
    since: float
    """On the monotonic clock."""


class UnreadEnds:
    """The ends that wait, in the order in which they came."""

    def __init__(self) -> None:
        self._waiting: deque[_End] = deque()

    def holds(self, group: str, message: Message, read: float) -> bool:
        """Return whether a message has to wait, and keep it then; `read`: until when all was read."""
        if not isinstance(message, MachineEvent) or message.kind != "process_died" or message.time < read:
            return False
        self._waiting.append(_End(group, message, time.monotonic()))
        return True

    def due(self, read: float) -> list[tuple[str, MachineEvent]]:
        """Return the ends that need not wait any longer, each with its group."""
        past = time.monotonic() - PATIENCE
        due = [end for end in self._waiting if end.event.time < read or end.since <= past]
        self._waiting = deque(end for end in self._waiting if end not in due)
        return [(end.group, end.event) for end in due]
