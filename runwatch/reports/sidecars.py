"""Facts in files next to a log that was named by itself: its directory is not read as a run then."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence

from runwatch.core.errors import RunwatchError
from runwatch.watcher.sources import discover
from runwatch.watcher.sources.kinds import kind_of
from runwatch.watcher.sources.member import LOG
from runwatch.watcher.sources.sidecars import SidecarSource


def sidecar_facts(paths: Sequence[str]) -> dict[str, str]:
    """Return the facts next to the one file that is named; none where another such file, or log, is there.

    Of several logs nothing says which of them a configuration is of.
    """
    if len(paths) != 1 or not os.path.isfile(paths[0]):
        return {}
    directory = os.path.dirname(os.path.abspath(paths[0]))
    found = SidecarSource(directory).look().facts
    try:
        kinds = Counter(each.member.kind for each in discover.find([directory])) if found else Counter[str]()
    except RunwatchError:
        return {}
    alone = kinds[kind_of(paths[0]) or LOG] == 1 and kinds[LOG] <= 1
    return {name: value for facts in found.values() for name, value in facts.items()} if alone else {}
