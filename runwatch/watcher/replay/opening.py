"""Opens what is to be played, with the formats that the configuration has."""

from __future__ import annotations

from runwatch.config.loader import Config
from runwatch.parsers.formats import in_use
from runwatch.parsers.stream import StreamParser
from runwatch.watcher.replay.sessions import Session, session


def opened(path: str, config: Config, only: str | None, *, whole: bool = True) -> Session:
    """Return what a file holds to be played; `only` names the format to read it as. Raises SourceError.

    Without `whole` only its beginning was looked through.
    """
    own = [each.build() for each in config.formats]

    def make(only: str | None) -> StreamParser:
        return StreamParser(in_use(own, only), settled=only)

    found = session(path, make, only)
    while whole and found.share < 1.0:
        found.look(found.first)
    return found
