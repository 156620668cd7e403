"""Paths of a person's that lead nowhere: they are waited for, which a typo should be told."""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Iterable


def tell(paths: Iterable[str]) -> None:
    """Say on standard error which of these do not exist; patterns and addresses of servers may."""
    for path in paths:
        if "://" not in path and not glob.has_magic(path) and not os.path.exists(os.path.expanduser(path)):
            print(f"runwatch: not there yet, it is waited for: {path}", file=sys.stderr)
