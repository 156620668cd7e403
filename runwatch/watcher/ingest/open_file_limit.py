"""The limit of open files: raised as far as the system lets us, and kept by closing what is silent.

A log that fell silent is closed, and of very many logs its parser is let go as well. It is
looked at by its path as before, and continues where it was once it changes. So any number of
logs is read within any limit, and the memory of a worker does not grow with logs that are
over.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runwatch.watcher.ingest.feeds import LogSource

MOST = 1 << 16
"""Files that a process may hold open, if the system lets it."""
ENGINE = 1 << 12
"""Descriptors that an engine may hold: it opens no logs, but may have hundreds of clients."""
RESERVE = 64
"""Descriptors kept free of logs: pipes, file events, modules that are imported late, a rotation."""
PARSERS = 1024
"""Logs whose parsers are kept: a parser takes 20 to 90 KB."""
WAKING = 0.02
"""Seconds for each log that one which was woken keeps its parser: to make that again costs CPU."""


def raise_limit(most: int = MOST) -> int:
    """Raise the limit of open files to the hard one, up to `most`; return what it is now."""
    try:
        import resource
    except ImportError:  # no such limit
        return most
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = most if hard == resource.RLIM_INFINITY else min(most, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            return wanted
    return most if soft == resource.RLIM_INFINITY else min(soft, most)


class OpenLogs:
    """Which logs hold open files and parsers: of too many, those that gave something last."""

    def __init__(self, limit: int = MOST, parsers: int = PARSERS) -> None:
        """`limit` is that of open files, `parsers` that of logs which keep their parsers."""
        self._limit, self._parsers = limit, parsers
        self._files = max(limit // 4, limit - RESERVE)
        self._logs = 0
        self._open: dict[LogSource, int] = {}
        """Log -> files it holds open. What gave nothing for longest comes first, here and below."""
        self._held = 0
        """Files that they hold open together."""
        self._parsing: dict[LogSource, float] = {}
        """Log with a parser -> until when that is kept."""
        self._again = 0.0
        """When it makes sense to look for parsers to let go of."""

    @property
    def note(self) -> str:
        """What to say of the limit; "" while it is not in the way."""
        if self._logs <= self._files:
            return ""
        return (
            f"{self._logs:,} logs are read, of which only {self._files:,} can be open at once (the limit of"
            f" open files is {self._limit:,}): the others are opened when they change; to keep all open:"
            f" `ulimit -n {self._logs + RESERVE}`, or LimitNOFILE= of the service"
        )

    def add(self, log: LogSource) -> None:
        """Count in a log that was opened."""
        self._logs += 1
        self.looked(log, news=True)

    def drop(self, log: LogSource) -> None:
        """Close a log that is read no longer."""
        log.shut()
        self._logs -= 1
        self._held -= self._open.pop(log, 0)
        self._parsing.pop(log, None)

    def may_look(self, log: LogSource) -> bool:
        """Return whether a log may be looked at now: not if that may open it and no other can be closed."""
        return log in self._open or self._held <= self._files

    def looked(self, log: LogSource, *, news: bool) -> None:
        """Note that a log was looked at, and whether it had something new; let go of others if need be."""
        files = log.files
        known = self._open.pop(log, 0) if news or not files else self._open.get(log, 0)
        self._held += files - known
        if files:
            self._open[log] = files
        if not log.is_parsing:
            self._parsing.pop(log, None)
        elif news or log not in self._parsing:
            self._parsing.pop(log, None)
            self._parsing[log] = time.monotonic() + WAKING * self._logs if log.rested else 0.0
        self._close()
        if len(self._parsing) > self._parsers:
            self._rest()

    def _close(self) -> None:
        """Close the files of logs until few enough are open."""
        while self._held > self._files:
            log = next((log for log in self._open if log.close()), None)
            if log is None:
                return
            self._held -= self._open.pop(log)

    def _rest(self) -> None:
        """Let go of parsers until there are few enough, as far as they may be made again already."""
        now = time.monotonic()
        if now < self._again:
            return
        for log, kept in tuple(self._parsing.items()):
            if len(self._parsing) <= self._parsers:
                return
            if kept <= now and not log.owes and log.rest():
                del self._parsing[log]
                self._held -= self._open.pop(log, 0)
        self._again = now + 1.0
