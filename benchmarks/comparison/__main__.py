"""Judge `runwatch compare` on small real trainings whose truth is known.

usage: python -m benchmarks.comparison [--seeds N] [--steps N] [--keep DIR]

Of each configuration N seeds are trained (15 give 105 pairs). Their logs, of two formats, are read as
`runwatch compare` reads them, and each pair is compared.

- One seed twice: no difference may be claimed.
- Seeds of one configuration: of 100 pairs 95 or more are within noise, in training and validation loss.
- A better learning rate, a planted bug: found. The learning rate is named as the cause. No configuration
  shows the bug, so no setting is named.
- Two settings changed: no cause is named.

Prints a line for each and exits with 0 if all hold.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from benchmarks.comparison.train import EVERY, Setting, Trained, train
from runwatch.reports.comparison.compare import HIGHER, IDENTICAL, NO_DIFFERENCE, Pair, compare
from runwatch.reports.comparison.phrases import cause
from runwatch.reports.evidence import RunEvidence, gather
from runwatch.watcher.engine.check import check

ENOUGH = 0.95
FEW = 5
"""Seeds of what differs from the base."""


@dataclass(frozen=True)
class Line:
    """One thing that must hold."""

    what: str
    right: int
    of: int
    least: float
    note: str = ""

    @property
    def holds(self) -> bool:
        """Whether it does."""
        return self.right >= self.least * self.of

    def __str__(self) -> str:
        """Return it as a line."""
        return f"{'ok  ' if self.holds else 'FAIL'} {self.what:48} {self.right:4} of {self.of:<4} {self.note}"


def read(setting: Setting, trained: Trained, seed: int, at: int, folder: Path) -> RunEvidence:
    """Write a run's log and configuration, and read them as the command does."""
    folder.mkdir(parents=True)
    known = {name: value for name, value in asdict(setting).items() if name != "bug"}
    (folder / "config.json").write_text(json.dumps({**known, "seed": seed}))
    write = _as_text if at % 2 else _as_records
    log = folder / ("train.log" if at % 2 else "metrics.jsonl")
    log.write_text("".join(write(trained, at)))
    os.utime(log, (time.time() - 86_400.0,) * 2)
    now = time.time()
    return gather(check([str(folder)], now=now), now)[0]


def _as_records(trained: Trained, at: int) -> Iterator[str]:
    for step, (loss, rate) in enumerate(zip(trained.train[at], trained.rates, strict=True), 1):
        record = {"step": step, "loss": round(float(loss), 5), "lr": float(f"{rate:.5g}")}
        yield json.dumps(record) + "\n"
        if step % EVERY == 0:
            held_out = round(float(trained.held_out[at, step // EVERY - 1]), 5)
            yield json.dumps({"step": step, "val_loss": held_out}) + "\n"


def _as_text(trained: Trained, at: int) -> Iterator[str]:
    for step, loss in enumerate(trained.train[at], 1):
        yield f"iter {step}: loss {loss:.4f}, time {11 + step % 3:.2f}ms, mfu 2.00%\n"
        if step % EVERY == 0:
            mean = trained.train[at, step - EVERY : step].mean()
            held_out = trained.held_out[at, step // EVERY - 1]
            yield f"step {step}: train loss {mean:.4f}, val loss {held_out:.4f}\n"


def pair(left: RunEvidence, right: RunEvidence) -> Pair:
    """Compare two runs."""
    return compare([left, right], ["A", "B"]).pairs[0]


def seeds_of(what: str, runs: Sequence[RunEvidence]) -> Iterator[Line]:
    """Yield whether pairs of seeds are within noise."""
    pairs = [pair(*each) for each in combinations(runs, 2)]
    same = sum(each.verdict == NO_DIFFERENCE for each in pairs)
    halves = [each.gaps["step"].half for each in pairs]
    level = np.mean([each.gaps["step"].level for each in pairs])
    yield Line(
        f"{what}: seeds, training loss", same, len(pairs), ENOUGH, f"± {np.mean(halves):.3f} of {level:.2f}"
    )
    gaps = [gap for each in pairs if (gap := each.evaluations.get("val/loss")) is not None]
    within = sum(not gap.real for gap in gaps)
    half = f"± {np.mean([gap.half for gap in gaps]):.3f}" if gaps else ""
    yield Line(f"{what}: seeds, validation loss", within, len(gaps), ENOUGH, half)


def main() -> int:
    """Train, compare, print; return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=15)
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--keep", type=Path, help="write the logs here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        lines = []
        for line in judge(options.keep or Path(folder), options.seeds, options.steps):
            print(line, flush=True)
            lines.append(line)
    return 0 if all(line.holds for line in lines) else 1


def judge(folder: Path, seeds: int, steps: int) -> Iterator[Line]:
    """Yield all lines."""

    def runs(name: str, setting: Setting, numbers: Sequence[int]) -> list[RunEvidence]:
        trained = train(setting, list(numbers))
        return [
            read(setting, trained, seed, at, folder / f"{name}-{seed}") for at, seed in enumerate(numbers)
        ]

    base = Setting(steps=steps)
    settings = {
        "adam, cosine": base,
        "adam, constant rate": base.other(schedule="constant", lr=1e-3),
        "sgd": base.other(optimizer="sgd", lr=0.1),
        "few data": base.other(sequences=300),
        "large batch": base.other(batch_size=128),
    }
    first: list[RunEvidence] = []
    for name, setting in settings.items():
        found = runs(name, setting, range(seeds))
        first = first or found
        yield from seeds_of(name, found)
    again = runs("again", base, range(FEW))
    twice = [pair(left, right) for left, right in zip(first, again, strict=False)]
    yield Line("one seed twice", sum(each.verdict == IDENTICAL for each in twice), len(twice), 1.0)
    others = range(100, 100 + FEW)
    changed = {
        "a better learning rate": (base.other(lr=3e-4), "likely cause"),
        "bug: detached": (base.other(bug="detached"), "look at code"),
        "bug: wrong normalization": (base.other(bug="wrong normalization"), "look at code"),
        "two settings": (base.other(lr=3e-4, batch_size=64), "cannot be attributed"),
    }
    for name, (setting, words) in changed.items():
        worse = runs(name, setting, others)
        pairs = [pair(left, right) for left in first[:FEW] for right in worse]
        right = sum(
            each.verdict == HIGHER and words in cause(each.differences, differs=each.differs)
            for each in pairs
        )
        gap = np.mean([each.gaps["step"].value for each in pairs])
        yield Line(f"{name}: found, {words!r}", right, len(pairs), 1.0, f"by {gap:.3f}")


if __name__ == "__main__":
    sys.exit(main())
