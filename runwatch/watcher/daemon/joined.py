"""A run on several nodes as one: what their daemons show of it, in one picture. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from msgspec.structs import replace

from runwatch.core import jobs
from runwatch.core.batch import NODE
from runwatch.core.ending import ENDED
from runwatch.core.metrics import LOSS, STEP_TIME
from runwatch.core.snapshot import IncidentRow, MachineView, RankRow, RunRow, RunView

APART = "\x1f"
"""Between a host and what it calls a run or an incident."""


@dataclass(frozen=True, slots=True)
class Node:
    """What one daemon shows of its part of a run."""

    name: str
    """What its host is called in ids; in words it is the row's `host`."""
    row: RunRow
    view: RunView | None = None
    """The part in full, if it was asked for."""
    unseen: str = ""
    """Why nothing new is known of it."""
    late: float = 0.0
    """Seconds since this was true."""

    def part(self) -> jobs.Part:
        """Return what is known of its ranks."""
        ranks = self.ranks()
        times = [rank.step_time for rank in ranks if rank.step_time is not None]
        done = [rank.done for rank in ranks if rank.done is not None]
        done = done or [step for step in (self.row.progress.step,) if step is not None]
        unseen = self.unseen or (self.row.reason or "blind" if self.row.phase == "blind" else "")
        first, last = max(done, default=None), min(done, default=None)
        return jobs.Part(self.row, median(times) if times else None, first, last, unseen)

    def ranks(self) -> list[RankRow]:
        """Return its ranks; where its log names none, the node as one."""
        view = self.view
        if view is None:
            return []
        found = view.ranks
        if not found and self.row.progress.begun:
            newest = {each.metric: each for each in view.latest}
            time, loss = newest.get(STEP_TIME), newest.get(LOSS)
            progress = view.progress
            found = (
                RankRow(
                    0,
                    progress.step,
                    progress.total,
                    view.age,
                    None if time is None else time.value,
                    None if loss is None else loss.value,
                    loss_text="" if loss is None else loss.text,
                ),
            )
        return [row if row.age is None else replace(row, age=row.age + self.late) for row in found]

    def incidents(self, place: int) -> list[IncidentRow]:
        """Return its incidents as those of the `place`th node: each says where it is."""
        found = self.view.incidents if self.view is not None else ()
        return [
            replace(
                row,
                id=f"{self.name}{APART}{row.id}",
                lead=f"{self.name}{APART}{row.lead}" if row.lead else "",
                title=f"{self.row.host}: {row.title}",
                rank=row.rank if row.rank is None or row.rank >= NODE else row.rank + NODE * place,
            )
            for row in found
        ]


def row(nodes: Sequence[Node]) -> RunRow:
    """Return the row of a run on these nodes."""
    return jobs.joined([node.row for node in nodes], jobs.odd_nodes([node.part() for node in nodes]))


def view(leader: RunView, nodes: Sequence[Node]) -> RunView:
    """Return a run on these nodes: curves, log and checkpoints are those of the leader."""
    parts, one = [node.part() for node in nodes], row(nodes)
    ranks = jobs.numbered([(node.row.host, node.ranks()) for node in nodes])
    silent = {part.row.host for part in parts if part.unseen or part.row.phase in ENDED}
    silent |= {part.row.host for part in jobs.silent_nodes(parts)}
    odd = [*jobs.odd_nodes(parts), *jobs.odd_ranks(ranks, "", silent)]
    machines = [(node.row.host, node.view.machine) for node in nodes if node.view is not None]
    return replace(
        leader,
        id=one.id,
        name=one.name,
        phase=one.phase,
        progress=one.progress,
        age=one.age,
        ranks=ranks,
        incidents=(
            *(each for place, node in enumerate(nodes, 1) for each in node.incidents(place)),
            *(replace(each, run=one.name) for each in odd),
        ),
        facts={**leader.facts, "job": one.job},
        has_machine=any(node.view is not None and node.view.has_machine for node in nodes),
        machine=_machine(leader, machines),
    )


def _machine(leader: RunView, machines: Sequence[tuple[str, MachineView | None]]) -> MachineView | None:
    """Return the leader's machine, with the GPUs of all nodes."""
    gpus = [
        replace(gpu, index=f"{host}:{gpu.index}")
        for host, machine in machines
        if machine is not None
        for gpu in machine.gpus
    ]
    return None if leader.machine is None else replace(leader.machine, gpus=tuple(gpus))
