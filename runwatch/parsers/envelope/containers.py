r"""Lines in the JSON of a container's log, of the journal or of a logger: the text in them is the line.

docker's json-file driver writes `{"log":"step 1 loss 2\n","stream":"stdout","time":"..."}`,
`journalctl -o json` one object of fields with the text as MESSAGE. The time that they show is put
before the text, as journalctl and docker print it otherwise. So is that of loggers that print JSON:
`{"level":"info","time":"...","message":"step 1 loss 2"}`, unless they show numbers of their own there.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import Any

import msgspec

_DOCKER = (b'{"log":"', b'{"log": "')
_JOURNAL = (b'"MESSAGE"', b'"__REALTIME_TIMESTAMP"')
_LOGGED = re.compile(rb'"(?:message|msg)": ?"[^"]*\d')
_TIMES = ("time", "timestamp", "@timestamp", "ts", "asctime")
_NUMBERS = ("level", "levelno", "lineno", "line", "process", "thread", "pid", "tid", "created", "msecs")
_OWN = frozenset((*_TIMES, *_NUMBERS, "rank"))
"""Keys whose numbers are a logger's own."""
_DATED = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?", re.ASCII)
_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z", re.ASCII)
_SINCE = datetime(1970, 1, 1, tzinfo=timezone.utc)


class _Journal(msgspec.Struct):
    text: str | list[int] = msgspec.field(name="MESSAGE")
    """Or its bytes, where one of them cannot be printed."""
    micros: str = msgspec.field(name="__REALTIME_TIMESTAMP")


_decode_journal = msgspec.json.Decoder(_Journal).decode  # of many other fields
_decode = msgspec.json.Decoder(dict[str, Any]).decode


def may_wrap(line: bytes) -> bool:
    """Return whether another line may be in this one: a quick look."""
    return line[:2] == b'{"' and (contained(line) or (b'"m' in line and _LOGGED.search(line) is not None))


def contained(line: bytes) -> bool:
    """Return whether this may be a line of a container's log or of the journal."""
    return line[:2] == b'{"' and (line.startswith(_DOCKER) or all(word in line for word in _JOURNAL))


def unwrapped(line: bytes) -> bytes | None:
    """Return the line that is in another, its time before it; None if this is none of those."""
    if not may_wrap(line):
        return None
    try:
        if line.startswith(_DOCKER):
            return _docker(_decode(line))
        return _journal(line) if all(word in line for word in _JOURNAL) else _logged(_decode(line))
    except (ValueError, OverflowError, RecursionError):
        return None


def _docker(record: dict[str, Any]) -> bytes | None:
    time, text = record.get("time"), record.get("log")
    known = isinstance(text, str) and isinstance(time, str) and _STAMP.fullmatch(time)
    return _stamped(str(time), str(text)) if known else None


def _journal(line: bytes) -> bytes:
    reported = _decode_journal(line)
    time, text = _SINCE + timedelta(microseconds=int(reported.micros)), reported.text
    text = text if isinstance(text, str) else bytes(text).decode("utf-8", "replace")
    return _stamped(f"{time:%Y-%m-%dT%H:%M:%S.%f}Z", text)


def _logged(record: dict[str, Any]) -> bytes | None:
    """Return the message of a logger; None if another text says more, or a number is not the logger's."""
    text = record.pop("message", None) or record.pop("msg", None)
    alone = all(
        key in _OWN or (isinstance(value, str) and "\n" not in value) for key, value in record.items()
    )
    if not alone or not isinstance(text, str):
        return None
    time = next((str(record[key]) for key in _TIMES if key in record), "")
    return (
        _stamped(time, text)
        if _DATED.fullmatch(time)
        else text.encode("utf-8", "replace").replace(b"\n", b" ")
    )


def _stamped(time: str, text: str) -> bytes:
    """Return the text behind its time; of a line that is redrawn within it, the last drawing."""
    shown = next((part for part in reversed(text.split("\r")) if part.strip()), "")
    dated = f"{time} {shown}" if time else shown
    return dated.encode("utf-8", "replace").rstrip(b"\n").replace(b"\n", b" ")
