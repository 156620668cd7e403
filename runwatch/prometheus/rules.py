"""Prometheus rules on the exported series: what needs several nodes to be seen, and one alert for each rule.

An alert has the name and the labels that it has when the daemon pushes it to an Alertmanager, so routes and
silences hold for both.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from runwatch.alerts.rules.catalogue import CATALOGUE
from runwatch.core.jobs import BEHIND, SLOW

BY_RUN = "on (instance, host, run) group_left (job_id)"
_OF_JOB = f'* {BY_RUN} runwatch_run_info{{job_id!=""}}'
_AGE = (  # by the clock of each node, however wrong it is
    "(runwatch_time_seconds - on (instance, host) group_right ()"
    ' runwatch_ranks_seen_timestamp_seconds{stat="max"})'
)
_TITLE = (
    "{{ with printf \"runwatch_incident_title_info{incident='%s'}\" .Labels.incident | query }}"
    "{{ (. | first).Labels.title }}{{ end }}"
)
SILENT = 600
"""Seconds for which a silent node has written nothing while others did."""


@dataclass(frozen=True, slots=True)
class Recording:
    """A series that Prometheus computes."""

    record: str
    expr: str


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert that Prometheus raises."""

    alert: str
    expr: str
    summary: str
    lasts: str = ""
    """For how long it has to hold."""
    labels: dict[str, str] = field(default_factory=dict)
    title: str = ""


RECORDINGS = (
    Recording(
        "host:runwatch_incidents:count", 'count by (host, severity) (runwatch_incident{state="firing"})'
    ),
    Recording(
        "job_id:runwatch_rank_step:max", f'max by (job_id) (runwatch_ranks_step{{stat="max"}} {_OF_JOB})'
    ),
    Recording(
        "job_id:runwatch_rank_step:min", f'min by (job_id) (runwatch_ranks_step{{stat="min"}} {_OF_JOB})'
    ),
    Recording(
        "job_id:runwatch_rank_step_seconds:median",
        f'quantile by (job_id) (0.5, runwatch_ranks_step_seconds{{stat="median"}} {_OF_JOB})',
    ),
    Recording("job_id:runwatch_rank_age_seconds:min", f"min by (job_id) ({_AGE} {_OF_JOB})"),
)
"""Over the nodes of each job."""


def _daemons(job: str) -> tuple[Alert, ...]:
    """Return the alerts about daemons; `job` is the name of their scrape job."""
    return (
        Alert("RunwatchDown", f'up{{job="{job}"}} == 0',
              "the daemon on {{ $labels.instance }} does not answer", "2m", {"severity": "critical"}),
        Alert("RunwatchAbsent", f'absent(up{{job="{job}"}})', "no daemon of runwatch is scraped",
              "10m", {"severity": "critical"}),
        Alert("RunwatchBlind", "runwatch_sources_unreadable > 0",
              "{{ $value }} logs on {{ $labels.host }} cannot be read", "10m", {"severity": "warning"}),
        Alert("RunwatchLate", "runwatch_loop_lag_seconds > 10",
              "the daemon on {{ $labels.host }} is {{ $value }} s late", "5m", {"severity": "warning"}),
        Alert("RunwatchErrors", "increase(runwatch_fold_errors_total[15m]) > 0",
              "the daemon on {{ $labels.host }} could not take in some of what it read", "",
              {"severity": "warning"}),
        Alert("RunwatchUndelivered", "runwatch_messages_queued > 0",
              "{{ $value }} messages of {{ $labels.host }} are not delivered", "15m",
              {"severity": "warning"}),
    )  # fmt: skip


_NODES = (
    Alert(
        "RunwatchSlowNode",
        f'(runwatch_ranks_step_seconds{{stat="median"}} {_OF_JOB})'
        f" > on (job_id) group_left () {SLOW} * job_id:runwatch_rank_step_seconds:median",
        "steps of job {{ $labels.job_id }} take {{ $value }} s on {{ $labels.host }}: its peers are quicker",
        "10m",
        {"severity": "warning"},
    ),
    Alert(
        "RunwatchNodeBehind",
        f'(runwatch_ranks_step{{stat="min"}} {_OF_JOB})'
        f" < on (job_id) group_left () job_id:runwatch_rank_step:max - {BEHIND}",
        "a rank of job {{ $labels.job_id }} on {{ $labels.host }} is at step {{ $value }}, behind its peers",
        "5m",
        {"severity": "warning"},
    ),
    Alert(
        "RunwatchSilentNode",
        f"({_AGE} {_OF_JOB}) > on (job_id) group_left () job_id:runwatch_rank_age_seconds:min + {SILENT}",
        "no rank of job {{ $labels.job_id }} on {{ $labels.host }} writes, while others do",
        "1m",
        {"severity": "critical"},
    ),
)


def _incidents() -> Iterator[Alert]:
    """Yield one alert for each rule, and one for the rules of users."""
    names = sorted(rule.name for rule in CATALOGUE)
    summaries = {rule.name: rule.summary for rule in CATALOGUE}
    for name in names:
        yield _incident(name, f'rule="{name}"', summaries[name])
    known = "|".join(names)
    yield _incident("own_rule", f'rule!~"{known}"', "A rule of your own fires.")


def _incident(name: str, matcher: str, summary: str) -> Alert:
    kept = "host, run, rule, severity, metric, rank, incident"
    expr = f'max by ({kept}) (runwatch_incident{{{matcher},state="firing",severity!="info"}}) > 0'
    said = summary[:1].lower() + summary[1:].rstrip(".")
    return Alert(name, expr, f"{{{{ $labels.run }}}} on {{{{ $labels.host }}}}: {said}", title=_TITLE)


def render(job: str = "runwatch") -> str:
    """Return a rule file; `job` is the name of the scrape job of the daemons."""
    lines = ["# Made by `runwatch prometheus rules`. Check it with: promtool check rules FILE", "groups:"]
    lines += ["  - name: runwatch-recordings", "    rules:"]
    for each in RECORDINGS:
        lines += [f"      - record: {each.record}", f"        expr: {_quoted(each.expr)}"]
    groups = {"daemons": _daemons(job), "nodes": _NODES, "incidents": tuple(_incidents())}
    for name, alerts in groups.items():
        lines += [f"  - name: runwatch-{name}", "    rules:"]
        for alert in alerts:
            lines += _alert(alert)
    return "\n".join([*lines, ""])


def _alert(alert: Alert) -> Iterator[str]:
    yield f"      - alert: {alert.alert}"
    yield f"        expr: {_quoted(alert.expr)}"
    if alert.lasts:
        yield f"        for: {alert.lasts}"
    if alert.labels:
        yield "        labels:"
        yield from (f"          {name}: {_quoted(value)}" for name, value in alert.labels.items())
    yield "        annotations:"
    yield f"          summary: {_quoted(alert.summary)}"
    if alert.title:
        yield f"          title: {_quoted(alert.title)}"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
