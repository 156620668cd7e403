"""Small real training runs whose faults really happen (those of `runwatch demo`), read as files.

Minutes stand for days here, so a slowdown has to last for seconds only.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from runwatch.alerts.rules.ruleset import Ruleset
from runwatch.demo.faults import FAULTS
from runwatch.watcher.check import check

EXPECTED = {
    "nan": {"nonfinite"},
    "spike": {"loss_spike", "grad_spike"},
    "hang": {"hang"},
    "slow": {"step_time", "throughput"},
    "crash": {"crash"},
}
STEPS = 500
_QUIET = 15.0
"""Seconds without a line after which a run that hangs is ended."""


def train(place: Path, fault: str | None, seed: int) -> Path:
    """Run the demo's training to its end, or until it hangs; return its log."""
    log = place / f"{fault or 'healthy'}-{seed}.log"
    command = [sys.executable, "-m", "runwatch.demo.train", "--dir", str(place), "--seed", str(seed)]
    command += ["--steps", str(STEPS), "--step-seconds", "0.02"]
    command += ["--fault", fault, "--fault-at", "0.5"] if fault else []
    with log.open("wb") as out:
        run = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env={**os.environ})
        size, since = 0, time.monotonic()
        while run.poll() is None:
            time.sleep(0.25)
            if log.stat().st_size != size:
                size, since = log.stat().st_size, time.monotonic()
            if time.monotonic() - since > _QUIET:
                run.kill()
        run.wait()
    return log


def table(seed: int) -> str:
    """Return what was found in each run, as Markdown."""
    lines = ["| real run | found, first cause first | as expected |", "|---|---|---|"]
    with tempfile.TemporaryDirectory() as place:
        for fault in (None, *FAULTS):
            log = train(Path(place), fault, seed)
            engine = check([str(log)], Ruleset({"step_time": {"seconds": 2.0}}), now=time.time() + 1e6)
            rows = [row for _, watched in engine.runs() for row in watched.incidents.rows()]
            rows = [
                row for row in rows if row.severity != "info" or row.rule in EXPECTED.get(fault or "", ())
            ]
            said = "; ".join(f"{row.rule}: {row.title}" for row in rows) or "nothing"
            rules = {row.rule for row in rows}
            right = bool(rules & EXPECTED[fault]) if fault else not rules
            lines.append(f"| {fault or 'healthy'} | {said} | {'yes' if right else 'no'} |")
    return "\n".join(lines)
