"""docs/metrics.md, made from the table of metrics.

python -m runwatch.prometheus.docs > docs/metrics.md
"""

from __future__ import annotations

import sys

from runwatch.prometheus.table import PARTS

_HEAD = """\
# Metrics

`[metrics] listen = "127.0.0.1:9464"` in `runwatch.toml` makes the daemon answer `/metrics` for Prometheus,
and `/healthz` and `/readyz` for others. `[metrics] otlp` pushes the same series to an OpenTelemetry
collector. [Fleet](fleet.md) shows the way from there to alerts and dashboards.

Values are in base units: seconds, bytes, and ratios from 0 to 1. A value that is not known has no series.
Times are Unix times: subtract them from `time()`. All series have the label `host`. The label `job_id` of
`runwatch_run_info` is the same on all nodes of a run.

`[metrics] ranks` says which ranks have series of their own: `"all"`, or with `"summary"` only the slowest,
the one furthest behind and the one that was silent longest. Minimum, median and maximum over all ranks
(`stat`) are always there. A run that has ended keeps its series for `ended` seconds.

<!-- Made by `python -m runwatch.prometheus.docs` from the code: change it there. -->
"""


def render() -> str:
    """Return the whole page."""
    lines = [_HEAD.rstrip()]
    for title, common, metrics in PARTS:
        lines += [f"\n## {title}\n", f"Labels of all: {common}.\n"]
        lines += ["| metric | kind | labels | meaning |", "|---|---|---|---|"]
        for metric in metrics:
            own = ", ".join(metric.labels)
            lines.append(f"| `{metric.sample}` | {metric.kind.value} | {own} | {metric.help} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    sys.stdout.write(render())
