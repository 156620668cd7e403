"""What people should know about runwatch itself is said once, and not for ever."""

from __future__ import annotations

from runwatch.core.notice import Notice
from runwatch.watcher.service.notices import KEPT, MOST, Notices


def test_each_is_said_once_and_kept_for_a_while():
    now = [0.0]
    notices = Notices(lambda: now[0])
    assert notices.add("a")
    assert not notices.add("a")
    now[0] = KEPT / 2
    assert notices.add("b")
    now[0] = KEPT + 1
    assert notices.texts() == ("b",)
    assert notices.add("a")


def test_what_continues_is_kept():
    now = [0.0]
    notices = Notices(lambda: now[0])
    for hour in range(0, int(3 * KEPT), 3600):
        now[0] = float(hour)
        notices.add("blind")
    assert notices.texts() == ("blind",)


def test_there_are_never_many():
    notices = Notices()
    for number in range(100):
        notices.add(str(number))
    assert notices.texts() == tuple(map(str, range(100 - MOST, 100)))


def test_what_holds_is_said_as_long_as_it_is_true():
    notices = Notices()
    assert notices.set_present("nothing found (1 line)")
    assert not notices.set_present("nothing found (2 lines)")
    assert notices.texts() == ("nothing found (2 lines)",)
    notices.set_present("")
    assert notices.texts() == ()


def test_a_notice_is_withdrawn_when_its_opposite_comes():
    notices = Notices()
    assert notices.add(Notice("kept in memory only", "state"))
    assert notices.add(Notice("alerts are kept in memory only", "outbox"))
    assert notices.add(Notice("kept on disk again", "state"))
    assert notices.texts() == ("alerts are kept in memory only", "kept on disk again")
    assert notices.add(Notice("kept in memory only", "state"))
    assert notices.texts() == ("alerts are kept in memory only", "kept in memory only")
    assert {type(text) for text in notices.texts()} == {str}
