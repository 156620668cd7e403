"""Reading runs to their end for a command: configuration, errors on standard error, the engine of `check`."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from runwatch.cli.busy import busy
from runwatch.cli.main import error_line
from runwatch.core.errors import SourceError

if TYPE_CHECKING:
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

    @property
    def unreadable(self) -> list[OSError]:
        """What the system did not let us read; empty files are not included."""
        return unreadable(self.missing)


def unreadable(errors: Iterable[SourceError]) -> list[OSError]:
    """Return which of the errors are of the system, not of what was read."""
    return [error.__cause__ for error in errors if isinstance(error.__cause__, OSError)]


def read(paths: Sequence[str], config: str | None, wanted: str | None) -> AtRest:
    """Read all runs behind `paths` to their end, and judge them; see `read_each`."""
    (rest,) = read_each([paths], config, wanted)
    return rest


def read_each(groups: Iterable[Sequence[str]], config: str | None, wanted: str | None) -> Iterator[AtRest]:
    """Read all runs behind groups of paths to their end, and judge them, one group after the other.

    `config` is the path of a runwatch.toml, `wanted` the format to read logs as. What cannot be read gets a
    line on standard error. Raises SourceError if nothing can be read, ConfigError.
    """
    from runwatch.config.loader import load_to_read
    from runwatch.watcher.engine.check import check

    settings, only = load_to_read(config, wanted)
    own, said = [each.build() for each in settings.formats], dict[str, None]()
    with reported() as missing, busy() as say:
        for paths in groups:
            before, now = len(missing), time.time()
            rules, order = settings.ruleset(), settings.sources.order
            engine = check(paths, rules, now, missing.append, own, only, order, say)
            said |= dict.fromkeys(engine.troubles)
            yield AtRest(engine, now, tuple(missing[before:]))
    for trouble in said:
        error_line(trouble)


@contextlib.contextmanager
def reported() -> Iterator[list[SourceError]]:
    """Take what cannot be read, and say it on standard error at the end, with what failed in packages."""
    from runwatch.parsers.formats import troubles

    missing: list[SourceError] = []
    try:
        yield missing
    finally:
        for error in missing[:MOST]:
            error_line(str(error))
        if len(missing) > MOST:
            error_line(f"and {len(missing) - MOST:,} more; `runwatch check --json` names all of them")
        for trouble in troubles():  # of formats from packages; perhaps why nothing was recognized
            error_line(trouble)
