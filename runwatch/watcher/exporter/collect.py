"""From the engine's state to what is exported, in pieces: one run is one piece of work."""

from __future__ import annotations

import os
import resource
import socket
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

from runwatch import __version__
from runwatch.core import metrics as names
from runwatch.core.ending import ENDED
from runwatch.core.fold.run import Run
from runwatch.core.run_order import urgency
from runwatch.core.snapshot import OPEN, GpuRow, RankRow, RunRow
from runwatch.prometheus.table import DAEMON, GPU, RUN, ExportedRun, Metric, Own
from runwatch.watcher.engine.evidence import sound
from runwatch.watcher.engine.group import Group
from runwatch.watcher.engine.views import checkpoint_view, machine_view, rank_rows, stage_view, views
from runwatch.watcher.engine.views.run_rows import run_row
from runwatch.watcher.engine.views.views import Shown
from runwatch.watcher.engine.watched import WatchedRun
from runwatch.watcher.service.turns import Share

if TYPE_CHECKING:
    from runwatch.config.sections import MetricsConfig
    from runwatch.watcher.service.intake import Load
    from runwatch.watcher.service.server import Server

_VALUES = (
    names.EPOCH, names.GRAD_NORM, names.LEARNING_RATE, names.VAL_LOSS, names.STEP_TIME, names.TOKENS_PER_SEC,
    names.SAMPLES_PER_SEC, names.MFU,
)  # fmt: skip
_OVER = ENDED | {"unknown"}
_PIECE = 0.002
"""Seconds that a turn takes, about."""
Names = tuple[str, ...]
_PAGE = os.sysconf("SC_PAGE_SIZE")


def chosen(
    shown: Sequence[Shown], config: MetricsConfig, now: float
) -> tuple[list[tuple[Shown, WatchedRun]], int]:
    """Return the runs that have series at Unix time `now`, and how many others there are.

    A launch that another one followed has none: what is known of it holds no more.
    """
    newest = [(item, item.group.runs[-1]) for item in shown if item.group.runs]
    fresh = [each for each in newest if not _over(*each, now, config.ended)]
    if len(fresh) > config.runs:
        fresh.sort(key=lambda each: urgency(_row(each[0], each[1], now)))
    kept = fresh[: config.runs]
    return kept, len(newest) - len(kept)


def _over(shown: Shown, watched: WatchedRun, now: float, ended: float) -> bool:
    """Return whether a run ended longer ago than `ended` seconds."""
    group = shown.group
    silent = now - (group.written or 0.0)
    return silent > ended and group.shown_phase(watched, now) in _OVER


def _row(shown: Shown, watched: WatchedRun, now: float) -> RunRow:
    return run_row(shown.group, watched, watched.run, now, reading=shown.reading(now))


def exported(shown: Shown, watched: WatchedRun, config: MetricsConfig, now: float) -> ExportedRun:
    """Return what is exported of a run at Unix time `now`."""
    group, run = shown.group, watched.run
    row = _row(shown, watched, now)
    ranks = rank_rows.rows(run, group.machine, now)
    incidents = stage_view.incidents(group, watched)[: views.MAX_INCIDENTS]
    return ExportedRun(
        row,
        now,
        ranks,
        ranks if config.ranks == "all" else extreme(ranks),
        [each for each in incidents if each.state in OPEN],
        checkpoint_view.saving(run, row.phase, now, sound(watched.incidents.rows())),
        {name: run.latest(name) for name in _VALUES if name in run.series},
        run.format or "",
        group.job,
        _world_size(group, run),
    )


def extreme(ranks: Sequence[RankRow]) -> list[RankRow]:
    """Return the ranks that differ most: the slowest, the one furthest behind, the one silent longest."""
    slow = [row for row in ranks if row.step_time is not None]
    behind = [row for row in ranks if row.done is not None]
    silent = [row for row in ranks if row.age is not None]
    found = [
        *(max(slow, key=lambda row: row.step_time or 0.0) for _ in slow[:1]),
        *(min(behind, key=lambda row: row.done or 0) for _ in behind[:1]),
        *(max(silent, key=lambda row: row.age or 0.0) for _ in silent[:1]),
    ]
    return sorted({row.rank: row for row in found}.values(), key=lambda row: row.rank)


def _world_size(group: Group, run: Run) -> int | None:
    return next(
        (each.world_size for each in group.machine.processes if each.world_size), len(run.ranks) or None
    )


def gpus(shown: Sequence[Shown], now: float) -> Iterator[GpuRow]:
    """Yield each GPU of the host once, as the newest run that measures it has it."""
    rows: dict[str, GpuRow] = {}
    for item in shown:
        if item.group.machine.gpus:
            for row in machine_view.view(item.group.machine, now).gpus:
                known = rows.get(row.index)
                if known is None or (known.busy is None and known.state == row.state):
                    rows[row.index] = row
    yield from rows.values()


class Sink(Protocol):
    """Takes what is exported."""

    def add(self, metrics: Iterable[Metric], subject: object, names: Names, values: Names) -> object:
        """Take the samples of a subject, which all have labels of these names and values."""
        ...


async def gather(server: Server, share: Share, sink: Sink, took: float) -> None:
    """Give a sink all samples, a few runs in each turn; `took` is how long the answer before took."""
    config, turns = server.config.metrics, server.clients.turns
    host = config.host or socket.gethostname()
    runs, left_out = await turns.do(
        share, lambda: chosen(tuple(server.shown.values()), config, server.clock.time())
    )
    waiting, named = list(reversed(runs)), set[str]()

    def piece() -> None:
        until = time.perf_counter() + _PIECE
        while waiting and time.perf_counter() < until:
            shown, watched = waiting.pop()
            if watched not in shown.group.runs:  # it is watched no longer, or another run began
                continue
            run = exported(shown, watched, config, server.clock.time())
            name = run.row.name if run.row.name not in named else run.row.id
            named.add(name)  # no two runs may have the same series
            sink.add(RUN, run, ("host", "run"), (host, name))

    while waiting:
        await turns.do(share, piece)
    for row in gpus(tuple(server.shown.values()), server.clock.time()):
        sink.add(GPU, row, ("host",), (host,))
    sink.add(DAEMON, own(server, len(runs), left_out, took), ("host",), (host,))


def own(server: Server, runs: int, left_out: int, took: float) -> Own:
    """Return what is exported of the daemon itself; `took` is how long the answer before took."""
    load: Load = server.load
    used = resource.getrusage(resource.RUSAGE_SELF)
    return Own(
        version=__version__,
        started=server.since,
        now=server.clock.time(),
        runs=runs,
        left_out=left_out,
        sources=len(server.engine.sources),
        unreadable=sum(source.unseen is not None for _, source in server.engine.sources.values()),
        lines=load.lines,
        unrecognized=load.unrecognized,
        batches=load.batches,
        errors=load.errors,
        fold_seconds=load.seconds,
        lag=server.clock.lag,
        queued=server.notifier.queued(),
        notices=len(server.notices),
        clients=server.connected,
        build_seconds=took,
        cpu_seconds=used.ru_utime + used.ru_stime,
        resident=_resident(),
        open_files=_open_files(),
        most_files=float(resource.getrlimit(resource.RLIMIT_NOFILE)[0]),
    )


def _resident() -> float | None:
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return float(file.read().split()[1]) * _PAGE
    except (OSError, ValueError, IndexError):  # not Linux
        return None


def _open_files() -> float | None:
    try:
        return float(len(os.listdir("/proc/self/fd")))
    except OSError:
        return None
