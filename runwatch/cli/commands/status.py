"""`runwatch status`: the status of the daemon's runs, as a table, as JSON, or as one line."""

from __future__ import annotations

import os
import shutil
import sys
import time
from typing import TYPE_CHECKING

import click

from runwatch.cli import complete, document
from runwatch.core.errors import EngineError, ExitCode, UsageError
from runwatch.core.plural import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runwatch.core.snapshot import RunRow
    from runwatch.watcher.protocol import HealthReport, SilenceRow

OLD = 7 * 86_400.0
"""Seconds without output after which a run is shown only with --all."""

NAMED = 3
"""Most silences listed by name; the rest is counted."""


@click.command("status")
@click.argument("run", required=False, shell_complete=complete.offer("run"))
@click.option("--json", "as_json", is_flag=True, help="Print the document of `check --json`.")
@click.option("--tmux", is_flag=True, help="Print a few words for a status line; never fails.")
@click.option("--all", "every", is_flag=True, help="Show all runs, also those that ended long ago.")
@click.option("--ascii", "ascii_only", is_flag=True, help="Draw with ASCII characters only.")
def command(run: str | None, as_json: bool, tmux: bool, every: bool, ascii_only: bool) -> int:
    """Show the status of all runs that the daemon watches, or of one RUN.

    Examples:
      runwatch status
      runwatch status exp7 --json
      tmux set -g status-right '#(runwatch status --tmux)'
    """
    from runwatch.render.glyphs import glyphs
    from runwatch.watcher.daemon.ask import segment

    if tmux:
        try:
            print(segment(run, ascii_only=glyphs(ascii_only, sys.stdout.encoding).ascii))
        except EngineError:
            print("no runwatch")
        return ExitCode.OK
    from runwatch.watcher import protocol
    from runwatch.watcher.daemon.ask import ask

    if as_json:
        return _json(run)
    rows = [row for part in ask(protocol.Runs(), protocol.RunList) for row in part.runs]
    (health,) = ask(protocol.Health(), protocol.HealthReport)
    (silences,) = ask(protocol.Silences(), protocol.SilenceList)
    wanted = [row for row in rows if run in (None, row.name, row.id)]
    _check(run, wanted, [row.name for row in rows])
    silenced = _silenced(silences.silences, time.time())
    _print(wanted, health, silenced, every=every, ascii_only=ascii_only)
    return ExitCode.OK


def _check(run: str | None, found: Sequence[object], known: Sequence[str]) -> None:
    """Raise UsageError if the run that was asked for does not exist."""
    if run is not None and not found:
        raise UsageError("no such run", run, f"known runs: {', '.join(known[:5]) or 'none yet'}")


def _is_old(row: RunRow) -> bool:
    """Return whether a run had no output for so long that it is only history."""
    return row.age is not None and row.age > OLD


def _json(run: str | None) -> int:
    from runwatch.watcher import protocol
    from runwatch.watcher.daemon.ask import ask

    found = [body for part in ask(protocol.Runs(documents=True), protocol.RunList) for body in part.documents]
    wanted = [body for body in found if run in (None, body["name"], body["id"])]
    _check(run, wanted, [str(body["name"]) for body in found])
    unseen = [each for body in wanted for each in body["unseen"]]  # type: ignore[attr-defined]
    document.show(runs=wanted, unreadable=unseen)
    return ExitCode.OK


def _silenced(silences: Sequence[SilenceRow], now: float) -> str:
    """Return the silences active at Unix time `now`, as one line; "" if there are none."""
    from runwatch.core.text import plain
    from runwatch.render import numbers

    held = [row for row in silences if row.starts <= now < row.ends]
    named = [f"{' '.join(row.matchers)} for {numbers.duration(row.ends - now)} more" for row in held[:NAMED]]
    more = f"; and {len(held) - NAMED} more" if len(held) > NAMED else ""
    return plain(f"silenced: {'; '.join(named)}{more}") if held else ""


def _print(
    rows: Sequence[RunRow], health: HealthReport, silenced: str, *, every: bool, ascii_only: bool
) -> None:
    from runwatch.core.text import plain
    from runwatch.render import numbers
    from runwatch.render.glyphs import glyphs
    from runwatch.render.table import status

    width, height = shutil.get_terminal_size((100, 40))
    signs = glyphs(ascii_only, sys.stdout.encoding)
    archived = 0 if every else sum(map(_is_old, rows))
    rows = rows if every else [row for row in rows if not _is_old(row)]
    below = 5 + len(health.notices) + bool(silenced) + sum(bool(row.reason) for row in rows)
    room = len(rows) if every or not sys.stdout.isatty() else max(3, height - below)
    for line in status(rows[:room], signs, width if sys.stdout.isatty() else 160):
        print(line)
    for row in rows[:room]:
        if row.reason:
            print(plain(f"  {row.name}: {row.reason}"))
    if len(rows) > room or archived:
        print(f"  and {max(0, len(rows) - room) + archived} more: --all shows them")
    elif not rows:
        print("no training run recognized yet" if health.sources else "no log found yet")
    if silenced:
        print(silenced)
    for text in health.notices:
        print(f"! {plain(text)}")
    sends = (
        f"alerts to {', '.join(health.channels)}"
        if health.channels
        else "no channel is configured: alerts are only shown on screen"
    )
    up = numbers.brief(max(0.0, time.time() - health.since))
    late = f", its clock was {health.lag:.0f} s late" if health.lag > 5 else ""
    counts = ", ".join(
        counted(count, word) for count, word in ((health.runs, "run"), (health.sources, "file"))
    )
    unknown = f" ({health.unknown} without a run so far)" if health.unknown else ""
    daemon = f"daemon {health.pid} on {health.host}, up {up}: {counts}{unknown}; {sends}{late}"
    print(plain(daemon))
    if not os.access(health.state or "/", os.W_OK):
        print(plain(f"! the state directory cannot be written: {health.state}"))
