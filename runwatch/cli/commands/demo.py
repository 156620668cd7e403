"""`runwatch demo`: a small real training run, watched; `--fault` makes something really go wrong."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from runwatch.demo.launch import FAULT_NAMES, start, stop

CONFIG = """\
# Written by `runwatch demo`: a run of half a minute cannot wait minutes to be sure.
[rules.hang]
least = 6.0
unfamiliar = 6.0
longest = 2.0
[rules.step_time]
seconds = 8.0
"""


@click.command("demo")
@click.option("--fault", type=click.Choice(FAULT_NAMES), help="Make this fault really happen mid-run.")
@click.option("--steps", type=click.IntRange(20, 100_000), help="Training steps (default 340).")
@click.option("--headless", is_flag=True, help="Plain lines instead of a screen (also without a terminal).")
@click.option("--json", "as_json", is_flag=True, help="With --headless: one JSON object a line.")
@click.option("--dir", "directory", type=click.Path(path_type=Path), help="Keep the run's files here.")
@click.option("--ascii", "ascii_only", is_flag=True, help="Draw with ASCII characters only.")
def command(
    fault: str | None,
    steps: int | None,
    headless: bool,
    as_json: bool,
    directory: Path | None,
    ascii_only: bool,
) -> int:
    """Train a small model for half a minute and watch it: real gradients, checkpoints, ranks.

    Needs no GPU, no download and no configuration.
    """
    from runwatch.watcher.service.launch import PrivateEngine, greet

    screen = not headless and not as_json and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    with _place(directory) as place:
        config = place / "runwatch.toml"
        config.write_text(CONFIG)
        training = start(place, fault=fault, steps=steps)
        engine = PrivateEngine([str(place)], config=str(config))
        try:
            if screen:
                from runwatch.tui.start import run

                greet(engine.socket)
                return run(engine.socket, ascii=ascii_only, title="demo", kept=directory is not None)
            if not as_json:
                coming = f", with the fault {fault!r} to come" if fault else ""
                kept = "" if directory else " (removed at the end; --dir keeps it)"
                print(f"training in {place}{kept}{coming}")
            greet(engine.socket)
            from runwatch.cli.headless import Printer, follow
            from runwatch.render.glyphs import glyphs

            printer = Printer(as_json, glyphs(ascii_only, sys.stdout.encoding))
            follow(engine.socket, printer, interval=3.0, exit_at_end=True, stop=_hangs)
            return 0
        finally:
            engine.close()
            stop(training)


def _hangs(body: dict[str, Any]) -> bool:
    """Return True once the hang is found: a run that hangs does not end by itself."""
    return bool(body["type"] == "incident" and body["incident"]["rule"] == "hang")


@contextlib.contextmanager
def _place(directory: Path | None) -> Iterator[Path]:
    """Yield the run's directory; one we made ourselves goes away again."""
    if directory is not None:
        directory.mkdir(parents=True, exist_ok=True)
        yield directory
        return
    with tempfile.TemporaryDirectory(prefix="runwatch-demo-", ignore_cleanup_errors=True) as name:
        yield Path(name)
