"""Answers of Prometheus as runs: rows for the table and the run that is shown.

Pure: series in, parts of a snapshot out. A run on several nodes, which have the same `job_id`, is one run.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from runwatch.core import jobs
from runwatch.core import metrics as names
from runwatch.core.batch import NODE
from runwatch.core.run_order import urgency
from runwatch.core.snapshot import (
    Columns,
    GpuRow,
    IncidentRow,
    Latest,
    Progress,
    RankRow,
    RunRow,
    finite,
    not_finite,
)
from runwatch.prometheus.api import Series

MAX_RUNS = 256
"""Runs in the table: of more, the most urgent."""
SHOWN = {
    names.LOSS: "runwatch_train_loss",
    names.VAL_LOSS: "runwatch_validation_loss",
    names.GRAD_NORM: "runwatch_train_grad_norm",
    names.LEARNING_RATE: "runwatch_train_learning_rate",
    names.STEP_TIME: "runwatch_step_seconds",
    names.TOKENS_PER_SEC: "runwatch_tokens_per_second",
    names.SAMPLES_PER_SEC: "runwatch_samples_per_second",
    names.MFU: "runwatch_mfu_ratio",
}
"""Metric -> the name of its series."""
URGENT = ("runwatch_run_phase", "runwatch_incident", "runwatch_time_seconds", "runwatch_run_info")
DETAILS = (
    "runwatch_incident_title_info", "runwatch_run_step", "runwatch_run_planned_steps",
    "runwatch_run_progress_ratio", "runwatch_run_remaining_seconds", "runwatch_run_steps_per_second",
    "runwatch_run_epoch", "runwatch_run_last_line_timestamp_seconds", "runwatch_run_gpu_utilization_ratio",
    "runwatch_ranks_step", "runwatch_ranks_step_seconds", *SHOWN.values(),
)  # fmt: skip
RANKS = ("runwatch_rank_step", "runwatch_rank_step_seconds", "runwatch_rank_seen_timestamp_seconds")
_SPECIAL = re.compile(r"([\\.+*?()|\[\]{}^$])")
_LABELED = frozenset({"runwatch_ranks_step", "runwatch_ranks_step_seconds"})
Key = tuple[str, str]
"""Host and run, as they are labels."""


def selector(
    series: Iterable[str], matchers: Mapping[str, Iterable[str]] | None = None, more: str = ""
) -> str:
    """Return a query for series of these names whose labels have one of some values."""
    parts = [f'__name__=~"{"|".join(series)}"']
    for label, values in (matchers or {}).items():
        either = "|".join(_SPECIAL.sub(r"\\\1", value) for value in dict.fromkeys(values))
        parts.append(f'{label}=~"{_string(either)}"')
    return "{" + ",".join(filter(None, (*parts, more))) + "}"


def _string(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


@dataclass(slots=True)
class Member:
    """What one daemon says of a run."""

    key: Key
    phase: str = "unknown"
    values: dict[str, float] = field(default_factory=dict)
    info: dict[str, str] = field(default_factory=dict)
    incidents: dict[str, dict[str, str]] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    clock: float | None = None
    """Its host's clock at the newest scrape: ages are by it, however wrong it is."""

    def rows(self, name: str) -> list[IncidentRow]:
        """Return its incidents, as those of a run of this name."""
        return [
            IncidentRow(
                id=f"{self.key[0]}:{each['incident']}",
                run=name,
                rule=each.get("rule", ""),
                severity=each.get("severity", "warning"),
                state=each.get("state", "firing"),
                title=self.titles.get(incident, each.get("rule", "")),
                metric=each.get("metric"),
                rank=int(each["rank"]) if each.get("rank", "").isdecimal() else None,
            )
            for incident, each in self.incidents.items()
        ]

    def age(self, name: str) -> float | None:
        """Return how long ago the time in a series was."""
        then = self.values.get(name)
        return None if then is None else self.since(then)

    def since(self, then: float) -> float | None:
        """Return how long ago a Unix time was, by the host's clock."""
        return None if self.clock is None else max(0.0, self.clock - then)

    def part(self, row: RunRow) -> jobs.Part:
        """Return what it says of its ranks."""
        value = self.values.get
        first, last = value("runwatch_ranks_step/max"), value("runwatch_ranks_step/min")
        return jobs.Part(row, value("runwatch_ranks_step_seconds/median"), first, last)


@dataclass(frozen=True, slots=True)
class FleetRun:
    """One run, on one node or on several."""

    row: RunRow
    members: tuple[Member, ...]
    incidents: tuple[IncidentRow, ...]

    def parts(self) -> list[jobs.Part]:
        """Return what each node says of it."""
        return [member.part(_row(member)) for member in self.members]

    def matchers(self) -> dict[str, list[str]]:
        """Return the labels that its series have."""
        return {"host": [m.key[0] for m in self.members], "run": [m.key[1] for m in self.members]}


def members(series: Iterable[Series]) -> dict[Key, Member]:
    """Return what each daemon says of each run."""
    found: dict[Key, Member] = {}
    clocks: dict[str, float] = {}
    for each in series:
        labels, host = each.metric, each.metric.get("host", "")
        if each.name == "runwatch_time_seconds":
            clocks[host] = each.number
            continue
        if "run" not in labels:
            continue
        key = host, labels["run"]
        member = found.setdefault(key, Member(key))
        if each.name == "runwatch_run_phase":
            member.phase = labels.get("phase", "unknown")
        elif each.name == "runwatch_run_info":
            member.info = labels
        elif each.name == "runwatch_incident":
            member.incidents[labels.get("incident", "")] = labels
        elif each.name == "runwatch_incident_title_info":
            member.titles[labels.get("incident", "")] = labels.get("title", "")
        else:
            kind = f"/{labels['stat']}" if each.name in _LABELED and "stat" in labels else ""
            member.values[each.name + kind] = each.number
    for member in found.values():
        member.clock = clocks.get(member.key[0])
    return found


def runs(found: Mapping[Key, Member]) -> list[FleetRun]:
    """Return the runs, the most urgent first."""
    rows = [_row(member) for member in found.values()]
    by_id = dict(zip((row.id for row in rows), found.values(), strict=True))
    made = [_run(parts, [by_id[row.id] for row in parts]) for parts in jobs.groups(rows)]
    return sorted(made, key=lambda run: urgency(run.row))


def _run(rows: Sequence[RunRow], group: Sequence[Member]) -> FleetRun:
    odd = jobs.odd_nodes([member.part(row) for member, row in zip(group, rows, strict=True)])
    row = jobs.joined(rows, odd)
    incidents = [each for member in group for each in member.rows(row.name)]
    incidents += [replace(each, run=row.name) for each in odd]
    return FleetRun(row, tuple(group), tuple(incidents))


def _row(member: Member) -> RunRow:
    value, host = member.values.get, member.key[0]
    step, total = value("runwatch_run_step"), value("runwatch_run_planned_steps")
    firing = [row for row in member.rows(member.key[1]) if row.state == "firing"]
    worst = min(firing, key=lambda each: each.severity != "critical", default=None)
    speed = next((m for m in (names.TOKENS_PER_SEC, names.SAMPLES_PER_SEC) if SHOWN[m] in member.values), "")
    loss = value(SHOWN[names.LOSS])
    return RunRow(
        id="\x1f".join(member.key),
        name=member.key[1],
        phase=member.phase,
        progress=Progress(
            step=_whole(step),
            total=_whole(total),
            fraction=value("runwatch_run_progress_ratio"),
            eta_seconds=value("runwatch_run_remaining_seconds"),
            rate=value("runwatch_run_steps_per_second"),
            epoch=value("runwatch_run_epoch"),
        ),
        critical=sum(each.severity == "critical" for each in firing),
        warning=sum(each.severity == "warning" for each in firing),
        loss=finite(loss),
        loss_text=not_finite(loss),
        host=host,
        age=member.age("runwatch_run_last_line_timestamp_seconds"),
        worst="" if worst is None else worst.title,
        worst_severity="" if worst is None else worst.severity,
        speed=finite(value(SHOWN[speed])) if speed else None,
        speed_metric=speed,
        gpu=value("runwatch_run_gpu_utilization_ratio"),
        folder=member.info.get("folder", ""),
        job=member.info.get("job_id", ""),
    )


def _whole(value: float | None) -> int | None:
    return None if value is None or not math.isfinite(value) else int(value)


def ranks(run: FleetRun, series: Iterable[Series]) -> tuple[tuple[RankRow, ...], tuple[IncidentRow, ...]]:
    """Return the ranks of a run, and what is wrong with one: the slowest, and one that is silent."""
    found: dict[Key, dict[str, dict[str, float]]] = {member.key: {} for member in run.members}
    for each in series:
        key = each.metric.get("host", ""), each.metric.get("run", "")
        if key in found:
            found[key].setdefault(each.metric.get("rank", ""), {})[each.name] = each.number
    nodes = [(member.key[0], _ranks(member, found[member.key])) for member in run.members]
    host, rows = nodes[0]
    known = jobs.numbered(nodes) if len(nodes) > 1 else tuple(rows)
    odd = jobs.odd_ranks(known, host, (part.row.host for part in jobs.silent_nodes(run.parts())))
    return known, tuple(replace(each, run=run.row.name) for each in odd)


def _ranks(member: Member, found: Mapping[str, Mapping[str, float]]) -> list[RankRow]:
    rows = []
    for word, values in found.items():
        if word.isdecimal() and int(word) < NODE:
            age = None if (seen := values.get(RANKS[2])) is None else member.since(seen)
            step_time = values.get(RANKS[1])
            rows.append(RankRow(int(word), _whole(values.get(RANKS[0])), age=age, step_time=step_time))
    return sorted(rows, key=lambda row: row.rank)


def latest(run: FleetRun) -> tuple[Latest, ...]:
    """Return the newest values of the metrics that there are series of."""
    leader = max(run.members, key=lambda member: member.values.get("runwatch_run_step", -1.0))
    step = _whole(leader.values.get("runwatch_run_step"))
    return tuple(
        Latest(metric, finite(value), not_finite(value), step, count=1)
        for metric, name in SHOWN.items()
        if (value := leader.values.get(name)) is not None
    )  # fmt: skip


def columns(
    metric: str, steps: Sequence[Series], values: Sequence[Series], first: float | None, last: float | None
) -> Columns:
    """Return a curve over steps from two answers over the same times: the step and the value."""
    at = {when: float(step) for each in steps[:1] for when, step in each.values}
    points: dict[float, float] = {}
    for each in values[:1]:
        for when, value in each.values:
            step = at.get(when)
            if step is not None and (first is None or step >= first) and (last is None or step <= last):
                points[step] = float(value)
    x = sorted(points)
    y = [finite(points[step]) for step in x]
    bad = tuple(int(value is None) for value in y)
    return Columns(metric, tuple(x), tuple(y), tuple(y), tuple(y), tuple(y), bad)


def gpus(run: FleetRun, series: Iterable[Series]) -> tuple[GpuRow, ...]:
    """Return the GPUs of the nodes of a run."""
    several, found = len(run.members) > 1, dict[str, dict[str, float]]()
    for each in series:
        index = each.metric.get("gpu", "")
        name = f"{each.metric.get('host', '')}:{index}" if several else index
        found.setdefault(name, {})[each.name.removeprefix("runwatch_gpu_")] = each.number
    return tuple(
        GpuRow(
            index=name,
            state="lost" if values.get("lost") else "ok",
            own=True,
            measure="util",
            busy=values.get("utilization_ratio"),
            memory_used=values.get("memory_used_bytes"),
            memory_total=values.get("memory_bytes"),
            power=values.get("power_watts"),
            power_limit=values.get("power_limit_watts"),
            temperature=values.get("temperature_celsius"),
        )
        for name, values in found.items()
    )
