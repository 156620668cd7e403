"""`runwatch runs`: the runs that were watched, also those that ended long ago."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TYPE_CHECKING

import click

from runwatch.core.errors import EngineError, ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runwatch.core.snapshot import PastRun, RunRow

UNWATCHED = "unwatched"
"""State of a run that had not ended when it was watched last."""


@click.command("runs")
@click.argument("words", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option("--ascii", "ascii_only", is_flag=True, help="Mark states with ASCII characters only.")
def command(words: tuple[str, ...], as_json: bool, ascii_only: bool) -> int:
    """List the runs that the daemon watches or has watched, the newest first.

    WORDS: list only runs that have all of these in their name, state or paths.
    The daemon need not run: what it kept is listed.

    Examples:
      runwatch runs
      runwatch runs exp crashed
      runwatch runs --json
    """
    from runwatch.config.loader import load
    from runwatch.watcher.persistence.store import past_runs
    from runwatch.watcher.service.run_reports import directory_of, written
    from runwatch.watcher.service.sockets import state_directory

    live = _live()
    state = state_directory()
    reports = written(directory_of(load().reports, state))
    runs = [_current(run, live, reports) for run in past_runs(state)]
    runs.sort(key=lambda run: run.written or run.watched, reverse=True)
    shown = [run for run in runs if _fits(run, words)]
    if words and runs and not shown:
        known = ", ".join(run.name for run in runs[:5])
        raise UsageError("no such run", " ".join(words), f"known runs: {known}")
    if as_json:
        from runwatch.cli import document

        document.show(runs=shown, watching=live is not None)
        return ExitCode.OK
    from runwatch.render.glyphs import glyphs
    from runwatch.render.table import past

    width = shutil.get_terminal_size((100, 40)).columns if sys.stdout.isatty() else 200
    for line in past(shown, time.time(), glyphs(ascii_only, sys.stdout.encoding), width):
        print(line)
    if not runs:
        print("no run was watched yet: start the daemon with runwatch watch -d PATH")
    elif live is None:
        print("no daemon is running: this is what it knew last")
    return ExitCode.OK


def _live() -> dict[tuple[str, str], str] | None:
    """Return the phases of the runs that a daemon watches now, by `_key`; None without a daemon."""
    from runwatch.watcher import protocol
    from runwatch.watcher.daemon.ask import ask

    try:
        parts = ask(protocol.Runs(), protocol.RunList)
        return {_key(row): row.phase for part in parts for row in part.runs}
    except EngineError:
        return None


def _key(run: PastRun | RunRow) -> tuple[str, str]:
    """Return what a run is known by: its sources, whichever of its stages the id is of, and its name."""
    sources, numbered, _ = run.id.rpartition("#")
    return sources if numbered else run.id, run.name


def _current(run: PastRun, live: dict[tuple[str, str], str] | None, reports: dict[str, str]) -> PastRun:
    """Return a run as it is now: one that nobody watches may have ended since."""
    import msgspec

    from runwatch.render.states import ended
    from runwatch.watcher.service.run_reports import key_of

    phase = (live or {}).get(_key(run), run.phase if ended(run.phase) else UNWATCHED)
    return msgspec.structs.replace(run, phase=phase, report=reports.get(key_of(run.id), ""))


def _fits(run: PastRun, words: Sequence[str]) -> bool:
    text = " ".join((run.name, run.phase, *run.sources)).lower()
    return all(word.lower() in text for word in words)
