"""torchrun's table of failures: which rank failed first, where, and how it ended.

It follows a ChildFailedError; each agent prints its own. Of interest is what
is under "Root Cause (first observed failure)".
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from runwatch.core.text import decode

ROOT_CAUSE = b"Root Cause (first observed failure)"
_FIELD = re.compile(rb"\s{0,8}(time|host|rank|exitcode|error_file|traceback)\s*: (.*)")
_RANK = re.compile(r"(\d{1,6})")
_EXIT = re.compile(r"(-?\d{1,6})(?: \(pid: (\d+)\))?")
_SIGNALS = {4: "SIGILL", 6: "SIGABRT", 7: "SIGBUS", 8: "SIGFPE", 9: "SIGKILL", 11: "SIGSEGV", 15: "SIGTERM"}
_KINDS = {"-9": "killed", "-7": "segfault", "-11": "segfault", "-4": "segfault"}
"""What ended a process by itself; it aborts (-6) or is asked to end (-15) because of others."""
_ROWS = 12
"""So many lines a cause may have: others may be between them."""
_MAX_OPEN = 64
_APART = 512


@dataclass(slots=True)
class _Open:
    line: int
    offset: int
    next: int
    rows: int = 0
    fields: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Root:
    """Who failed first, as a table shows it."""

    offset: int
    """Of the table's last line."""
    line: int
    """Of its headline."""
    kind: str
    """`killed` or `segfault` where the exit code says so, else `elastic`."""
    rank: int | None
    title: str
    data: dict[str, str]
    """`host`, `exitcode` (negative: a signal), `pid`, where they are reported."""


class FailureTables:
    """The tables that are open, by the tag that launchers put before their lines."""

    def __init__(self) -> None:
        self._open: dict[bytes, _Open] = {}

    def __bool__(self) -> bool:
        return bool(self._open)

    def begin(self, text: bytes, tag: bytes, offset: int, line: int, ordinal: int) -> bool:
        """Return whether `text` is the headline of a root cause; its table then is open."""
        if not text.startswith(ROOT_CAUSE) or len(self._open) >= _MAX_OPEN:
            return False
        self._open[tag] = _Open(line, offset, ordinal + 1)
        return True

    def feed(self, text: bytes, tag: bytes, offset: int, line: int, ordinal: int) -> tuple[bool, Root | None]:
        """Return whether `text` belongs to the table of its tag, and what that shows if it is complete."""
        table = self._open.get(tag)
        if table is None:
            return False, None
        if ordinal - table.next > _APART:
            return False, self._end(tag)
        table.next, table.offset = ordinal + 1, offset
        table.rows += 1
        found = _FIELD.match(text)
        if found is not None:
            table.fields[found[1].decode()] = decode(found[2], 300).strip()
        over = text[:3] == b"===" or table.rows >= _ROWS
        return found is not None or over or text[:1] == b"[", self._end(tag) if over else None

    def flush(self) -> list[Root]:
        """End all tables: the log ends or breaks here."""
        return [self._end(tag) for tag in tuple(self._open)]

    def _end(self, tag: bytes) -> Root:
        table = self._open.pop(tag)
        fields = table.fields
        rank = _RANK.match(fields.get("rank", ""))
        code = _EXIT.match(fields.get("exitcode", ""))
        data = {"host": fields["host"]} if "host" in fields else {}
        title = f"rank {rank[1]} failed first" if rank else "a worker failed first"
        if code:
            number = int(code[1])
            data |= {"exitcode": code[1]} | ({"pid": code[2]} if code[2] else {})
            title += (
                f": signal {-number} ({_SIGNALS.get(-number, '?')})"
                if number < 0
                else f": exit code {number}"
            )
        if "host" in data:
            title += f" on {data['host']}"
        kind = _KINDS.get(code[1], "elastic") if code else "elastic"
        return Root(table.offset, table.line, kind, int(rank[1]) if rank else None, title, data)
