r"""Lines that are in the JSON of a container's log or of the journal: the text in them is the line.

docker's json-file driver writes `{"log":"step 1 loss 2\n","stream":"stdout","time":"..."}`,
`journalctl -o json` one object of fields with the text as MESSAGE. The time that they show is put
before the text, as journalctl and docker print it otherwise.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

import msgspec

_DOCKER = b'{"log":"'
_JOURNAL = (b'"MESSAGE"', b'"__REALTIME_TIMESTAMP"')
_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z", re.ASCII)
_SINCE = datetime(1970, 1, 1, tzinfo=timezone.utc)


class _Docker(msgspec.Struct):
    log: str
    time: str
    stream: str = ""


class _Journal(msgspec.Struct):
    text: str = msgspec.field(name="MESSAGE")
    micros: str = msgspec.field(name="__REALTIME_TIMESTAMP")


_decode_docker = msgspec.json.Decoder(_Docker).decode
_decode_journal = msgspec.json.Decoder(_Journal).decode


def may_wrap(line: bytes) -> bool:
    """Return whether another line may be in this one: a quick look."""
    return line[:2] == b'{"' and (line.startswith(_DOCKER) or all(word in line for word in _JOURNAL))


def unwrapped(line: bytes) -> bytes | None:
    """Return the line that is in another, its time before it; None if this is none of those."""
    if not may_wrap(line):
        return None
    return _docker(line) if line.startswith(_DOCKER) else _journal(line)


def _docker(line: bytes) -> bytes | None:
    try:
        told = _decode_docker(line)
    except (ValueError, RecursionError):
        return None
    return _stamped(told.time, told.log) if _STAMP.fullmatch(told.time) else None


def _journal(line: bytes) -> bytes | None:
    try:
        told = _decode_journal(line)
        time = _SINCE + timedelta(microseconds=int(told.micros))
    except (ValueError, OverflowError, RecursionError):
        return None
    return _stamped(f"{time:%Y-%m-%dT%H:%M:%S.%f}Z", told.text)


def _stamped(time: str, text: str) -> bytes:
    """Return the text behind its time; of a line that is redrawn within it, the last drawing."""
    shown = next((part for part in reversed(text.split("\r")) if part.strip()), "")
    return f"{time} {shown}".encode("utf-8", "replace").rstrip(b"\n").replace(b"\n", b" ")
