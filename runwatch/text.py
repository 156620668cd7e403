"""The one place where hostile text is made safe: for a terminal, markup and Slack."""

from __future__ import annotations

import re

_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor moves
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?"  # OSC: titles, clipboard, links
    r"|\x1b[PX^_][^\x1b]*(?:\x1b\\)?"  # DCS, SOS, PM, APC
    r"|\x1b."  # any other two-byte escape
)
_CONTROLS = re.compile(
    r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2064\u2066-\u2069\ud800-\udfff\ufeff]"
)


def plain(text: str, limit: int = 2000) -> str:
    """Return `text` on one line, without escape sequences or control characters."""
    if not text.isprintable():
        text = _CONTROLS.sub("", _ESCAPES.sub("", text)).replace("\t", "    ")
    text = text.rstrip()
    return text if len(text) <= limit else text[: limit - 1] + "…"


def decode(line: bytes, limit: int = 2000) -> str:
    """Return raw log bytes as safe text; invalid UTF-8 becomes U+FFFD."""
    return plain(line[: 4 * limit].decode("utf-8", "replace"), limit)


def slack(text: str, limit: int = 2900) -> str:
    """Return text that Slack shows as it is: no mentions, links or formatting commands."""
    text = plain(text, limit)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def path(name: str) -> str:
    """Return a file name as safe text, also one that is not UTF-8."""
    return plain(name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace"))
