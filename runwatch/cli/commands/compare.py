"""`runwatch compare`: how runs differ from a reference, and how sure that is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from runwatch.cli.at_rest import read
from runwatch.core.errors import ExitCode, SourceError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runwatch.reports.comparison.compare import Comparison
    from runwatch.reports.evidence import RunEvidence

MOST = 16
"""Most runs that are compared at once."""


@click.command("compare")
@click.argument("paths", nargs=-1, required=True)
@click.option("--reference", help="Compare with this run: its name or its PATH. [default: the first]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
@click.option("--html", "as_html", is_flag=True, help="Write one self-contained HTML file.")
@click.option("-o", "--output", type=click.Path(), help="Write to this file.")
@click.option("--price-per-gpu-hour", "price", type=click.FloatRange(min=0), help="Add what the runs cost.")
@click.option("--format", "wanted", help="Read logs as this format; `runwatch formats` lists them.")
@click.option("--ascii", "ascii_only", is_flag=True, help="Draw with ASCII characters only.")
@click.option("--config", type=click.Path(), help="Use this runwatch.toml.")
def command(
    paths: tuple[str, ...],
    reference: str | None,
    as_json: bool,
    as_html: bool,
    output: str | None,
    price: float | None,
    wanted: str | None,
    ascii_only: bool,
    config: str | None,
) -> int:
    """Compare the runs in PATHS with the first of them, or with --reference.

    A PATH is a log, a W&B run, an event file or a directory. Logs and trackers
    can be mixed. Exit code 3 if no run can be compared.

    Examples:
      runwatch compare base.log exp.log
      runwatch compare runs/*/train.log --reference runs/base/train.log
      runwatch compare base.log wandb/run-1/run-1.wandb --html -o report.html
    """
    from runwatch.reports.comparison.compare import NOT_COMPARABLE, compare

    given = [(path, run) for path in paths for run in _runs(path, config, wanted)]
    _check(paths, [run for _, run in given])
    names = _names([run.name for _, run in given])
    at = _index(reference, [path for path, _ in given], names)
    comparison = compare([run for _, run in given], names, at, price)
    runs = dict(zip(names, (run for _, run in given), strict=True))
    _write(comparison, runs, as_json=as_json, as_html=as_html, output=output, ascii_only=ascii_only)
    if all(pair.verdict == NOT_COMPARABLE for pair in comparison.pairs):
        return ExitCode.UNREADABLE
    return ExitCode.OK


def _runs(path: str, config: str | None, wanted: str | None) -> tuple[RunEvidence, ...]:
    """Return the runs in one path. Each path is read alone: a log and a tracker may be of different runs."""
    from runwatch.reports.evidence import gather

    rest = read((path,), config, wanted)
    return gather(rest.engine, rest.now)


def _check(paths: Sequence[str], runs: Sequence[RunEvidence]) -> None:
    """Raise UsageError or SourceError if there is nothing to compare."""
    sources: dict[str, str] = {}
    for run in runs:
        for source in run.sources:
            if source in sources:
                raise UsageError("the same file twice", source, "give two different runs")
            sources[source] = run.name
    if len(runs) < 2:
        raise UsageError("only one run to compare", runs[0].name, "give the path of another one")
    if len(runs) > MOST:
        advice = f"at most {MOST} at once: give fewer paths"
        raise SourceError("too many runs", f"{len(runs)} in {len(paths)} paths", advice)


def _names(names: Sequence[str]) -> list[str]:
    """Return names that differ: a repeated one gets a number."""
    seen: dict[str, int] = {}
    found = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        found.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return found


def _index(reference: str | None, paths: Sequence[str], names: Sequence[str]) -> int:
    """Return which run is the reference."""
    if reference is None:
        return 0
    for known in (names, paths):
        if known.count(reference) == 1:
            return known.index(reference)
    raise UsageError("no such run", reference, f"known runs: {', '.join(names)}")


def _write(
    comparison: Comparison,
    runs: dict[str, RunEvidence],
    *,
    as_json: bool,
    as_html: bool,
    output: str | None,
    ascii_only: bool,
) -> None:
    """Print the comparison, or write it to a file."""
    from runwatch.reports.comparison.record import record

    if as_json:
        from runwatch.cli.document import show

        show(**record(comparison))
