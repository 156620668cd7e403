"""The file of the state: its tables, and how it is opened, brought up to date, measured and set aside."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

from runwatch.system import private_files
from runwatch.watcher.sources.mounts import holds_wal

SCHEMA = 1
"""Raised with every change of the tables that other versions cannot ignore; MIGRATIONS leads there."""
MIGRATIONS: dict[int, str] = {}
"""Schema -> the statements, each with a semicolon at its line's end, that make it the next one."""
CHECKED = 32 << 20
"""Bytes up to which the whole file is checked when it is opened."""
_TABLES = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS groups (
    id TEXT PRIMARY KEY,
    body BLOB NOT NULL,         -- see frozen.py
    saved REAL NOT NULL         -- Unix time
);
CREATE TABLE IF NOT EXISTS sources (
    id TEXT PRIMARY KEY,
    group_id TEXT NOT NULL,
    body BLOB NOT NULL          -- a ReadPlace as JSON
);
CREATE INDEX IF NOT EXISTS sources_of ON sources (group_id);
CREATE TABLE IF NOT EXISTS incidents (
    id TEXT PRIMARY KEY,
    run_id TEXT NOT NULL,
    run TEXT NOT NULL,
    rule TEXT NOT NULL,
    severity TEXT NOT NULL,
    state TEXT NOT NULL,
    found REAL NOT NULL,        -- Unix times
    changed REAL NOT NULL,
    sent INTEGER NOT NULL,      -- whether it was sent to people
    body BLOB NOT NULL          -- an IncidentRow
);
CREATE INDEX IF NOT EXISTS incidents_by_time ON incidents (changed);
CREATE INDEX IF NOT EXISTS incidents_by_run ON incidents (run_id);
CREATE TABLE IF NOT EXISTS changes (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    body BLOB NOT NULL          -- a Change that is not yet handed to delivery
);
CREATE TABLE IF NOT EXISTS runs (
    id TEXT PRIMARY KEY,
    group_id TEXT NOT NULL,
    changed REAL NOT NULL,      -- Unix time
    body BLOB NOT NULL          -- a PastRun
);
CREATE INDEX IF NOT EXISTS runs_of ON runs (group_id);
CREATE TABLE IF NOT EXISTS silences (id TEXT PRIMARY KEY, ends REAL NOT NULL, body BLOB NOT NULL);
"""


class NewerError(Exception):
    """The file is of a newer schema than this software knows."""


def connect(path: Path) -> sqlite3.Connection:
    """Open the file for reading and writing; make it if there is none.

    Raises NewerError, OSError, and sqlite3.Error: of its kinds sqlite3.DatabaseError itself for
    a file that is damaged.
    """
    private_files.database(path)
    db = sqlite3.connect(path, timeout=1.0, isolation_level=None, check_same_thread=False)
    try:
        version = schema_of(db)
        if version > SCHEMA:
            raise NewerError(version)
        if os.stat(path).st_size <= CHECKED and db.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
            raise sqlite3.DatabaseError("damaged")
        if not version:
            db.execute("PRAGMA auto_vacuum = INCREMENTAL")
        db.execute(f"PRAGMA journal_mode = {'WAL' if holds_wal(str(path)) else 'DELETE'}")
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute(f"PRAGMA journal_size_limit = {16 << 20}")
        _migrate(db, version)
    except BaseException as error:
        db.close()
        if isinstance(error, UnicodeDecodeError):  # SQLite's message quotes a damaged name
            raise sqlite3.DatabaseError("damaged") from None
        raise
    return db


def read_only(path: Path) -> sqlite3.Connection | None:
    """Open a file that may not be written; None if it cannot be read either."""
    if not private_files.is_file(path):
        return None
    for how in ("mode=ro", "mode=ro&immutable=1"):
        db = None
        try:
            db = sqlite3.connect(f"{path.absolute().as_uri()}?{how}", uri=True, isolation_level=None)
            if schema_of(db) == SCHEMA:
                db.execute("SELECT 1 FROM groups").fetchone()
                return db
        except (sqlite3.Error, UnicodeDecodeError):
            pass
        if db is not None:
            db.close()
    return None


def schema_of(db: sqlite3.Connection) -> int:
    """Return the schema of a file; 0 of a new one."""
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def used(db: sqlite3.Connection) -> int:
    """Return the bytes in use."""
    pages, free, size = (
        int(db.execute(f"PRAGMA {name}").fetchone()[0])
        for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * size


def is_damage(error: Exception) -> bool:
    """Whether an error of SQLite says that the file is damaged, and not that something may pass."""
    return type(error) is sqlite3.DatabaseError


def _migrate(db: sqlite3.Connection, version: int) -> None:
    db.execute("BEGIN IMMEDIATE")
    try:
        for step in range(version or SCHEMA, SCHEMA):
            for statement in MIGRATIONS[step].split(";\n"):
                db.execute(statement)
        for statement in _TABLES.split(";\n"):
            db.execute(statement)
        db.execute(f"PRAGMA user_version = {SCHEMA}")
        db.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            db.execute("ROLLBACK")
        raise
