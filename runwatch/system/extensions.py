"""Packages that add something to runwatch, found by entry points.

Most machines have none, and importlib.metadata takes longer to import (15 to
40 ms) than all detection. So the metadata of what is installed is searched for
the group's name first, which takes a millisecond.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

Report = Callable[[str], None]
"""Takes one line about a problem."""


def entry_points(group: str) -> Iterable[EntryPoint]:
    """Return the entry points of a group, by the names of package and point."""
    if not _announced(group):
        return ()
    from importlib.metadata import entry_points

    found = entry_points(group=group)
    return sorted(found, key=lambda point: (point.dist.name if point.dist else "", point.name))


def package_of(point: EntryPoint) -> str:
    """Return the name of an entry point's package."""
    return point.dist.name if point.dist else "an unknown package"


def reason(error: BaseException) -> str:
    """Return the message of an error, on one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]


def _announced(group: str) -> bool:
    """Whether any installed package has entry points of the group."""
    section = f"[{group}]".encode()
    for place in dict.fromkeys(sys.path):
        with suppress(OSError):
            for name in os.listdir(place or "."):
                if name.endswith((".dist-info", ".egg-info")):
                    with suppress(OSError), open(os.path.join(place, name, "entry_points.txt"), "rb") as file:
                        if section in file.read():
                            return True
    return False
