"""Runs of one job are one run: each of its nodes has a part of it.

A job is what the scheduler or the launcher calls a run on all its nodes. A part is a row with the name of its
node as `host`. The screen on several daemons and the one on Prometheus join parts alike.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from statistics import median_low
from typing import NamedTuple

from msgspec.structs import replace

from runwatch.core import rank_pace
from runwatch.core.batch import NODE
from runwatch.core.ending import ENDED
from runwatch.core.run_order import urgency
from runwatch.core.snapshot import IncidentRow, RankRow, RunRow

SLOW = 1.3
"""Times the usual step time from which a node or a rank is slow."""
BEHIND = 20
"""Steps by which the last rank of a node may be behind the first rank of the job."""
SILENT = 60.0
"""Seconds by which a node or a rank may be silent longer than another one."""


class Part(NamedTuple):
    """What is known of a run on one node, and of its ranks there."""

    row: RunRow
    step_time: float | None = None
    """Median of its ranks, in seconds."""
    first: float | None = None
    """The most steps that a rank has made."""
    last: float | None = None
    """The least."""
    unseen: str = ""
    """Why nothing new is known of it; "" if it is seen."""


def groups(rows: Iterable[RunRow]) -> list[tuple[RunRow, ...]]:
    """Return the parts of each run, by node: those of a job if each node has one, else each row alone.

    Where a node has several runs of a job, those that have ended are runs of their own.
    """
    by_job: dict[str, list[RunRow]] = defaultdict(list)
    for row in rows:
        by_job[row.job or row.id].append(row)
    found: list[tuple[RunRow, ...]] = []
    for group in by_job.values():
        together = next(filter(_one_each, (group, [row for row in group if row.phase not in ENDED])), [])
        if together:
            found.append(tuple(sorted(together, key=lambda row: (row.host, row.id))))
        ids = {row.id for row in together}
        found += [(row,) for row in group if row.id not in ids]
    return found


def _one_each(rows: Sequence[RunRow]) -> bool:
    return bool(rows) and len({row.host for row in rows}) == len(rows)


def joined(rows: Sequence[RunRow], odd: Sequence[IncidentRow] = ()) -> RunRow:
    """Return the row of a run with these parts; `odd` is what is wrong with its nodes.

    Its step is that of the first node, its age that of the newest line.
    """
    if len(rows) == 1:
        return rows[0]
    first = min(rows, key=urgency)
    newest = max(rows, key=lambda row: -1 if row.progress.step is None else row.progress.step)
    ages = [row.age for row in rows if row.age is not None]
    busy = [row.gpu for row in rows if row.gpu is not None]
    wrong = [(row.worst, row.worst_severity) for row in rows if row.worst]
    wrong += [(each.title, each.severity) for each in odd]
    worst = min(wrong, key=lambda each: each[1] != "critical", default=("", ""))
    names = {row.name for row in rows}
    return replace(
        first,
        id=f"\x1f{first.job}",  # no run of one node begins so
        name=first.name if len(names) == 1 else f"job {first.job}",
        progress=newest.progress,
        loss=newest.loss,
        loss_text=newest.loss_text,
        speed=newest.speed,
        speed_metric=newest.speed_metric,
        critical=sum(row.critical for row in rows) + sum(each.severity == "critical" for each in odd),
        warning=sum(row.warning for row in rows) + sum(each.severity == "warning" for each in odd),
        worst=worst[0],
        worst_severity=worst[1],
        host=f"{len(rows)} nodes",
        age=min(ages, default=None),
        gpu=sum(busy) / len(busy) if busy else None,
    )


def odd_nodes(parts: Sequence[Part]) -> list[IncidentRow]:
    """Return a warning for each node that is not seen, slower than the others, behind them or silent."""
    if len(parts) < 2:
        return []
    out = [
        _warning("unseen", part.row.host, f"{part.row.host}: {part.unseen}") for part in parts if part.unseen
    ]
    seen = [part for part in parts if not part.unseen]
    times = [part.step_time for part in seen if part.step_time]
    usual = median_low(times) if times else 0.0
    for part in seen:
        if part.step_time is not None and part.step_time > SLOW * usual > 0:
            times_as = f"{part.step_time / usual:.1f} times as long per step as its peers"
            out.append(_warning("slow", part.row.host, f"{part.row.host} takes {times_as}"))
    most = max((part.first for part in seen if part.first is not None), default=0.0)
    for part in seen:
        if part.last is not None and part.last < most - BEHIND:
            steps = f"{most - part.last:.0f} steps behind the first one"
            out.append(_warning("behind", part.row.host, f"a rank on {part.row.host} is {steps}"))
    silent = silent_nodes(parts)
    out += [_warning("silent", part.row.host, _silent(part.row.host, part.row.age)) for part in silent]
    return out


def silent_nodes(parts: Sequence[Part]) -> list[Part]:
    """Return the parts that continue, but have not written for long, while others have."""
    begun = [part for part in parts if not part.unseen and part.row.progress.begun]
    alive = [part for part in begun if part.row.phase not in ENDED]
    newest = min((part.row.age for part in alive if part.row.age is not None), default=0.0)
    return [part for part in alive if part.row.age is not None and part.row.age > newest + SILENT]


def numbered(nodes: Sequence[tuple[str, Sequence[RankRow]]]) -> tuple[RankRow, ...]:
    """Return the ranks of all nodes, each with its host and a number of its own."""
    found: dict[int, RankRow] = {}
    for place, (host, rows) in enumerate(nodes, 1):
        for row in rows:  # one that has its node already is known to all hosts that read its log
            rank = row.rank if row.rank >= NODE else row.rank + NODE * place
            found.setdefault(rank, replace(row, rank=rank, host=host))
    return tuple(found[rank] for rank in sorted(found))


def odd_ranks(ranks: Sequence[RankRow], host: str, silent: Iterable[str] = ()) -> Iterator[IncidentRow]:
    """Yield a warning for the slowest rank, and one for a silent rank.

    `host` is the node of ranks without one. That ranks of `silent` nodes are silent is known. A node's only
    rank is not called slow: the node is.
    """
    several = Counter(row.host for row in ranks)
    timed = [(row.step_time, row) for row in ranks if row.step_time is not None]
    if len(timed) > 2:
        seconds, row = max(timed, key=lambda each: each[0])
        usual = rank_pace.usual([each for each, _ in timed])
        if seconds > SLOW * usual > 0 and several[row.host] > 1:
            where = _place(row, host)
            peers = f"the {rank_pace.yardstick(len(timed))} of the ranks"
            title = f"{where} takes {seconds / usual:.1f} times as long per step as {peers}"
            yield _warning("slow", where, title, row.rank)
    known = set(silent)
    aged = [(row.age, row) for row in ranks if row.age is not None and row.host not in known]
    if aged:
        age, row = max(aged, key=lambda each: each[0])
        if age > min(each for each, _ in aged) + SILENT:
            where = _place(row, host)
            yield _warning("silent", where, _silent(where, age), row.rank)


def _place(row: RankRow, host: str) -> str:
    return f"rank {row.rank % NODE} on {row.host or host}"


def _silent(where: str, age: float | None) -> str:
    return f"{where} has been silent for {age:.0f} s"


def _warning(kind: str, where: str, title: str, rank: int | None = None) -> IncidentRow:
    return IncidentRow(f"{where}:{kind}", "", "straggler", "warning", "firing", title, rank=rank)
