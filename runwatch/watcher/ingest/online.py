"""What a worker reads of a W&B server."""

from __future__ import annotations

import time

from runwatch.core.batch import Batch
from runwatch.core.errors import SourceError
from runwatch.watcher.ingest import wire
from runwatch.watcher.ingest.feeds import Send
from runwatch.watcher.ingest.record_times import newest
from runwatch.watcher.sources import discover
from runwatch.watcher.sources.wandb_online import OnlineRun, Poller, Update

ANSWER = 8.0
"""Seconds a server has for its first answer, before something is shown without it."""


class OnlineSource:
    """A run on a W&B server, polled in a thread of its own."""

    def __init__(self, found: discover.Found, resume: wire.Resume | None, every: float) -> None:
        """Poll it at that many seconds. Wait a while for the server's first answer.

        Raises SourceError if no waiting helps.
        """
        self.path, self.name, self.member = found
        self.id = found.path
        step, self._line = (resume.step, resume.line) if resume is not None else (0, 0)
        self._poller = Poller(OnlineRun(found.path, first=step, line=self._line), every)
        self._newest: float | None = None
        self._problem: str | None = None
        self.history = 1 if resume is None else resume.history
        """1 until all was read that was there before anyone watched."""
        self._late = resume is not None and not self.history
        """Whether what comes was written while nobody watched."""
        self._updates: list[Update] = []
        until = time.monotonic() + ANSWER
        while self.history and not any(update.whole or update.problem for update in self._updates):
            left = until - time.monotonic()
            if left <= 0:
                break
            self._updates += self._poller.take(left)
        for update in self._updates:
            if update.fatal:
                raise SourceError(update.problem or "", "")
            if update.batch is not None:
                self._date(update.batch)

    @property
    def left(self) -> int:
        """See LogSource."""
        return self.history

    def arrived(self, since: float | None = None) -> None:
        """Do nothing: what it reported before is history."""

    def written(self) -> float | None:
        """Return the Unix time of the newest record, if it says."""
        return self._newest

    def step(self, send: Send) -> bool:
        """Send what the server reported since; return False if nothing."""
        updates, self._updates = self._updates + self._poller.take(), []
        for update in updates:
            if update.problem is not None:
                self._report_problem(update.problem, send)
                continue
            self._report_problem(None, send)
            live, batch = not self.history, update.batch or Batch(self._line, self._line)
            if live and update.batch is None:
                continue
            self.history = 0 if update.whole else self.history
            self._line = batch.end
            self._date(batch)
            resume = wire.Resume(
                None, self._line, self._line, batch.format, step=update.step, history=self.history
            )
            late = self._late
            self._late = late and not update.whole
            send(wire.Read(self.id, batch, live, time.time(), self.written(), self.history, resume, late))
        return bool(updates)

    def _report_problem(self, problem: str | None, send: Send) -> None:
        """Say when the server can no longer be read, and when it can again; not each try."""
        if problem is not None and self._problem is None:
            send(wire.Trouble(self.id, f"cannot read {self.name}: {problem}"))
            send(wire.Sight(self.id, problem, time.time(), brief=True))
        elif problem is None and self._problem is not None:
            send(wire.Note(self.id, f"{self.name} can be read again", resolved=True))
            send(wire.Sight(self.id, "", time.time()))
        self._problem = problem

    def _date(self, batch: Batch) -> None:
        self._newest = max((t for t in (self._newest, newest(batch)) if t), default=None)
