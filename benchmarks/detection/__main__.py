"""The detection benchmark: what is caught, how soon, and what is raised for nothing.

usage: python -m benchmarks.detection [--seeds N] [--shapes N] [--split dev|test|fresh] [--only NAME]
       [--minutes N] [--verbose] [--write]
       python -m benchmarks.detection --healthy [--seeds N] [--split dev|test|fresh]
       python -m benchmarks.detection --sweep [--seeds N] [--only NAME] [--write]
       python -m benchmarks.detection --corpus DIR [--write]
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures import TimeoutError as NotInTime
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from benchmarks.detection import corpus, report, sweep
from benchmarks.detection.faults import FAULTS
from benchmarks.detection.healthy import SHAPES
from benchmarks.detection.score import Outcome, judge_fault, judge_healthy

SPLITS = {"dev": 0, "test": 6_000_000, "fresh": 7_000_000}
"""First seed of each split: rules are tuned on dev, the published table is of test, fresh was run once."""


def _case(task: tuple[str, str, int]) -> dict[str, Outcome]:
    kind, name, seed = task
    return judge_fault(FAULTS[name], seed) if kind == "fault" else judge_healthy(name, seed)


def _tasks(
    first: int, seeds: int, only: str, *, healthy: bool = False, shapes: int | None = None
) -> list[tuple[str, str, int]]:
    """Return (kind, name, seed) of all runs; of a healthy shape `shapes` runs, else twice `seeds`.

    Every fault and shape comes once before any comes again, and shapes among faults: the first results are
    of all kinds.
    """
    tasks = []
    for kind, names, runs in (
        ("fault", FAULTS, 0 if healthy else seeds),
        ("healthy", SHAPES, shapes or 2 * seeds),
    ):
        for number, name in enumerate(names):
            tasks += [(seed, number / len(names), (kind, name, first + seed)) for seed in range(runs)]
    return [task for *_, task in sorted(tasks) if only in task[1]]


def _judge(tasks: list[tuple[str, str, int]], jobs: int, minutes: float) -> list[dict[str, Outcome]]:
    """Return the outcomes, in order, of the runs that `minutes` allow for; show each as it is known."""
    outcomes: list[dict[str, Outcome]] = []
    end = time.monotonic() + 60 * minutes
    with ProcessPoolExecutor(jobs) as pool:
        waiting = [pool.submit(_case, task) for task in tasks]
        try:
            for future in waiting:
                outcomes.append(future.result(max(0.0, end - time.monotonic())))
                shown = report.line(outcomes[-1]["runwatch"])
                print(f"{len(outcomes)} of {len(tasks)}: {shown}", file=sys.stderr, flush=True)
        except (NotInTime, KeyboardInterrupt):
            pool.shutdown(wait=False, cancel_futures=True)
    return outcomes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3, help="runs of each fault, twice that of each shape")
    parser.add_argument("--shapes", type=int, help="runs of each healthy shape, if not twice the seeds")
    parser.add_argument("--split", choices=sorted(SPLITS), default="dev")
    parser.add_argument("--only", default="", help="cases whose name contains this")
    parser.add_argument("--healthy", action="store_true", help="healthy runs alone, to bound false alarms")
    parser.add_argument(
        "--minutes", type=float, default=1e6, help="begin no run later, and show what is known"
    )
    parser.add_argument("--verbose", action="store_true", help="print every miss and false alarm")
    parser.add_argument("--sweep", action="store_true", help="every threshold x 0.5 to x 2, one at a time")
    parser.add_argument("--corpus", type=Path, metavar="DIR", help="the real logs of DIR/index.jsonl instead")
    parser.add_argument("--write", action="store_true", help="write the table into docs/detection.md")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    chosen = parser.parse_args()
    first = SPLITS[chosen.split]
    tasks = _tasks(first, chosen.seeds, chosen.only, healthy=chosen.healthy, shapes=chosen.shapes)
    begin = time.perf_counter()
    if chosen.corpus:
        text = corpus.table(chosen.corpus, chosen.jobs)
        print(text)
        if chosen.write:
            report.write(text, "corpus")
        return
    if chosen.sweep:
        tasks = _tasks(first, chosen.seeds, chosen.only, shapes=chosen.seeds)
        text = sweep.table(tasks, sweep.judge(tasks, chosen.jobs))
        print(text)
        if chosen.write:
            report.write(text, "sweep")
        return
    outcomes = _judge(tasks, chosen.jobs, chosen.minutes)
    text = report.table(outcomes, chosen.split, chosen.seeds)
    print(text)
    if chosen.verbose:
        print(report.troubles(outcomes))
    print(f"{len(outcomes)} of {len(tasks)} runs, {time.perf_counter() - begin:.0f} s")
    if chosen.write and len(outcomes) == len(tasks):
        report.write(text)


if __name__ == "__main__":
    main()
