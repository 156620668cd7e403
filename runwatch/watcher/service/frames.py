"""Pictures as they go out: encoded once for all clients that show the same."""

from __future__ import annotations

import socket
from collections.abc import Sequence

from runwatch.alerts.routing.silences import Silence
from runwatch.watcher import protocol
from runwatch.watcher.engine.views.views import Shown, snapshot
from runwatch.watcher.service.silenced import marked

SAME = 0.2
"""Seconds for which a picture is good for other clients that show the same."""


class Frames:
    """The newest frame, until there is something new."""

    def __init__(self) -> None:
        self._host = socket.gethostname()
        self._known: tuple[float, protocol.View, bytes] | None = None

    def forget(self) -> None:
        """Take note that there is something new."""
        self._known = None

    def frame(
        self,
        shown: Sequence[Shown],
        view: protocol.View,
        now: float,
        notices: Sequence[str],
        silences: Sequence[Silence] = (),
    ) -> bytes:
        """Return the frame of a view at a Unix time, encoded."""
        known = self._known
        if known is None or known[1] != view or not 0 <= now - known[0] < SAME:
            picture = marked(snapshot(shown, view, now, notices), silences, self._host)
            known = self._known = now, view, protocol.encode(protocol.Frame(picture))
        return known[2]
