"""A run on a W&B server, `wandb://entity/project/run`, read through the wandb package.

The history is scanned from the newest step read on, never sampled: a sample can miss
the one NaN. The package is imported when a run is asked for, and it alone looks for
credentials. Its calls block, so they are made in a thread.
"""

from __future__ import annotations

import atexit
import json
import os
import queue
import random
import re
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from itertools import islice
from typing import Any

from runwatch.core import text
from runwatch.core.batch import Batch, Event
from runwatch.core.errors import SourceError
from runwatch.parsers.body.piece import Piece
from runwatch.parsers.trackers.wandb.log import WandbDecoder
from runwatch.parsers.trackers.wandb.notes import Facts, machine
from runwatch.watcher.sources.member import SCHEME

EVERY = 15.0
"""Seconds between looks; W&B's clients send about as often."""
LONGEST = 300.0
"""Seconds between looks at a run that has ended, or at a server that does not answer."""
TIMEOUT = 20
"""Seconds a request may take, its repetitions by the package among them."""
LINGER = 2.0
"""Seconds the package's service has to end when we exit."""
_ROWS = 1000
_ENDED = {
    "finished": "finished",
    "failed": "error",
    "crashed": "error",
    "killed": "error",
    "preempted": "preempting",
    "preempting": "preempting",
}
"""State on the server -> kind of event."""
_REFUSED = re.compile(r"invalid credentials|not recognize|unauthori[sz]ed|\b40[13]\b", re.IGNORECASE)
"""What an AuthenticationError says that is not just a server that does not answer."""


class OnlineRun:
    """One run's stream. What it remembers is bounded; `poll` blocks."""

    format = "wandb"

    def __init__(
        self, url: str, connect: Callable[[], Any] | None = None, *, first: int = 0, line: int = 0
    ) -> None:
        """`connect` returns a wandb.Api; rows from step `first` on are read, numbered on from `line`.

        Raises SourceError if the URL names no run.
        """
        self.url = url
        self._path = run_path(url)
        self._connect = connect or _connect
        self._run: Any = None
        self._decoder = WandbDecoder()
        self._facts = Facts()
        self._next = first
        """The step from which on nothing was read."""
        self._line = line
        """Rows and notes that were reported: what orders them."""
        self._state = "running"
        self._machine: Mapping[str, Any] = {}

    @property
    def next(self) -> int:
        """The first step that was not read."""
        return self._next

    @property
    def ended(self) -> bool:
        """Whether the server said that the run is over."""
        return self._state in _ENDED

    def poll(self) -> Iterator[Batch]:
        """Yield what is new on the server.

        Raises SourceError where no waiting will help; what else is raised is worth another try.
        """
        try:
            if self._run is None:
                self._run = self._connect().run(self._path)
                _end_service_at_exit()
            else:
                self._run.load(force=True)
            yield self._notes()
            last = self._run.lastHistoryStep
            self._next = min(self._next, last + 1)  # a run that was rewound
            if last >= self._next:
                # a generator: a scan that is asked for its iterator twice begins again
                rows = (row for row in self._run.scan_history(min_step=self._next))
                while some := list(islice(rows, _ROWS)):
                    yield self._batch(some)
            yield self._end()
        except SourceError:
            raise
        except Exception as error:
            worse = _worse(error, self.url)
            if worse is not None:
                raise worse from error
            raise

    def _batch(self, rows: Sequence[Mapping[str, Any]]) -> Batch:
        piece = Piece(self._line)
        for row in rows:
            texts = {key.encode(): json.dumps(value).encode() for key, value in row.items()}
            self._line += 1
            self._decoder.add_row(texts, self._line, self._line, piece)
            step = row.get("_step")
            if isinstance(step, int):
                self._next = max(self._next, step + 1)
        return self._reported(piece, len(rows))

    def _notes(self) -> Batch:
        """Return the facts and system metrics that are new."""
        run, piece = self._run, Piece(self._line)
        entity, project, name = self._path.split("/")
        named = {"entity": entity, "project": project, "id": name, "name": str(run.name)}
        new = self._facts.online(named, run.config)
        self._line += 1
        if new:
            piece.events.append(
                Event("facts", self._line, self._line, new.get("name", "configuration"), data=new)
            )
        system = dict(run.system_metrics)
        if system != self._machine:
            self._machine = system
            when = float(system.get("_timestamp") or 0.0)
            items = ((key[7:], value) for key, value in system.items() if key.startswith("system."))
            found = machine(when, ((key, value) for key, value in items if isinstance(value, (int, float))))
            if found is not None:
                piece.add(found[0], self._line, self._line, found[1])
        return self._reported(piece)

    def _end(self) -> Batch:
        """Return the event of a state that changed."""
        piece, state = Piece(self._line), str(self._run.state)
        if state != self._state:
            self._state = state
            self._line += 1
            kind = _ENDED.get(state, "resume")
            title = text.plain(f"W&B says the run is {state}", 100)
            piece.events.append(Event(kind, self._line, self._line, title, data={"state": state}))
        return self._reported(piece)

    def _reported(self, piece: Piece, rows: int = 0) -> Batch:
        piece.lines = rows
        return piece.batch(self._line, self.format)


@dataclass(frozen=True, slots=True)
class Update:
    """What a poller has to say."""

    batch: Batch | None = None
    problem: str | None = None
    """Why the server cannot be read at the moment; None: it can."""
    fatal: bool = False
    """No waiting will help."""
    whole: bool = False
    """Everything is reported that was on the server."""
    step: int = 0
    """The first step that was not reported."""


class Poller:
    """Polls a run in a thread of its own, ever more rarely while it fails."""

    def __init__(self, run: OnlineRun, every: float = EVERY, longest: float = LONGEST) -> None:
        self._run = run
        self._every = every
        self._longest = longest
        self._stop = threading.Event()
        self._updates: queue.Queue[Update] = queue.Queue(64)
        self._thread = threading.Thread(target=self._work, name=run.url, daemon=True)
        self._thread.start()

    def take(self, wait: float = 0.0) -> list[Update]:
        """Return what came since the last call, after at most `wait` seconds without any."""
        found: list[Update] = []
        try:
            found.append(self._updates.get(timeout=wait) if wait else self._updates.get_nowait())
            while True:
                found.append(self._updates.get_nowait())
        except queue.Empty:
            return found

    def close(self) -> None:
        """Stop polling; a call to the server that has begun is left to its timeout."""
        self._stop.set()

    def _work(self) -> None:
        failures = 0
        while not self._stop.is_set():
            try:
                for batch in self._run.poll():
                    self._put(Update(batch, step=self._run.next))
                self._put(Update(whole=True, step=self._run.next))
                failures = 0
                pause = self._longest if self._run.ended else self._every
            except SourceError as error:
                self._put(Update(problem=str(error), fatal=True))
                return
            except Exception as error:  # the network, the server, the package: each may recover
                failures += 1
                pause = delay(failures, self._every, self._longest)
                self._put(Update(problem=f"{said(error)}; next try in {pause:.0f} s"))
            self._stop.wait(pause)

    def _put(self, update: Update) -> None:
        """Wait for a place among the updates: an engine that is busy is the brake."""
        while not self._stop.is_set():
            try:
                self._updates.put(update, timeout=1.0)
            except queue.Full:
                continue
            return


def delay(failures: int, every: float, longest: float) -> float:
    """Return the seconds to wait after so many failures in a row: doubled each time, with jitter."""
    return float(min(longest, every * 2 ** min(failures, 16)) * random.uniform(0.75, 1.0))


def run_path(url: str) -> str:
    """Return "entity/project/run". Raises SourceError if the URL names no run."""
    parts = [part for part in url.removeprefix(SCHEME).split("/") if part]
    if len(parts) == 4 and parts[2] == "runs":  # as in the address of its page
        del parts[2]
    if not url.startswith(SCHEME) or len(parts) != 3:
        raise SourceError("not a W&B run", url, "give wandb://entity/project/run")
    return "/".join(parts)


def available() -> None:
    """Raise SourceError if the package is not there."""
    if find_spec("wandb") is None:
        raise SourceError("the wandb package is not installed", SCHEME, "pip install wandb")


def _connect() -> Any:
    """Return the package's client of the server that its own settings name."""
    os.environ.setdefault("WANDB_SILENT", "true")  # its words would go to our screen
    available()
    import wandb

    _no_limit_after_it()
    return wandb.Api(timeout=TIMEOUT)


@cache
def _end_service_at_exit() -> None:
    """Have the package's service process killed if it lingers when we exit.

    The package waits for it without limit, and now and then it does not end. We only
    read: nothing is lost. To be called when the service runs: what is registered last
    is called first.
    """
    atexit.register(_limit_service)


def _limit_service() -> None:
    import psutil  # noqa: F401  for the handler: every other source does without

    signal.signal(signal.SIGALRM, _kill_service)  # a thread can no longer be started at exit
    signal.setitimer(signal.ITIMER_REAL, LINGER)


@cache
def _no_limit_after_it() -> None:
    """Have the limit lifted once the service has ended: what is registered first is called last.

    Python gives signals up before it has ended. On a busy machine the alarm came then, and was our exit code.
    """
    atexit.register(signal.setitimer, signal.ITIMER_REAL, 0.0)


def _kill_service(number: int, frame: object) -> None:
    import psutil

    for child in psutil.Process().children():
        with suppress(psutil.Error):
            if child.name() == "wandb-core":
                child.kill()


def _worse(error: Exception, url: str) -> SourceError | None:
    """Return the error that is no use waiting for, or None if the next try may succeed."""
    names = {kind.__name__ for kind in type(error).__mro__}
    words = said(error)
    if "UsageError" in names or ("AuthenticationError" in names and _REFUSED.search(str(error))):
        return SourceError("W&B rejects the login", url, f"run `wandb login` ({words})")
    if "RunNotFoundError" in names or "not find run" in words.lower():
        return SourceError("no such run on the W&B server", url, "check entity, project and run id")
    return None


def said(error: Exception) -> str:
    """Return an error of the package as a line."""
    lines = str(error).strip().splitlines()
    return text.plain(f"W&B: {lines[0] if lines else type(error).__name__}", 200)
