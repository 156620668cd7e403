"""The files of journals: their tables, their locks, and what is left of those whose owner is gone."""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
from pathlib import Path

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


def leftovers(path: Path) -> tuple[list[Row], list[Row], list[Row]]:
    """Return what a database holds whose owner is gone: messages not delivered, routing's state, notes."""
    db = sqlite3.connect(path, timeout=1.0)
    try:
        db.executescript(SCHEMA)  # an older version's lacks a table
        messages = db.execute(
            "SELECT channel, id, state, born, due, tries, body, reason FROM messages"
            " WHERE state != 'done' ORDER BY seq"
        ).fetchall()
        routing = db.execute("SELECT key, body FROM routing ORDER BY rowid").fetchall()
        return messages, routing, db.execute("SELECT channel, key, value, at FROM notes").fetchall()
    finally:
        db.close()


def locked(path: Path) -> int | None:
    """Return a descriptor that holds the lock of a file; None if another process holds it."""
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
