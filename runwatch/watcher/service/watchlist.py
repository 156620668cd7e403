"""What an engine is to watch: what people ask for, now and later, and what the configuration names."""

from __future__ import annotations

import os
from collections.abc import Sequence

from runwatch.config.loader import Config, format_name
from runwatch.core import text
from runwatch.core.errors import ConfigError
from runwatch.watcher.ingest import wire
from runwatch.watcher.service.launch import Assignment
from runwatch.watcher.sources.patterns import absolute, impossible

MAX_PATHS = 1000
"""Paths that are watched at a time; a directory or a pattern is one."""
_NAMED = 5
"""Paths that an error names."""
PACE = 1.0
"""Seconds between two reads of a log that a daemon's worker takes, at least: nobody looks that closely."""


class Watchlist:
    """The paths, and how they are to be read. A private engine watches what it was started with."""

    def __init__(self, assignment: Assignment, config: Config) -> None:
        """Begin with these. Raises ConfigError as `check` does."""
        self._assignment, self._config = assignment, config
        self._asked = assignment.paths
        self.check(config)

    def check(self, config: Config) -> None:
        """Raise ConfigError if a configuration names a format or a path that there cannot be."""
        format_name(self._assignment.format, config)
        for number, path in enumerate(config.watch.paths):
            if why := impossible(os.fsencode(path)):
                raise ConfigError(why, config.where("watch", "paths", number))

    def use(self, config: Config) -> None:
        """Read by another configuration from now on."""
        self._config = config

    @property
    def paths(self) -> tuple[bytes, ...]:
        """All of them, absolute where a daemon watches, as the system spells them."""
        config = self._config
        if self._assignment.private:
            return self._asked
        base = str(config.path.absolute().parent) if config.path else ""
        configured = (os.fsencode(absolute(path, base)) for path in config.watch.paths)
        return tuple(dict.fromkeys((*self._asked, *configured)))

    def add(self, paths: Sequence[bytes]) -> str:
        """Watch these too; return what was done, in words. Raises ValueError."""
        for path in paths:
            if not path.startswith((b"/", b"wandb://")):
                raise ValueError(f"not an absolute path: {text.path(os.fsdecode(path))}")
            if why := impossible(path):
                raise ValueError(f"{why}: {text.path(os.fsdecode(path))}")
        known = set(self.paths)
        new = [path for path in dict.fromkeys(paths) if path not in known]
        if new and len(known) + len(new) > MAX_PATHS:
            raise ValueError(f"{len(known)} paths are watched, {MAX_PATHS} at most: add their directory")
        self._asked = (*self._asked, *new)
        return f"watching {len(new)} more, {len(self.paths)} in all" if new else "already watched"

    def drop(self, paths: Sequence[bytes]) -> str:
        """Watch these no longer; return what was done, in words. Raises ValueError."""
        asked, dropped = set(self._asked), set(paths)
        if missing := [path for path in paths if path not in asked]:
            there = [text.path(os.fsdecode(path)) for path in self._asked[:_NAMED]]
            there += [f"{len(self._asked) - _NAMED} more"] * (len(self._asked) > _NAMED)
            why = f"asked for: {', '.join(there) or 'nothing'}"
            if missing[0] in self.paths:
                why = "it is in the configuration"
            raise ValueError(f"not among what was asked for: {text.path(os.fsdecode(missing[0]))}: {why}")
        self._asked = tuple(path for path in self._asked if path not in dropped)
        return f"watching {len(self.paths)}"

    def setup(self) -> wire.Setup:
        """Return how workers are to read; the paths are yet to be given to each."""
        config, assignment = self._config, self._assignment
        return wire.Setup(
            (),
            poll=assignment.poll or config.tail.poll,
            interval=config.tail.interval,
            pace=0.0 if assignment.private else PACE,
            wait=assignment.wait or not assignment.private,
            exclude=() if assignment.private else config.watch.exclude,
            formats=config.formats,
            names=config.names,
            format=format_name(assignment.format, config),
            online=config.tail.online,
            prefer=config.sources.order,
        )
