"""`runwatch compare`: how runs differ from a reference, and how sure that is."""

from __future__ import annotations

import time
from itertools import takewhile
from typing import TYPE_CHECKING

import click

from runwatch import __version__
from runwatch.cli import document
from runwatch.cli.at_rest import read_each
from runwatch.cli.options import config_option, cost_options, form_options, format_option
from runwatch.cli.publish import publish, sources_of
from runwatch.core import text
from runwatch.core.errors import ExitCode, SourceError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runwatch.reports.evidence import RunEvidence

MOST = 16
"""Most runs that are compared at once."""


@click.command("compare")
@click.argument("paths", nargs=-1, required=True, type=click.Path(readable=False))
@click.option("--reference", help="Compare with this run: its name or its PATH. [default: the first]")
@form_options
@cost_options
@format_option("wanted")
@click.option("--ascii", "ascii_only", is_flag=True, help="Draw with ASCII characters only.")
@config_option
def command(
    paths: tuple[str, ...],
    reference: str | None,
    output: str | None,
    form: str | None,
    price: float | None,
    gpus: int | None,
    wanted: str | None,
    ascii_only: bool,
    config: str | None,
) -> int:
    """Compare the runs in PATHS with the first of them, or with --reference.

    A PATH is a log, a W&B run, an event file or a directory; they can be mixed.
    What differs in configuration, code and data comes first, then the curves at
    equal step, tokens and time. A difference is called one only beyond noise.

    Exit code 0: compared; 2: invalid usage or configuration; 3: something
    cannot be read, or no run can be compared.

    Examples:
      runwatch compare base.log exp.log
      runwatch compare runs/*/train.log --reference runs/base/train.log
      runwatch compare base.log wandb/run-1/run-1.wandb -o compare.html
    """
    from runwatch.reports.analysis import Options
    from runwatch.reports.comparison.compare import NOT_COMPARABLE, compare
    from runwatch.reports.comparison.pages import pages
    from runwatch.reports.comparison.record import record
    from runwatch.reports.evidence import gather
    from runwatch.reports.sidecars import sidecar_facts

    # Each path is read alone: a log and a tracker may be of different runs.
    read_in, unread = [], False
    for path, rest in zip(paths, read_each([(path,) for path in paths], config, wanted), strict=True):
        read_in.append((path, gather(rest.engine, rest.now, sidecar_facts((path,)))))
        unread |= bool(rest.unreadable)
    _check([runs for _, runs in read_in])
    given = [(path, run) for path, runs in read_in for run in runs]
    names = _names([run for _, run in given])
    at = _index(reference, [path for path, _ in given], names)
    comparison = compare([run for _, run in given], names, at, Options(price, gpus))
    found = tuple(run for _, run in given)
    made = f"Made by runwatch {__version__} at {time.strftime('%Y-%m-%d %H:%M %Z')}."
    publish(
        (pages(comparison, dict(zip(names, found, strict=True)), made),),
        form,
        output,
        sources_of(found),
        ascii_only=ascii_only,
        as_json=lambda: document.text(**record(comparison)),
    )
    none = all(pair.verdict == NOT_COMPARABLE for pair in comparison.pairs)
    return ExitCode.UNREADABLE if none or unread else ExitCode.OK


def _check(found: Sequence[Sequence[RunEvidence]]) -> None:
    """Raise UsageError or SourceError if there is nothing to compare; the runs of each path are apart."""
    sources: set[str] = set()
    for own in map(sources_of, found):  # a file may have several runs
        if twice := sorted(own & sources):
            raise UsageError("the same file twice", text.path(twice[0]), "give two different runs")
        sources |= own
    runs = [run for own in found for run in own]
    if len(runs) < 2:
        raise UsageError("only one run to compare", runs[0].name, "give the path of another one")
    if len(runs) > MOST:
        advice = f"at most {MOST} at once: give fewer paths"
        raise SourceError("too many runs", f"{len(runs)} in {len(found)} paths", advice)


def _names(runs: Sequence[RunEvidence]) -> list[str]:
    """Return names that differ: of runs with one name the part of their paths that differs, else a number."""
    names = [run.name for run in runs]
    for name in {each for each in names if names.count(each) > 1}:
        same = [at for at, run in enumerate(runs) if run.name == name]
        parts = [tuple((runs[at].sources or (name,))[0].split("/")) for at in same]
        before, behind = (_common(each) for each in (parts, [part[::-1] for part in parts]))
        for at, path in zip(same, parts, strict=True):
            names[at] = "/".join(path[before : len(path) - behind]) or name
    seen: dict[str, int] = {}
    found = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        found.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return found


def _common(paths: Sequence[tuple[str, ...]]) -> int:
    """Return how many parts all paths begin with."""
    return len(list(takewhile(lambda parts: len(set(parts)) == 1, zip(*paths, strict=False))))


def _index(reference: str | None, paths: Sequence[str], names: Sequence[str]) -> int:
    """Return which run is the reference."""
    if reference is None:
        return 0
    for known in (names, paths):
        if known.count(reference) == 1:
            return known.index(reference)
    raise UsageError("no such run", reference, f"known runs: {', '.join(names)}")
