"""`make fuzz`: divides the time among the targets and says what was tried and found.

Inputs that reach something new are kept in build/fuzz and are where the next time begins. --keep chooses a
few of them for the repository.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

from .targets import NAMES

FOLDER = Path("build/fuzz")
LEAST = 10
"""Seconds for a target at least: it begins with the inputs that are there."""
_REACHED = re.compile(r"cov: (\d+) ft: (\d+) corp: (\d+)")
_ROW = "{:14} {:>10} {:>8} {:>8} {:>8} {:>9} {:>7}  {}"


def main() -> int:
    """Return 1 if anything was found."""
    options = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    options.add_argument("--seconds", type=int, default=300, help="for all targets together")
    options.add_argument("--jobs", type=int, default=2, help="processes at once")
    options.add_argument("--only", default="", help=f"names of targets: {' '.join(NAMES)}")
    options.add_argument(
        "--keep", action="store_true", help="choose inputs for tests/fuzz/seeds, and fuzz nothing"
    )
    given = options.parse_args()
    names = given.only.split() or list(NAMES)
    if unknown := [name for name in names if name not in NAMES]:
        options.error(f"no target {' '.join(unknown)}: there are {' '.join(NAMES)}")
    if given.keep:
        from .keeping import keep

        for name in names:
            print(f"{name}: {keep(name, FOLDER / 'corpus' / name)} bytes kept")
        return 0
    if find_spec("atheris") is None:
        options.error(
            "fuzzing needs atheris: pip install -e '.[fuzz]'; there are wheels for Python 3.11 to 3.13"
        )
    seconds = max(LEAST, given.seconds * given.jobs // len(names))
    print(_ROW.format("target", "executions", "CPU s", "per s", "lines", "features", "corpus", "findings"))
    with ThreadPoolExecutor(given.jobs) as jobs:
        return int(any(list(jobs.map(lambda name: _fuzz(name, seconds), names))))


def _fuzz(name: str, seconds: int) -> bool:
    """Fuzz one target and print what came of it; return whether anything was found."""
    figures, log = FOLDER / f"{name}.json", FOLDER / "logs" / name
    log.parent.mkdir(parents=True, exist_ok=True)
    figures.unlink(missing_ok=True)
    command = [sys.executable, "-m", "tests.fuzz.driver", name, str(seconds), str(FOLDER)]
    with log.open("wb") as output:
        done = subprocess.run(command, stdout=output, stderr=output, check=False)
    said = log.read_text(errors="replace")
    if not figures.exists():
        print(f"{name}: did not begin: see {log}")
        return True
    tried = json.loads(figures.read_text())
    found = [*tried["findings"].values(), *re.findall(r"Test unit written to (\S+)", said)]
    if done.returncode and not found:
        found = [f"ended with exit code {done.returncode}: see {log}"]
    cov, features, corpus = (_REACHED.findall(said) or [("", "", "")])[-1]
    pace = f"{tried['executions'] / max(tried['cpu'], 0.1):.0f}"
    row = (
        name,
        tried["executions"],
        f"{tried['cpu']:.0f}",
        pace,
        cov,
        features,
        corpus,
        " ".join(found) or "none",
    )
    print(_ROW.format(*row), flush=True)
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
