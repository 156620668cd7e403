"""Watches real runs with a real `runwatch tail`, live, and says what was found.

usage: python -m benchmarks.detection.real [--framework numpy|torch] [--python PYTHON] [--only NAME]
       [--seed N] [--jobs N] [--write]

Minutes stand for days here, so that silences and slowdowns count after seconds. PYTHON is one that
has torch, if this one has not.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import re
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.detection import report

STEPS, AT = 360, 240
TRAIN = Path(__file__).with_name("train.py")
CONFIG = """
[rules.hang]
least = 6.0
unfamiliar = 6.0
longest = 2.0
[rules.step_time]
seconds = 2.0
[rules.throughput]
seconds = 1.0
[rules.silent_rank]
seconds = 6.0
[rules.ended]
settle = 3.0
"""
EXPECTED: dict[str, tuple[str, str]] = {
    "": ("", ""),
    "rate_too_high_at_start": ("divergence loss_spike nonfinite grad_spike never_learns", ""),
    "rate_too_high": ("divergence loss_spike nonfinite grad_spike lr_anomaly", "learning rate|rose|above"),
    "bad_batch": ("loss_spike grad_spike", "rose"),
    "fp16_overflow": ("nonfinite", "infinite|NaN"),
    "slow_loader": ("step_time throughput", "longer"),
    "blocked_read": ("hang", "no progress"),
    "slow_rank": ("straggler", "rank 3"),
    "stop": ("hang", "no progress"),
    "kill": ("ended crash", "SIGKILL|signal 9|killed|ended"),
    "memory_leak": ("crash", "MemoryError|memory|alloc"),
    "disk_full": ("crash", "File too large|disk|quota"),
    "truncated_checkpoint": ("checkpoint_broken", "damaged|truncated|short"),
    "crash_again": ("restart_loop", "restart"),
}
"""Fault -> (rules that tell it, what must be said)."""
FOLLOWS = frozenset(["crash", "ended", "hang", "resume", "restart_loop", "checkpoint_broken", "straggler"])
"""Rules whose findings are no false alarms in a run that breaks."""
PATIENCE = 45.0
"""Seconds after the end within which it must be found."""


@dataclass
class Found:
    """What was told of one run."""

    framework: str
    fault: str
    told: list[tuple[float, str, str, str]] = field(default_factory=list)
    """(seconds after the onset, rule, severity, text) in order."""
    caught: tuple[float, str, str, str] | None = None

    @property
    def wrong(self) -> list[tuple[float, str, str, str]]:
        """What should not have been told, at warning or above."""
        rules = set(EXPECTED[self.fault][0].split()) | (FOLLOWS if self.fault else set())
        early = -1.0 if self.fault != "rate_too_high_at_start" else -1e9
        return [t for t in self.told if t[2] != "info" and (t[1] not in rules or t[0] < early)]


def _start(python: str, place: Path, found: Found, seed: int, start: int = 0) -> subprocess.Popen[bytes]:
    command = [python, str(TRAIN), "--dir", str(place), "--framework", found.framework, "--seed", str(seed)]
    command += ["--steps", str(STEPS), "--fault", found.fault, "--start", str(start)]
    with (place / "train.log").open("ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, "OMP_NUM_THREADS": "1"})


def _reached(place: Path) -> bool:
    """Whether the log tells a step from the onset on."""
    for path in place.glob("*.log"):
        steps = re.findall(rb"step: (\d+)", path.read_bytes()[-20_000:])
        if steps and int(steps[-1]) >= AT - 1:
            return True
    return False


def watch(python: str, framework: str, fault: str, seed: int) -> Found:
    """Train, watch, and return what was told."""
    found = Found(framework, fault)
    with tempfile.TemporaryDirectory() as name:
        place = Path(name) / "run"
        place.mkdir()
        (Path(name) / "quick.toml").write_text(CONFIG)
        run = _start(python, place, found, seed)
        command = [sys.executable, "-m", "runwatch", "tail", str(place), "--wait", "--headless", "--json"]
        tail = subprocess.Popen(
            [*command, "--config", f"{name}/quick.toml"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "RUNWATCH_SLACK_WEBHOOK": "", "RUNWATCH_STATE": f"{name}/state"},
        )
        told: queue.Queue[dict[str, Any]] = queue.Queue()
        assert tail.stdout is not None
        lines = iter(tail.stdout.readline, b"")
        threading.Thread(target=lambda: [told.put(json.loads(line)) for line in lines], daemon=True).start()
        try:
            _follow(python, place, found, seed, run, told)
        finally:
            for process in (tail, run):
                if process.poll() is None:
                    process.terminate() if process is tail else process.kill()
                process.wait()
    return found


def _follow(
    python: str, place: Path, found: Found, seed: int, run: subprocess.Popen[bytes], told: queue.Queue[Any]
) -> None:
    onset, begin, launches, ended = None, time.monotonic(), 1, None
    rules, words = EXPECTED[found.fault]
    while time.monotonic() - begin < 90:
        now = time.monotonic()
        if onset is None and _reached(place):
            onset = now
        if run.poll() is not None and ended is None:
            if found.fault == "crash_again" and launches < 6:
                run = _start(python, place, found, seed, start=AT - 40)
                launches += 1
            else:
                ended = now
        try:
            item = told.get(timeout=0.1)
        except queue.Empty:
            item = {}
        if onset is None and item and _reached(place):
            onset = now
        if item.get("type") == "incident" and item["change"] in ("firing", "escalated"):
            body = item["incident"]
            text = f"{body['title']} | {body['cause']}"
            entry = (now - onset if onset else -1e6, body["rule"], body["severity"], text)
            found.told.append(entry)
            if found.caught is None and body["rule"] in rules.split() and re.search(words, text, re.I):
                found.caught = entry
        waits = PATIENCE if found.fault and found.caught is None else 4.0
        if (ended or 1e18) + waits < now or (onset or 1e18) + 2 * PATIENCE < now:
            return
    if run.poll() is None:
        run.kill()


def table(every: list[Found]) -> str:
    """Return what was found in each run, as Markdown."""
    lines = [
        "| framework | what happens | found by | says | seconds after | false alarms |",
        "|---|---|---|---|---|---|",
    ]
    for found in every:
        false = "; ".join(f"{rule}: {text}" for _, rule, _, text in found.wrong) or "0"
        if found.caught is None:
            cells = ["-", "nothing" if not found.fault else "**missed**", "-"]
        else:
            after, rule, severity, text = found.caught
            title = text.split(" | ")[0].replace("|", "/")[:90]
            cells = [f"{rule} ({severity})", title, f"{max(after, 0):.1f}" if after > -1e5 else "-"]
        name = found.fault.replace("_", " ") or "healthy"
        lines.append(f"| {found.framework} | {name} | {' | '.join(cells)} | {false} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--framework", choices=("numpy", "torch"), action="append")
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--only", default="")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--write", action="store_true")
    chosen = parser.parse_args()
    torch = subprocess.run([chosen.python, "-c", "import torch"], capture_output=True, check=False)
    frameworks = chosen.framework or ["numpy", *(["torch"] if torch.returncode == 0 else [])]
    cases = [(lib, fault) for lib in frameworks for fault in EXPECTED if chosen.only in fault]
    with ThreadPoolExecutor(chosen.jobs) as pool:
        every = list(pool.map(lambda case: watch(chosen.python, *case, chosen.seed), cases))
    text = table(every)
    print(text)
    if chosen.write:
        report.write(text, "real")


if __name__ == "__main__":
    main()
