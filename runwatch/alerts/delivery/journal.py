"""Undelivered messages on disk: every step of a message is committed before the next.

A message is `waiting`, then `sending` before it leaves, then `done` or `dead`.
Whoever opens the journal after a crash therefore knows what is lost for sure
(nothing) and what may have arrived (what was `sending`). Commits go to SQLite's
write-ahead log without waiting for the disk: they survive the death of the
process, and a power cut may repeat the last of them.

Several processes may share the directory: each owns one numbered file, by a
lock that dies with it, and takes over what dead ones left. A journal that
cannot be read or written is reported and never stops delivery: it continues in memory,
until there can be a file (again).
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from runwatch.alerts.delivery.journal_file import JournalFile, Row
from runwatch.alerts.delivery.queue import CAPACITY, REMEMBERED
from runwatch.alerts.routing.notification import Notification
from runwatch.core import text
from runwatch.core.decoding import UNDECODABLE
from runwatch.core.notice import Notice

MOST_UNWRITTEN = 20_000
"""Most statements kept while the disk is full; above this, the journal continues in memory."""
FORGET_EVERY = 256
"""Number of deliveries after which old ids are forgotten."""
KEEP_DEAD = 30 * 86400.0
"""Seconds to keep messages that were given up or whose channel was removed."""

_ADD = (
    "INSERT OR IGNORE INTO messages (channel, id, state, born, due, body) VALUES (?, ?, 'waiting', ?, ?, ?)"
)

Statement = tuple[str, Row]
_FORGET: Statement = (
    "DELETE FROM messages WHERE state = 'done'"
    " AND seq <= (SELECT max(seq) FROM messages WHERE state = 'done') - ?",
    (REMEMBERED,),
)
_FEWER_DEAD: Statement = (
    "DELETE FROM messages WHERE state = 'dead'"
    " AND seq <= (SELECT max(seq) FROM messages WHERE state = 'dead') - ?",
    (CAPACITY,),
)
_FEWER_NOTES: Statement = (
    "DELETE FROM notes WHERE rowid <= (SELECT max(rowid) FROM notes) - ?",
    (REMEMBERED,),
)
"""Limits of a journal in memory."""


@dataclass(frozen=True)
class Kept:
    """One message in the journal; times are Unix times."""

    notification: Notification
    born: float
    due: float
    tries: int


class Journal:
    """The journal of this process. Any thread may call; calls do not raise."""

    def __init__(
        self,
        directory: Path,
        notice: Callable[[str], None] = lambda _: None,
        *,
        wal: bool = True,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Open or create it. `wal` is False if the directory is not on a local disk."""
        self._directory, self._notice, self._now = directory, notice, now
        self._guard = threading.Lock()
        self._file = JournalFile(directory, notice, now, wal)
        self._unwritten: list[Statement] = []
        self._failed = False
        """Whether it was reported that messages are not on disk."""
        self._closed = False
        self._delivered = 0
        try:
            self._file.open()
            self._prune()
        except (OSError, sqlite3.Error) as error:
            self._leave(error)

    @property
    def path(self) -> Path | None:
        """The file of this process; None if there is none."""
        return self._file.path

    def look(self) -> None:
        """Make sure that the file exists and is the one in use. Call this regularly."""
        with self._guard:
            if not self._closed and (self._file.path is None or self._file.removed()):
                self._again()
                self._flush()

    # -- reading, at the start -------------------------------------------------------------------

    def waiting(self, channel: str) -> list[Kept]:
        """Return a channel's undelivered messages, oldest first; those in flight are marked."""
        rows = self._rows(
            "SELECT state, born, due, tries, body FROM messages"
            " WHERE channel = ? AND state IN ('waiting', 'sending') ORDER BY seq",
            channel,
        )
        found = []
        for state, born, due, tries, body in rows:
            with contextlib.suppress(*UNDECODABLE):  # another version's: nothing can be made of it
                reported = msgspec.msgpack.decode(body, type=Notification)
                if state == "sending":
                    reported = msgspec.structs.replace(reported, may_repeat=True)
                found.append(Kept(reported, born, due, tries))
        return found

    def known(self, channel: str) -> list[str]:
        """Return the ids that were delivered or given up, oldest first."""
        rows = self._rows(
            "SELECT id FROM messages WHERE channel = ? AND state IN ('done', 'dead') ORDER BY seq", channel
        )
        return [row[0] for row in rows]

    def rest(self, channel: str) -> float:
        """Return the Unix time until which a channel asked to pause; 0 if it did not."""
        rows = self._rows("SELECT until FROM rests WHERE channel = ?", channel)
        return float(rows[0][0]) if rows else 0.0

    def routing(self) -> dict[str, bytes]:
        """Return what routing committed last, by key."""
        return {key: bytes(body) for key, body in self._rows("SELECT key, body FROM routing ORDER BY rowid")}

    def recall(self, channel: str, key: str) -> str:
        """Return what a channel noted under a key; "" if nothing was, or long ago."""
        rows = self._rows("SELECT value FROM notes WHERE channel = ? AND key = ?", channel, key)
        return str(rows[0][0]) if rows else ""

    # -- writing ---------------------------------------------------------------------------------

    def commit(
        self, added: Iterable[tuple[str, Notification]], routing: Mapping[str, bytes | None] | None = None
    ) -> None:
        """Add messages to channels, and routing's state (None removes a key), all or nothing."""
        now = self._now()
        statements: list[Statement] = [
            (_ADD, (channel, reported.id, now, now, msgspec.msgpack.encode(reported)))
            for channel, reported in added
        ]
        for key, body in (routing or {}).items():
            if body is None:
                statements.append(("DELETE FROM routing WHERE key = ?", (key,)))
            else:
                statements.append(("INSERT OR REPLACE INTO routing VALUES (?, ?)", (key, body)))
        self._write(statements)

    def sending(self, channel: str, key: str) -> None:
        """Note that a message is about to leave."""
        self._write([("UPDATE messages SET state = 'sending' WHERE channel = ? AND id = ?", (channel, key))])

    def later(self, channel: str, kept: Kept, rest: float) -> None:
        """Note that a message waits again, and until when the channel pauses."""
        reported = kept.notification
        self._write(
            [
                (
                    "UPDATE messages SET state = 'waiting', due = ?, tries = ?, body = ?"
                    " WHERE channel = ? AND id = ?",
                    (kept.due, kept.tries, msgspec.msgpack.encode(reported), channel, reported.id),
                ),
                ("INSERT OR REPLACE INTO rests VALUES (?, ?)", (channel, rest)),
            ]
        )

    def done(self, channel: str, key: str) -> None:
        """Note that a message was delivered."""
        sql = "UPDATE messages SET state = 'done', body = NULL WHERE channel = ? AND id = ?"
        self._delivered += 1
        forget = [_FORGET] if self._delivered % FORGET_EVERY == 0 else []
        self._write([(sql, (channel, key)), *forget])

    def dead(self, channel: str, key: str, reason: str) -> None:
        """Note that a message was given up, and keep it for people."""
        sql = "UPDATE messages SET state = 'dead', reason = ? WHERE channel = ? AND id = ?"
        self._write([(sql, (reason, channel, key)), *([] if self.path else [_FEWER_DEAD])])

    def note(self, channel: str, key: str, value: str) -> None:
        """Keep what a channel is to remember, such as the thread of an incident."""
        add: Statement = (
            "INSERT OR REPLACE INTO notes VALUES (?, ?, ?, ?)",
            (channel, key, value, self._now()),
        )
        self._write([add, *([] if self.path else [_FEWER_NOTES])])

    # -- messages that were given up (see dead_letters) ------------------------------------------

    def dead_channels(self) -> list[str]:
        """Return the identities of channels for which messages were given up."""
        return [row[0] for row in self._rows("SELECT DISTINCT channel FROM messages WHERE state = 'dead'")]

    def revive(self, channel: str) -> int:
        """Queue a channel's messages that were given up again; return how many."""
        where, now = " WHERE channel = ? AND state = 'dead' AND body IS NOT NULL", self._now()
        count = self._rows(f"SELECT count(*) FROM messages{where}", channel)  # noqa: S608 -- no text of others
        sql = f"UPDATE messages SET state = 'waiting', born = ?, due = ?, tries = 0, reason = ''{where}"  # noqa: S608
        self._write([(sql, (now, now, channel))])
        return int(count[0][0]) if count else 0

    def take_over(self, channel: str, key: str, body: bytes) -> None:
        """Queue a message here that was given up elsewhere."""
        now = self._now()
        self._write([("DELETE FROM messages WHERE channel = ? AND id = ?", (channel, key))])
        self._write([(_ADD, (channel, key, now, now, body))])

    def close(self) -> None:
        """Close the file; the next process finds its messages."""
        with self._guard:
            self._closed = True
            self._file.close()

    # -- inside ----------------------------------------------------------------------------------

    def _rows(self, sql: str, *values: object) -> list[Any]:
        with self._guard:
            if self._closed:
                return []
            try:
                return self._file.db.execute(sql, values).fetchall()
            except sqlite3.Error as error:
                self._leave(error)
                return []

    def _write(self, statements: list[Statement]) -> None:
        with self._guard:
            if self._closed:
                return
            self._unwritten += statements
            if self._file.removed():
                self._again()
            self._flush()

    def _flush(self) -> None:
        """Write pending statements. The guard is held."""
        db = self._file.db
        try:
            with db:
                db.execute("BEGIN IMMEDIATE")
                for sql, values in self._unwritten:
                    db.execute(sql, values)
            self._unwritten.clear()
        except sqlite3.OperationalError as error:  # full, read-only: it may pass
            if len(self._unwritten) > MOST_UNWRITTEN:
                self._leave(error)
            else:
                self._unkept(error)
        except sqlite3.Error as error:
            self._leave(error)
        else:
            if self._file.path is not None and self._failed:
                self._failed = False
                self._say("alerts are kept on disk again")

    def _again(self) -> None:
        """Create the file if it does not exist. The guard is held."""
        gone = self._file.path is not None
        try:
            self._file.open_again()
        except (OSError, sqlite3.Error) as error:
            if gone:
                self._leave(error)
            return
        if gone:
            self._say(f"the outbox was removed while it was in use: it is written again: {self._where()}")

    def _leave(self, error: Exception) -> None:
        """Continue in memory, without a file. The guard is held."""
        self._unkept(error)
        if self._file.path is not None:
            self._file.leave()
        with contextlib.suppress(sqlite3.Error), self._file.db as db:
            for sql, values in self._unwritten:
                db.execute(sql, values)
        self._unwritten.clear()

    def _prune(self) -> None:
        with self._file.db as db:
            db.execute("BEGIN IMMEDIATE")
            db.execute(*_FORGET)
            before = (self._now() - KEEP_DEAD,)
            db.execute("DELETE FROM messages WHERE state != 'done' AND born < ?", before)
            db.execute("DELETE FROM notes WHERE at < ?", before)

    def _unkept(self, error: Exception) -> None:
        """Report once that messages are not on disk."""
        if not self._failed:
            self._failed = True
            self._say(f"alerts are kept in memory only: {self._where()}: {_plainly(error)}")

    def _say(self, words: str) -> None:
        self._notice(Notice(words, "outbox"))

    def _where(self) -> str:
        return text.path(str(self._directory))


def _plainly(error: Exception) -> str:
    return text.plain(getattr(error, "strerror", None) or str(error), 120)
