"""Mutation testing of a random sample: `make mutation [ONLY="rules tailer"] [SAMPLE=n] [SEED=n] [KINDS=..]`.

Prints each survivor with its line before and after, and a table of the areas with 95 % bounds (Wilson). A
mutant that runs out of time counts as killed, as a user would notice. Mutants that change nothing which can
be observed are listed in equivalent.txt with a reason, and left out.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import os
import random
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from benchmarks.detection.logs.report import wilson
from benchmarks.mutation import session
from benchmarks.mutation.areas import AREAS, ROOT, Area
from benchmarks.mutation.operators import Mutant, mutants

EQUIVALENT = Path(__file__).with_name("equivalent.txt")
HEAD = """
| area | mutants | tried | killed | of these timed out | survived | no test | killed (95 % bounds) |
|---|---:|---:|---:|---:|---:|---:|---|"""


def equivalent(text: str) -> set[tuple[str, str, str]]:
    """Return path, line before and line after of the mutants that cannot be observed."""
    found = set()
    for block in text.split("\n\n"):
        lines = [line for line in block.splitlines() if not line.startswith("#")]
        if lines:
            path, before, after, _reason = lines
            found.add((path, before.removeprefix("- "), after.removeprefix("+ ")))
    return found


def possible(area: Area, kinds: Sequence[str]) -> list[Mutant]:
    """Return all mutants of an area, of some kinds or of all."""
    found = [m for path in area.paths() for m in mutants(path, Path(path).read_text(encoding="utf-8"))]
    return [mutant for mutant in found if not kinds or mutant.kind in kinds]


def drawn(every: Sequence[Mutant], count: int, seed: int) -> list[Mutant]:
    """Return a random sample of the mutants that may be observed."""
    known = equivalent(EQUIVALENT.read_text(encoding="utf-8"))
    left = [m for m in every if (m.path, m.before, m.after) not in known]
    return random.Random(seed).sample(left, min(count, len(left)))


def row(name: str, every: int, results: Iterable[session.Result]) -> str:
    """Return a line of the table."""
    count = Counter(result.outcome for result in results)
    dead, tried = count[session.KILLED] + count[session.TIMED_OUT], count.total()
    low, high = wilson(dead, tried)
    cells = (
        name,
        every,
        tried,
        dead,
        count[session.TIMED_OUT],
        count[session.SURVIVED],
        count[session.UNTESTED],
    )
    share = f"{dead / max(tried, 1):.0%} ({low:.0%} to {high:.0%})"
    return "| " + " | ".join(map(str, [*cells, share])) + " |"


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.mutation", description=__doc__)
    parser.add_argument(
        "areas", nargs="*", help=f"which of {', '.join(area.name for area in AREAS)}; all by default"
    )
    parser.add_argument("--sample", type=int, default=100, help="mutants for each area")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=math.inf, help="for each area; fewer are tried then")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--kinds", nargs="*", default=[], help="constant, comparison, condition, ...; all by default"
    )
    parser.add_argument("--files", default="", help="only files whose path contains this")
    said = parser.parse_args()
    os.chdir(ROOT)
    areas = [area for area in AREAS if not said.areas or area.name in said.areas]
    rows = []
    for area in areas:
        every = [mutant for mutant in possible(area, said.kinds) if said.files in mutant.path]
        sample = drawn(every, said.sample, said.seed)
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as alone:  # a pytest session each
            run = alone.submit(session.run, sample, area.paths(), area.test_files(), said.jobs, said.minutes)
            results, failed = run.result()
        for test in failed:
            print(f"not used, it fails without a mutant: {test}")
        rows.append(row(area.name, len(every), results))
        print(rows[-1], flush=True)
    print(HEAD, *rows, sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
