"""Who gives a command, for others to read."""

from __future__ import annotations

import getpass


def author() -> str:
    """Return the name of the user; "" if there is none."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""
