"""The journal at its edges: what it forgets, what it survives, and what it leaves open."""

import os
import shutil
import sqlite3
import time
from pathlib import Path

import pytest

from runwatch.alerts.delivery.dead_letters import dead as letters
from runwatch.alerts.delivery.dead_letters import revive
from runwatch.alerts.delivery.journal import FORGET_EVERY, KEEP_DEAD, MOST_UNWRITTEN, Kept
from runwatch.alerts.delivery.journal_file import SLOTS, locked
from runwatch.alerts.delivery.outbox import Outbox
from runwatch.alerts.delivery.queue import KEEP_TRYING, LONGEST_PAUSE, REMEMBERED, Queue
from runwatch.alerts.routing.notification import Retry, Sent

from .test_journal import NAME, ids, opened
from .test_outbox import FastClock, Scripted, note

__all__ = ["opened"]


def open_files(directory: Path) -> list[str]:
    """Return the names of the files in a directory that this process has open."""
    found = []
    for descriptor in os.listdir("/proc/self/fd"):
        try:
            path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        except OSError:
            continue
        if directory in path.parents and path.suffix != ".db-shm":
            found.append(path.name)
    return sorted(found)


@pytest.mark.parametrize(("age", "kept"), [(30 * 86400 - 1, True), (30 * 86400 + 1, False)])
def test_what_nobody_took_is_forgotten_after_30_days(opened, age, kept):
    assert KEEP_DEAD == 30 * 86400
    first = opened(now=lambda: 1e9)
    first.commit([(NAME, note("waits")), (NAME, note("dead")), (NAME, note("done"))])
    first.dead(NAME, "dead", "refused")
    first.done(NAME, "done")
    first.note(NAME, "thread", "C1")
    first.close()
    second = opened(now=lambda: 1e9 + age)
    assert ids(second) == ["waits"] * kept
    assert second.known(NAME) == ["dead"] * kept + ["done"]
    assert second.recall(NAME, "thread") == "C1" * kept


def test_delivered_ids_are_forgotten_with_every_256th_delivery(opened):
    assert FORGET_EVERY == 256
    journal = opened()
    journal.commit([(NAME, note(f"{number}")) for number in range(REMEMBERED + 256)])
    journal._file.db.execute("UPDATE messages SET state = 'done' WHERE seq <= ?", (REMEMBERED,))
    for number in range(REMEMBERED, REMEMBERED + 255):
        journal.done(NAME, f"{number}")
    assert len(journal.known(NAME)) == REMEMBERED + 255
    journal.done(NAME, f"{REMEMBERED + 255}")
    assert journal.known(NAME) == [f"{number}" for number in range(256, REMEMBERED + 256)]


@pytest.mark.parametrize("in_memory", [False, True])
def test_only_in_memory_what_channels_remember_is_bounded(opened, tmp_path, in_memory):
    (tmp_path / "file").touch()
    journal = opened(tmp_path / ("file" if in_memory else "outbox"))
    rows = [(NAME, f"{number}", "C1", 1e12) for number in range(REMEMBERED)]
    journal._file.db.executemany("INSERT INTO notes VALUES (?, ?, ?, ?)", rows)
    journal.note(NAME, "new", "C2")
    assert (journal.recall(NAME, "0"), journal.recall(NAME, "1")) == ("" if in_memory else "C1", "C1")
    assert journal.recall(NAME, "new") == "C2"


def test_with_a_full_disk_20000_changes_are_kept_for_the_file_and_then_memory_is_used(opened):
    assert MOST_UNWRITTEN == 20_000
    journal = opened()
    pages = journal._file.db.execute("PRAGMA page_count").fetchone()[0]
    journal._file.db.execute(f"PRAGMA max_page_count = {pages}")
    journal.commit([(NAME, note("large", severity="x" * 50_000))] + [(NAME, note("a"))] * 19_999)
    assert journal.path is not None
    journal.commit([(NAME, note("b"))])
    assert journal.path is None
    assert ids(journal) == ["large", "a", "b"]


@pytest.mark.parametrize("wal", [True, False])
def test_a_local_disk_has_a_write_ahead_log(opened, tmp_path, wal):
    journal = opened() if wal else opened(wal=False)
    journal.commit([(NAME, note("a"))])
    assert (tmp_path / "outbox" / "0.db-wal").exists() == wal


def test_a_closed_journal_does_nothing_and_holds_nothing(opened, tmp_path):
    notices = []
    journal = opened(notice=notices.append)
    journal.commit([(NAME, note("a"))])
    journal.dead(NAME, "a", "refused")
    assert open_files(tmp_path) == ["0.db", "0.db-wal", "0.lock"]
    journal.close()
    assert open_files(tmp_path) == []
    shutil.rmtree(tmp_path / "outbox")
    journal.look()
    journal.commit([(NAME, note("b"))])
    assert (ids(journal), journal.rest(NAME), journal.recall(NAME, "x"), journal.revive(NAME)) == (
        [],
        0,
        "",
        0,
    )
    assert (notices, (tmp_path / "outbox").exists()) == ([], False)


def test_what_was_delivered_here_and_given_up_elsewhere_is_sent_again(opened, tmp_path):
    first, second = opened(), opened()
    for journal in (first, second):
        journal.commit([(NAME, note("a"))])
    first.done(NAME, "a")
    second.dead(NAME, "a", "refused")
    second.close()
    shutil.copy(tmp_path / "outbox" / "1.db", tmp_path / "outbox" / "1.db.damaged-1")  # not a journal
    assert [one.id for one in letters(tmp_path / "outbox")] == ["a"]
    assert revive(tmp_path / "outbox", first) == 1
    assert ids(first) == ["a"]


def test_a_table_that_cannot_be_read_leaves_the_file(opened):
    notices = []
    journal = opened(notice=notices.append)
    journal._file.db.execute("DROP TABLE messages")
    assert (ids(journal), journal.path) == ([], None)
    assert ["alerts are kept in memory only" in line for line in notices] == [True]
    journal.commit([(NAME, note("a"))])
    assert ids(journal) == ["a"]


def test_a_database_that_cannot_be_written_is_left_without_losing_the_change(opened):
    journal = opened()
    journal._file.db.close()
    journal.commit([(NAME, note("a"))])
    assert (ids(journal), journal.path) == (["a"], None)


def test_a_commit_that_fails_writes_no_part_of_it(opened):
    notices = []
    journal = opened(notice=notices.append)
    journal._file.db.execute("DROP TABLE routing")
    journal.commit([(NAME, note("a"))], {"key": b"1"})
    assert ids(journal) == []
    assert [notice.endswith(": no such table: routing") for notice in notices] == [True]
    journal._file.db.execute("CREATE TABLE routing (key TEXT PRIMARY KEY, body BLOB NOT NULL)")
    journal.look()
    journal.commit([])
    assert (ids(journal), journal.routing()) == (["a"], {"key": b"1"})


def test_each_outage_is_reported_and_memory_is_left_by_a_look_only(opened, tmp_path):
    notices = []
    directory = tmp_path / "mount" / "state" / "outbox"
    journal = opened(directory, notice=notices.append)
    for key in "ab":
        shutil.rmtree(tmp_path / "mount")
        journal.commit([(NAME, note(key))])
        (tmp_path / "mount").mkdir()
        journal.commit([(NAME, note(f"more {key}"))])
        assert journal.path is None
        journal.look()
        assert journal.path == directory / "0.db"
    lost, back = (
        f"alerts are kept in memory only: {directory}: No such file or directory",
        "kept on disk again",
    )
    assert notices == [lost, f"alerts are {back}"] * 2
    assert open_files(directory) == ["0.db", "0.db-wal", "0.lock"]


def removed(directory: Path) -> None:
    shutil.rmtree(directory)


def unlocked(directory: Path) -> None:
    (directory / "0.lock").unlink()


def replaced(directory: Path) -> None:
    shutil.copy(directory / "0.db", directory / "copy")
    os.replace(directory / "copy", directory / "0.db")


@pytest.mark.parametrize("harm", [removed, unlocked, replaced])
@pytest.mark.parametrize("looks", [False, True])
def test_a_file_that_is_no_longer_its_own_is_written_again(opened, tmp_path, harm, looks):
    notices = []
    journal = opened(notice=notices.append)
    journal.commit([(NAME, note("a"))])
    harm(tmp_path / "outbox")
    if looks:
        journal.look()
    journal.commit([(NAME, note("b"))])
    assert notices == [
        f"the outbox was removed while it was in use: it is written again: {tmp_path / 'outbox'}"
    ]
    journal.close()
    assert ids(opened()) == ["a", "b"]


@pytest.mark.parametrize("free", [True, False])
def test_64_processes_may_share_a_directory(opened, tmp_path, free):
    assert SLOTS == 64
    (tmp_path / "outbox").mkdir(mode=0o700)
    held = [locked(tmp_path / "outbox" / f"{slot}.lock") for slot in range(63 if free else 64)]
    notices = []
    journal = opened(notice=notices.append)
    assert journal.path == (tmp_path / "outbox" / "63.db" if free else None)
    assert ["too many processes" in line for line in notices] == [True] * (not free)
    assert len(open_files(tmp_path)) == 64 + 2 * free
    for descriptor in held:
        os.close(descriptor)


def test_what_is_taken_over_is_not_held_open_and_only_files_are_taken(opened, tmp_path):
    dead = [opened(), opened(), opened()]
    for number, journal in enumerate(dead):
        journal.commit([(NAME, note(f"{number}"))])
        journal.close()
    (tmp_path / "outbox" / "00.db").mkdir()
    assert ids(opened()) == ["0", "1", "2"]
    assert open_files(tmp_path) == ["0.db", "0.db-wal", "0.lock"]
    assert not (tmp_path / "outbox" / "00.lock").exists()


def test_a_database_of_another_shape_is_not_used_and_not_kept_open(opened, tmp_path):
    (tmp_path / "outbox").mkdir(mode=0o700)
    with sqlite3.connect(tmp_path / "outbox" / "0.db") as other:
        other.execute("CREATE TABLE messages (text TEXT)")
    other.close()
    journal = opened()
    journal.commit([(NAME, note("a"))])
    assert (journal.path, ids(journal), open_files(tmp_path)) == (None, ["a"], [])


def test_a_page_that_is_damaged_is_noticed(opened, tmp_path):
    first = opened()
    first.commit([(NAME, note(f"{number}")) for number in range(100)])
    first.close()
    with open(tmp_path / "outbox" / "0.db", "r+b") as file:
        file.seek(-4096, os.SEEK_END)
        file.write(b"\xff" * 4096)
    notices = []
    journal = opened(notice=notices.append, now=lambda: 77.0)
    assert ids(journal) == []
    assert notices == [
        "undelivered alerts of an earlier process cannot be read: the file is kept as: "
        f"{tmp_path / 'outbox' / '0.db.damaged-77'}"
    ]


# -- the outbox with a journal ---------------------------------------------------------------------


def test_routing_is_saved_without_a_message(opened):
    journal = opened()
    box = Outbox([], journal=journal)
    box.post((), {"key": b"1"})
    assert journal.routing() == {"key": b"1"}


def test_a_look_of_the_outbox_is_one_of_its_journal(opened, tmp_path):
    box = Outbox([], journal=opened())
    shutil.rmtree(tmp_path / "outbox")
    box.look()
    assert (tmp_path / "outbox" / "0.db").exists()


def test_a_message_that_leaves_is_on_disk_as_one_that_may_have_arrived(opened):
    journal, seen = opened(), []

    def look():
        seen.extend(kept.notification.may_repeat for kept in journal.waiting(NAME))
        return Sent()

    channel = Scripted(look)
    box = Outbox([channel], clock=FastClock(), journal=journal)
    box.submit(note("a"))
    assert channel.sent.acquire(timeout=60)
    assert box.close() == 0
    assert seen == [True]


def test_what_was_delivered_or_is_too_old_is_not_sent_by_the_next_process(opened, tmp_path):
    old = opened(now=lambda: time.time() - KEEP_TRYING - 1)
    old.commit([(NAME, note("done")), (NAME, note("late"))])
    old.done(NAME, "done")
    old.close()
    channel = Scripted()
    box = Outbox([channel], clock=FastClock(), journal=opened())
    for key in ("done", "late", "new"):
        box.submit(note(key))
    box.close()
    assert channel.ids() == ["new"]
    assert [(one.id, one.reason) for one in letters(tmp_path / "outbox")] == [("late", "too old")]


def test_a_message_for_which_there_is_no_room_is_kept_for_people(opened, tmp_path):
    channel, journal = Scripted(Retry("down", 3000.0)), opened()
    clock = FastClock()
    clock.wait = lambda changed, _: changed.wait()
    box = Outbox([channel], clock=clock, queue=lambda: Queue(capacity=2), journal=journal)
    for key in "abcd":
        box.submit(note(key))
    assert {one.reason for one in letters(tmp_path / "outbox")} == {"too many were waiting"}
    assert len(letters(tmp_path / "outbox")) == 2
    box.close(0.0)


@pytest.mark.parametrize(("wait", "waited"), [(100.0, 100.0), (9999.0, LONGEST_PAUSE)])
def test_the_next_process_waits_as_long_as_the_last_one_would_have(opened, wait, waited):
    first, now = opened(), time.time()
    first.commit([(NAME, note("a"))])
    first.later(NAME, Kept(note("a"), now, now + wait, 1), rest=0.0)
    first.close()
    clock, channel = FastClock(), Scripted()
    clock.time = 5000.0
    box = Outbox([channel], clock=clock, journal=opened())
    assert channel.sent.acquire(timeout=60)
    box.close()
    assert clock.time - 5000.0 == pytest.approx(waited, abs=60)


def test_the_next_process_knows_how_old_a_message_is(opened):
    first = opened(now=lambda: time.time() - KEEP_TRYING + 3600)
    first.commit([(NAME, note("a"))])
    first.close()
    clock, notices = FastClock(), []
    channel = Scripted(*[Retry("busy", 3500.0)] * 3)
    box = Outbox([channel], notices.append, clock=clock, journal=opened())
    box.submit(note("b"))
    assert channel.sent.acquire(timeout=60)
    box.close()
    assert "pager: a message given up after 24 hours: title a" in notices
    assert channel.ids() == ["a", "a", "a", "b"]


def test_times_on_disk_are_unix_times(opened):
    clock, channel = FastClock(), Scripted(Retry("busy", 3000.0))
    clock.wait = lambda changed, _: changed.wait()
    clock.time = 7000.0
    box = Outbox([channel], clock=clock, journal=(journal := opened()))
    box.submit(note("a"))
    end = time.monotonic() + 60
    while not (rest := journal.rest(NAME)) and time.monotonic() < end:
        time.sleep(0.001)
    (kept,) = journal.waiting(NAME)
    assert (kept.born, kept.due, kept.tries) == (
        pytest.approx(time.time(), abs=60),
        pytest.approx(kept.born, abs=60),
        1,
    )
    assert rest - time.time() == pytest.approx(3000, abs=60)
    box.close(0.0)
