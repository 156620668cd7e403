"""Routing at its edges: ids, times, limits, and what counts as news."""

from __future__ import annotations

import time
from datetime import datetime, timezone

import msgspec
import pytest

from runwatch.alerts.routing.expression import MAX_SIZE, Expression
from runwatch.alerts.routing.flapping import Stories
from runwatch.alerts.routing.grouping import FLAPPING, Alert, AlertGroup, News, earliest, eased, worse
from runwatch.alerts.routing.notification import Recent
from runwatch.alerts.routing.policy import Damping, Labels, Policy, Quiet, Receiver, Route, parse_matcher
from runwatch.alerts.routing.router import MOST_NAMED, REMEMBERED, RESUME, RESUME_OWN
from runwatch.alerts.routing.silences import (
    LONGEST,
    MOST_MATCHERS,
    Once,
    Silence,
    Weekly,
    muted,
    parse_hours,
    silence,
)

from .routed import alert, grouped, reported, router

DAY = 86400.0


# -- ids -------------------------------------------------------------------------------------------


def test_a_message_about_one_change_has_the_id_of_that_change():
    r, one = router(), alert("a", number=3, step=5, line=6)
    r.take(one, 0.0)
    ((_, message),) = r.flush(0.0)
    assert message.id == f"e.{one.change}" == "e.a.3.firing.warning.5.6."
    assert (message.more, message.left_out, message.note, message.late) == ((), 0, "", 0.0)


def test_a_message_about_several_has_an_id_that_does_not_depend_on_their_order():
    ids = []
    for names in ("ab", "ba", "ac"):
        r = router(routes=(grouped(),))
        for name in names:
            r.take(alert(name, number=1), 0.0)
        ((_, message),) = r.flush(10.0)
        ids.append(message.id)
    assert ids[0] == ids[1] != ids[2]
    assert ids[0].startswith("e.")


def test_each_repetition_has_an_id_of_its_own():
    r = router(routes=(Route(repeat_interval=100.0),))
    r.take(alert("a"), 0.0)
    ids = [message.id for at in (0.0, 100.0, 200.0) for _, message in r.flush(at)]
    assert len(set(ids)) == 3
    assert [each.rpartition(".")[2] for each in ids[1:]] == ["1", "2"]


# -- what is news ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("severity", "state", "before", "flaps", "expected"),
    [
        ("warning", "firing", None, False, True),
        ("warning", "firing", (1, 5, 6), False, False),
        ("warning", "firing", (0, 5, 6), False, True),
        ("warning", "firing", (2, 5, 6), False, False),
        ("warning", "firing", (1, 4, 6), False, True),
        ("warning", "firing", (1, 5, 7), False, True),
        ("warning", "acknowledged", (1, 4, 6), False, False),
        ("critical", "acknowledged", (1, 4, 6), False, True),
        ("warning", "firing", (1, *FLAPPING), True, False),
        ("warning", "firing", (1, *FLAPPING), False, True),
        ("unheard of", "firing", (2, 5, 6), False, False),  # a newer engine's counts as critical
        ("unheard of", "firing", (1, 5, 6), False, True),
    ],
)
def test_what_escalates_or_moves_is_sent_again(severity, state, before, flaps, expected):
    assert worse(alert("a", state, severity=severity, step=5, line=6), before, flaps=flaps) is expected


@pytest.mark.parametrize(
    ("state", "before", "expected"),
    [
        ("firing", None, False),
        ("firing", (2, 5, 6), True),
        ("firing", (1, 5, 6), False),
        ("firing", (0, 5, 6), False),
        ("acknowledged", (2, 5, 6), False),
        ("resolved", (2, 5, 6), False),
    ],
)
def test_what_is_less_severe_than_what_was_sent_has_eased(state, before, expected):
    assert eased(alert("a", state), before) is expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [(None, None, None), (1.0, None, 1.0), (None, 2.0, 2.0), (3.0, 2.0, 2.0), (1.0, 2.0, 1.0)],
)
def test_the_earlier_of_two_times(one, other, expected):
    assert earliest(one, other) == expected


def test_a_repetition_waits_for_its_time_also_if_the_group_is_looked_at_before():
    r = router(routes=(grouped(repeat_interval=100.0),))
    r.take(alert("a"), 0.0)
    assert reported(r, 10.0) == [("firing", ["a"])]
    r.mute([Once((parse_matcher("incident=a"),), 0.0, 90.0)], 20.0)
    r.take(alert("b"), 20.0)
    assert reported(r, 70.0) == [("firing", ["b"])]
    assert reported(r, 90.0) == []  # the mute is over, and a was sent before
    assert reported(r, 169.9) == []
    assert reported(r, 170.0) == [("firing", ["a", "b"])]


@pytest.mark.parametrize(("count", "left_out"), [(MOST_NAMED + 1, 0), (MOST_NAMED + 2, 1)])
def test_a_message_names_one_and_ten_more(count, left_out):
    r = router(routes=(grouped(),))
    for number in range(count):
        r.take(alert(f"a{number}"), 0.0)
    ((_, message),) = r.flush(10.0)
    assert (len(message.more), message.left_out) == (10, left_out)


@pytest.mark.parametrize(("count", "again"), [(REMEMBERED - 1, []), (REMEMBERED, [("firing", ["a"])])])
def test_a_change_is_not_taken_again_while_it_is_remembered(count, again):
    r, one = router(), alert("a", number=1)
    r.take(one, 0.0)
    assert reported(r, 0.0) == [("firing", ["a"])]
    r.take(alert("a", "resolved", number=2), 0.0)
    r.flush(0.0)
    for number in range(count - 1):
        r.take(alert("b", number=number), 0.0)
    r.flush(0.0)
    r.take(one, 1.0)
    assert reported(r, 1.0) == again


@pytest.mark.parametrize(
    ("lasting", "age", "kept"),
    [
        (False, RESUME - 1, True),
        (False, RESUME + 1, False),
        (True, RESUME_OWN - 1, True),
        (True, RESUME_OWN + 1, False),
    ],
)
def test_what_a_process_sent_long_ago_is_forgotten(lasting, age, kept):
    first = router()
    first.take(alert("a", at=0.0), 0.0)
    first.flush(0.0)
    saved = {key: body for key, body in first.changes().items() if body is not None}
    second = type(first)(first.policy, epoch="e", local=time.gmtime, lasting=lasting)
    second.resume(saved, age)
    second.take(alert("a", "resolved", at=age), age)
    assert bool(reported(second, age)) is kept


def test_a_group_of_a_route_that_is_gone_goes_by_what_holds_for_the_rest():
    slow = Route(matchers=(parse_matcher("run=r"),), group_by=("run",), group_wait=500.0)
    first = router(routes=(slow,))
    first.take(alert("a"), 0.0)
    saved = {key: body for key, body in first.changes().items() if body is not None}
    second = router()
    second.resume(saved, 1.0)
    assert reported(second, 1.0) == [("firing", ["a"])]


def test_a_dead_process_is_not_repeated():
    repeated = (grouped(repeat_interval=100.0),)
    first = router(routes=repeated)
    first.take(alert("a"), 0.0)
    assert reported(first, 10.0) == [("firing", ["a"])]
    second = router(routes=repeated)
    second.resume({key: body for key, body in first.changes().items() if body is not None}, 20.0)
    assert [reported(second, at) for at in (90.0, 110.0, 500.0)] == [[], [], []]


def test_the_end_of_the_process_does_not_wait_for_company():
    r = router(routes=(grouped(),))
    r.take(alert("a", run="sent"), 0.0)
    r.flush(10.0)
    r.take(alert("b", run="waits"), 10.0)
    r.hurry(11.0)
    assert r.due() == 11.0
    assert reported(r, 11.0) == [("firing", ["b"])]
    r.take(alert("c"), 12.0)
    r.hurry(900.0)  # it is late for that one
    assert reported(r, 900.0) == [("firing", ["c"])]


def test_an_end_that_waits_is_due_when_it_has_waited():
    r = router(damping=Damping(resolve_delay=60.0))
    r.take(msgspec.structs.replace(alert("a", step=5), scope="one"), 0.0)
    assert reported(r, 0.0) == [("firing", ["a"])]
    r.take(msgspec.structs.replace(alert("a", "resolved", step=6), scope="one"), 100.0)
    assert r.due() == 160.0


def test_a_late_word_about_an_incident_before_the_newest_of_a_story_is_its_own():
    stories = Stories(Damping(count=1, window=600.0, calm=300.0))
    for name, state, now in (("a", "firing", 0.0), ("a", "resolved", 1.0), ("b", "firing", 2.0)):
        stories.take(msgspec.structs.replace(alert(name, state), scope="one"), now, ())
    for name, state, now in (("b", "resolved", 3.0), ("c", "firing", 4.0)):
        stories.take(msgspec.structs.replace(alert(name, state), scope="one"), now, ())
    names = {name: stories.named(msgspec.structs.replace(alert(name), scope="one")).name for name in "abc"}
    assert names == {"a": "a", "b": "b", "c": "b"}


def test_what_a_route_takes_does_not_reach_later_ones_unless_it_goes_on():
    routes = tuple(
        Route((parse_matcher(f"run=~{run}"),), (channel,), continues=continues)
        for run, channel, continues in (("a.*", "one", True), ("a", "two", False), (".*", "three", False))
    )
    policy = Policy(tuple(map(Receiver, ("one", "two", "three"))), routes)
    found = {run: [name for _, _, name in policy.destinations({"run": run})] for run in ("a", "ab", "b")}
    assert found == {"a": ["one", "two"], "ab": ["one", "three"], "b": ["three"]}
    assert [number for number, _, _ in policy.destinations({"run": "ab"})] == [0, 2]
    assert Policy((Receiver("one"),)).destinations({}) == [(-1, Route(), "one")]


def test_news_are_as_severe_as_what_is_new_then_as_what_still_fires_then_as_what_is_over():
    group, mild, grave = AlertGroup("slack", 0), alert("a"), alert("b", severity="critical")
    ranks = [News("k", group, *parts).rank for parts in (([mild], [grave], [grave]), ([], [grave], [mild]))]
    assert ranks == [mild.rank, mild.rank]
    assert News("k", group, [], [mild, grave], []).rank == grave.rank


# -- who is meant, and when ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("run=now", True),
        ("run=before", True),
        ("run!=before", False),
        ("run=~bef.*", True),
        ("run!~bef.*", False),
        ("run=other", False),
        ("host=before", False),
    ],
)
def test_former_names_of_a_run_are_its_names(condition, expected):
    labels = Labels(run="now", host="node")
    labels.former = ("before",)
    assert parse_matcher(condition).holds(labels) is expected


@pytest.mark.parametrize(("now", "left"), [(9.9, 0.0), (10.0, 20.0), (19.9, 20.0), (20.0, 0.0)])
def test_silences_and_windows_hold_from_their_start_until_just_before_their_end(now, left):
    conditions = (parse_matcher("run=r"),)
    assert Silence("s", conditions, 10.0, 20.0).until(now) == left
    assert Once(conditions, 10.0, 20.0).until(now) == left
    assert muted({"run": "r"}, [Once(conditions, 10.0, 20.0)], now) == left
    assert muted({"run": "q"}, [Once(conditions, 10.0, 20.0)], now) == 0.0


def at(day, hour, minute, second=0):
    """Return a time of the week that begins on Monday, 6 January 2025."""
    return datetime(2025, 1, 5 + day, hour, minute, second, tzinfo=timezone.utc).timestamp()


@pytest.mark.parametrize(
    ("now", "left"),
    [
        (at(6, 21, 59, 59), 0.0),
        (at(6, 22, 0), 8 * 3600.0),
        (at(6, 23, 59, 59), 6 * 3600.0 + 1),
        (at(7, 0, 0), 6 * 3600.0),  # it began on Saturday
        (at(7, 5, 59, 59), 1.0),
        (at(7, 6, 0), 0.0),
        (at(7, 22, 0), 0.0),
        (at(6, 5, 59), 0.0),  # that began on Friday
    ],
)
def test_hours_past_midnight_belong_to_the_day_before(now, left):
    hours = Quiet(22 * 60, 6 * 60)
    found = Weekly((), (5,), hours).until(now, time.gmtime)
    assert found == (now + left if left else 0.0)


@pytest.mark.parametrize(
    ("now", "left"),
    [(at(1, 11, 59, 59), 0.0), (at(1, 12, 0), 3600.0), (at(1, 12, 59, 59), 1.0), (at(1, 13, 0), 0.0)],
)
def test_hours_within_a_day(now, left):
    assert Quiet(12 * 60, 13 * 60).left(now, time.gmtime) == left
    assert Weekly((), (0,), Quiet(12 * 60, 13 * 60)).until(now, time.gmtime) == (now + left if left else 0.0)


def test_a_silence_has_16_matchers_and_lasts_a_year_at_most():
    assert MOST_MATCHERS == 16
    assert LONGEST == 366 * DAY
    assert len(silence(["run=r"] * 16, LONGEST, now=0.0).matchers) == 16
    with pytest.raises(ValueError, match="16 matchers at most"):
        silence(["run=r"] * 17, 1.0, now=0.0)
    for seconds in (0.0, LONGEST + 1):
        with pytest.raises(ValueError, match="from a second to a year"):
            silence(["run=r"], seconds, now=0.0)
    assert (silence(["run=r"], 5.0, now=7.0).starts, silence(["run=r"], 5.0, now=7.0, starts=9.0).ends) == (
        7.0,
        14.0,
    )


# -- flapping --------------------------------------------------------------------------------------


def story(incident, state, changed):
    return msgspec.structs.replace(alert(incident, state, at=changed), scope="one")


def flaps(ends, begins, **damping):
    """Return whether an incident that ended at some times and fires again flaps."""
    stories = Stories(Damping(count=3, **damping))
    for number, end in enumerate(ends):
        stories.take(story(f"i{number}", "firing", end - 1), end - 1, ())
        stories.take(story(f"i{number}", "resolved", end), end, ())
    newest = stories.take(story("newest", "firing", begins), begins, ())
    return stories.flaps(newest, begins)


@pytest.mark.parametrize(
    ("ends", "begins", "expected"),
    [
        ((10.0, 20.0, 30.0), 40.0, True),
        ((10.0, 20.0), 40.0, False),
        ((10.0, 20.0, 30.0), 1809.9, True),  # within half an hour
        ((10.0, 20.0, 30.0), 1810.0, False),
    ],
)
def test_after_three_ends_within_half_an_hour_it_flaps(ends, begins, expected):
    assert flaps(ends, begins) is expected


@pytest.mark.parametrize(("now", "expected"), [(939.9, True), (940.0, False)])
def test_it_flaps_until_it_was_calm_for_a_quarter_of_an_hour(now, expected):
    stories = Stories(Damping(count=1))
    stories.take(story("a", "firing", 10.0), 10.0, ())
    stories.take(story("a", "resolved", 20.0), 20.0, ())
    newest: Alert = stories.take(story("b", "firing", 40.0), 40.0, ())
    assert stories.flaps(newest, now) is expected


# -- bounds ----------------------------------------------------------------------------------------


def test_the_newest_4096_notes_are_remembered():
    notes = Recent()
    for number in range(4096):
        notes.note("slack", str(number), "x")
    notes.note("slack", "0", "again")  # it is the newest now
    assert notes.recall("slack", "1") == "x"
    notes.note("slack", "new", "x")
    assert [notes.recall("slack", key) for key in ("0", "1", "2", "new")] == ["again", "", "x", "x"]


@pytest.mark.parametrize(("repeats", "fits"), [(999, True), (1000, False)])
def test_an_expression_has_2000_places(repeats, fits):
    assert MAX_SIZE == 2000
    if fits:
        assert Expression(f"a{{{repeats}}}").matches("a" * repeats)
    else:
        with pytest.raises(ValueError, match="too large"):
            Expression(f"a{{{repeats}}}")


def test_the_end_of_a_text_is_no_character():
    assert not Expression("[^b]").matches("")
    assert Expression("[^b]*").matches("")
    assert not Expression("a.").matches("a")


# -- words -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("character", ["\x00", "\x1f", "\x7f"])
def test_a_matcher_holds_no_control_character(character):
    with pytest.raises(ValueError, match="control character"):
        parse_matcher(f"run=a{character}b")
    assert parse_matcher("run=a b").value == "a b"


@pytest.mark.parametrize(
    ("text", "matches", "not_matches"),
    [
        ("ab?c", ["ac", "abc"], ["abbc", "a"]),
        ("ab*c", ["ac", "abc", "abbbc"], ["bc"]),
        ("ab+c", ["abc", "abbc"], ["ac"]),
        ("ab{2}c", ["abbc"], ["abc", "abbbc"]),
        ("ab{1,2}c", ["abc", "abbc"], ["ac", "abbbc"]),
        ("ab{2,}c", ["abbc", "abbbbc"], ["abc"]),
        ("ab{,2}c", ["ac", "abbc"], ["abbbc"]),
        ("a|bc", ["a", "bc"], ["ac", "b"]),
        ("(a|b)c", ["ac", "bc"], ["c", "ab"]),
        ("(?:ab)?", ["", "ab"], ["a", "abab"]),
        (r"a$\n?", ["a", "a\n"], ["a\n\n"]),
        (r"a$\nb?", ["a\n"], ["a\nb"]),
        (r"a\b.b", ["a-b"], ["acb"]),
        (r"a\Bcb", ["acb"], ["a-b"]),
        ("(?i)Ab", ["ab", "AB"], ["b"]),
        ("a.b", ["acb", "a\nb"], ["ab"]),
    ],
)
def test_an_expression_matches_a_whole_text(text, matches, not_matches):
    expression = Expression(text)
    assert [word for word in matches if not expression.matches(word)] == []
    assert [word for word in not_matches if expression.matches(word)] == []


def test_a_window_of_nearly_a_day_belongs_to_the_day_on_which_it_began():
    window = Weekly((), (5,), Quiet(*parse_hours("22:30-22:10")))  # on Saturdays
    assert [window.until(at(*when), time.gmtime) > 0 for when in ((6, 22, 31), (7, 22, 5), (7, 22, 31))] == [
        True,
        True,
        False,
    ]


def test_what_reaches_nobody_and_holds_nothing_back_is_not_kept():
    r = router()
    r.take(alert("a", severity="info"), 0.0)
    r.flush(0.0)
    assert r.changes()["alert/a"] is None


def test_hours_are_minutes_of_the_day():
    assert parse_hours("22:30-7:45") == (22 * 60 + 30, 7 * 60 + 45)


def test_what_is_kept_of_a_silence_is_short():
    kept = silence(["run=a"], 60.0, now=0.0, comment="c" * 600, author="a" * 200)
    assert (len(kept.id), len(kept.comment), len(kept.author)) == (8, 500, 100)


def test_a_channel_takes_30_messages_a_minute():
    r = router(receivers=(Receiver("slack"),))
    for number in range(31):
        r.take(alert(f"a{number}"), 0.0)
    messages = r.flush(0.0)
    assert len(messages) == 30
    assert messages[-1][1].note == "2 messages in one: more than 30 a minute"


@pytest.mark.parametrize(("delay", "name"), [(0.0, "b"), (60.0, "a")])
def test_one_whose_end_was_not_sent_is_the_same_only_where_ends_wait(delay, name):
    stories = Stories(Damping(count=3, resolve_delay=delay))
    stories.take(story("a", "firing", 10.0), 10.0, ())
    stories.take(story("a", "resolved", 20.0), 20.0, {"a"})
    assert stories.take(story("b", "firing", 30.0), 30.0, {"a"}).name == name


@pytest.mark.parametrize(("unreported", "kept"), [((), []), (("a",), ["one"])])
def test_an_old_story_is_forgotten_unless_its_end_must_still_be_sent(unreported, kept):
    stories = Stories(Damping(count=3))
    stories.take(story("a", "firing", 10.0), 10.0, ())
    stories.take(story("a", "resolved", 20.0), 20.0, ())
    assert list(stories.changes()) == ["one"]
    stories.prune(1820.0, unreported)  # half an hour later, it may still matter
    assert stories.changes() == {}
    stories.prune(1820.1, unreported)
    assert [scope for scope, body in stories.changes().items() if body is None] == [
        s for s in ["one"] if s not in kept
    ]


def test_a_group_is_looked_at_when_the_first_of_its_mutes_ends():
    r = router(routes=(grouped(),))
    for name in "ab":
        r.take(alert(name), 0.0)
    r.mute(
        [Once((parse_matcher(f"incident={name}"),), 0.0, end) for name, end in (("a", 100.0), ("b", 300.0))],
        0.0,
    )
    assert reported(r, 10.0) == []
    assert r.due() == 100.0
    assert reported(r, 100.0) == [("firing", ["a"])]
    assert r.due() == 300.0
    assert reported(r, 300.0) == [("firing", ["b", "a"])]
