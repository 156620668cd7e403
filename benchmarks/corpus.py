"""Read every log of a corpus with `runwatch check --json` and say where its truth differs.

usage: python benchmarks/corpus.py DIR [--index FILE] [--jobs N] [--format NAME] [--only TEXT]
       [--limit SECONDS]

DIR/index.jsonl, or FILE, describes one log a line: `path` (relative to DIR), `format`, and `core`,
what a run of it must hold: `records`, `first_step`, `last_step`, `total_steps` (null: not
judged, but for `records`, where it is 0) and `metrics`, {canonical name: {"count",
"nonfinite", "first", "last", "min", "max"}}. A log without records may also be declined.
What `core` leaves out is not judged, and a list holds all values that a careful reader would accept.
With `"run": "last"` the last run of a log is meant, else the longest one. The metric `validation` has
only a `last` value, which may be that of any metric of `val/`; "nan" stands for NaN. Where no step is
printed, the number of records may be the last step.

Prints per format how many files are exact or wrong, and below it the first difference of
each wrong one. Exits with 0 if all are exact, 1 if any is wrong, 2 if there is no corpus.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TOLERANCE = 1e-9
"""Relative: a truth may have been scaled to our units by another order of operations."""
_STEPS = {"records": "records", "first_step": "first", "last_step": "last", "total_steps": "total"}
"""What the index calls the fields of `steps`."""
_SUMMARY = ("count", "nonfinite", "min", "max", "first", "last")
_VALIDATION = "validation"
Expected = float | str | list[float | str | None] | None
"""A number ("nan" for NaN), or those of which one is expected; null where none may be read."""


@dataclass(frozen=True)
class Difference:
    """What a log should have given and what it gave."""

    field: str
    expected: object
    got: object

    def __str__(self) -> str:
        return f"{self.field}: expected {self.expected}, got {self.got}"


@dataclass(frozen=True)
class Verdict:
    """One log of the corpus; exact if there are no differences."""

    path: str
    format: str
    differences: tuple[Difference, ...]
    detected: str | None = None


def judge(corpus: Path, row: dict[str, Any], limit: float) -> Verdict:
    """Check one log and compare."""
    core = row["core"]
    command = [sys.executable, "-m", "runwatch", "check", "--json", "--fail-on", "never", "--"]
    try:
        done = subprocess.run(
            [*command, str(corpus / row["path"])], capture_output=True, timeout=limit, check=False
        )
    except subprocess.TimeoutExpired:
        late = Difference("run", f"an answer within {limit:g} s", "none")
        return Verdict(row["path"], row["format"], (late,))
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip()
        declined = done.returncode == 3 and not core.get("records", True)
        found = () if declined else (Difference("run", "a document", f"exit code {done.returncode}: {said}"),)
        return Verdict(row["path"], row["format"], found)
    runs: list[dict[str, Any]] = [run for run in json.loads(done.stdout)["runs"] if run["steps"]["records"]]
    if core.get("run") == "last":
        runs = runs[-1:]
    run = max(runs, key=lambda run: run["steps"]["records"], default={})
    return Verdict(row["path"], row["format"], tuple(differences(core, run)), run.get("format"))


def differences(core: dict[str, Any], run: dict[str, Any]) -> Iterator[Difference]:
    """Yield where a run of `check --json` differs from the truth, steps first."""
    steps = run.get("steps", {})
    for key, name in _STEPS.items():
        expected, got = core.get(key), steps.get(name)
        if key == "records" and "records" in core:
            expected, got = expected or 0, got or 0
        if key == "last_step" and got is None and isinstance(expected, list):
            got = steps.get("records")  # where no step is printed, we say how many records there are
        if expected is not None and not same(expected, got):
            yield Difference(f"steps.{name}", expected, got)
    metrics = run.get("metrics", {})
    for metric, summary in core["metrics"].items():
        if metric == _VALIDATION:
            val = [each for name, each in metrics.items() if name.startswith("val/")]
            found = [each[end] for each in val for end in ("last", "newest") if end in each]
            if not any(same(summary["last"], last) for last in found or [None]):
                yield Difference(metric, summary["last"], found or "none")
        elif metric in metrics:
            yield from _metric_differences(metric, summary, metrics[metric])
        elif not all(same(summary[key], None) for key in _SUMMARY if key in summary):
            yield Difference(metric, f"{summary.get('count', 'some')} values", "none")


def _metric_differences(
    metric: str, summary: dict[str, Any], got: dict[str, float | str | None]
) -> Iterator[Difference]:
    """Yield where what is read of a metric differs."""
    keys = _SUMMARY[:4] if summary.get("nonfinite") else _SUMMARY  # nan first or last: by taste
    for key in keys:
        found = [got.get(key), *([got["newest"]] if key == "last" and "newest" in got else [])]
        if key in summary and not any(same(summary[key], each) for each in found):
            yield Difference(f"{metric}.{key}", summary[key], got.get(key))


def same(expected: Expected, got: float | str | None) -> bool:
    """Whether a number is expected, or is one of a list; NaN agrees with NaN, and nothing else with none.

    In JSON, a number that is not finite is a text.
    """
    if isinstance(expected, list):
        return any(same(each, got) for each in expected)
    if expected is None or got is None:
        return expected is got
    expected, got = float(expected), float(got)
    return (math.isnan(expected) and math.isnan(got)) or math.isclose(expected, got, rel_tol=TOLERANCE)


def report(verdicts: list[Verdict]) -> None:
    """Print the table."""
    by_format: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        by_format.setdefault(verdict.format, []).append(verdict)
    width = max(map(len, by_format), default=0)
    print(f"{'format':{width}}  files  exact  wrong")
    for name, judged in sorted(by_format.items()):
        wrong = [verdict for verdict in judged if verdict.differences]
        print(f"{name:{width}}  {len(judged):5}  {len(judged) - len(wrong):5}  {len(wrong):5}")
        for verdict in wrong:
            first, *others = verdict.differences
            more = f" (and {len(others)} more)" if others else ""
            print(f"  {verdict.path}: {first}{more}; read as {verdict.detected or 'nothing'}")
    exact = sum(not verdict.differences for verdict in verdicts)
    share = 100 * exact / len(verdicts)
    print(f"{'total':{width}}  {len(verdicts):5}  {exact:5}  {len(verdicts) - exact:5}   {share:.1f} % exact")


def main() -> int:
    options = argparse.ArgumentParser(description="Compare what is read with a corpus's truth.")
    options.add_argument("corpus", type=Path, help="directory with the logs")
    options.add_argument("--index", type=Path, help="what they hold, if not in its index.jsonl")
    options.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="logs read at a time")
    options.add_argument("--format", help="only logs of this format")
    options.add_argument("--only", default="", help="only logs whose path holds this text")
    options.add_argument("--limit", type=float, default=120.0, help="seconds that one log may take")
    given = options.parse_args()
    try:
        index = (given.index or given.corpus / "index.jsonl").read_text("utf-8").splitlines()
    except OSError as error:
        options.error(f"no corpus: {error.filename}: {error.strerror}")
    rows = [json.loads(line) for line in index if line.strip()]
    rows = [row for row in rows if given.only in row["path"] and given.format in (None, row["format"])]
    if not rows:
        options.error("no log of the corpus is wanted")
    with ThreadPoolExecutor(given.jobs) as pool:
        verdicts = list(pool.map(lambda row: judge(given.corpus, row, given.limit), rows))
    report(verdicts)
    return int(any(verdict.differences for verdict in verdicts))


if __name__ == "__main__":
    sys.exit(main())
