"""Messages that were given up: list them, and send them again."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import msgspec

from runwatch.alerts.delivery.journal import Journal
from runwatch.alerts.delivery.message import compose
from runwatch.alerts.routing.notification import Notification
from runwatch.core.decoding import UNDECODABLE
from runwatch.system import private_files


class Dead(msgspec.Struct, frozen=True):
    """One message that was not delivered and will not be tried again."""

    id: str
    channel: str
    """Name of the channel."""
    born: float
    """Unix time at which it was to be sent."""
    tries: int
    reason: str
    subject: str


def dead(directory: Path) -> list[Dead]:
    """Return the messages given up by all processes that share the directory, oldest first.

    A file that cannot be read is left out. Raises OSError if the directory cannot be read.
    """
    found = []
    for path in _files(directory):
        with contextlib.suppress(sqlite3.Error), _opened(path, "ro") as db:
            rows = db.execute(
                "SELECT id, channel, born, tries, reason, body FROM messages WHERE state = 'dead'"
            ).fetchall()
            found += [_dead(*row) for row in rows]
    return sorted(found, key=lambda one: one.born)


def revive(directory: Path, journal: Journal, channel: str = "") -> int:
    """Queue messages that were given up again, in `journal`; return how many.

    Those of processes that live are taken from them. `channel` is a name; "" is all of them.
    """
    count = 0
    for path in _files(directory):
        if path == journal.path:
            continue
        with contextlib.suppress(sqlite3.Error), _opened(path, "rw") as db:
            rows = db.execute(
                "SELECT channel, id, body FROM messages WHERE state = 'dead' AND body IS NOT NULL"
            ).fetchall()
            for identity, key, body in rows:
                if channel in ("", _name(identity)):
                    journal.take_over(identity, key, body)
                    with db:
                        db.execute("DELETE FROM messages WHERE channel = ? AND id = ?", (identity, key))
                    count += 1
    return count + sum(
        journal.revive(identity) for identity in journal.dead_channels() if channel in ("", _name(identity))
    )


def _files(directory: Path) -> list[Path]:
    """Return the journals in a directory; empty if it does not exist. Raises OSError."""
    try:
        names = os.listdir(directory)
    except FileNotFoundError:
        return []
    return [
        path
        for name in sorted(names)
        if name.endswith(".db") and private_files.is_file(path := directory / name)
    ]


def _name(identity: str) -> str:
    return identity.rpartition("#")[0]


@contextlib.contextmanager
def _opened(path: Path, mode: str) -> Iterator[sqlite3.Connection]:
    db = sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True, timeout=2.0)
    try:
        yield db
    finally:
        db.close()


def _dead(key: str, identity: str, born: float, tries: int, reason: str, body: bytes | None) -> Dead:
    subject = ""
    if body is not None:
        with contextlib.suppress(*UNDECODABLE):  # another version's
            subject = compose(msgspec.msgpack.decode(body, type=Notification)).subject
    return Dead(key, _name(identity), born, tries, reason, subject)
