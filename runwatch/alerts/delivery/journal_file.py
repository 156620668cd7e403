"""The files of journals: tables, locks, and files of dead processes.

A journal that cannot have a file is kept in memory, in the same tables; so is what was in a file
that cannot be used any more. Once there can be a file again, all of it goes there.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path

from runwatch.core import text
from runwatch.system import private_files

SLOTS = 64
"""Most processes with a journal in one directory."""
MEMORY = ":memory:"
SCHEMA = """
CREATE TABLE IF NOT EXISTS messages (
    seq INTEGER PRIMARY KEY,
    channel TEXT NOT NULL,      -- its identity
    id TEXT NOT NULL,
    state TEXT NOT NULL,        -- waiting, sending, done or dead
    born REAL NOT NULL,         -- Unix times
    due REAL NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    body BLOB,                  -- the notification; NULL once it is done
    reason TEXT NOT NULL DEFAULT '',
    UNIQUE (channel, id)
);
CREATE TABLE IF NOT EXISTS rests (channel TEXT PRIMARY KEY, until REAL NOT NULL);
CREATE TABLE IF NOT EXISTS routing (key TEXT PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS notes (
    channel TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, at REAL NOT NULL,
    PRIMARY KEY (channel, key)
);
"""

Row = tuple[object, ...]
_COLUMNS = {
    "messages": "channel, id, state, born, due, tries, body, reason",
    "rests": "channel, until",
    "routing": "key, body",
    "notes": "channel, key, value, at",
}


class JournalFile:
    """The database of one journal: in a file that no other process has, or in memory."""

    def __init__(
        self, directory: Path, report: Callable[[str], None], now: Callable[[], float], wal: bool
    ) -> None:
        """`wal` is False if the directory is not on a local disk."""
        self._directory, self._report, self._now, self._wal = directory, report, now, wal
        self.db = _connected(MEMORY, "MEMORY")
        self.path: Path | None = None
        """The file; None: it is kept in memory."""
        self._inode: tuple[int, int] | None = None
        self._lock: int | None = None

    def open(self) -> None:
        """Move from memory to a file. Raises OSError, sqlite3.Error."""
        private_files.directory(self._directory)
        self._take()
        self._adopt()

    def open_again(self) -> None:
        """Write a file again, with the contents of a removed one; a missing parent is not created."""
        private_files.directory(self._directory.parent, 1)
        private_files.directory(self._directory, 1)
        self._take()

    def removed(self) -> bool:
        """Return whether the open file is no longer the one at its path."""
        if self.path is None:
            return False
        try:
            there = os.lstat(self.path)
        except OSError:
            return True
        return (there.st_dev, there.st_ino) != self._inode or not self.path.with_suffix(".lock").exists()

    def leave(self) -> None:
        """Continue in memory, with what can be read of the file, which stays locked."""
        memory = _connected(MEMORY, "MEMORY")
        with contextlib.suppress(sqlite3.Error):
            _copy(self.db, memory)
        self.db.close()
        self.db, self.path = memory, None

    def close(self) -> None:
        """Close the file; the next process finds its messages."""
        with contextlib.suppress(sqlite3.Error):
            self.db.close()
        self._unlock()

    # -- inside ----------------------------------------------------------------------------------

    def _take(self) -> None:
        """Take the first file that is free, and put everything into it."""
        self._unlock()
        path = self._own()
        try:
            db = self._open_or_replace(path)
            try:
                _copy(self.db, db)
                found = os.lstat(path)
            except BaseException:
                db.close()
                raise
        except BaseException:
            self._unlock()
            raise
        self.db.close()
        self.db, self.path, self._inode = db, path, (found.st_dev, found.st_ino)

    def _own(self) -> Path:
        for slot in range(SLOTS):
            lock = locked(self._directory / f"{slot}.lock")
            if lock is not None:
                self._lock = lock
                return self._directory / f"{slot}.db"
        raise OSError(None, "too many processes")

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
        self._lock = None

    def _open_or_replace(self, path: Path) -> sqlite3.Connection:
        try:
            return self._open(path)
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:  # damaged
            aside = text.path(str(set_aside(path, self._now())))
            self._report(
                f"undelivered alerts of an earlier process cannot be read: the file is kept as: {aside}"
            )
            return self._open(path)

    def _open(self, path: Path) -> sqlite3.Connection:
        private_files.database(path)
        return _connected(str(path), "WAL" if self._wal else "DELETE")

    def _adopt(self) -> None:
        """Take over the files of dead processes."""
        for path in sorted(self._directory.glob("*.db"), key=lambda path: path.name):
            if not private_files.is_file(path):
                continue
            lock = locked(path.with_suffix(".lock"))
            if lock is None:  # its owner lives, or this is our own
                continue
            try:
                _insert(self.db, leftovers(path), "IGNORE")
                remove(path)
            except sqlite3.OperationalError:
                pass  # perhaps next time
            except sqlite3.DatabaseError:
                aside = text.path(str(set_aside(path, self._now())))
                self._report(f"alerts that another process left cannot be read: {aside}")
            finally:
                os.close(lock)


def _connected(path: str, mode: str) -> sqlite3.Connection:
    """Open a database with its tables; raise sqlite3.Error if it cannot be used."""
    db = sqlite3.connect(path, timeout=1.0, isolation_level=None, check_same_thread=False)
    try:
        db.execute(f"PRAGMA journal_mode = {mode}")
        db.execute("PRAGMA synchronous = NORMAL")
        db.executescript(SCHEMA)
        if db.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
            raise sqlite3.DatabaseError("damaged")
    except sqlite3.Error:
        db.close()
        raise
    return db


def _copy(source: sqlite3.Connection, target: sqlite3.Connection) -> None:
    """Copy everything from one database into another, replacing existing rows."""
    _insert(target, {table: _rows(source, table) for table in _COLUMNS}, "REPLACE")


def _rows(db: sqlite3.Connection, table: str, which: str = "") -> list[Row]:
    return db.execute(f"SELECT {_COLUMNS[table]} FROM {table} {which} ORDER BY rowid").fetchall()  # noqa: S608


def _insert(db: sqlite3.Connection, tables: Mapping[str, list[Row]], known: str) -> None:
    """Insert rows, all or none; `known` says what becomes of those that are there: REPLACE or IGNORE."""
    with db:
        db.execute("BEGIN IMMEDIATE")
        for table, rows in tables.items():
            columns = _COLUMNS[table]
            places = ", ".join("?" for _ in columns.split(","))
            db.executemany(f"INSERT OR {known} INTO {table} ({columns}) VALUES ({places})", rows)  # noqa: S608


def set_aside(path: Path, now: float, mark: str = "damaged") -> Path:
    """Rename a damaged database with its companions; return its new name. Raises OSError."""
    aside = path.with_name(f"{path.name}.{mark}-{int(now)}")
    for suffix in ("", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            os.replace(f"{path}{suffix}", f"{aside}{suffix}")
    return aside


def remove(path: Path) -> None:
    """Remove a database with its companions."""
    for suffix in ("-wal", "-shm", ""):
        with contextlib.suppress(FileNotFoundError):
            os.remove(f"{path}{suffix}")


def leftovers(path: Path) -> dict[str, list[Row]]:
    """Return the contents of a dead process's database: undelivered messages, routing state, notes."""
    db = sqlite3.connect(path, timeout=1.0)
    try:
        db.executescript(SCHEMA)  # an older version's lacks a table
        undelivered = {"messages": _rows(db, "messages", "WHERE state != 'done'")}
        return undelivered | {table: _rows(db, table) for table in ("routing", "notes")}
    finally:
        db.close()


def locked(path: Path) -> int | None:
    """Return a descriptor that holds the lock of a file; None if another process holds it."""
    descriptor = private_files.opened(path, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
