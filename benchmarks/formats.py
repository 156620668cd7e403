"""How fast each format is read, as a ratio to what a plain Python script would take.

For each format, lines as its programs print them (exemplars.py) with varied
numbers and 3 % of other lines among them; prefixed ones also behind a logging
stamp, behind `[rank0]:` and in color. A case is the name of a format. The baseline reads the same file line
by line and keeps the same numbers as floats:

- text lines: the format's own compiled regex for its training line, searched
  for in each line, then float() of each number it finds (a LinePattern's head,
  and its `name: value` fields where it has them). What a format reads with
  several lines in memory has no such regex: there that of readers.py counts.
- JSON lines: json.loads, then float() of each number.
- tables: csv.DictReader, then float() of each cell that holds a number.

CPU seconds, least of 2 runs. A bar of 0.25 means: four times as fast.
"""

from __future__ import annotations

import csv
import json
import os
import random
import re
import string
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from benchmarks import make_log, rows
from benchmarks.exemplars import EXEMPLARS, HEADERS
from benchmarks.readers import LOOPS
from benchmarks.rows import Row
from runwatch.parsers.body.matchers import ITEMS, DictPattern, LinePattern
from runwatch.parsers.formats import catalogue
from runwatch.parsers.stream import StreamParser
from runwatch.watcher.engine.check import BLOCK

LINES = 100_000
RUNS = 2
BARS = {"line": 0.25, "json": 0.67, "table": 1.0}
BASELINES = {"line": "its regex in a loop", "json": "json.loads", "table": "csv.DictReader"}
KINDS = {"line": "lines", "json": "JSON lines", "table": "tables"}
PREFIXES = {
    "stamp": "2030-01-02 03:04:05,678 - train - INFO - {}",
    "rank": "[rank0]:{}",
    "color": "\x1b[32m{}\x1b[39m",
}


def numbers(rng: random.Random, step: int) -> dict[str, Any]:
    """Return values for every field that an exemplar may name."""
    wobble = rng.random()
    return {
        "step": step,
        "total": LINES,
        "epoch": step // 1000,
        "epochs": LINES // 1000,
        "within": step % 1000,
        "within2": 640,
        "second": step % 60,
        "per": 1000,
        "rank": 0,
        "pct": 100 * (step % 1000) / 1000,
        "loss": 2.3 + 8.8 / (1 + step / 300) ** 0.7 + 0.02 * wobble,
        "norm": 0.5 + wobble,
        "small": 0.3 + 0.1 * wobble,
        "one": 0.01 * (step % 100),
        "lr": 3e-4 * (1 - step / (LINES + 1)),
        "ms": 997.0 + 8 * wobble,
        "rate": int(524288e3 / (997.0 + 8 * wobble)),
        "speed": 524288 / (0.9 + 0.3 * wobble),
        "mfu": 63.0 + wobble,
        "mem": 40.0 + wobble,
        "time": step / LINES * 3,
        "z": wobble - 0.5,
    }


def write(path: Path, name: str, prefix: str, records: int, noise: float) -> None:
    """Write a log of the format."""
    rng = random.Random(0)
    lines = [prefix.format(line) for line in EXEMPLARS[name]]
    template = "\n".join(lines) + "\n"
    template = re.sub(r"\{_", "{", template)
    with path.open("w", newline="") as log:
        if name in HEADERS:
            log.write(HEADERS[name] + "\n")
        for step in range(1, records + 1):
            if noise and rng.random() < noise:
                log.write(rng.choice(make_log.NOISE) + "\n")
            log.write(template.format(**numbers(rng, step)))


def pattern(template: str) -> re.Pattern[str]:
    """Return the regex of exactly this line, a group per number that is kept."""
    parts = []
    for text, field, spec, conversion in string.Formatter().parse(template):
        parts.append(re.sub(r"(?:\\ )+", lambda spaces: spaces[0], re.escape(text)))
        if field is None:
            continue
        number = r"[-+\d.,]+|nan|inf" if "," in (spec or "") else r"[-+\d.eE]+|nan|inf"
        padded = " *" if conversion is None and re.match(r"<?#?\d*[1-9]", spec or "") else ""
        parts.append(f"{padded}({'?:' if field.startswith('_') else ''}{number}) *" if padded else "")
        if not padded:
            parts[-1] = f"({'?:' if field.startswith('_') else ''}{number})"
    return re.compile("".join(parts).rstrip())


def by_regex(path: Path, name: str) -> int:
    """Read with the regex of the lines that hold numbers; return the rows of the last one."""
    patterns = [pattern(line.split("\n")[0].rstrip()) for line in EXEMPLARS[name] if "{" in line]
    tables: list[list[list[float]]] = [[[] for _ in range(p.groups)] for p in patterns]
    tried = list(zip([p.search for p in patterns], tables, strict=True))
    with path.open() as log:
        for line in log:
            for search, columns in tried:
                found = search(line)
                if found:
                    for column, text in zip(columns, found.groups(), strict=True):
                        column.append(float(text.replace(",", "")))
                    break
    return len(tables[-1][0])


def by_own_regex(path: Path, name: str) -> int:
    """Read with the regex of the format's training line; return the rows."""
    matcher = own_matcher(name)
    assert matcher is not None
    rows: list[list[float]] = []
    if isinstance(matcher, DictPattern):
        with path.open("rb") as log:
            for line in log:
                at = line.find(b"{'")
                if at >= 0:
                    rows.append([float(found[2]) for found in ITEMS.finditer(line, at)])
        return len(rows)
    colored = re.sub(rb"(?:\\s\*)?\$\Z", rb"(?:\\x1b\\[[\\d;]*m)?\\s*$", matcher._head.pattern)
    head, fields = re.compile(colored), matcher._fields
    value = 3 if matcher._has_units else 2
    with path.open("rb") as log:
        for line in log:
            found = head.search(line)
            if found is None:
                continue
            row = [float(text.replace(b",", b"")) for text in found.groups() if text is not None]
            if fields is not None:
                row += [float(m[value].replace(b",", b"")) for m in fields.finditer(line, found.end())]
            rows.append(row)
    return len(rows)


def by_loop(path: Path, name: str) -> int:
    """Read with the regexes of a format that runwatch has a reader for; return the lines found."""
    line, values = LOOPS[name]
    rows: list[list[float]] = []
    with path.open() as log:
        for text in log:
            found = line.search(text)
            if found is None:
                continue
            row = [float(number) for number in found.groups() if number is not None]
            if values is not None:
                row += [float(number) for _, number in values.findall(text, max(0, found.end() - 8))]
            rows.append(row)
    return len(rows)


def own_matcher(name: str) -> Any:
    """Return the matcher of a format's training line, or None if it has no regex of its own."""
    rng = random.Random(0)
    line = re.sub(r"\{_", "{", EXEMPLARS[name][0]).format(**numbers(rng, 7)).encode()
    for matcher in next(fmt for fmt in catalogue() if fmt.name == name).matchers:
        if isinstance(matcher, DictPattern) and matcher.match(line):
            return matcher
        if isinstance(matcher, LinePattern) and matcher.kind == "train" and matcher._head.search(line):
            return matcher
    return None


def by_json(path: Path, name: str) -> int:
    """Read with json.loads."""
    columns: dict[str, list[float]] = {}
    body, rows = EXEMPLARS[name][0].index("{"), 0
    with path.open() as log:
        for line in log:
            try:
                record = json.loads(line[body:])
            except ValueError:
                continue
            for key, value in _flat(record):
                columns.setdefault(key, []).append(value)
            rows += 1
    return rows


def _flat(record: dict[str, Any]) -> Iterator[tuple[str, float]]:
    for key, value in record.items():
        if isinstance(value, (int, float)):
            yield key, float(value)
        elif isinstance(value, dict):
            yield from _flat(value)


def by_csv(path: Path, name: str) -> int:
    """Read with csv.DictReader."""
    columns: dict[str, list[float]] = {}
    rows = 0
    with path.open(newline="") as log:
        for _ in range(HEADERS[name].count("\n")):
            next(log)
        for record in csv.DictReader(log, delimiter="\t" if "\t" in HEADERS[name] else ","):
            for key, text in record.items():
                try:
                    value = float(text)
                except ValueError:
                    continue
                columns.setdefault(key, []).append(value)
            rows += 1
    return rows


def by_runwatch(path: Path, name: str) -> int:
    """Read with runwatch: what a worker does."""
    parser, rows = StreamParser(), 0
    with path.open("rb", buffering=0) as log:
        while data := log.read(BLOCK):
            rows += sum(table.rows for table in parser.feed(data).tables if table.kind == "train")
    rows += sum(table.rows for table in parser.flush().tables if table.kind == "train")
    if parser.format != name:
        print(f"  ({name} was read as {parser.format})", file=sys.stderr)
    return rows


def cpu(work: Callable[[Path, str], int], path: Path, name: str) -> tuple[float, int]:
    """Return (least CPU seconds of RUNS calls, rows)."""
    best, rows = float("inf"), 0
    for _ in range(RUNS):
        begin = time.process_time()
        rows = work(path, name)
        best = min(best, time.process_time() - begin)
    return best, rows


def kind(name: str) -> str:
    """Return which baseline a format has."""
    if name.endswith(("csv", "tsv")):
        return "table"
    return "json" if '"' in EXEMPLARS[name][0] else "line"


def cases(names: list[str]) -> Iterator[tuple[str, str, str]]:
    """Yield (format, name of the prefix, prefix) of everything that is measured."""
    for fmt in catalogue():
        if fmt.name not in EXEMPLARS or (names and fmt.name not in names):
            continue
        yield fmt.name, "", "{}"
        if kind(fmt.name) == "line" and any(matcher.prefix for matcher in fmt.matchers):
            for label, prefix in PREFIXES.items():
                stamped = EXEMPLARS[fmt.name][0][:1] == "[" or "2030-" in EXEMPLARS[fmt.name][0]
                if label == "color" or not (stamped or fmt.alone):
                    yield fmt.name, label, prefix


def compared(name: str, label: str, prefix: str, lines: int, path: Path) -> Row:
    """Measure one format behind one prefix."""
    of = kind(name)
    write(path, name, prefix, lines // len(EXEMPLARS[name]), 0.0 if of == "table" else 0.03)
    spent, found = cpu(by_runwatch, path, name)
    own = of == "line" and own_matcher(name) is not None
    loop = by_loop if name in LOOPS else {"line": by_regex, "json": by_json, "table": by_csv}[of]
    base, expected = cpu(by_own_regex if own else loop, path, name)
    if found != expected and name not in LOOPS:
        print(f"  ({name} {label}: {found:,} rows, {expected:,} by the baseline)", file=sys.stderr)
    return Row(f"{name} {label}".strip(), spent, BASELINES[of], base, bar=BARS[of])


def measure(names: list[str], quick: bool) -> Iterator[Row]:
    """Measure every format, and sum them up by kind."""
    every: dict[str, list[Row]] = {of: [] for of in BARS}
    with tempfile.TemporaryDirectory() as place:
        for name, label, prefix in cases(names or (["nanochat", "json-stats", "csv"] if quick else [])):
            row = compared(name, label, prefix, 2_000 if quick else LINES, Path(place) / "formats.log")
            every[kind(name)].append(row)
            yield row
    for of, found in every.items():
        if found:
            yield rows.median(f"known formats of {KINDS[of]}, CPU, median", found)
            yield rows.slowest(f"known formats of {KINDS[of]}, CPU, slowest", found)


if __name__ == "__main__":
    rows.main(measure)
