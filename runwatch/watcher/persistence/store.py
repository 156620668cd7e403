"""What outlives the engine: groups as they were folded, where their sources are, incidents, silences.

One SQLite file. A commit is one transaction: after any crash the file holds
all of it or nothing. Commits go to the write-ahead log without waiting for the
disk: they survive the death of the process, and a power cut may undo the last.

Nothing here raises and nothing stops watching. A file that is damaged is set
aside and begun again; one that cannot be written is tried again at each commit;
one of a newer version is left alone. Each is reported in one line.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from runwatch.alerts.delivery.journal_file import set_aside
from runwatch.alerts.incidents.incidents import Change
from runwatch.alerts.routing.silences import Silence
from runwatch.core import text
from runwatch.core.decoding import UNDECODABLE
from runwatch.core.notice import Notice
from runwatch.core.snapshot import IncidentRow, PastRun
from runwatch.system import private_files
from runwatch.watcher.persistence import state_file
from runwatch.watcher.persistence.saved import Kept, ReadPlace, Record, Saved

FILE = "state.db"
DAY = 86_400.0
_INCIDENT = (
    "INSERT INTO incidents VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
    " severity = excluded.severity, state = excluded.state, changed = excluded.changed,"
    " sent = max(sent, excluded.sent), body = excluded.body"
)
_RECORD = "SELECT run_id, body, found, changed, sent FROM incidents"


class Store:
    """The state of one state directory. One process at a time may have it; calls do not raise."""

    def __init__(
        self,
        directory: Path,
        notice: Callable[[str], None] = lambda _: None,
        *,
        keep_days: float = 90.0,
        max_mb: float = 1024.0,
        now: Callable[[], float] = time.time,
        ours: Callable[[], bool] = lambda: True,
    ) -> None:
        """Open or make `directory`/state.db; incidents are kept `keep_days`, all of it below `max_mb`.

        `ours` says whether the directory is still ours: a file that another made there is not touched.
        """
        self.path = directory / FILE
        self._notice, self._now, self._ours = notice, now, ours
        self.limit(keep_days, max_mb)
        self._db: sqlite3.Connection | None = None
        self._inode: tuple[int, int] | None = None
        self.epoch = os.urandom(4).hex()
        """Stays the same as long as the file does."""
        self._reported = ""
        """What was said to be wrong last, and is not resolved yet."""
        self._foreign = False
        """The file is a newer version's: it is neither read nor written."""
        self._swept: float | None = None
        self._silences: dict[str, Silence] = {}
        self._unwritten = False
        """Whether the silences are not those that the file holds."""
        self.lost = False
        """Everything is to be committed again: the file is not the one that it was."""
        self._open()
        for (body,) in self._rows("SELECT body FROM silences ORDER BY rowid"):
            with contextlib.suppress(*UNDECODABLE):
                silence = msgspec.msgpack.decode(body, type=Silence)
                self._silences[silence.id] = silence

    # -- reading ---------------------------------------------------------------------------------

    def load(self) -> Kept:
        """Return all that was committed; what cannot be read is left out."""
        groups = {row[0]: bytes(row[1]) for row in self._rows("SELECT id, body FROM groups ORDER BY saved")}
        places: dict[str, dict[str, ReadPlace]] = {}
        for source, group, body in self._rows("SELECT id, group_id, body FROM sources ORDER BY rowid"):
            with contextlib.suppress(*UNDECODABLE):
                places.setdefault(group, {})[source] = msgspec.json.decode(body, type=ReadPlace)
        changes = []
        for (body,) in self._rows("SELECT body FROM changes ORDER BY seq"):
            with contextlib.suppress(*UNDECODABLE):
                changes.append(msgspec.msgpack.decode(body, type=Change))
        meta = {row[0]: row[1] for row in self._rows("SELECT key, value FROM meta")}
        alive, roots = meta.get("alive"), meta.get("roots", b"[]")
        with contextlib.suppress(*UNDECODABLE, TypeError):
            return Kept(
                groups,
                places,
                tuple(changes),
                None if alive is None else float(alive),
                msgspec.json.decode(roots, type=tuple[bytes, ...]),
            )
        return Kept(groups, places, tuple(changes))

    def incidents(self, run_ids: Sequence[str]) -> dict[str, Record]:
        """Return the incidents of these runs by their ids."""
        found: list[Record] = []
        for run_id in run_ids:
            found += _records(self._rows(f"{_RECORD} WHERE run_id = ?", run_id))
        return {record.row.id: record for record in found}

    def silences(self) -> list[Silence]:
        """Return all silences that are kept."""
        return list(self._silences.values())

    # -- writing ---------------------------------------------------------------------------------

    def commit(
        self,
        groups: Iterable[Saved] = (),
        changes: Iterable[Change] = (),
        *,
        handed: Iterable[str] = (),
        dropped: Iterable[str] = (),
        roots: Sequence[bytes] | None = None,
    ) -> bool:
        """Write all of it or nothing; return whether it was written.

        Of `changes` those to be sent wait until their ids come back as `handed`.
        `dropped` are groups and sources that are watched no more.
        """
        now = self._now()
        groups, changes, handed, dropped = list(groups), list(changes), list(handed), list(dropped)

        silences = list(self._silences.values()) if self._unwritten or self.lost else None

        def write(db: sqlite3.Connection) -> None:
            if silences is not None:
                _silence(db, silences)
            for group in groups:
                _put(db, group, now)
            for change in changes:
                _note(db, change, now)
            db.executemany("DELETE FROM changes WHERE id = ?", [(key,) for key in handed])
            _drop(db, dropped)
            db.execute("INSERT OR REPLACE INTO meta VALUES ('alive', ?)", (repr(now),))
            if roots is not None:
                db.execute("INSERT OR REPLACE INTO meta VALUES ('roots', ?)", (msgspec.json.encode(roots),))

        written = self._write(write)
        self._unwritten &= not written
        return written

    def put_silence(self, silence: Silence) -> None:
        """Keep a silence; it replaces the one of the same id. It holds even if it cannot be written."""
        self._silences[silence.id] = silence
        self._unwritten = True
        self.commit()

    def drop_silence(self, silence_id: str) -> bool:
        """Forget a silence; return False if there is none of that id."""
        known = self._silences.pop(silence_id, None) is not None
        self._unwritten |= known
        if known:
            self.commit()
        return known

    def limit(self, keep_days: float, max_mb: float) -> None:
        """Keep incidents so long, and all of it below so much, from the next sweep on."""
        self._keep, self._most = keep_days * DAY, int(max_mb * (1 << 20))

    def sweep(self) -> None:
        """Forget what is too old, and the oldest of what is too much. Cheap unless there is something.

        A clock that jumps ahead makes nothing old: a sweep believes in two days at most.
        """
        now = self._now()
        self._swept = now if self._swept is None else max(0.0, min(now, self._swept + 2 * DAY))
        until = self._swept - self._keep

        def write(db: sqlite3.Connection) -> None:
            db.execute("DELETE FROM incidents WHERE changed < ?", (until,))
            db.execute("DELETE FROM runs WHERE changed < ?", (until,))
            _drop(db, [row[0] for row in db.execute("SELECT id FROM groups WHERE saved < ?", (until,))])
            excess = state_file.used(db) - self._most
            for key, size in db.execute("SELECT id, length(body) FROM groups ORDER BY saved").fetchall():
                if excess > 0:
                    _drop(db, [key])
                    excess -= size
            if excess > 0:
                db.execute(
                    "DELETE FROM incidents WHERE id IN"
                    " (SELECT id FROM incidents WHERE state = 'resolved' ORDER BY changed LIMIT 10000)"
                )
            db.execute("PRAGMA incremental_vacuum(4096)").fetchall()

        self._write(write)

    def close(self) -> None:
        """Let go of the file."""
        if self._db is not None:
            with contextlib.suppress(sqlite3.Error):
                self._db.close()
        self._db = None

    # -- inside ----------------------------------------------------------------------------------

    def _rows(self, sql: str, *values: object) -> list[Any]:
        if self._db is None:
            return []
        try:
            return self._db.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            self._failed(error)
            return []

    def _write(self, work: Callable[[sqlite3.Connection], object]) -> bool:
        if self._foreign:
            return False
        if self._inode is None or self._moved():
            if not self._ours():
                return False
            self._open(1)
        if self._db is None or self._inode is None:
            return False
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                work(self._db)
                self._db.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    self._db.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            self._failed(error)
            return False
        if self._reported:
            self._reported = ""
            self._notice(Notice("the state is kept on disk again", "state"))
        return True

    def _open(self, most: int | None = None) -> None:
        """Open the file; make it if there is none, and at most so many directories."""
        self.close()
        self._inode = None
        try:
            private_files.directory(self.path.parent, most)
            self._db = state_file.connect(self.path)
            self.epoch = self._name()
            self._inode = private_files.identity(self.path)
        except state_file.NewerError as error:
            self._foreign = True
            self._say(
                f"the state is of a newer runwatch (schema {error}, ours is {state_file.SCHEMA}): it is left"
                f" alone and nothing is kept: {self._where()}: upgrade, or set $RUNWATCH_STATE"
            )
        except (sqlite3.Error, OSError) as error:
            self._failed(error)
            if self._db is None:
                self._db = state_file.read_only(self.path)

    def _name(self) -> str:
        """Return what distinguishes this file from others that were at its place; a new one gets a name."""
        assert self._db is not None
        self._db.execute("INSERT OR IGNORE INTO meta VALUES ('epoch', ?)", (os.urandom(4).hex(),))
        return str(self._db.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchone()[0])

    def _moved(self) -> bool:
        """Whether the file that is open is not the one at the path."""
        if private_files.identity(self.path) == self._inode:
            return False
        self.lost = True
        again = f"the state was removed while it was in use: it is written again: {self._where()}"
        self._notice(Notice(again, "state"))
        return True

    def _failed(self, error: Exception) -> None:
        """Begin again behind a damaged file; of anything else say once that nothing is kept for now."""
        if not state_file.is_damage(error):
            reason = text.plain(getattr(error, "strerror", None) or str(error), 120)
            self._say(f"the state is kept in memory only, for now: {self._where()}: {reason}")
            return
        self.close()
        self.lost = True
        try:
            aside = text.path(str(set_aside(self.path, self._now(), "broken")))
        except OSError as why:
            self._failed(why)
            return
        self._notice(f"the state is damaged: it is set aside as {aside}, and the logs are read again")
        self._open()

    def _say(self, what: str) -> None:
        if what != self._reported:
            self._reported = what
            self._notice(Notice(what, "state"))

    def _where(self) -> str:
        return text.path(str(self.path))


def _records(rows: Iterable[Sequence[Any]]) -> Iterator[Record]:
    """Yield the incidents that rows of the database hold; one that cannot be read is left out."""
    for run_id, body, found, changed, sent in rows:
        with contextlib.suppress(*UNDECODABLE):
            row = msgspec.msgpack.decode(body, type=IncidentRow)
            yield Record(run_id, row, found, changed, bool(sent))


def past_runs(directory: Path) -> list[PastRun]:
    """Return the runs that the state directory knows, the newest first; a daemon may be using it."""
    db = state_file.read_only(directory / FILE)
    found: list[PastRun] = []
    if db is None:
        return found
    with contextlib.closing(db), contextlib.suppress(sqlite3.Error):  # an older version has no such table
        for (body,) in db.execute("SELECT body FROM runs ORDER BY changed DESC, rowid"):
            with contextlib.suppress(*UNDECODABLE):
                found.append(msgspec.msgpack.decode(body, type=PastRun))
    return found


def _put(db: sqlite3.Connection, group: Saved, now: float) -> None:
    db.execute("INSERT OR REPLACE INTO groups VALUES (?, ?, ?)", (group.id, group.body, now))
    db.executemany(
        "INSERT INTO sources VALUES (?, ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET group_id = excluded.group_id, body = excluded.body",
        [(key, group.id, msgspec.json.encode(place)) for key, place in group.places.items()],
    )
    db.execute("DELETE FROM runs WHERE group_id = ?", (group.id,))
    db.executemany(
        "INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?)",
        [
            (run.id, group.id, now, msgspec.msgpack.encode(msgspec.structs.replace(run, watched=now)))
            for run in group.runs
        ],
    )


def _silence(db: sqlite3.Connection, silences: Iterable[Silence]) -> None:
    db.execute("DELETE FROM silences")
    db.executemany(
        "INSERT INTO silences VALUES (?, ?, ?)",
        [(one.id, one.ends, msgspec.msgpack.encode(one)) for one in silences],
    )


def _drop(db: sqlite3.Connection, keys: Iterable[str]) -> None:
    """Remove groups with all their sources, and sources."""
    for key in keys:
        db.execute("DELETE FROM groups WHERE id = ?", (key,))
        db.execute("DELETE FROM sources WHERE group_id = ? OR id = ?", (key, key))


def _note(db: sqlite3.Connection, change: Change, now: float) -> None:
    if change.kind == "pending":  # it may come to nothing
        return
    row = change.row
    body = msgspec.msgpack.encode(row)
    db.execute(
        _INCIDENT,
        (
            row.id, change.run, row.run, row.rule, row.severity, row.state,
            now, now, int(change.send), body,
        ),
    )  # fmt: skip
    if change.send:
        db.execute(
            "INSERT OR IGNORE INTO changes (id, body) VALUES (?, ?)",
            (change.id, msgspec.msgpack.encode(change)),
        )
