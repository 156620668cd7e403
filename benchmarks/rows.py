"""What every benchmark reports: rows of a measured value next to that of a named baseline.

Less is better in every row. A ratio of 0.2 means: a fifth of the baseline. A benchmark is run with
`python -m benchmarks.NAME [--quick] [--json] [CASE ...]`; all of them together with `make bench`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace

LIMIT = "our limit"


@dataclass(frozen=True)
class Row:
    """One measurement."""

    what: str
    value: float
    baseline: str
    """What it is compared with: a program that does the same, measured in the same run, or a limit."""
    reference: float
    """The same measurement of the baseline."""
    unit: str = "s"
    bar: float | None = None
    """The greatest ratio that is good enough; None if nothing is claimed."""

    @property
    def ratio(self) -> float:
        """Return the value as a part of the baseline's."""
        return self.value / self.reference if self.reference else float("inf")

    @property
    def met(self) -> bool:
        """Whether the ratio is good enough; a ratio that is NaN is not."""
        return self.bar is None or self.ratio <= self.bar


Measure = Callable[[list[str], bool], Iterator[Row]]
"""Measure the cases with these names, or the usual ones, at full size or quickly."""


def limit(what: str, value: float, most: float, unit: str = "s") -> Row:
    """Return a row for which no program is the baseline, but a limit."""
    return Row(what, value, LIMIT, most, unit, 1.0)


def slowest(what: str, of: Iterable[Row]) -> Row:
    """Return the row with the greatest ratio under another name."""
    return replace(max(of, key=lambda row: row.ratio), what=what)


def median(what: str, of: Iterable[Row]) -> Row:
    """Return the row with the median ratio under another name."""
    found = sorted(of, key=lambda row: row.ratio)
    return replace(found[len(found) // 2], what=what)


def number(value: float) -> str:
    """Return three digits of a figure."""
    return f"{value:,.0f}" if value >= 99.5 else f"{value:#.3g}".rstrip(".")


def cells(row: Row) -> tuple[str, ...]:
    """Return a row of the table as text."""
    bar = "" if row.bar is None else f"{row.bar:g}"
    met = "" if row.bar is None else ("met" if row.met else "MISSED")
    measured, reference = (f"{number(x)} {row.unit}" for x in (row.value, row.reference))
    return row.what, measured, row.baseline, reference, number(row.ratio), bar, met


HEAD = ("what", "measured", "baseline", "its figure", "ratio", "bar", "")
WIDTHS = (58, 11, 34, 11, 7, 6, 6)


def line(texts: Iterable[str]) -> str:
    """Return a line of the table in a terminal: words to the left, figures to the right."""
    padded = (
        text.ljust(wide) if place in {0, 2, 6} else text.rjust(wide)
        for place, (text, wide) in enumerate(zip(texts, WIDTHS, strict=True))
    )
    return " ".join(padded).rstrip()


def main(measure: Measure) -> None:
    """Run one benchmark and print its rows."""
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--quick", action="store_true", help="small sizes: the figures mean nothing")
    parser.add_argument("--json", action="store_true", help="one object per row")
    parser.add_argument("cases", nargs="*", metavar="CASE")
    chosen = parser.parse_args()
    if not chosen.json:
        print(line(HEAD))
    for row in measure(chosen.cases, chosen.quick):
        print(json.dumps(asdict(row)) if chosen.json else line(cells(row)), flush=True)
