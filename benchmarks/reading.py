"""Every figure runwatch claims about itself, measured here and now.

usage: python benchmarks/run.py

Ratios are against a named baseline in the same run; machines differ, ratios less so.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import first_picture
import latency
import make_log

from runwatch.alerts.rules.ruleset import Ruleset
from runwatch.parsers.log import LogParser
from runwatch.watcher.engine.check import BLOCK, check

LINES = int(os.environ.get("LINES_OF_LOG", "1000000"))
RUNS = 3

_NUMBER = r"([\d.,]+|nan|inf)"
NAIVE = re.compile(
    rf"step (\d+)/(\d+) \(([\d.]+)%\) \| loss: {_NUMBER} \| lrm: {_NUMBER} \| dt: {_NUMBER}ms \| "
    rf"tok/sec: {_NUMBER} \| bf16_mfu: {_NUMBER} \| epoch: (\d+) pq: (\d+) rg: (\d+) \| "
    rf"total time: {_NUMBER}m(?: \| eta: {_NUMBER}m)?"
)


def naive(path: str) -> int:
    """Run the baseline: a per-line regex loop in plain Python that keeps the same numbers."""
    columns: list[list[float]] = [[] for _ in range(NAIVE.groups)]
    with Path(path).open() as log:
        for line in log:
            found = NAIVE.search(line)
            if found:
                for column, text in zip(columns, found.groups(), strict=True):
                    if text is not None:
                        column.append(float(text.replace(",", "")))
    return len(columns[0])


def parse(path: str) -> int:
    """Run the parser alone, with what a worker does: bytes to columns and events."""
    parser, rows = LogParser(), 0
    with Path(path).open("rb", buffering=0) as log:
        while data := log.read(BLOCK):
            rows += sum(table.rows for table in parser.feed(data).tables if table.kind == "train")
    return rows


def judge(path: str) -> int:
    """Run the whole of `check`: parsing, runs, series, every rule."""
    engine = check([path])
    return sum(watched.run.records for _, watched in engine.runs())


def judge_nothing(path: str) -> int:
    """Run `check` without a rule."""
    engine = check([path], Ruleset(rules=()))
    return sum(watched.run.records for _, watched in engine.runs())


def cpu(work: Callable[[str], int], path: str) -> tuple[float, int]:
    """Return (least CPU seconds of RUNS calls, rows)."""
    best, rows = float("inf"), 0
    for _ in range(RUNS):
        begin = time.process_time()
        rows = work(path)
        best = min(best, time.process_time() - begin)
    return best, rows


def peak_of_check(path: str) -> float:
    """Return the peak memory of `runwatch check PATH` in MB."""
    child = "import sys;from runwatch.watcher.engine.check import check;check([sys.argv[1]]);"
    child += "print(open('/proc/self/status').read())"  # getrusage would count what this process had
    done = subprocess.run([sys.executable, "-c", child, path], capture_output=True, text=True, check=True)
    return int(re.search(r"VmHWM:\s+(\d+)", done.stdout)[1]) / 1024


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        path = str(Path(place) / "speedrun.log")
        with Path(path).open("w") as log:
            log.writelines(line + "\n" for line in make_log.lines(LINES))
        size = Path(path).stat().st_size / 1e6
        print(f"log: {LINES:,} lines, {size:.0f} MB; least of {RUNS} runs, CPU seconds")
        parse(path)  # imports and page cache
        base, rows = cpu(naive, path)
        print(f"per-line regex loop      {base:7.2f} s   {rows:,} rows")
        took: dict[str, float] = {}
        for name, work, limit in (("parsing", parse, 0.2), ("check, all rules", judge, 0.5)):
            took[name], found = cpu(work, path)
            assert found == rows, (found, rows)
            print(f"{name:24} {took[name]:7.2f} s   {took[name] / base:.3f} of the loop (bar: {limit})")
        rules = took["check, all rules"] - cpu(judge_nothing, path)[0]
        print(f"all rules add            {rules:7.2f} s   {rules / took['parsing']:.3f} of parsing (bar: 1)")
        print(f"check, peak memory       {peak_of_check(path):7.0f} MB")
        first_picture.report(path, str(rows - 1), runs=RUNS)
        latency.report()


if __name__ == "__main__":
    main()
