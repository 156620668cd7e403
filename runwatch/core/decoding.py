"""What msgspec raises for bytes that are not what they should be."""

from __future__ import annotations

import msgspec

UNDECODABLE = (msgspec.MsgspecError, ValueError, RecursionError, OverflowError)
"""Another shape, text that is not UTF-8 (a ValueError of its own), nested too deep, or a number too large."""
