"""Read public logs that were labeled blind, and say how much of what runwatch says of them is right.

usage: python -m benchmarks.public_logs DIR [--index FILE] [--only TEXT] [--jobs N] [--limit SECONDS]

FILE (public_logs.jsonl next to this one) has one log a line: `path` relative to DIR and `sha256`; `format`
(listed, home, trouble, or none for a text without training); `core` as in corpus.py; `ending`, the kinds of
its end that a careful reader would accept (cut_off: it just ends); `healthy`; and `troubles`, each with a
`kind`. Get the logs with fetch_logs.py. Each is read alone, as if it had been written a week ago.

What counts:
- step and losses: the last step, and the first and last training loss, of the last run with records;
- a failure (crash, oom, nan, hang) or a trouble of the curve is reported by a warning or critical of a rule
  that is about it, also where it is grouped under another incident; what a person or the scheduler stopped
  needs the right ending alone;
- any warning of a healthy log is false; of a log that just ends, that it ended so is debatable, and of a
  program that does not train, a warning that it failed: who watches it wants to know.

Prints what is wrong of each log, then the tables. A log that was looked at is tuning data from then on.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.corpus import differences
from benchmarks.detection.logs.kinds import BAD, CLAIMS, ENDS, FATAL, RULES, SIGNATURES
from benchmarks.detection.logs.labels import locate
from benchmarks.detection.logs.observe import observe_apart
from benchmarks.detection.logs.report import share
from runwatch.reports.explain.explain import WORDS

INDEX = Path(__file__).with_suffix(".jsonl")
WEEK = 7 * 86_400.0
FAILURES = frozenset({"crash", "oom", "nan", "hang"})
_ABOUT = {
    "crash": frozenset(ENDS) - {"hang"},
    "oom": RULES["out_of_memory"],
    "hang": RULES["stall"] | {"ended"},
    "flat": RULES["no_learning"] | RULES["plateau"] | RULES["zero_grad"] | RULES["zero_loss"],
    "reward_collapse": RULES["metric_collapse"] | RULES["no_learning"],
}
"""Kind of trouble of the index -> rules that are about it; other kinds are called as in `kinds`."""
_SIGNATURES = {
    "oom": SIGNATURES["out_of_memory"],
    "nan": SIGNATURES["nan"],
    "hang": SIGNATURES["stall"],
}
Row = dict[str, Any]


@dataclass(frozen=True)
class Said:
    """What runwatch says of one log."""

    runs: tuple[Row, ...] = ()
    certainty: str = ""
    error: str = ""
    """Why it was not read; "" if it was."""
    declined: bool = False


@dataclass(frozen=True)
class Verdict:
    """One log; `wrong` names the fields of `core` that are."""

    row: Row
    said: Said
    wrong: tuple[str, ...]
    details: tuple[str, ...]
    ended_right: bool
    reported: tuple[tuple[str, bool], ...]
    """Kind of each trouble, and whether it was reported."""
    false: tuple[Row, ...]
    """Warnings and criticals of a healthy log."""

    @property
    def right(self) -> bool:
        """Whether every field that the index judges is right."""
        return not self.wrong

    @property
    def learns_right(self) -> bool:
        """Whether step and losses are."""
        return all(field in ("steps.total", "validation") for field in self.wrong)


def read(log: Path, limit: float) -> Said:
    """Return what `check` and `formats` say of a log that is alone in its folder."""
    with TemporaryDirectory() as alone:
        copy = Path(alone) / log.name
        shutil.copyfile(log, copy)
        os.utime(copy, (time.time() - WEEK,) * 2)
        command = [sys.executable, "-m", "runwatch"]
        call = partial(subprocess.run, capture_output=True, timeout=limit, check=False, text=True)
        try:
            done = call([*command, "check", "--json", "--fail-on", "never", "--", str(copy)])
            formats = call([*command, "formats", "--json", str(copy)])
        except subprocess.TimeoutExpired:
            return Said(error=f"no answer within {limit:g} s")
    if done.returncode:
        return Said(
            error=done.stderr.strip() or f"exit code {done.returncode}", declined=done.returncode == 3
        )
    words = json.loads(formats.stdout)["files"][0]["certainty"]["words"] if formats.returncode == 0 else ""
    return Said(tuple(json.loads(done.stdout)["runs"]), words)


def judge(row: Row, log: Path, limit: float) -> Verdict:
    """Read a log and compare with its label."""
    said = read(log, limit)
    trained = [run for run in said.runs if run["steps"]["records"]]
    ending = (said.runs[-1].get("ending") or {}).get("kind") if said.runs else None
    open_end = "cut_off" in row["ending"] and ending not in CLAIMS
    ended_right = not said.error and (ending in row["ending"] or open_end)
    alarms = [i for run in said.runs for i in run["incidents"] if _is_alarm(i)]
    if row["format"] == "none":
        wrong = ["called a run"] if trained or (said.error and not said.declined) else []
        details = [f"called a run, {said.certainty}"] if wrong else []
        return Verdict(row, said, tuple(wrong), tuple(details), ended_right, (), tuple(alarms))
    if said.error:
        wrong, details = ["run"], [said.error]
    else:
        newest = (trained or said.runs)[-1:]  # of a run that has only begun, its bar says where it is
        found = list(differences(row["core"], newest[0] if newest else {}))
        wrong, details = [each.field for each in found], list(map(str, found))
    reported = list(_reported(row, log, alarms, ending, limit))
    if not ended_right:
        details.append(f"ending: expected {row['ending']}, got {ending}")
    details += [f"not reported: {kind}" for kind, was in reported if not was]
    false = tuple(alarms) if row["healthy"] else ()
    details += [f"false {i['severity']}: {i['rule']}: {i['title']}" for i in false]
    return Verdict(row, said, tuple(wrong), tuple(details), ended_right, tuple(reported), false)


def _is_alarm(incident: Row) -> bool:
    return incident["state"] != "pending" and incident["severity"] in ("warning", "critical")


def _reported(
    row: Row, log: Path, alarms: list[Row], ending: str | None, limit: float
) -> Iterator[tuple[str, bool]]:
    """Yield each trouble of a label, and whether it was reported."""
    grouped: list[Row] | None = None
    for kind in (trouble["kind"] for trouble in row["troubles"]):
        stopped = kind == "crash" and ending in BAD - FATAL and ending in row["ending"]
        if stopped or any(is_about(kind, alarm) for alarm in alarms):
            yield kind, True
            continue
        if grouped is None:
            seen = observe_apart(log, limit).incidents
            grouped = [
                {"rule": i.rule, "title": i.title, "evidence": {"signature": i.signature}}
                for i in seen
                if i.symptom and i.severity != "info"
            ]
        yield kind, any(is_about(kind, incident) for incident in grouped)


def is_about(kind: str, incident: Row) -> bool:
    """Return whether an incident may report a trouble of this kind."""
    if incident["rule"] == "crash" and kind in _SIGNATURES:
        return incident["evidence"].get("signature") in _SIGNATURES[kind]
    return kind == "other" or incident["rule"] in _ABOUT.get(kind, RULES.get(kind, ()))


def tables(verdicts: list[Verdict]) -> Iterator[str]:
    """Yield the lines of the report."""
    trained = [v for v in verdicts if v.row["format"] != "none"]
    yield _line("", "all fields", "step and losses")
    for name in dict.fromkeys(v.row["format"] for v in trained):
        of = [v for v in trained if v.row["format"] == name]
        yield _line(name, share(v.right for v in of), share(v.learns_right for v in of))
    for _, words in WORDS:
        of = [v for v in trained if v.said.certainty == words]
        yield _line(f"called {words}", share(v.right for v in of), share(v.learns_right for v in of))
    texts = [v for v in verdicts if v.row["format"] == "none"]
    called = ", ".join(v.said.certainty for v in texts if not v.right)
    yield _line("texts without training", share(v.right for v in texts), f"called a run: {called or 'none'}")
    yield _line("ends", share(v.ended_right for v in trained))
    healthy = [v for v in verdicts if v.row["healthy"]]
    yield _line("healthy, no warning", share(not v.false for v in healthy))
    yield _line("healthy, none critical", share(not any(map(_is_critical, v.false)) for v in healthy))
    false = [_is_debatable(v.row, incident) for v in healthy for incident in v.false]
    yield _line("false warnings", str(len(false)), f"of these debatable: {sum(false)}")
    reported = [each for v in verdicts for each in v.reported]
    failures = [each for each in reported if each[0] in FAILURES]
    curves = [each for each in reported if each[0] not in FAILURES]
    yield _line("failures reported", share(was for _, was in failures), _kinds(failures))
    yield _line("troubles of the curve", share(was for _, was in curves), _kinds(curves))


def _is_debatable(row: Row, incident: Row) -> bool:
    fails = row["format"] == "none" and incident["rule"] == "crash" and not _is_critical(incident)
    return fails or (incident["rule"] in ("ended", "hang") and "cut_off" in row["ending"])


def _is_critical(incident: Row) -> bool:
    return bool(incident["severity"] == "critical")


def _kinds(reported: Iterable[tuple[str, bool]]) -> str:
    """Return how many of each kind were reported."""
    counts = Counter(reported)
    found = {kind: counts[kind, True] for kind in sorted({kind for kind, _ in counts})}
    return ", ".join(f"{kind} {was} of {was + counts[kind, False]}" for kind, was in found.items())


def _line(*cells: str) -> str:
    return "{:24}{:40}{}".format(*cells, *("",) * (3 - len(cells))).rstrip()


def main() -> int:
    options = argparse.ArgumentParser(description="Compare what is said of public logs with their labels.")
    options.add_argument("folder", type=Path, metavar="DIR", help="directory with the logs")
    options.add_argument("--index", type=Path, default=INDEX, help="their labels")
    options.add_argument("--only", default="", help="only logs whose path holds this text")
    options.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="logs read at a time")
    options.add_argument("--limit", type=float, default=300.0, help="seconds that one log may take")
    given = options.parse_args()
    try:
        index = given.index.read_text("utf-8").splitlines()
    except OSError as error:
        options.error(f"no labels: {error.filename}: {error.strerror}")
    rows = [row for row in map(json.loads, filter(None, index)) if given.only in row["path"]]
    found = [(row, locate(row["path"], row["sha256"], [given.folder], _say)) for row in rows]
    logs = [(row, log) for row, log in found if log is not None]
    if not logs:
        options.error("no labeled log is wanted and there")
    with ThreadPoolExecutor(given.jobs) as pool:
        verdicts = list(pool.map(lambda log: judge(log[0], log[1], given.limit), logs))
    for verdict in verdicts:
        for detail in verdict.details:
            print(f"{verdict.row['path']}: {detail}")
    print("", *tables(verdicts), f"\n{len(logs)} of {len(rows)} labeled logs were read.", sep="\n")
    return 0


def _say(line: str) -> None:
    print(line, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
