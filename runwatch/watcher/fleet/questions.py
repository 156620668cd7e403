"""What is asked of the server for one picture. Each question is bounded; they run in a thread."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from runwatch.core.plural import listed
from runwatch.core.snapshot import Columns, MachineView, RunRow, RunView, Snapshot
from runwatch.prometheus import fleet
from runwatch.prometheus.api import Api, Series
from runwatch.watcher.fleet.launch import Source
from runwatch.watcher.protocol import Chart, View

HISTORY = 7 * 86_400.0
"""Most seconds of the past that charts show."""
RECENT = 300.0
"""Least seconds: a run that has just begun."""
MAX_POINTS = 500
MAX_CHARTS = 16
"""Curves that are asked for in one round."""
NAMED = 5
"""Silent daemons that are named."""


@dataclass(frozen=True, slots=True)
class Picture:
    """What the server knew at one moment."""

    runs: tuple[fleet.FleetRun, ...] = ()
    left_out: int = 0
    notices: tuple[str, ...] = ()

    @property
    def rows(self) -> tuple[RunRow, ...]:
        """The table."""
        return tuple(run.row for run in self.runs)


class Questions:
    """Asks one server about the fleet."""

    def __init__(self, source: Source) -> None:
        """Ask nothing yet. Raises UsageError for what is not a web address."""
        self._source = source
        self._api = Api(source.url, source.token, source.tenant)

    def picture(self) -> Picture:
        """Return all runs. Raises EngineError.

        What makes runs urgent is asked first, details only of the most urgent.
        """
        urgent = self._all(fleet.URGENT)
        found = fleet.members(urgent)
        ranked = fleet.runs(found)
        kept = ranked[: fleet.MAX_RUNS]
        matchers = None
        if len(ranked) > len(kept):
            pairs = [member.key for run in kept for member in run.members]
            matchers = {"run": [run for _, run in pairs], "host": [host for host, _ in pairs]}
        details = self._all(fleet.DETAILS, matchers) if kept else ()
        runs = fleet.runs(fleet.members([*urgent, *details]))[: fleet.MAX_RUNS]
        return Picture(tuple(runs), len(ranked) - len(kept), self._notices(len(ranked) - len(kept)))

    def _all(self, names: Sequence[str], matchers: dict[str, list[str]] | None = None) -> Sequence[Series]:
        return self._api.query(fleet.selector(names, matchers, self._source.match))

    def _notices(self, left_out: int) -> tuple[str, ...]:
        more = f",{self._source.match}" if self._source.match else ""
        silent = self._api.query(f'up{{job="{self._source.job}"{more}}} == 0')
        names = sorted(each.metric.get("instance", "?") for each in silent)
        found = []
        if names:
            found.append(f"no answer from the daemon on {listed(names, NAMED)}: its runs are not shown")
        if left_out:
            found.append(f"{left_out} less urgent runs are not shown: narrow them with --match")
        return tuple(found)

    def view(self, run: fleet.FleetRun, view: View) -> RunView:
        """Return the run that is shown. Raises EngineError."""
        rows, odd = fleet.ranks(run, self._all(fleet.RANKS, run.matchers()))
        row, incidents = run.row, (*run.incidents, *odd)
        hosts = tuple(dict.fromkeys(member.key[0] for member in run.members))
        info = run.members[0].info
        facts = {"host": ", ".join(hosts[:NAMED]), "job": info.get("job_id", "")}
        return RunView(
            id=row.id,
            name=row.name,
            phase=row.phase,
            progress=row.progress,
            format=info.get("format") or None,
            age=row.age,
            records=row.progress.step or 0,
            latest=fleet.latest(run),
            charts=tuple(self._curve(run, chart) for chart in view.charts[:MAX_CHARTS]),
            ranks=rows if len(rows) > 1 else (),
            incidents=incidents,
            facts={name: said for name, said in facts.items() if said},
            has_machine=row.gpu is not None,
            machine=self._machine(run) if view.machine else None,
        )

    def _curve(self, run: fleet.FleetRun, chart: Chart) -> Columns:
        name = fleet.SHOWN.get(chart.metric)
        if name is None:
            return Columns(chart.metric)
        leader = max(run.members, key=lambda member: member.values.get("runwatch_run_step", -1.0))
        one = {"host": [leader.key[0]], "run": [leader.key[1]]}
        end = time.time()
        points = min(MAX_POINTS, max(2, 2 * chart.width))
        found = self._api.query_range(
            fleet.selector(("runwatch_run_step", name), one, self._source.match),
            end - _length(run.row),
            end,
            points,
        )
        steps = [each for each in found if each.name == "runwatch_run_step"]
        values = [each for each in found if each.name == name]
        return fleet.columns(chart.metric, steps, values, chart.first, chart.last)

    def _machine(self, run: fleet.FleetRun) -> MachineView:
        hosts = run.matchers()["host"]
        names = ("runwatch_gpu_.*",)
        return MachineView(gpus=fleet.gpus(run, self._all(names, {"host": hosts}))[:512])


def _length(row: RunRow) -> float:
    """Return for about how many seconds a run has lasted, going by its speed: what its charts show."""
    step, rate = row.progress.step, row.progress.rate
    seconds = 1.2 * step / rate if step and rate else HISTORY / 7
    return min(HISTORY, max(RECENT, seconds))


def snapshot(
    picture: Picture, shown: RunView | None, now: float, lost: str = "", late: float = 0.0
) -> Snapshot:
    """Return the picture as a screen takes it; `lost` says why it is as old as `late` seconds."""
    rows = tuple(
        replace(row, age=row.age + late) if row.age is not None and late else row for row in picture.rows
    )
    notices = (*picture.notices, *((f"{lost}; shown as it was {late:.0f} s ago",) if lost else ()))
    return Snapshot(now, rows, shown, notices)
