"""Every performance claim of the documentation in one table, next to its baseline: `make bench`.

Ratios are against a baseline of the same run; machines differ, ratios less so. Exits with 1 if a
ratio is above its bar or, measured twice, 15 % above the one that was kept last (guard.py), or if a row
or a baseline is missing.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.util
import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import guard, rows
from benchmarks.claims import SECTIONS, Section
from benchmarks.rows import Row
from runwatch import __version__

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "performance.md"
INTRO = """# Performance

This page is made by `make bench WRITE=1`, which anyone can run. {machine}

A ratio compares the measured value with a baseline of the same run: a program that does the same,
or a limit that we set. Less is better. *Bar* is the greatest ratio that `make bench` accepts; above
it, the claim counts as missed. CPU is in seconds unless a unit says otherwise.
"""


def missing(sections: Sequence[Section]) -> list[str]:
    """Return the baselines that are not installed."""
    needed = {name: section.title for section in sections for name in section.needs}
    return [
        f"the baseline {name} of '{title}' is not installed: pip install '.[wandb,bench]'"
        for name, title in needed.items()
        if importlib.util.find_spec(name) is None
    ]


def measured(section: Section, quick: bool) -> dict[str, Row]:
    """Run the benchmark of a section in a process of its own; return its rows by name."""
    command = [sys.executable, "-m", f"benchmarks.{section.benchmark}", "--json", *["--quick"] * quick]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, check=False)
    found = [Row(**json.loads(text)) for text in done.stdout.splitlines()]
    return {row.what: row for row in found}


def machine(load: float) -> str:
    """Return one or two sentences about what this was measured on."""
    info = Path("/proc/cpuinfo").read_text()
    model = re.search(r"model name\s*:\s*(.+)", info)
    cpu = model[1].strip() if model else platform.machine()
    cores, day = os.cpu_count() or 1, datetime.datetime.now(datetime.timezone.utc).date()
    said = f"It was measured on {day} on {cores} cores ({cpu}) with Python {platform.python_version()}."
    if load > cores / 2:
        said += f" The machine was busy (load {load:.1f}): times by the clock are too long."
    return said


def page(found: dict[str, Row], load: float) -> str:
    """Return docs/performance.md."""
    parts = [INTRO.format(machine=machine(load))]
    for section in SECTIONS:
        table = [rows.HEAD, ("---", "---:", "---", "---:", "---:", "---:", "---")]
        table += [rows.cells(found[what]) for what in section.rows]
        lines = "\n".join("| " + " | ".join(cells) + " |" for cells in table)
        parts.append(f"## {section.title}\n\n{section.text}\n\n{lines}\n")
    return "\n".join(parts)


def main() -> int:
    """Measure, print the table, and write the page if asked to."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes: the figures mean nothing")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.relative_to(ROOT)}")
    parser.add_argument("names", nargs="*", metavar="BENCHMARK", help="only these")
    chosen = parser.parse_args()
    if chosen.write and (chosen.quick or chosen.names):
        parser.error("--write needs all benchmarks at full size")
    sections = [section for section in SECTIONS if section.benchmark in chosen.names or not chosen.names]
    if problems := missing(sections):
        print("\n".join(f"MISSING: {problem}" for problem in problems), file=sys.stderr)
        return 1
    found: dict[str, Row] = {}
    load = os.getloadavg()[0]
    print(rows.line(rows.HEAD))
    kept = {} if chosen.quick else guard.newest()
    for section in sections:
        found |= measured(section, chosen.quick)
        here = [found[what] for what in section.rows if what in found]
        if guard.losses(here, kept):  # be it that something disturbed it: once more
            again = measured(section, chosen.quick)
            found |= {row.what: guard.better(row, again.get(row.what, row)) for row in here}
        for what in section.rows:
            shown = rows.line(rows.cells(found[what])) if what in found else f"MISSING: {what}"
            print(shown if what not in found or found[what].bar else f"{shown} MISSING: a bar", flush=True)
    claimed = [what for section in sections for what in section.rows]
    lost = [what for what in claimed if what not in found or not found[what].bar]
    high = [what for what in claimed if what in found and not found[what].met]
    worse = guard.losses((found[what] for what in claimed if what in found), kept)
    print("".join(f"{loss}\n" for loss in worse), end="")
    print(
        f"{len(claimed)} claims: {len(high)} above the bar, {len(lost)} not measured,"
        f" {len(worse)} worse than before"
    )
    if chosen.write and not lost:
        PAGE.write_text(page(found, load))
        guard.keep((found[what] for what in claimed), __version__)
    return 1 if lost or ((high or worse) and not chosen.quick) else 0


if __name__ == "__main__":
    sys.exit(main())
