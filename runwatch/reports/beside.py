"""Facts in files next to a log that was named by itself: its directory is not read as a run then."""

from __future__ import annotations

import os
from collections.abc import Sequence

from runwatch.core.errors import RunwatchError
from runwatch.watcher.sources import discover
from runwatch.watcher.sources.member import LOG
from runwatch.watcher.sources.sidecars import BesideSource


def facts_beside(paths: Sequence[str]) -> dict[str, str]:
    """Return the facts next to the one log that is named; none where another log has the same directory.

    Of several logs nothing says which of them a configuration is of.
    """
    if len(paths) != 1 or not os.path.isfile(paths[0]):
        return {}
    directory = os.path.dirname(os.path.abspath(paths[0]))
    found = BesideSource(directory).look().facts
    try:
        alone = bool(found) and sum(each.member.kind == LOG for each in discover.find([directory])) == 1
    except RunwatchError:
        alone = False
    return {name: value for facts in found.values() for name, value in facts.items()} if alone else {}
