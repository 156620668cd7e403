"""How long the search for formats of other packages takes when no package has one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

from benchmarks import rows
from benchmarks.rows import Row

RUNS = 15
GROUP = "runwatch.no_package_has_this"
CHILD = f"""
import time
import runwatch.system.extensions
begin = time.perf_counter()
from {{}} import entry_points
entry_points(group={GROUP!r})
print(time.perf_counter() - begin)
"""


def seconds(module: str, runs: int) -> float:
    """Return the least seconds of a search in a fresh process."""
    command = [sys.executable, "-c", CHILD.format(module)]
    return min(float(subprocess.run(command, capture_output=True, check=True).stdout) for _ in range(runs))


def measure(_: list[str], quick: bool) -> Iterator[Row]:
    """Search both ways."""
    runs = 1 if quick else RUNS
    ours, theirs = (seconds(name, runs) for name in ("runwatch.system.extensions", "importlib.metadata"))
    yield Row("search for plugins", 1e3 * ours, "importlib.metadata", 1e3 * theirs, "ms", 0.1)


if __name__ == "__main__":
    rows.main(measure)
