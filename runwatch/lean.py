"""asyncio without OpenSSL, which it brings in where it can: a process of local sockets needs none."""

from __future__ import annotations

import sys


def import_asyncio() -> None:
    """Import asyncio so, if neither is there yet. Whoever imports ssl later gets it; asyncio does without."""
    if {"asyncio", "ssl"} & sys.modules.keys():
        return
    sys.modules["ssl"] = None  # type: ignore[assignment]
    try:
        import asyncio  # noqa: F401
    finally:
        del sys.modules["ssl"]
