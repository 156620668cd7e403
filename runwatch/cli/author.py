"""The name of the user, shown to others."""

from __future__ import annotations

import getpass


def author() -> str:
    """Return the name of the user; "" if it is unknown."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""
