"""The journal on disk: what it keeps, who may take it over, and what becomes of a broken one."""

import fcntl
import os
import shutil
import time

import pytest

from runwatch.alerts.delivery.dead_letters import dead as letters
from runwatch.alerts.delivery.dead_letters import revive
from runwatch.alerts.delivery.journal import Journal, Kept
from runwatch.alerts.delivery.outbox import Clock, Outbox
from runwatch.alerts.delivery.queue import KEEP_TRYING
from runwatch.alerts.routing.notification import Retry

from .test_outbox import FastClock, Scripted, note

NAME = "pager#1"


@pytest.fixture
def opened(tmp_path):
    journals = []

    def make(directory=tmp_path / "outbox", **options) -> Journal:
        journals.append(Journal(directory, **options))
        return journals[-1]

    yield make
    for journal in journals:
        journal.close()


def ids(journal: Journal, name: str = NAME) -> list[str]:
    return [kept.notification.id for kept in journal.waiting(name)]


def test_what_waits_is_found_in_order_by_the_next_process(opened):
    first = opened()
    first.commit([(NAME, note("a")), (NAME, note("b")), ("other#1", note("c"))])
    first.close()
    second = opened()
    assert ids(second) == ["a", "b"]
    assert second.waiting(NAME)[0].notification == note("a")
    assert ids(second, "other#1") == ["c"]


def test_what_was_in_flight_is_marked_and_what_was_not_is_not(opened):
    first = opened()
    first.commit([(NAME, note(key)) for key in "abc"])
    first.sending(NAME, "a")
    first.sending(NAME, "b")
    first.later(NAME, Kept(note("b"), 0.0, 5.0, 1), rest=7.0)
    first.close()
    second = opened()
    assert [kept.notification.may_repeat for kept in second.waiting(NAME)] == [True, False, False]
    assert [(kept.due, kept.tries) for kept in second.waiting(NAME)][1] == (5.0, 1)
    assert second.rest(NAME) == 7.0


def test_what_was_delivered_is_not_taken_again(opened):
    first = opened()
    first.commit([(NAME, note("a"))])
    first.done(NAME, "a")
    first.close()
    second = opened()
    second.commit([(NAME, note("a"))])
    assert (ids(second), second.known(NAME)) == ([], ["a"])


def test_messages_and_routing_are_one_commit(opened):
    first = opened()
    first.commit([(NAME, note("a"))], {"x": b"1", "y": b"2"})
    first.commit([], {"x": None, "y": b"3"})
    first.close()
    assert opened().routing() == {"y": b"3"}


def test_two_processes_do_not_share_a_file_and_the_living_one_keeps_its_own(opened):
    first, second = opened(), opened()
    first.commit([(NAME, note("a"))])
    second.commit([(NAME, note("b"))])
    assert (ids(first), ids(second)) == (["a"], ["b"])


def test_what_dead_processes_left_is_taken_over_though_an_older_one_lives(opened):
    alive, *dead = journals = [opened(), opened(), opened()]
    for name, journal in zip("abc", journals, strict=True):
        journal.commit([(NAME, note(name))])
    for journal in dead:
        journal.close()
    assert ids(opened()) == ["b", "c"]
    assert ids(alive) == ["a"]


def test_what_several_dead_processes_left_is_taken_over_once(opened, tmp_path):
    dead = [opened(), opened(), opened()]
    for number, journal in enumerate(dead):
        journal.commit([(NAME, note(f"{number}"))], {f"r{number}": b""})
    dead[2].sending(NAME, "2")
    for journal in dead:
        journal.close()
    heir = opened()
    assert ids(heir) == ["0", "1", "2"]
    assert heir.waiting(NAME)[2].notification.may_repeat
    assert sorted(heir.routing()) == ["r0", "r1", "r2"]
    assert [path.name for path in (tmp_path / "outbox").glob("*.db")] == ["0.db"]


def test_only_the_owner_may_read_it(opened, tmp_path):
    opened().commit([(NAME, note("a"))])
    assert (tmp_path / "outbox").stat().st_mode & 0o777 == 0o700
    assert all(path.stat().st_mode & 0o077 == 0 for path in (tmp_path / "outbox").iterdir())


def test_a_damaged_file_is_set_aside_and_reported(opened, tmp_path):
    (tmp_path / "outbox").mkdir()
    (tmp_path / "outbox" / "0.db").write_bytes(b"no database at all " * 500)
    notices = []
    journal = opened(notice=notices.append, now=lambda: 77.0)
    journal.commit([(NAME, note("a"))])
    assert ids(journal) == ["a"]
    assert len(notices) == 1
    assert "kept as" in notices[0]
    assert (tmp_path / "outbox" / "0.db.damaged-77").read_bytes().startswith(b"no database")


def test_a_message_with_a_text_that_is_no_text_is_left_out(opened):
    journal = opened()
    journal.commit([(NAME, note("a")), (NAME, note("b"))])
    ((body,),) = journal._file.db.execute("SELECT body FROM messages WHERE id = 'a'")
    odd = body.replace(note("a").run.encode(), b"\xff" * len(note("a").run))
    assert odd != body
    journal._file.db.execute("UPDATE messages SET body = ? WHERE id = 'a'", (odd,))
    assert ids(journal) == ["b"]


def test_a_damaged_file_of_another_process_is_set_aside_too(opened, tmp_path):
    (tmp_path / "outbox").mkdir()
    (tmp_path / "outbox" / "7.db").write_bytes(b"no database at all " * 500)
    notices = []
    opened(notice=notices.append)
    assert len(notices) == 1
    assert "cannot be read" in notices[0]


def test_a_directory_that_cannot_be_made_leaves_delivery_in_memory(opened, tmp_path):
    (tmp_path / "file").write_text("")
    notices = []
    journal = opened(tmp_path / "file" / "outbox", notice=notices.append)
    channel = Scripted()
    box = Outbox([channel], clock=FastClock(), journal=journal)
    box.submit(note("a"))
    assert box.close() == 0
    assert channel.ids() == ["a"]
    assert len(notices) == 1
    assert "in memory only" in notices[0]


def test_a_full_disk_is_reported_once_and_all_is_written_when_there_is_room(opened):
    notices = []
    journal = opened(notice=notices.append)
    pages = journal._file.db.execute("PRAGMA page_count").fetchone()[0]
    journal._file.db.execute(f"PRAGMA max_page_count = {pages}")
    channel = Scripted()
    box = Outbox([channel], clock=FastClock(), journal=journal)
    for number in range(50):
        box.submit(note(f"{number}", severity="x" * 20_000))
        assert channel.sent.acquire(timeout=60)
    assert channel.ids() == [f"{number}" for number in range(50)]
    assert [notice.split(":")[0] for notice in notices] == ["alerts are kept in memory only"]
    journal._file.db.execute("PRAGMA max_page_count = 100000")
    box.submit(note("last"))
    assert channel.sent.acquire(timeout=60)
    box.close()
    assert notices[-1] == "alerts are kept on disk again"
    assert ids(opened()) == []


def test_a_database_damaged_while_open_does_not_stop_delivery(opened, tmp_path):
    notices = []
    journal = opened(notice=notices.append)
    channel = Scripted()
    box = Outbox([channel], clock=FastClock(), journal=journal)
    journal._file.db.execute("DROP TABLE messages")
    box.submit(note("a"))
    assert channel.sent.acquire(timeout=60)
    assert box.close() == 0
    assert [notice.split(":")[0] for notice in notices] == ["alerts are kept in memory only"]


def test_an_outbox_continues_where_the_last_one_died(opened):
    hangs = opened()
    hangs.commit([(NAME, note(key, incident="i")) for key in "ab"])
    hangs.sending(NAME, "a")
    hangs.close()
    channel = Scripted()
    box = Outbox([channel], clock=Clock(), journal=opened())
    box.submit(note("b", incident="i"))
    box.submit(note("c", incident="i"))
    assert box.close() == 0
    assert [(reported.id, reported.may_repeat) for reported in channel.got] == [
        ("a", True),
        ("b", False),
        ("c", False),
    ]


def test_an_asked_for_rest_outlives_the_process(opened):
    box = Outbox([Scripted(Retry("slow", after=600.0))], clock=Clock(), journal=opened())
    lane = box._lanes["pager"]
    box.submit(note("a"))
    deadline = time.monotonic() + 60
    while lane.queue.quiet_until < 0 and time.monotonic() < deadline:
        time.sleep(0.005)
    box.close(5.0)
    again = Scripted()
    Outbox([again], clock=Clock(), journal=opened()).close(0.2)
    assert again.got == []


def test_what_became_too_old_meanwhile_is_given_up_and_reported(opened):
    old = opened(now=lambda: time.time() - KEEP_TRYING - 1)
    old.commit([(NAME, note("a"))])
    old.close()
    fresh = opened()
    fresh.commit([(NAME, note("b"))])
    notices, channel = [], Scripted()
    box = Outbox([channel], notices.append, clock=FastClock(), journal=fresh)
    box.close()
    assert channel.ids() == ["b"]
    assert notices == ["pager: 1 messages given up: older than 24 hours when we came back"]


def test_the_file_stays_small(opened):
    first = opened()
    first.commit([(NAME, note(f"{number}")) for number in range(5000)])
    first._file.db.execute("UPDATE messages SET state = 'done'")
    first.close()
    second = opened()
    assert second.known(NAME) == [f"{number}" for number in range(904, 5000)]
    second.commit([(NAME, note(f"{number}")) for number in range(6000, 6300)])
    for number in range(6000, 6300):
        second.done(NAME, f"{number}")
    assert 4096 <= len(second.known(NAME)) < 4096 + 256


def test_a_lock_dies_with_its_owner(tmp_path, opened):
    opened().close()
    descriptor = os.open(tmp_path / "outbox" / "0.lock", os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(descriptor)


def test_what_dead_processes_gave_up_and_what_their_channels_remember_is_kept(opened, tmp_path):
    dead = [opened(), opened()]
    for number, journal in enumerate(dead):
        journal.commit([(NAME, note(f"{number}"))])
        journal.dead(NAME, f"{number}", "too old")
        journal.note(NAME, f"thread {number}", "C1")
    for journal in dead:
        journal.close()
    heir = opened()
    assert [(one.id, one.reason) for one in letters(tmp_path / "outbox")] == [
        ("0", "too old"),
        ("1", "too old"),
    ]
    assert [heir.recall(NAME, f"thread {number}") for number in range(3)] == ["C1", "C1", ""]
    assert revive(tmp_path / "outbox", heir) == 2
    assert sorted(ids(heir)) == ["0", "1"]
    assert letters(tmp_path / "outbox") == []


def test_journals_of_an_older_version_are_taken_over(opened):
    old = [opened(), opened()]
    for number, journal in enumerate(old):
        journal.commit([(NAME, note(f"{number}"))])
        journal._file.db.execute("DROP TABLE notes")
    for journal in old:
        journal.close()
    assert ids(opened()) == ["0", "1"]


@pytest.mark.parametrize("wal", [True, False])
def test_what_was_removed_comes_back_with_all_that_is_not_delivered(opened, tmp_path, wal):
    notices = []
    directory = tmp_path / "state" / "outbox"
    journal = opened(directory, notice=notices.append, wal=wal)
    journal.commit([(NAME, note("a")), (NAME, note("b")), (NAME, note("c"))], {"x": b"1"})
    journal.done(NAME, "b")
    journal.dead(NAME, "c", "too old")
    journal.note(NAME, "thread", "C1")
    shutil.rmtree(directory.parent)
    journal.look()
    journal.look()
    assert ["the outbox was removed while it was in use" in line for line in notices] == [True]
    assert (directory.parent.stat().st_mode & 0o777, directory.stat().st_mode & 0o777) == (0o700, 0o700)
    journal.commit([(NAME, note("d"))])
    journal.close()
    heir = opened(directory)
    assert (ids(heir), heir.known(NAME)) == (["a", "d"], ["b", "c"])
    assert (heir.routing(), heir.recall(NAME, "thread")) == ({"x": b"1"}, "C1")
    assert [one.id for one in letters(directory)] == ["c"]


def test_where_it_cannot_come_back_all_is_kept_in_memory_until_it_can(opened, tmp_path):
    notices = []
    directory = tmp_path / "mount" / "state" / "outbox"
    journal = opened(directory, notice=notices.append)
    journal.commit([(NAME, note("a"))])
    shutil.rmtree(tmp_path / "mount")  # as where a disk is unplugged: nothing is made in its place
    for key in "bc":
        journal.commit([(NAME, note(key))])
        journal.look()
    journal.done(NAME, "b")
    assert (ids(journal), journal.path) == (["a", "c"], None)
    assert not (tmp_path / "mount").exists()
    assert ["kept in memory only" in line for line in notices] == [True]
    (tmp_path / "mount").mkdir()
    journal.look()
    assert notices[1:] == ["alerts are kept on disk again"]
    journal.close()
    assert ids(opened(directory)) == ["a", "c"]


def test_in_memory_it_stays_small(opened, tmp_path):
    (tmp_path / "file").touch()
    journal = opened(tmp_path / "file" / "outbox")
    for number in range(1300):
        journal.commit([(NAME, note(f"{number}"))])
        journal.dead(NAME, f"{number}", "refused")
    assert len(journal.known(NAME)) == 1024


def test_a_pipe_in_the_place_of_its_files_is_not_waited_for(opened, tmp_path):
    (tmp_path / "outbox").mkdir(mode=0o700)
    for name in ("0.lock", "1.db", "2.db-wal"):
        os.mkfifo(tmp_path / "outbox" / name)
    notices = []
    journal = opened(notice=notices.append)
    assert journal.path is None
    assert "0.lock is not a regular file" in notices[0]
    assert letters(tmp_path / "outbox") == []
