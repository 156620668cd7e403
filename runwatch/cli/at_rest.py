"""Reading runs to their end for a command: configuration, errors on standard error, the engine of `check`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from runwatch.cli.busy import busy
from runwatch.cli.main import error_line
from runwatch.core.errors import SourceError

if TYPE_CHECKING:
    from runwatch.config.sections import Config
    from runwatch.core.series import Detail
    from runwatch.watcher.engine.engine import Engine

MOST = 20
"""Most unreadable files with a line each."""


@dataclass(frozen=True, slots=True)
class AtRest:
    """What was read."""

    engine: Engine
    now: float
    """Unix time at which it was judged."""
    missing: tuple[SourceError, ...]
    """What could not be read."""
    settings: Config


def read(
    paths: Sequence[str], config: str | None, wanted: str | None, detail: Detail | None = None
) -> AtRest:
    """Read all runs behind `paths` to their end, and judge them.

    `config` is the path of a runwatch.toml, `wanted` the format to read logs as, `detail` how much of each
    series is kept. What cannot be read gets a line on standard error.
    Raises SourceError if nothing can be read, ConfigError.
    """
    from runwatch.config.formats import use_names
    from runwatch.config.loader import format_name, load
    from runwatch.core.series import FULL
    from runwatch.parsers.formats import troubles
    from runwatch.watcher.engine.check import check

    now = time.time()
    settings = load(Path(config) if config else None)
    use_names(settings.names)
    missing: list[SourceError] = []
    try:
        with busy() as say:
            engine = check(
                paths,
                settings.ruleset(),
                now,
                missing.append,
                [own.build() for own in settings.formats],
                format_name(wanted, settings),
                settings.sources.order,
                say,
                detail or FULL,
            )
    finally:
        for error in missing[:MOST]:
            error_line(str(error))
        if len(missing) > MOST:
            error_line(f"and {len(missing) - MOST:,} more; `runwatch check --json` names all of them")
        for trouble in troubles():  # of formats from packages; perhaps why nothing was recognized
            error_line(trouble)
    for trouble in engine.troubles:
        error_line(trouble)
    return AtRest(engine, now, tuple(missing), settings)
