"""Questions and orders of clients, answered."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

from runwatch import __version__
from runwatch.alerts.actions import Waiting, what
from runwatch.alerts.silences import Silence, silence
from runwatch.errors import ExitCode, RunwatchError
from runwatch.render import states
from runwatch.render.glyphs import glyphs
from runwatch.render.segment import segment
from runwatch.snapshot import Columns, IncidentRow, RunRow
from runwatch.text import plain
from runwatch.watcher import protocol, views
from runwatch.watcher.document import run_object
from runwatch.watcher.group import WatchedRun
from runwatch.watcher.protocol import Done, Refused, Reply

if TYPE_CHECKING:
    from runwatch.watcher.server import Server

PART = 100
"""Rows in one message."""
DOCUMENTS = 10
"""Whole runs in one message."""
MOST_PATHS = 100
"""Paths told of those that are watched."""
FEWEST = 4
"""Characters of an id that a person has to give."""
DAY = 86_400.0

T = TypeVar("T")


def answers(server: Server, request: protocol.Request) -> Iterator[Reply]:
    """Yield the replies to a request that has any. What cannot be done is Refused, whatever the reason."""
    to = getattr(request, "id", 0)
    try:
        yield from _answers(server, request, time.time())
    except RunwatchError as error:
        yield Refused(plain(str(error)), to, int(error.exit_code))
    except ValueError as error:
        yield Refused(plain(str(error)), to)
    except Exception as error:  # one request must not end the others
        what = plain(f"{type(error).__name__}: {error}", 300)
        server.notice(f"a request could not be answered: {what}")
        yield Refused(f"this is a mistake of runwatch: {what}", to, int(ExitCode.INTERNAL))


def _answers(server: Server, request: protocol.Request, now: float) -> Iterator[Reply]:  # noqa: PLR0912
    match request:
        case protocol.Runs(documents, to):
            yield from _runs(server, documents, to, now)
        case protocol.Query(run, metric, width, first, last, to):
            yield protocol.Series(to, _series(server, run, metric, width, first, last))
        case protocol.Incidents(wanted, resolved, to):
            rows = _incidents(server, wanted, resolved=resolved)
            for part, more in _parts(rows, PART):
                yield protocol.IncidentList(to, part, more)
        case protocol.Acknowledge(incident, to):
            yield Done(to, _acknowledge(server, incident))
        case protocol.Silence(matchers, ends, comment, author, to):
            made = silence(matchers, ends - now, now=now, comment=comment, author=author)
            server.notifier.silence(made)
            yield Done(to, f"silenced until {_when(made.ends)}: {_conditions(made)} ({made.id})")
        case protocol.Unsilence(start, to):
            ended = one(
                start, [held.id for held in server.notifier.silences()], "silence", "runwatch silence list"
            )
            server.notifier.unsilence(ended)
            yield Done(to, f"ended: silence {ended}")
        case protocol.Silences(to):
            yield protocol.SilenceList(to, tuple(map(_silence_row, server.notifier.silences())))
        case protocol.Actions(to):
            yield protocol.ActionList(to, tuple(map(_action_row, server.notifier.waiting())))
        case protocol.Cancel(start, author, to):
            name = one(
                start, [waiting.id for waiting in server.notifier.waiting()], "action", "runwatch actions"
            )
            server.notifier.cancel(name, author)
            yield Done(to, f"cancelled: {name}")
        case protocol.Add(paths, to):
            yield Done(to, server.add(tuple(map(os.fsencode, paths))))
        case protocol.Drop(paths, to):
            yield Done(to, server.drop(tuple(map(os.fsencode, paths))))
        case protocol.Health(to):
            yield _health(server, to)
        case protocol.Segment(run, ascii_only, to):
            yield Done(to, _segment(server, run, ascii_only, now))
        case protocol.Reload(to):
            yield Done(to, server.reload())
        case protocol.Stop(to):
            server.leave()
            yield Done(to, f"stopping, process {os.getpid()}")


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


def _health(server: Server, to: int) -> protocol.HealthReport:
    config = server.config
    return protocol.HealthReport(
        to,
        software=f"runwatch {__version__}",
        host=socket.gethostname(),
        pid=os.getpid(),
        since=server.since,
        config=str(config.path or ""),
        state=os.fsdecode(server.assignment.state),
        paths=tuple(path.decode("utf-8", "replace") for path in server.paths[:MOST_PATHS]),
        channels=tuple(config.everyone()),
        runs=sum(len(group.runs) for group in server.engine.groups.values()),
        sources=len(server.engine.sources),
        unknown=sum(shown.quiet for shown in server.shown.values()),
        clients=len(server.clients),
        lag=server.clock.lag,
        notices=server.notices,
    )


def _runs(server: Server, documents: bool, to: int, now: float) -> Iterator[Reply]:
    if not documents:
        for rows, more in _parts(urgent(views.rows(tuple(server.shown.values()), now)), PART):
            yield protocol.RunList(to, runs=rows, more=more)
        return
    for found, more in _parts(list(server.engine.runs()), DOCUMENTS):
        bodies = tuple(run_object(server.engine, group, watched, now) for group, watched in found)
        yield protocol.RunList(to, documents=bodies, more=more)


def urgent(rows: Sequence[RunRow]) -> list[RunRow]:
    """Return the rows: those of the last day first, of them what is wrong, then what goes on."""
    return sorted(
        rows, key=lambda row: (_age(row) > DAY, not row.critical, states.ended(row.phase), _age(row))
    )


def _age(row: RunRow) -> float:
    return row.age if row.age is not None else 1e18


def _parts(rows: Sequence[T], most: int) -> Iterator[tuple[tuple[T, ...], bool]]:
    """Yield the rows in parts, each with whether another follows; one empty part if there are none."""
    for first in range(0, max(1, len(rows)), most):
        yield tuple(rows[first : first + most]), first + most < len(rows)


def _of_name(server: Server, name: str) -> WatchedRun:
    """Return the run of that id, or the newest of that name. Raises ValueError."""
    runs = [watched for _, watched in server.engine.runs()]
    found = [w for w in runs if w.run.id == name] or [w for w in runs if w.run.name == name]
    if not found:
        known = ", ".join(list(dict.fromkeys(w.run.name for w in runs))[:5]) or "none yet"
        raise ValueError(f"no such run: {name}: known here: {known}")
    return found[-1]


def _series(
    server: Server, run: str, metric: str, width: int, first: float | None, last: float | None
) -> Columns:
    found = _of_name(server, run).run
    if metric not in found.series:
        known = ", ".join(list(found.series)[:8]) or "none yet"
        raise ValueError(f"no such metric: {metric}: {found.name} has {known}")
    return found.series[metric].columns(first, last, max(1, min(width, views.MAX_WIDTH)))


def _incidents(server: Server, run: str | None, *, resolved: bool) -> list[IncidentRow]:
    wanted = None if run is None else _of_name(server, run)
    rows = [
        row
        for _, watched in server.engine.runs()
        if wanted in (None, watched)
        for row in watched.incidents.rows()
        if row.state != "pending" and (resolved or row.state != "resolved")
    ]
    return sorted(rows, key=states.urgency)


def one(start: str, ids: Sequence[str], what: str, listed: str) -> str:
    """Return the one id that begins with `start`; `listed` is the command that lists them.

    Raises ValueError if there is none, or several.
    """
    found = [known for known in ids if known == start] or [known for known in ids if known.startswith(start)]
    if len(found) != 1 or len(start) < FEWEST:
        why = "give more of its id" if found else f"see {listed}"
        raise ValueError(f"{'several' if len(found) > 1 else 'no'} {what} {start}: {why}")
    return found[0]


def _acknowledge(server: Server, start: str) -> str:
    """Note that an incident was seen; that it is over or was seen is no mistake. Raises ValueError."""
    books = [watched.incidents for _, watched in server.engine.runs()]
    rows = {row.id: row for book in books for row in book.every() if row.state != "pending"}
    firing = [key for key, row in rows.items() if row.state == "firing"]
    likely = firing if any(key.startswith(start) for key in firing) else list(rows)
    incident = one(start, likely, "incident", "runwatch alerts")
    for book in books:
        change = book.acknowledge(incident)
        if change is not None:
            server.changed([change])
            anew = "" if change.row.id == incident else f" (it fires anew, as {change.row.id[:8]})"
            return f"acknowledged: {change.row.run}: {change.row.title}{anew}"
    row = rows[incident]
    word = "it is over" if row.state == "resolved" else "acknowledged already"
    return f"{word}: {row.run}: {row.title}"


def _segment(server: Server, run: str | None, ascii_only: bool, now: float) -> str:
    rows = urgent(views.rows(tuple(server.shown.values()), now))
    if run is not None:
        wanted = _of_name(server, run).run.id
        rows = [row for row in rows if row.id == wanted]
    return segment(rows, glyphs(ascii_only))
