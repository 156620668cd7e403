"""Watches small real trainings, live, with `tail` and with the daemon, and scores what each reported.

usage: python -m benchmarks.detection.real [--seed N] [--python PYTHON] [--only REGEX] [--jobs N]
       [--healthy] [--json FILE] [--keep DIR] [--write]

Seeds, and the step of each fault, are drawn from --seed; without one, from the clock. PYTHON is one
that has torch and the like, if this one has not; programs whose library it lacks are left out.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import random
import re
import subprocess
import sys
import tempfile
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.detection import report
from benchmarks.detection.real.cases import CASES, PROGRAMS, Case
from benchmarks.detection.real.launch import Launcher
from benchmarks.detection.real.programs.plan import Plan
from benchmarks.detection.real.score import Result, judge
from benchmarks.detection.real.table import table
from benchmarks.detection.real.watch import Daemon, Tail, Watcher

PATIENCE, CALM, LONGEST = 45.0, 9.0, 180.0
"""Seconds: in which a fault must be found, in which nothing may follow, and that a case may take."""


def plan(case: Case, seed: int, top: Path) -> Plan:
    """Draw the seed of a run and the step of its fault."""
    drawn = random.Random(zlib.crc32(case.name.encode()) + seed)
    at = int(case.steps * drawn.uniform(0.5, 0.75))
    return Plan(top / "run", case.event, case.steps, at, case.pause, drawn.randrange(10_000), 0)


def run(python: str, case: Case, seed: int, keep: Path | None = None) -> list[Result]:
    """Train, watch, and return what each watcher made of it; keep logs and states below `keep`."""
    with tempfile.TemporaryDirectory(prefix=f"{case.name}-") as name:
        top = Path(name) if keep is None else keep / case.name
        top.mkdir(parents=True, exist_ok=True)
        launcher = Launcher(python, case, plan(case, seed, top))
        watchers: list[Watcher] = [Tail(top), Daemon(top)]
        try:
            launcher.start()
            _wait(case, launcher, watchers, top)
        finally:
            for watcher in watchers:
                watcher.close()
            launcher.close()
        return [judge(case, type(w).__name__.lower(), w.reports, w.endings, top) for w in watchers]


def _wait(case: Case, launcher: Launcher, watchers: list[Watcher], top: Path) -> None:
    """Return once the run is over or both have found what is wrong, and some time passed."""
    began, over, settled = time.monotonic(), None, None
    while time.monotonic() < began + LONGEST:
        time.sleep(0.2)
        now = time.monotonic()
        over = over or (now if launcher.over else None)
        results = [judge(case, "", w.reports, w.endings, top) for w in watchers]
        found = case.healthy or all(result.cause for result in results)
        lasting = case.event.startswith(("stop", "blocked"))  # it never ends by itself
        known = lasting or (over and (watchers[0].endings or now > over + 2 * CALM))  # how it ended
        settled = settled or (now if found and known else None)
        if (settled and now > settled + CALM) or (over and now > over + PATIENCE):
            return


def installed(python: str) -> set[str]:
    """Return the libraries that a python can import, of those that the programs need."""
    code = "import importlib.util as u, sys; print(*[n for n in sys.argv[1:] if u.find_spec(n)])"
    names = sorted(set(PROGRAMS.values()))
    done = subprocess.run([python, "-c", code, *names], check=True, capture_output=True, text=True)
    return set(done.stdout.split())


def main() -> None:
    """Run all cases, and print or write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--only", default="", help="regular expression over names of cases")
    parser.add_argument("--healthy", action="store_true", help="only runs in which nothing is wrong")
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100_000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--json", type=Path, help="where to write every result")
    parser.add_argument("--keep", type=Path, help="a new directory in which logs and states are left")
    parser.add_argument("--write", action="store_true")
    chosen = parser.parse_args()
    known = installed(chosen.python)
    cases = tuple(case for case in CASES if re.search(chosen.only, case.name))
    cases = tuple(case for case in cases if case.healthy or not chosen.healthy)
    print(f"seed {chosen.seed}", flush=True)
    for program in sorted({case.program for case in cases if PROGRAMS[case.program] not in known}):
        print(f"left out: {program}, as {PROGRAMS[program]} is not installed", flush=True)
    cases = tuple(case for case in cases if PROGRAMS[case.program] in known)

    def one(case: Case) -> list[Result]:
        results = run(chosen.python, case, chosen.seed, chosen.keep)
        print(json.dumps({"case": case.name, "results": list(map(dataclasses.asdict, results))}), flush=True)
        return results

    with ThreadPoolExecutor(chosen.jobs) as pool:
        every = list(zip(cases, pool.map(one, cases), strict=True))
    text = table(every, chosen.seed)
    print(text)
    if chosen.json:
        rows = [{"case": c.name, "results": list(map(dataclasses.asdict, results))} for c, results in every]
        chosen.json.write_text(json.dumps(rows, indent=1))
    if chosen.write:
        report.write(text, "real")


if __name__ == "__main__":
    main()
