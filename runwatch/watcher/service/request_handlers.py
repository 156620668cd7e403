"""Questions and orders of clients, answered."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from runwatch import __version__
from runwatch.alerts.delivery.actions import Waiting, what
from runwatch.alerts.routing.silences import Silence, silence
from runwatch.core.ending import CUT_SHORT
from runwatch.core.errors import ExitCode, RunwatchError
from runwatch.core.findings import Severity
from runwatch.core.known_names import check_names
from runwatch.core.snapshot import RunRow
from runwatch.core.text import plain
from runwatch.render import states
from runwatch.render.glyphs import glyphs
from runwatch.render.segment import segment
from runwatch.watcher import protocol
from runwatch.watcher.engine.views import one_series, views
from runwatch.watcher.engine.views.document import run_object
from runwatch.watcher.engine.watched import WatchedRun
from runwatch.watcher.protocol import Done, Refused, Reply
from runwatch.watcher.service.server_api import ServerApi

PART = 100
"""Rows in one message."""
DOCUMENTS = 10
"""Whole runs in one message."""
MOST_PATHS = 100
"""Paths that are named of those that are watched."""
FEWEST = 4
"""Characters of an id that a person has to give."""
DAY = 86_400.0

T = TypeVar("T")


def answers(server: ServerApi, request: protocol.Request) -> Iterator[Reply]:
    """Yield the replies to a request that has any. What cannot be done is Refused, whatever the reason."""
    to = getattr(request, "id", 0)
    try:
        yield from _answers(server, request, server.clock.time())
    except RunwatchError as error:
        yield Refused(plain(str(error)), to, int(error.exit_code))
    except ValueError as error:
        yield Refused(plain(str(error)), to)
    except Exception as error:  # one request must not end the others
        what = plain(f"{type(error).__name__}: {error}", 300)
        server.notice(f"a request could not be answered: {what}")
        yield Refused(f"internal error: {what}", to, int(ExitCode.INTERNAL))


def _answers(server: ServerApi, request: protocol.Request, now: float) -> Iterator[Reply]:
    kind = type(request)
    if (act := _ORDERS.get(kind)) is not None:
        yield Done(getattr(request, "id", 0), act(server, request, now))
    elif (handler := _QUESTIONS.get(kind)) is not None:
        yield from handler(server, request, now)


# -- orders: each returns what was done, in words --------------------------------------------------


def _silence(server: ServerApi, request: protocol.Silence, now: float) -> str:
    seconds = request.ends - now
    made = silence(request.matchers, seconds, now=now, comment=request.comment, author=request.author)
    _check_values(server, made)
    server.notifier.silence(made)
    server.wake(at_once=True)
    return f"silenced until {_when(made.ends)}: {_conditions(made)} ({made.id})"


def _check_values(server: ServerApi, made: Silence) -> None:
    """Raise ConfigError, with the most similar name, for a rule or severity that no alert can have."""
    known = {
        "rule": (*(rule.name for rule in server.config.ruleset().rules), "started", "finished", *CUT_SHORT),
        "severity": tuple(severity.value for severity in Severity),
    }
    for matcher in made.matchers:
        if matcher.operator in ("=", "!=") and matcher.label in known:
            check_names([matcher.value], known[matcher.label], str(matcher))


def _unsilence(server: ServerApi, request: protocol.Unsilence, now: float) -> str:
    ids = [held.id for held in server.notifier.silences()]
    ended = one(request.silence, ids, "silence", "runwatch silence list")
    server.notifier.unsilence(ended)
    server.wake(at_once=True)
    return f"ended: silence {ended}"


def _cancel(server: ServerApi, request: protocol.Cancel, now: float) -> str:
    ids = [waiting.id for waiting in server.notifier.waiting()]
    name = one(request.action, ids, "action", "runwatch actions")
    server.notifier.cancel(name, request.author)
    return f"cancelled: {name}"


def _stop(server: ServerApi, request: protocol.Stop, now: float) -> str:
    server.leave()
    return f"stopping, process {os.getpid()}"


def _silence_row(held: Silence) -> protocol.SilenceRow:
    matchers = tuple(map(str, held.matchers))
    return protocol.SilenceRow(held.id, matchers, held.starts, held.ends, held.comment, held.author)


def _action_row(waiting: Waiting) -> protocol.ActionRow:
    action, row = waiting.action, waiting.alert.row
    return protocol.ActionRow(
        waiting.id, action.name, row.run, what(waiting), waiting.due, row.id, row.title, action.dry_run
    )


def _conditions(held: Silence) -> str:
    return " ".join(map(str, held.matchers))


def _when(unix: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(unix))


def _health(server: ServerApi, request: protocol.Health, now: float) -> Iterator[Reply]:
    config = server.config
    yield protocol.HealthReport(
        request.id,
        software=f"runwatch {__version__}",
        host=socket.gethostname(),
        pid=os.getpid(),
        since=server.since,
        config=str(config.path or ""),
        state=os.fsdecode(server.assignment.state),
        paths=tuple(path.decode("utf-8", "replace") for path in server.paths[:MOST_PATHS]),
        channels=tuple(server.notifier.channels.values()),
        runs=sum(1 for _ in server.engine.pipelines()),
        sources=len(server.engine.sources),
        unknown=sum(shown.quiet for shown in server.shown.values()),
        clients=server.connected,
        lag=server.clock.lag,
        notices=server.notices,
    )


def _runs(server: ServerApi, request: protocol.Runs, now: float) -> Iterator[Reply]:
    to = request.id
    if not request.documents:
        for rows, more in _parts(urgent(views.rows(tuple(server.shown.values()), now)), PART):
            yield protocol.RunList(to, runs=rows, more=more)
        return
    for found, more in _parts(list(server.engine.pipelines()), DOCUMENTS):
        bodies = tuple(run_object(server.engine, each, now) for each in found)
        yield protocol.RunList(to, documents=bodies, more=more)


def urgent(rows: Sequence[RunRow]) -> list[RunRow]:
    """Return the rows: those of the last day first, of them what is wrong, then what still runs."""
    return sorted(
        rows, key=lambda row: (_age(row) > DAY, not row.critical, states.ended(row.phase), _age(row))
    )


def _age(row: RunRow) -> float:
    return row.age if row.age is not None else 1e18


def _parts(rows: Sequence[T], most: int) -> Iterator[tuple[tuple[T, ...], bool]]:
    """Yield the rows in parts, each with whether another follows; one empty part if there are none."""
    for first in range(0, max(1, len(rows)), most):
        yield tuple(rows[first : first + most]), first + most < len(rows)


def _of_name(server: ServerApi, name: str) -> WatchedRun:
    """Return the run of that id, or the newest of that name. Raises ValueError."""
    runs = [watched for _, watched in server.engine.runs()]
    found = [w for w in runs if w.run.id == name] or [w for w in runs if w.run.name == name]
    found = found or [w for w in runs if name in w.incidents.former]
    if not found:
        known = ", ".join(list(dict.fromkeys(w.run.name for w in runs))[:5]) or "none yet"
        raise ValueError(f"no such run: {name}: known runs: {known}")
    return found[-1]


def _stages_of_name(server: ServerApi, name: str) -> tuple[WatchedRun, ...]:
    """Return the stages of the run of that id or name, oldest first. Raises ValueError."""
    found = _of_name(server, name)
    return next(each.stages for each in server.engine.pipelines() if any(s is found for s in each.stages))


def _series(server: ServerApi, request: protocol.Query, now: float) -> Iterator[Reply]:
    found, metric = _of_name(server, request.run), request.metric
    if metric not in found.run.series:
        known = ", ".join(list(found.run.series)[:8]) or "none yet"
        raise ValueError(f"no such metric: {metric}: {found.run.name} has {known}")
    chart = protocol.Chart(metric, max(1, min(request.width, views.MAX_WIDTH)), request.first, request.last)
    yield protocol.Series(request.id, one_series.columns(found.run, found.repeats, chart))


def _incidents(server: ServerApi, request: protocol.Incidents, now: float) -> Iterator[Reply]:
    every = [watched for _, watched in server.engine.runs()]
    rows = [
        row
        for watched in (every if request.run is None else _stages_of_name(server, request.run))
        for row in watched.incidents.rows()
        if row.state != "pending" and (request.resolved or row.state != "resolved")
    ]
    for part, more in _parts(sorted(rows, key=states.urgency), PART):
        yield protocol.IncidentList(request.id, part, more)


def _silences(server: ServerApi, request: protocol.Silences, now: float) -> Iterator[Reply]:
    yield protocol.SilenceList(request.id, tuple(map(_silence_row, server.notifier.silences())))


def _actions(server: ServerApi, request: protocol.Actions, now: float) -> Iterator[Reply]:
    yield protocol.ActionList(request.id, tuple(map(_action_row, server.notifier.waiting())))


def one(start: str, ids: Sequence[str], what: str, listed: str) -> str:
    """Return the one id that begins with `start`; `listed` is the command that lists them.

    Raises ValueError if there is none, or several.
    """
    found = [known for known in ids if known == start] or [known for known in ids if known.startswith(start)]
    if len(found) != 1 or len(start) < FEWEST:
        why = "give more of its id" if found else f"see {listed}"
        raise ValueError(f"{'several' if len(found) > 1 else 'no'} {what} {start}: {why}")
    return found[0]


def _acknowledge(server: ServerApi, request: protocol.Acknowledge, now: float) -> str:
    """Note that an incident was seen; that it is over or was seen is no mistake. Raises ValueError."""
    start = request.incident
    books = [watched.incidents for _, watched in server.engine.runs()]
    rows = {row.id: row for book in books for row in book.every() if row.state != "pending"}
    firing = [key for key, row in rows.items() if row.state == "firing"]
    likely = firing if any(key.startswith(start) for key in firing) else list(rows)
    incident = one(start, likely, "incident", "runwatch alerts")
    change = server.engine.acknowledge(incident)
    if change is not None:
        server.changed([change])
        anew = "" if change.row.id == incident else f" (it fires again, as {change.row.id[:8]})"
        return f"acknowledged: {change.row.run}: {change.row.title}{anew}"
    row = rows[incident]
    word = "already resolved" if row.state == "resolved" else "already acknowledged"
    return f"{word}: {row.run}: {row.title}"


def _segment(server: ServerApi, request: protocol.Segment, now: float) -> str:
    rows = urgent(views.rows(tuple(server.shown.values()), now))
    if request.run is not None:
        wanted = _stages_of_name(server, request.run)[-1].run.id
        rows = [row for row in rows if row.id == wanted]
    return segment(rows, glyphs(request.ascii))


def _control(server: ServerApi, request: protocol.Control, now: float) -> str:
    return server.control(request.action, request.amount)


_ORDERS: dict[type, Callable[[ServerApi, Any, float], str]] = {
    protocol.Acknowledge: _acknowledge,
    protocol.Silence: _silence,
    protocol.Unsilence: _unsilence,
    protocol.Cancel: _cancel,
    protocol.Add: lambda server, request, now: server.add(tuple(map(os.fsencode, request.paths))),
    protocol.Drop: lambda server, request, now: server.drop(tuple(map(os.fsencode, request.paths))),
    protocol.Segment: _segment,
    protocol.Reload: lambda server, request, now: server.reload(),
    protocol.Stop: _stop,
    protocol.Control: _control,
}
_QUESTIONS: dict[type, Callable[[ServerApi, Any, float], Iterator[Reply]]] = {
    protocol.Runs: _runs,
    protocol.Query: _series,
    protocol.Incidents: _incidents,
    protocol.Silences: _silences,
    protocol.Actions: _actions,
    protocol.Health: _health,
}
