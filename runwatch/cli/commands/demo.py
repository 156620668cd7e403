"""`runwatch demo`: watch a small real training run; `--fault` causes a real failure."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from runwatch.cli.watching import line_options, look_options, on_screen, printer, show
from runwatch.core.errors import UsageError
from runwatch.demo.launch import FAULT_NAMES, start, stop

CONFIG = """\
# Written by `runwatch demo`: in a run of half a minute, rules cannot wait for minutes.
[rules.hang]
least = 6.0
unfamiliar = 6.0
longest = 2.0
[rules.step_time]
seconds = 8.0
"""


class _Unexpected(click.Argument):
    """Words that no option takes: they get a better answer than Click's."""

    def get_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Name them nowhere."""
        return []


@click.command("demo")
@click.argument("words", nargs=-1, cls=_Unexpected)
@click.option(
    "--fault", type=click.Choice(FAULT_NAMES),
    help="Cause this real fault during the run; slow: one rank gets slow, spike: corrupt data.",
)  # fmt: skip
@click.option("--steps", type=click.IntRange(20, 100_000), help="Training steps (default 340).")
@line_options
@click.option("--dir", "directory", type=click.Path(path_type=Path), help="Keep the run's files here.")
@look_options
def command(
    words: tuple[str, ...],
    fault: str | None,
    steps: int | None,
    headless: bool,
    plain: bool,
    as_json: bool,
    directory: Path | None,
    ascii_only: bool,
    theme: str | None,
) -> int:
    """Train a small model for half a minute and watch it: real gradients, checkpoints, ranks.

    Needs no GPU, no download and no configuration.

    Examples:
      runwatch demo
      runwatch demo --fault nan
      runwatch demo --headless --dir /tmp/demo
    """
    from runwatch.watcher.service.launch import PrivateEngine, greet

    if words:
        raise UsageError("unexpected word", words[0], f"faults are --fault {'|'.join(FAULT_NAMES)}")
    lines = headless or plain or as_json
    with _place(directory) as place:
        config = place / "runwatch.toml"
        config.write_text(CONFIG)
        training = start(place, fault=fault, steps=steps)
        engine = PrivateEngine([str(place)], config=str(config), wait=True)
        try:
            if on_screen(lines=lines):
                from runwatch.config.loader import load

                greet(engine.socket)
                kept = directory is not None
                return show(
                    engine.socket, load(config), title="demo", theme=theme, ascii_only=ascii_only, kept=kept,
                    alone=True,
                )  # fmt: skip
            if not as_json:
                coming = f", with the fault {fault!r}" if fault else ""
                until = "" if directory else " (removed at the end; --dir keeps it)"
                print(f"training in {place}{until}{coming}")
            greet(engine.socket)
            from runwatch.cli.headless import follow

            follow(
                engine.socket,
                printer(as_json, plain, ascii_only),
                interval=3.0,
                exit_at_end=True,
                stop=_hangs,
            )
            return 0
        finally:
            engine.close()
            stop(training)


def _hangs(body: dict[str, Any]) -> bool:
    """Return True when the hang is found: a hanging run does not end by itself."""
    return bool(body["type"] == "incident" and body["incident"]["rule"] == "hang")


@contextlib.contextmanager
def _place(directory: Path | None) -> Iterator[Path]:
    """Yield the run's directory; a temporary one is removed."""
    if directory is not None:
        directory.mkdir(parents=True, exist_ok=True)
        yield directory
        return
    with tempfile.TemporaryDirectory(prefix="runwatch-demo-", ignore_cleanup_errors=True) as name:
        yield Path(name)
