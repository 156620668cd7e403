"""The one place where hostile text is made safe: for a terminal, markup and Slack."""

from __future__ import annotations

import re
import shlex
from os.path import splitext

_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colors, cursor moves
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?"  # OSC: titles, clipboard, links
    r"|\x1b[PX^_][^\x1b]*(?:\x1b\\)?"  # DCS, SOS, PM, APC
    r"|\x1b."  # any other two-byte escape
)
_CONTROLS = re.compile(
    r"[\x00-\x08\x0a-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029"
    # What Unicode says is shown as nothing (Default_Ignorable_Code_Point), among it all that turns the
    # direction of a line, joiners, variation selectors and tags.
    r"\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    r"\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    r"\U000e0000-\U000e0fff"
    r"\U00013430-\U0001343f]"  # how hieroglyphs are arranged
)

_SILENT = re.compile(
    r"[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""Those of them that Python calls printable all the same."""
_MARKED = re.compile(r"~[0-9a-f]{8}$")
_AMBIGUOUS = re.compile(r"\\x| (?:/|$)|~[0-9a-f]{8}(?:\.[^./]*)?(?:/|$)")
"""What a name may hold that another one is shown as: an escaped byte, or a mark; or that is cut off."""


def plain(text: str, limit: int = 2000) -> str:
    """Return `text` on one line, without escape sequences and characters that control or show nothing."""
    if not text.isprintable() or (not text.isascii() and _SILENT.search(text)):
        text = _CONTROLS.sub("", _ESCAPES.sub("", text)).replace("\t", "    ")
    text = text.rstrip()
    return text if len(text) <= limit else text[: limit - 1] + "…"


def escaped(json: str) -> str:
    """Return a JSON document with what a terminal would obey, or not show, written as escapes: same data."""
    return json if json.isascii() and "\x7f" not in json else _CONTROLS.sub(_escape, json)


def _escape(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def decode(line: bytes, limit: int = 2000) -> str:
    """Return raw log bytes as safe text; invalid UTF-8 becomes U+FFFD."""
    return plain(line[: 4 * limit].decode("utf-8", "replace"), limit)


def slack(text: str, limit: int = 2900) -> str:
    """Return text that Slack shows as it is: no mentions, links or formatting commands."""
    text = plain(text, limit)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def shown(name: str) -> str:
    """Return the name of a metric as safe text. Different names stay different.

    One of which something cannot be shown is marked with a digest of what it is: `loss~1f2e3d4c`.
    """
    safe = plain(name)
    if safe == name and not _MARKED.search(name):
        return name
    return f"{safe}~{_digest(name.encode('utf-8', 'surrogatepass'))}"


def path(name: str) -> str:
    """Return a file name as safe text, also one that is not UTF-8. Different names stay different.

    A part of which something cannot be shown is marked with a digest of what it is: `a~1f2e3d4c.log`.
    """
    if name.isascii() and name.isprintable() and not _AMBIGUOUS.search(name):
        return name
    return "/".join(map(_part, name.split("/")))


def shell_word(name: str) -> str:
    """Return a file name as one safe word of a command line, which is never an option."""
    return quoted_path(path(name))


def quoted_path(safe: str) -> str:
    """Return what `path` returned as one word of a command line, which is never an option."""
    return shlex.quote(f"./{safe}" if safe.startswith("-") else safe)


def _part(name: str) -> str:
    """Return one part of a path; one that looks as if it were marked is marked too."""
    try:
        raw = name.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # no name of a file: an index says that there is one
        raw = name.encode("utf-8", "surrogatepass")
    reported = raw.decode("utf-8", "backslashreplace")
    safe = plain(reported, len(reported) + 1)
    if safe == reported and not _AMBIGUOUS.search(name):
        return safe
    stem, suffix = splitext(safe)
    return f"{stem}~{_digest(raw)}{suffix}"


def _digest(raw: bytes) -> str:
    from hashlib import blake2b  # here: rarely needed

    return blake2b(raw, digest_size=4).hexdigest()
