"""The store keeps everything or says in one line that it cannot, and watching goes on either way."""

from __future__ import annotations

import contextlib
import os
import random
import resource
import shutil
import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from runwatch.alerts.incidents.incidents import Change
from runwatch.alerts.routing.silences import silence
from runwatch.core.snapshot import IncidentRow
from runwatch.watcher.ingest import wire
from runwatch.watcher.persistence import state_file
from runwatch.watcher.persistence.saved import ReadPlace, Saved
from runwatch.watcher.persistence.store import DAY, FILE, Store
from runwatch.watcher.sources.member import Member
from runwatch.watcher.sources.tail import Position

NOW = 1_700_000_000.0
RESUME = wire.Resume(Position(1, 2, 300, 4, 5), 300, 7, "nanochat", history=9, unfinished=b"\xff")
PLACE = ReadPlace(b"/runs/\xffa.log", Member(group="g", rank=3), RESUME)


def group(key: str = "g", body: bytes = b"body") -> Saved:
    return Saved(key, body, {f"{key}/a.log": PLACE})


def change(key: str = "i1", kind: str = "firing", number: int = 1, send: bool = True) -> Change:
    state = "resolved" if kind == "resolved" else kind
    row = IncidentRow(
        key, "speedrun", "nonfinite", "critical", state, "loss is NaN", evidence={"x": float("inf")}
    )
    return Change(kind, row, "g#1", send, number)


class Kept:
    """A store and what it said."""

    def __init__(self, directory: Path, **options: float) -> None:
        self.said: list[str] = []
        self.now = NOW
        self.store = Store(directory, self.said.append, now=lambda: self.now, **options)

    def commit(self) -> bool:
        return self.store.commit([group()], [change()], roots=[b"/runs"])


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    made = Kept(tmp_path / "state")
    yield made
    made.store.close()


def again(directory: Path, **options: float) -> Kept:
    return Kept(directory, **options)


def test_what_was_committed_is_there_for_the_next_process(kept, tmp_path) -> None:
    assert kept.store.load().groups == {}
    assert kept.commit()
    kept.store.close()
    found = again(tmp_path / "state").store
    left = found.load()
    assert left.groups == {"g": b"body"}
    assert left.places == {"g": {"g/a.log": PLACE}}
    assert left.changes == (change(),)
    assert (left.alive, left.roots) == (NOW, (b"/runs",))
    found.close()
    assert kept.said == []


def test_what_was_handed_to_delivery_is_struck_off(kept) -> None:
    kept.commit()
    kept.store.commit(handed=["i1.1.firing"])
    assert kept.store.load().changes == ()


def test_what_became_of_each_incident_is_kept(kept) -> None:
    kept.commit()
    kept.now += 60
    kept.store.commit(
        (), [change(kind="resolved", number=2), change("i2", send=False), change("p", "pending")]
    )
    found = kept.store.incidents(["g#1", "other"])
    assert {key: record.sent for key, record in found.items()} == {"i1": True, "i2": False}
    first = found["i1"]
    assert (first.row.state, first.found, first.changed) == ("resolved", NOW, NOW + 60)


def test_silences_are_kept_until_they_are_dropped(kept, tmp_path) -> None:
    one = silence(["run=speedrun"], 60, now=NOW)
    kept.store.put_silence(one)
    other = again(tmp_path / "state").store
    assert other.silences() == [one]
    assert other.drop_silence(one.id)
    assert not other.drop_silence(one.id)
    other.close()
    assert again(tmp_path / "state").store.silences() == []


def test_it_is_for_the_user_alone(kept) -> None:
    kept.commit()
    assert kept.store.path.stat().st_mode & 0o077 == 0
    assert kept.store.path.parent.stat().st_mode & 0o077 == 0


# -- faults ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["random", "truncated", "empty page", "schema", "no database"])
def test_a_damaged_file_is_set_aside_and_begun_again(tmp_path, how) -> None:
    directory = tmp_path / "state"
    one = again(directory)
    one.store.commit([group(str(n), bytes(3000)) for n in range(40)], [change(str(n)) for n in range(200)])
    one.store.close()
    path = directory / FILE
    data = bytearray(path.read_bytes())
    if how == "random":
        rng = random.Random(1)
        for _ in range(20):
            at = rng.randrange(100, len(data) - 4096)
            data[at : at + 2048] = rng.randbytes(2048)
    elif how == "truncated":
        del data[len(data) // 3 :]
    elif how == "empty page":
        data[4096:8192] = bytes(4096)
    elif how == "schema":  # SQLite's message quotes the name, which is no UTF-8
        data[:] = data.replace(b"tablesilences", b"tablesilenc\xf3s").replace(
            b"TABLE silences", b"TABEL silences"
        )
    else:
        data[:] = b"this is no database at all, only a text that is long enough" * 20
    path.write_bytes(data)
    two = again(directory)
    assert two.commit()
    assert two.store.load().groups == {"g": b"body"}
    assert [line for line in two.said if "is damaged: it is set aside as" in line] == two.said[:1]
    assert len(two.said) == 1
    assert len(list(directory.glob(f"{FILE}.broken-*"))) >= 1
    two.store.close()


def test_a_file_that_is_damaged_while_it_is_used_is_begun_again(tmp_path) -> None:
    one = again(tmp_path)
    one.commit()
    with contextlib.closing(sqlite3.connect(one.store.path)) as db:
        db.execute("INSERT INTO meta VALUES ('other', 1)")  # so that no page is trusted from memory
        db.commit()
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    data = bytearray(one.store.path.read_bytes())
    data[1000:] = random.Random(2).randbytes(len(data) - 1000)
    one.store.path.write_bytes(data)
    for _ in range(3):
        one.commit()
    assert one.store.lost
    assert one.commit()
    assert sum("is damaged" in line for line in one.said) == 1
    one.store.close()


def test_a_full_disk_is_reported_once_and_it_continues_when_there_is_room(kept) -> None:
    kept.commit()
    db = kept.store._db
    pages = db.execute("PRAGMA page_count").fetchone()[0]
    db.execute(f"PRAGMA max_page_count = {pages}")
    big = [group("big", bytes(1 << 20))]
    assert not kept.store.commit(big)
    assert not kept.store.commit(big)
    assert len(kept.said) == 1
    assert "kept in memory only, for now" in kept.said[0]
    assert "full" in kept.said[0]
    db.execute("PRAGMA max_page_count = 100000")
    assert kept.store.commit(big)
    assert kept.said[1:] == ["the state is kept on disk again"]
    assert set(kept.store.load().groups) == {"g", "big"}


def test_a_limit_of_the_system_on_file_sizes_is_as_a_full_disk(tmp_path) -> None:
    """The write itself fails, not SQLite's own limit."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    one = again(tmp_path)
    one.commit()
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, before[1]))
        assert not one.store.commit([group("big", bytes(1 << 20))])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, old)
    assert len(one.said) == 1
    assert one.store.commit([group("big", bytes(1 << 20))])
    assert one.store.load().groups["g"] == b"body"
    one.store.close()


@contextlib.contextmanager
def unprivileged() -> Iterator[None]:
    """Act as a user whom permissions bind."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_state_that_cannot_be_written_is_read_and_that_is_reported(tmp_path) -> None:
    directory = tmp_path / "state"
    one = again(directory)
    one.commit()
    one.store.close()
    os.chmod(directory / FILE, 0o444)
    os.chmod(directory, 0o555)
    for parent in (parent for parent in directory.parents if "pytest" in str(parent)):
        os.chmod(parent, 0o755)
    with unprivileged():
        two = again(directory)
        assert two.store.load().groups == {"g": b"body"}
        assert not two.commit()
        assert not two.commit()
    assert len(two.said) == 1
    assert "kept in memory only, for now" in two.said[0]
    os.chmod(directory, 0o755)
    os.chmod(directory / FILE, 0o644)
    assert two.commit()
    assert two.said[1:] == ["the state is kept on disk again"]
    two.store.close()


def test_a_directory_that_cannot_be_made_is_reported(tmp_path) -> None:
    (tmp_path / "file").write_text("")
    one = again(tmp_path / "file" / "state")
    assert one.store.load().groups == {}
    assert not one.commit()
    assert len(one.said) == 1


@pytest.mark.parametrize("what", ["file", "directory"])
def test_a_state_that_is_removed_while_it_is_used_is_written_again(tmp_path, what) -> None:
    directory = tmp_path / "state"
    one = again(directory)
    one.commit()
    if what == "file":
        (directory / FILE).unlink()
    else:
        shutil.rmtree(directory)
    assert one.commit()
    assert one.store.lost
    assert ["was removed while it was in use" in line for line in one.said] == [True]
    one.store.close()
    assert again(directory).store.load().groups == {"g": b"body"}


def test_a_newer_schema_is_left_alone(tmp_path) -> None:
    one = again(tmp_path)
    one.commit()
    one.store.close()
    with contextlib.closing(sqlite3.connect(tmp_path / FILE)) as db:
        db.execute("PRAGMA user_version = 99")
    before = (tmp_path / FILE).read_bytes()
    two = again(tmp_path)
    assert two.store.load().groups == {}
    assert not two.commit()
    two.store.sweep()
    two.store.close()
    assert (tmp_path / FILE).read_bytes() == before
    assert len(two.said) == 1
    assert "newer runwatch (schema 99, ours is 1)" in two.said[0]


def test_an_older_schema_is_brought_up_to_date(tmp_path, monkeypatch) -> None:
    one = again(tmp_path)
    one.commit()
    one.store.close()
    monkeypatch.setattr(state_file, "SCHEMA", 3)
    monkeypatch.setattr(
        state_file,
        "MIGRATIONS",
        {1: "CREATE TABLE t (x);\nINSERT INTO t VALUES (1);\n", 2: "UPDATE t SET x = x + 1"},
    )
    two = again(tmp_path)
    assert two.store.load().groups == {"g": b"body"}
    two.store.close()
    with contextlib.closing(sqlite3.connect(tmp_path / FILE)) as db:
        assert db.execute("SELECT x FROM t").fetchall() == [(2,)]
        assert db.execute("PRAGMA user_version").fetchone() == (3,)


# -- limits ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("late", [False, True])
def test_what_is_old_is_forgotten(tmp_path, late) -> None:
    one = again(tmp_path, keep_days=90 if late else 10)
    if late:
        one.store.limit(10, 1024)
    one.store.sweep()
    one.commit()
    for _ in range(8):
        one.now += 2 * DAY
        one.store.sweep()
    assert one.store.incidents(["g#1"]) == {}
    assert one.store.load().groups == {}
    one.store.close()


def test_a_clock_that_jumps_ahead_makes_nothing_old(tmp_path) -> None:
    one = again(tmp_path, keep_days=10)
    one.store.sweep()
    one.commit()
    one.now += 1000 * DAY
    one.store.sweep()
    one.now -= 1000 * DAY
    one.store.sweep()
    assert len(one.store.incidents(["g#1"])) == 1
    one.store.close()


def test_the_file_stays_below_its_limit(tmp_path) -> None:
    one = again(tmp_path, max_mb=1)
    for number in range(30):
        one.now += 60
        one.store.commit([group(str(number), bytes(100_000))])
        one.store.sweep()
    assert "29" in one.store.load().groups
    assert "0" not in one.store.load().groups
    one.store.close()
    assert (tmp_path / FILE).stat().st_size < 2 << 20


@pytest.mark.parametrize(
    ("table", "text"), [("silences", b"somebody"), ("changes", b"speedrun"), ("incidents", b"speedrun")]
)
def test_a_row_with_a_text_that_is_no_text_is_left_out(tmp_path, table, text) -> None:
    kept = Kept(tmp_path / "state")
    kept.commit()
    kept.store.put_silence(silence(("run=x",), 3600.0, now=NOW, author="somebody"))
    kept.store.close()
    with contextlib.closing(sqlite3.connect(tmp_path / "state" / FILE)) as db, db:
        ((body,),) = db.execute(f"SELECT body FROM {table}")
        assert text in body
        db.execute(f"UPDATE {table} SET body = ?", (body.replace(text, b"\xff" * 8),))
    found = again(tmp_path / "state")
    assert (
        len(found.store.silences()),
        len(found.store.load().changes),
        len(found.store.incidents(["g#1"])),
    ) == tuple(int(table != damaged) for damaged in ("silences", "changes", "incidents"))
    found.store.close()
