"""Does a daemon know of logs at rest what `check` knows of the same bytes? Real processes, real files.

usage: python benchmarks/at_rest.py DIR [--stages N] [--most BYTES] [--seed N]

Every file below DIR grows in a folder of its own, in N stages that end anywhere, while `runwatch watch`
follows all of them. After each stage they rest, and of each the records, steps, totals and metrics in
`runwatch status --json` are compared with those of `runwatch check`. Prints what differs and a total;
exits with 0 if nothing does.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from runwatch.core.errors import SourceError
from runwatch.watcher.engine.check import check
from runwatch.watcher.engine.views.document import document

REST = 4.0
"""Seconds after which a log rests and is known."""
LIMIT = 60.0
"""Seconds after which what differs stays so."""
COMMAND = [sys.executable, "-m", "runwatch"]


def known(runs: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """Return what is compared of runs, by the path of their log."""
    answer: dict[str, list[Any]] = {}
    for run in runs:
        facts = {"steps": run["steps"], "metrics": run["metrics"], "format": run["format"]}
        answer.setdefault(run["sources"][0], []).append(facts)
    return answer


def expected(path: Path) -> list[Any]:
    """Return what `check` knows of a log; nothing if it finds no run."""
    try:
        engine = check([str(path)])
    except SourceError:
        return []
    return known(document(engine, time.time())["runs"]).get(str(path), [])


def status() -> dict[str, list[Any]]:
    """Return what the daemon knows."""
    done = subprocess.run([*COMMAND, "status", "--all", "--json"], capture_output=True, check=False)
    return known(json.loads(done.stdout)["runs"]) if done.stdout else {}


def differing(paths: list[Path]) -> Iterator[tuple[Path, Any, Any]]:
    """Yield the logs of which the daemon knows something else, and still does after a while."""
    wanted = {path: json.loads(json.dumps(expected(path))) for path in paths}
    until = time.monotonic() + LIMIT
    while True:
        answer = status()
        wrong = [path for path in paths if answer.get(str(path), []) != wanted[path]]
        if not wrong or time.monotonic() > until:
            yield from ((path, wanted[path], answer.get(str(path), [])) for path in wrong)
            return
        time.sleep(2.0)


def main() -> int:
    """Let logs grow and compare."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--stages", type=int, default=4)
    parser.add_argument("--most", type=int, default=1 << 20, help="bytes of each log")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    found = [path for path in sorted(options.corpus.rglob("*")) if path.is_file() and path.stat().st_size]
    with tempfile.TemporaryDirectory() as folder:
        os.environ["RUNWATCH_STATE"] = os.environ["XDG_CONFIG_HOME"] = os.path.join(folder, "state")
        logs: list[tuple[Path, bytes, list[int]]] = []
        for number, path in enumerate(found):
            data = path.read_bytes()[: options.most]
            cuts = sorted(rng.randrange(1, len(data) + 1) for _ in range(options.stages - 1))
            copy = Path(folder, f"{number:03}", path.name)
            copy.parent.mkdir()
            copy.write_bytes(b"")
            logs.append((copy, data, [0, *cuts, len(data)]))
        daemon = subprocess.Popen(
            [*COMMAND, "watch", *(str(log) for log, _, _ in logs)], stderr=subprocess.DEVNULL
        )
        wrong = 0
        try:
            for stage in range(options.stages):
                for log, data, cuts in logs:
                    with log.open("ab") as file:
                        file.write(data[cuts[stage] : cuts[stage + 1]])
                time.sleep(REST)
                for log, ours, theirs in differing([log for log, _, _ in logs]):
                    wrong += 1
                    print(f"stage {stage + 1}: {log.name}\n  check  {ours}\n  daemon {theirs}"[:1200])
        finally:
            daemon.terminate()
            daemon.wait()
    print(f"{len(logs)} logs, {options.stages} stages: {wrong} differ")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
