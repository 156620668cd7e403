"""Compare the figures of `runwatch report --json` with the truth of a collection of logs.

usage: report_truth.py CORPUS [--runwatch COMMAND]

CORPUS/index.jsonl has a line for each log: its path, and under `core` its steps and, for each metric,
count, first, last, lowest and highest value and how many are not finite. Prints what differs; exits 0 if
nothing does.
"""

from __future__ import annotations

import argparse
import json
import math
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

COLUMNS = {"count": 1, "first": 2, "last": 3, "min": 4, "max": 6, "nonfinite": 8}
FACTS = {
    "records": "training records",
    "first_step": "first step",
    "last_step": "last step",
    "total_steps": "planned steps",
}


def stages(report: dict[str, Any]) -> list[dict[str, Any]]:
    """Return for each stage of a report its facts and the rows of its metrics."""
    found: list[dict[str, Any]] = []
    for section in report["sections"]:
        if section["id"] == "time":
            facts = {name: cell["value"] for name, cell in section["blocks"][0]["facts"]}
            found.append({"facts": facts, "metrics": {}})
        elif section["id"] == "metrics":
            rows = section["blocks"][0]["rows"]
            found[-1]["metrics"] = {row[0]["value"]: [cell["value"] for cell in row] for row in rows}
    return found


def near(one: float | None, two: float | None) -> bool:
    """Return whether two figures are the same, up to the scaling of units."""
    if one is None or two is None or math.isnan(one):
        return (one is None or math.isnan(one)) and two is None
    return abs(one - two) <= 1e-9 * max(abs(one), abs(two), 1e-300)


def differences(truth: dict[str, Any], stage: dict[str, Any]) -> list[str]:
    """Return what a report says otherwise than the truth."""
    out = []
    for key, name in FACTS.items():
        said, epoch = stage["facts"].get(name), stage["facts"].get("steps of an epoch")
        epoch_alone = name == "planned steps" and near(truth[key], epoch)
        if truth[key] is not None and not near(truth[key], said) and not epoch_alone:
            out.append(f"{name}: {said}, not {truth[key]}")
    for metric, want in truth["metrics"].items():
        row = stage["metrics"].get(metric)
        if row is None:
            out.append(f"{metric} is missing")
            continue
        for key, at in COLUMNS.items():
            if not (want["nonfinite"] and key in ("first", "last")) and not near(want[key], row[at]):
                out.append(f"{metric} {key}: {row[at]}, not {want[key]}")
    return out


def main() -> int:
    """Compare all logs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--runwatch", default="runwatch")
    options = parser.parse_args()
    wrong = logs = 0
    for line in (options.corpus / "index.jsonl").read_text().splitlines():
        entry = json.loads(line)
        command = [*shlex.split(options.runwatch), "report", "--json", str(options.corpus / entry["path"])]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        logs += 1
        if not done.stdout:
            found = [] if not entry["core"]["records"] and done.returncode == 3 else [done.stderr.strip()]
        else:
            all_stages = [each for report in json.loads(done.stdout)["reports"] for each in stages(report)]
            main_stage = max(all_stages, key=lambda each: each["facts"]["training records"])
            found = differences(entry["core"], main_stage)
        wrong += bool(found)
        for text in found:
            print(f"{entry['path']}: {text}")
    print(f"{logs - wrong} of {logs} reports agree with the truth")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
