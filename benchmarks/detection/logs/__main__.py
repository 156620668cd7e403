"""Compares detection with labelled public logs.

usage: python -m benchmarks.detection.logs DIR [--files DIR2] [--part tune|validation|test] [--only WORDS]
       [--jobs N] [--limit SECONDS] [--json FILE] [--write]

DIR holds index files, *.jsonl, one label a line (`labels.Label`); its paths are relative to DIR or DIR2.
Prints every disagreement as path:line, then the tables; --write puts these into docs/detection.md.
"""

from __future__ import annotations

import argparse
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from benchmarks.detection.logs import labels, report
from benchmarks.detection.logs.observe import observe_apart
from benchmarks.detection.logs.score import Result, judge
from benchmarks.detection.report import write


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare detection with labelled public logs.")
    parser.add_argument("folder", type=Path, metavar="DIR", help="folder with the index files")
    parser.add_argument(
        "--files", type=Path, action="append", default=[], help="folder of the logs, if another"
    )
    parser.add_argument("--part", choices=labels.PARTS, help="logs of this part only")
    parser.add_argument("--only", default="", help="logs whose path, source or program holds this")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="logs read at a time")
    parser.add_argument("--limit", type=float, default=300.0, help="seconds that one log may take")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every judgement to this file")
    parser.add_argument("--write", action="store_true", help="write the tables into docs/detection.md")
    given = parser.parse_args()
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    chosen = [
        label
        for label in labels.read(given.folder, _say)
        if given.part in (None, labels.part_of(label))
        and given.only.lower() in f"{label.path} {label.source} {label.program}".lower()
    ]
    folders = [given.folder, *given.files]
    found = [(label, labels.locate(label.path, label.sha256, folders, _say)) for label in chosen]
    logs = [(label, path) for label, path in found if path is not None]
    if not logs:
        parser.error(f"no labelled log is wanted and there: {given.folder}/*.jsonl")

    def one(log: tuple[labels.Label, Path]) -> Result:
        label, path = log
        return judge(str(path), labels.part_of(label), label, observe_apart(path, given.limit))

    with ThreadPoolExecutor(given.jobs) as pool:
        results = list(pool.map(one, logs))
    print(*report.disagreements(results), sep="\n")
    text = report.tables(results)
    print(f"\n{text}\n\n{len(results)} of {len(chosen)} labelled logs were read.")
    if given.json:
        given.json.write_bytes(msgspec.json.format(msgspec.json.encode(results)))
    if given.write:
        write(text, "logs")


def _say(line: str) -> None:
    print(line, file=sys.stderr)


if __name__ == "__main__":
    main()
