"""Reports paths that do not exist yet: they may be typing errors."""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Iterable


def report(paths: Iterable[str]) -> None:
    """Print which of these do not exist to standard error, except patterns and server addresses."""
    for path in paths:
        if "://" not in path and not glob.has_magic(path) and not os.path.exists(os.path.expanduser(path)):
            print(f"runwatch: waiting for a path that does not exist yet: {path}", file=sys.stderr)
