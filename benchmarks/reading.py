"""How fast a long log is read and shown, and in how much memory.

The log has 1,000,000 lines of nanochat (164 MB). The baseline of what reads it is a loop in plain
Python with one regular expression per line that keeps the same numbers.
"""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from benchmarks import first_picture, latency, make_log, rows
from benchmarks.rows import Row, limit
from runwatch.alerts.rules.ruleset import Ruleset
from runwatch.parsers.log import LogParser
from runwatch.watcher.engine.check import BLOCK, check

LINES = 1_000_000
RUNS = 3
LOOP = "a regex per line"

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


def peak(work: str, path: str) -> float:
    """Return the peak memory in MB of a process that does one of the above."""
    child = f"import sys; from benchmarks.reading import {work}; {work}(sys.argv[1]); "
    child += "print(open('/proc/self/status').read())"  # getrusage would count what this process had
    done = subprocess.run([sys.executable, "-c", child, path], capture_output=True, text=True, check=True)
    return int(re.search(r"VmHWM:\s+(\d+)", done.stdout)[1]) / 1024


def size_of_report(path: str, report: str) -> float:
    """Return the megabytes of the HTML file about a log."""
    command = [sys.executable, "-m", "runwatch", "report", path, "-o", report]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return Path(report).stat().st_size / 1e6


_CHILD = """import os, subprocess, sys
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, used = os.wait4(process.pid, 0)
assert os.waitstatus_to_exitcode(status) == 0, sys.argv
print(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)
"""


def child(*arguments: str) -> tuple[float, float]:
    """Return CPU seconds and peak memory in MB of a command of runwatch in a process of its own.

    A small process starts it: what a process is forked from counts as its own peak, and this one is large.
    """
    command = [sys.executable, "-c", _CHILD, sys.executable, "-m", "runwatch", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    used, memory = map(float, done.stdout.split())
    return used, memory


def at_rest(path: str, place: str) -> Iterator[Row]:
    """Measure the other commands that read a whole log, next to `check`."""
    base = child("check", path)[0]
    exports = {"CSV": "a.csv", "JSON lines": "a.jsonl", "event files": "tb"}
    if importlib.util.find_spec("pyarrow") is not None:
        exports["Parquet"] = "a.parquet"
    for name, file in exports.items():
        flags = ("--as", "tensorboard") if name == "event files" else ()
        took, memory = child("export", path, *flags, "-o", f"{place}/{file}")
        yield Row(f"export as {name}, CPU", took, "check", base, bar=2.0)
        yield limit(f"export as {name}, peak memory", memory, 250, "MB")
    took, memory = child("report", path, "-o", f"{place}/r.html")
    yield Row("report, CPU", took, "check", base, bar=2.0)
    yield limit("report, peak memory", memory, 250, "MB")
    other = f"{place}/other.log"
    with open(path, "rb") as log, open(other, "wb") as copy:  # all at once would count as memory of a child
        copy.writelines(line.replace(b"loss: 2", b"loss: 2.0") for line in log)
    took, memory = child("compare", path, other, "-o", f"{place}/c.html")
    yield Row("compare of two logs, CPU", took, "check of both", child("check", path, other)[0], bar=2.0)
    yield limit("compare of two logs, peak memory", memory, 250, "MB")


def measure(_: list[str], quick: bool) -> Iterator[Row]:
    """Measure all of it on one log."""
    lines = 20_000 if quick else LINES
    with tempfile.TemporaryDirectory() as place:
        path, short = (str(Path(place) / name) for name in ("speedrun.log", "short.log"))
        for log, count in ((path, lines), (short, 1000)):
            Path(log).write_text("".join(line + "\n" for line in make_log.lines(count)))
        parse(path)  # imports and page cache
        base, expected = cpu(naive, path)
        took: dict[str, float] = {}
        for name, work, bar in (("parsing", parse, 0.2), ("check, with all rules", judge, 0.5)):
            took[name], found = cpu(work, path)
            assert found == expected, (found, expected)
            yield Row(f"{name}, CPU", took[name], LOOP, base, bar=bar)
        rules = took["check, with all rules"] - cpu(judge_nothing, path)[0]
        yield Row("all rules, CPU", rules, "parsing", took["parsing"], bar=1.0)
        yield Row("check, peak memory", peak("judge", path), LOOP, peak("naive", path), "MB", 0.5)
        yield limit("report, size of the HTML file", size_of_report(path, f"{place}/report.html"), 1.0, "MB")
        yield from at_rest(path, place)
        soon, memory = first_picture.median(path, expected - 1, 1 if quick else RUNS)
        at_once, _ = first_picture.median(short, naive(short) - 1, 1 if quick else RUNS)
        yield Row("tail, newest step shown", soon, "the same of 1,000 lines", at_once, bar=1.5)
        yield limit("tail, newest step shown, of any log", soon, 1.0)
        yield limit("tail, peak memory of all processes", memory, 160, "MB")
        log = Path(place) / "train.log"
        latency.begin(log)
        delays = latency.delays(log, ["tail", str(log)], 10 if quick else 100)
        yield limit("tail, from a NaN in the log to its incident", delays[int(0.99 * len(delays))], 0.25)


if __name__ == "__main__":
    rows.main(measure)
