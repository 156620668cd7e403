"""asyncio and digests without OpenSSL, which they import if they can: 3 MB per process for nothing."""

from __future__ import annotations

import sys

try:
    from _blake2 import blake2b  # what hashlib gives, which loads OpenSSL for other digests
except ImportError:  # another Python
    from hashlib import blake2b

__all__ = ["blake2b", "import_asyncio"]


def import_asyncio() -> None:
    """Import asyncio without ssl, if neither is imported yet. A later import of ssl still works."""
    if {"asyncio", "ssl"} & sys.modules.keys():
        return
    sys.modules["ssl"] = None  # type: ignore[assignment]
    try:
        import asyncio  # noqa: F401
    finally:
        del sys.modules["ssl"]
