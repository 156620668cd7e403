"""How well the end of recorded runs is foretold: logs whose lines print their time are run again.

usage: python benchmarks/eta.py PATH ...

Each log (PATH, or every file below it) is read until 10, 15, ... 90 % of its steps, as if it had
come that far and no further, and the time left is compared with what its last step took. The total
is taken as known. Of a log with several launches the longest is taken. The baseline is the usual
way: time so far, divided by steps so far, times steps left.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from runwatch.core.batch import EVAL, TRAIN, Batch
from runwatch.core.fold.eta import Pace, unwrapped
from runwatch.core.fold.rows import Rows
from runwatch.parsers.stream import StreamParser

Floats = NDArray[np.float64]
SHARES = [round(0.05 * n, 2) for n in range(2, 19)]
SHOWN = (0.25, 0.5, 0.75)
FEWEST = 50
LARGEST = 64 << 20


@dataclass(frozen=True)
class Recorded:
    """One run's moments, and where it was evaluated; all in the order of the log."""

    step: Floats
    time: Floats
    offset: Floats
    evaluated: Floats
    """Offsets of evaluations."""


def recorded(path: Path) -> Recorded | None:
    """Return the longest launch of a log; None if that is short, or its lines print no time."""
    parser = StreamParser()
    batches = (parser.feed(path.read_bytes()), parser.flush())
    rows = [Rows.of(Batch(0, 0, batch.tables), TRAIN) for batch in batches]
    step, time, offset = (
        np.concatenate([getattr(r, name) for r in rows]) for name in ("step", "time", "offset")
    )
    known = ~np.isnan(step) & ~np.isnan(time)
    step, time, offset = step[known], unwrapped(time[known], None), offset[known]
    back = np.flatnonzero((np.diff(step) < 0) | (np.diff(time) < 0)) + 1
    longest = max(np.split(np.arange(len(step)), back), key=len)
    if len(longest) < FEWEST:
        return None
    evals = np.concatenate([Rows.of(Batch(0, 0, batch.tables), EVAL).offset for batch in batches])
    return Recorded(step[longest], time[longest], offset[longest], np.sort(evals))


def judged(run: Recorded) -> dict[float, tuple[float, float, bool]]:
    """Return by share of the steps: error, that of the baseline, whether the end lay in the range."""
    result = {}
    total = run.step[-1]
    for share in SHARES:
        count = int(np.searchsorted(run.step, run.step[0] + share * (total - run.step[0])))
        pace = Pace()
        pace.observe(run.step[:count], run.time[:count])
        seen = run.evaluated[run.evaluated <= run.offset[count - 1]]
        marks = run.step[np.maximum(np.searchsorted(run.offset, seen) - 1, 0)]
        estimate = pace.estimate(float(run.step[count - 1]), float(total), marks.tolist())
        left = float(run.time[-1] - run.time[count - 1])
        if estimate is None or left <= 0:
            continue
        so_far = (run.time[count - 1] - run.time[0]) / max(1.0, run.step[count - 1] - run.step[0])
        usual = float(so_far * (total - run.step[count - 1]))
        inside = abs(estimate.seconds - left) <= estimate.half_width
        result[share] = (estimate.seconds / left - 1, usual / left - 1, inside)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("paths", type=Path, nargs="+", metavar="PATH")
    files = [
        f
        for path in parser.parse_args().paths
        for f in (sorted(path.rglob("*")) if path.is_dir() else [path])
    ]
    found, shares = [], ", ".join(f"{share:.0%}" for share in SHOWN)
    print(f"{'log':44} {'records':>8} {'hours':>6}  error at {shares}; in the range")
    for path in files:
        if not path.is_file() or os.path.getsize(path) > LARGEST:
            continue
        run = recorded(path)
        if run is None or not (result := judged(run)):
            continue
        found.append(result)
        shown = "".join(f"{result[share][0]:+8.1%}" if share in result else "       -" for share in SHOWN)
        inside = float(np.mean([row[2] for row in result.values()]))
        print(f"{path.name[-44:]:44} {len(run.step):8} {np.ptp(run.time) / 3600:6.1f} {shown}  {inside:5.0%}")
    for name, at in (("runwatch", 0), ("time so far", 1)):
        errors = [np.array([abs(r[share][at]) for r in found if share in r]) for share in SHOWN]
        shown = ", ".join(f"{np.median(e):.1%} (mean {np.mean(e):.1%})" for e in errors if len(e))
        print(f"{name}: median error at {shares} of {len(found)} runs: {shown}")
    if found:
        every = [row[2] for result in found for row in result.values()]
        print(f"the end was in the range in {np.mean(every):.0%} of {len(every)} moments (bar: 75 to 85 %)")


if __name__ == "__main__":
    main()
