"""asyncio and digests without OpenSSL, which they bring in where they can: 3 MB a process for nothing."""

from __future__ import annotations

import sys

try:
    from _blake2 import blake2b  # what hashlib gives, which loads OpenSSL for other digests
except ImportError:  # another Python
    from hashlib import blake2b

__all__ = ["blake2b", "import_asyncio"]


def import_asyncio() -> None:
    """Import asyncio so, if neither is there yet. Whoever imports ssl later gets it; asyncio does without."""
    if {"asyncio", "ssl"} & sys.modules.keys():
        return
    sys.modules["ssl"] = None  # type: ignore[assignment]
    try:
        import asyncio  # noqa: F401
    finally:
        del sys.modules["ssl"]
