"""`runwatch doctor`: what runwatch can and cannot see here, and how to fix it."""

from __future__ import annotations

import click

from runwatch.cli import document
from runwatch.core.errors import ExitCode
from runwatch.core.text import plain

_SIGNS = {"ok": "ok   ", "note": "note ", "blind": "blind", "bad": "bad  "}


@click.command("doctor")
@click.argument("paths", metavar="[PATH]...", nargs=-1, type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(paths: tuple[str, ...], as_json: bool) -> int:
    """Show what runwatch can and cannot see on this machine, and how to fix it.

    PATH is a log or a directory: its file system and its writers are checked too.
    Exit code 1 if something must be fixed.

    Examples:
      runwatch doctor
      runwatch doctor ~/runs/exp7/train.log
    """
    from runwatch.watcher.daemon import checks, doctor

    found = checks.judge(doctor.look(paths or (".",)))
    if as_json:
        document.show(checks=found)
    else:
        width = max(len(check.name) for check in found)
        for check in found:
            print(f"{_SIGNS[check.state]}  {check.name:{width}}  {plain(check.says)}")
            if check.fix:
                print(f"{'':{width + 9}}-> {plain(check.fix)}")
    return ExitCode.FINDINGS if any(check.state == "bad" for check in found) else ExitCode.OK
