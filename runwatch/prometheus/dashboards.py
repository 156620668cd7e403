"""Dashboards for Grafana, as JSON to import or provision: the fleet, one run, one node.

Queries name only metrics of the table and recordings of the rules; tests ask a server each of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
_WIDTH, _HEIGHT = 24, 8
_RUN = 'host=~"$host",run=~"$run"'
_NODE = 'host=~"$host"'
FIRING = 'state="firing"'


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel: its queries, each with the name of its lines."""

    title: str
    queries: tuple[tuple[str, str], ...]
    unit: str = "short"
    kind: str = "timeseries"
    width: int = 12


_TABLE = "table"
_FIRST = f'scalar(max(runwatch_ranks_step{{{_RUN},stat="max"}}))'
_STUCK = 'count(runwatch_run_phase{phase=~"stalled|crashed|blind"}) or vector(0)'
_CRITICAL = 'count(runwatch_incident{severity="critical",state="firing"}) or vector(0)'
_FLEET = (
    Panel("Runs", (("sum(runwatch_runs)", "runs"),), kind="stat", width=6),
    Panel(
        "Daemons that answer",
        (('sum(up{job=~"$job"})', "up"), ('count(up{job=~"$job"})', "known")),
        kind="stat",
        width=6,
    ),
    Panel(
        "Critical incidents",
        ((_CRITICAL, ""),),
        kind="stat",
        width=6,
    ),
    Panel(
        "Runs that make no progress",
        ((_STUCK, ""),),
        kind="stat",
        width=6,
    ),
    Panel("Open incidents", ((f"runwatch_incident{{{FIRING}}}", ""),), kind=_TABLE, width=24),
    Panel("Progress", (("topk(50, runwatch_run_progress_ratio)", "{{host}} {{run}}"),), "percentunit"),
    Panel("Training loss", (("topk(50, runwatch_train_loss)", "{{host}} {{run}}"),)),
    Panel(
        "GPU utilization by node",
        (("avg by (host) (runwatch_gpu_utilization_ratio)", "{{host}}"),),
        "percentunit",
    ),
    Panel(
        "Step time by node of a job",
        (('runwatch_ranks_step_seconds{stat="median"}', "{{host}} {{run}}"),),
        "s",
    ),
)
_OF_RUN = (
    Panel("Phase", ((f"runwatch_run_phase{{{_RUN}}}", "{{phase}}"),), kind="stat", width=6),
    Panel("Step", ((f"runwatch_run_step{{{_RUN}}}", ""),), kind="stat", width=6),
    Panel("Remaining", ((f"runwatch_run_remaining_seconds{{{_RUN}}}", ""),), "s", "stat", 6),
    Panel(
        "Newest line", ((f"time() - runwatch_run_last_line_timestamp_seconds{{{_RUN}}}", ""),), "s", "stat", 6
    ),
    Panel(
        "Loss",
        (
            (f"runwatch_train_loss{{{_RUN}}}", "training"),
            (f"runwatch_validation_loss{{{_RUN}}}", "validation"),
        ),
    ),
    Panel("Gradient norm", ((f"runwatch_train_grad_norm{{{_RUN}}}", "{{run}}"),)),
    Panel(
        "Step time",
        (
            (f"runwatch_step_seconds{{{_RUN}}}", "{{run}}"),
            (f"runwatch_ranks_step_seconds{{{_RUN}}}", "{{stat}}"),
        ),
        "s",
    ),
    Panel(
        "Throughput",
        (
            (f"runwatch_tokens_per_second{{{_RUN}}}", "tokens"),
            (f"runwatch_samples_per_second{{{_RUN}}}", "samples"),
        ),
    ),
    Panel("Slowest ranks", ((f"topk(10, runwatch_rank_step_seconds{{{_RUN}}})", "rank {{rank}}"),), "s"),
    Panel(
        "Steps behind the first rank",
        ((f"{_FIRST} - bottomk(10, runwatch_rank_step{{{_RUN}}})", "rank {{rank}}"),),
    ),
    Panel("Open incidents", ((f"runwatch_incident{{{_RUN}}}", ""),), kind=_TABLE, width=24),
)
_OF_NODE = (
    Panel("GPU utilization", ((f"runwatch_gpu_utilization_ratio{{{_NODE}}}", "GPU {{gpu}}"),), "percentunit"),
    Panel("GPU memory", ((f"runwatch_gpu_memory_used_bytes{{{_NODE}}}", "GPU {{gpu}}"),), "bytes"),
    Panel("GPU power", ((f"runwatch_gpu_power_watts{{{_NODE}}}", "GPU {{gpu}}"),), "watt"),
    Panel("GPU temperature", ((f"runwatch_gpu_temperature_celsius{{{_NODE}}}", "GPU {{gpu}}"),), "celsius"),
    Panel("Runs", ((f"runwatch_run_step{{{_NODE}}}", "{{run}}"),)),
    Panel(
        "Lines read",
        (
            (f"rate(runwatch_lines_total{{{_NODE}}}[5m])", "read"),
            (f"rate(runwatch_lines_unrecognized_total{{{_NODE}}}[5m])", "unrecognized"),
        ),
    ),
    Panel(
        "CPU of the daemon",
        (
            (f"rate(process_cpu_seconds_total{{{_NODE}}}[5m])", "all"),
            (f"rate(runwatch_fold_seconds_total{{{_NODE}}}[5m])", "fold"),
        ),
        "percentunit",
    ),
    Panel("Memory of the daemon", ((f"process_resident_memory_bytes{{{_NODE}}}", ""),), "bytes"),
    Panel("Lag of the daemon", ((f"runwatch_loop_lag_seconds{{{_NODE}}}", ""),), "s"),
    Panel("Messages that wait", ((f"runwatch_messages_queued{{{_NODE}}}", ""),)),
)
_JOB = ("job", "label_values(up, job)")
_HOST = ("host", "label_values(runwatch_build_info, host)")
_ONE = ("run", 'label_values(runwatch_run_step{host=~"$host"}, run)')

NAMES: dict[str, tuple[str, Sequence[Panel], Sequence[tuple[str, str]]]] = {
    "fleet": ("runwatch: fleet", _FLEET, (_JOB,)),
    "run": ("runwatch: run", _OF_RUN, (_HOST, _ONE)),
    "node": ("runwatch: node", _OF_NODE, (_HOST,)),
}
"""Dashboard -> its title, panels and variables."""


def render(name: str) -> str:
    """Return a dashboard."""
    title, panels, variables = NAMES[name]
    body = {
        "title": title,
        "uid": f"runwatch-{name}",
        "tags": ["runwatch"],
        "schemaVersion": 38,
        "version": 1,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [_source(), *(_variable(*each) for each in variables)]},
        "panels": list(_placed(panels)),
    }
    return json.dumps(body, indent=2) + "\n"


def queries(name: str) -> list[str]:
    """Return the queries of a dashboard, for every value of its variables."""
    found = [query for panel in NAMES[name][1] for query, _ in panel.queries]
    return [query.replace("$host", ".*").replace("$run", ".*").replace("$job", ".*") for query in found]


def _source() -> dict[str, Any]:
    return {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Source"}


def _variable(name: str, query: str) -> dict[str, Any]:
    return {
        "name": name, "type": "query", "datasource": _SOURCE, "query": {"query": query, "refId": name},
        "definition": query, "refresh": 2, "includeAll": True, "multi": True, "sort": 1,
        "current": {"text": "All", "value": "$__all"}, "allValue": ".*",
    }  # fmt: skip


def _placed(panels: Iterable[Panel]) -> Iterable[dict[str, Any]]:
    x = y = 0
    for number, panel in enumerate(panels, 1):
        if x + panel.width > _WIDTH:
            x, y = 0, y + _HEIGHT
        yield {
            "id": number,
            "title": panel.title,
            "type": panel.kind,
            "datasource": _SOURCE,
            "gridPos": {"x": x, "y": y, "w": panel.width, "h": _HEIGHT},
            "fieldConfig": {"defaults": {"unit": panel.unit}, "overrides": []},
            "targets": [_target(panel, place, *query) for place, query in enumerate(panel.queries)],
        }
        x += panel.width


def _target(panel: Panel, place: int, query: str, legend: str) -> dict[str, Any]:
    table = {"format": "table", "instant": True} if panel.kind == _TABLE else {}
    return {"refId": chr(65 + place), "datasource": _SOURCE, "expr": query, "legendFormat": legend, **table}
