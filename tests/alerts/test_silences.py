"""Silences and maintenance windows: what they keep back, and that it is told when they end."""

import calendar
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runwatch.alerts.routing.policy import parse_matcher
from runwatch.alerts.routing.silences import (
    InMemory,
    Once,
    Silence,
    muted,
    parse_duration,
    parse_weekly,
    silence,
)

from .routed import alert, grouped, reported, router

HOUR = 3600.0
SATURDAY = calendar.timegm((2030, 1, 5, 0, 0, 0))


def hush(*match, starts=0.0, ends=HOUR) -> Silence:
    return Silence("s", tuple(map(parse_matcher, match)), starts, ends)


class TestWords:
    @pytest.mark.parametrize(
        ("said", "seconds"),
        [
            ("45s", 45),
            ("30m", 1800),
            ("2h", 7200),
            ("1d12h", 129600),
            ("1w", 604800),
            (" 1.5H ", 5400),
            ("1h 30m", 5400),
        ],
    )
    def test_a_duration(self, said, seconds):
        assert parse_duration(said) == seconds

    @pytest.mark.parametrize("said", ["", "2", "h", "2 hours", "-2h", "2h!", "١h", "1e9h"])
    def test_no_duration(self, said):
        with pytest.raises(ValueError, match="a duration looks like"):
            parse_duration(said)

    @given(st.integers(1, 6), st.integers(0, 23), st.integers(0, 59))
    def test_every_part_counts(self, days, hours, minutes):
        assert parse_duration(f"{days}d{hours}h{minutes}m") == (days * 24 + hours) * HOUR + minutes * 60

    def test_a_silence_of_texts(self):
        made = silence(
            ["run=~exp.*", 'rule="hang"'], HOUR, now=5.0, comment="maintenance\x1b[2J", author="me"
        )
        assert (made.starts, made.ends, made.comment, made.author) == (5.0, 5.0 + HOUR, "maintenance", "me")
        assert [str(matcher) for matcher in made.matchers] == ['run=~"exp.*"', 'rule="hang"']
        assert made.id != silence(["run=a"], HOUR, now=5.0).id

    @pytest.mark.parametrize(
        ("match", "seconds", "why"),
        [
            ([], HOUR, "needs a matcher"),
            (["run=~.*"], HOUR, "ask for something"),
            (["severity!=critical"], HOUR, "ask for something"),
            (["rum=x"], HOUR, "no label"),
            (["run=x"], 0.9, "from a second"),
            (["run=x"], 1e9, "to a year"),
            (["run=x"], float("nan"), "to a year"),
        ],
    )
    def test_what_cannot_be_meant(self, match, seconds, why):
        with pytest.raises(ValueError, match=why):
            silence(match, seconds, now=0.0)


class TestTimes:
    @pytest.mark.parametrize("seconds", [1.0, 366 * 86400.0])
    def test_the_shortest_and_the_longest(self, seconds):
        assert silence(["run=x"], seconds, now=5.0).ends == 5.0 + seconds

    def test_a_silence_holds_from_its_start_until_its_end(self):
        one = hush("run=r", starts=10.0, ends=20.0)
        assert [one.until(now) for now in (9.9, 10.0, 19.9, 20.0)] == [0.0, 20.0, 20.0, 0.0]

    def test_all_matchers_must_hold_and_the_last_end_counts(self):
        silences = (hush("run=r", "rule=hang", ends=20.0), hush("run=r", ends=30.0), hush("run=s", ends=90.0))
        assert muted({"run": "r", "rule": "hang"}, silences, 0.0) == 30.0
        assert muted({"run": "r", "rule": "hang"}, silences, 25.0) == 30.0
        assert muted({"run": "t"}, silences, 0.0) == 0.0

    @pytest.mark.parametrize(
        ("hour", "left"),
        [(-0.1, 0), (21.9, 0), (22, 8), (24 + 1, 5), (24 + 6, 0), (24 + 22, 8), (48 + 5, 1), (48 + 22, 0)],
    )
    def test_a_weekly_window_belongs_to_the_day_it_begins_on(self, hour, left):
        window = parse_weekly("sat,sun 22:00-06:00", ())
        now = SATURDAY + hour * HOUR
        assert window.until(now, time.gmtime) == (now + left * HOUR if left else 0.0)

    def test_days_may_be_a_range_and_wrap(self):
        assert parse_weekly("fri-mon,wed 1:00-2:00", ()).days == (0, 2, 4, 5, 6)

    @pytest.mark.parametrize(
        "said", ["", "sat", "sat 1-2", "caturday 01:00-02:00", "sat- 01:00-02:00", "sat 01:00-01:00"]
    )
    def test_what_is_no_window(self, said):
        with pytest.raises(ValueError, match=r"weekly|hours"):
            parse_weekly(said, ())


class TestRouting:
    def test_what_is_silenced_is_not_reported_and_the_rest_is(self):
        r = router()
        r.mute([hush("rule=hang")], 0.0)
        r.take(alert("a"), 0.0)
        r.take(alert("b", rule="crash"), 0.0)
        assert reported(r, 0.0) == [("firing", ["b"])]

    def test_when_it_ends_and_the_incident_still_fires_it_is_reported(self):
        r = router()
        r.mute([hush("rule=hang")], 0.0)
        r.take(alert("a"), 0.0)
        r.take(alert("gone"), 1.0)
        assert reported(r, 1.0) == []
        r.take(alert("gone", "resolved"), 2.0)
        assert reported(r, 2.0) == []
        assert r.due() == HOUR
        assert reported(r, HOUR) == [("firing", ["a"])]
        assert r.due() is None

    def test_when_somebody_ends_it_it_is_reported_at_once(self):
        r = router()
        r.mute([hush("rule=hang")], 0.0)
        r.take(alert("a"), 0.0)
        assert reported(r, 0.0) == []
        r.mute([], 9.0)
        assert r.due() == 9.0
        assert reported(r, 9.0) == [("firing", ["a"])]

    def test_the_end_of_what_was_reported_is_reported(self):
        r = router()
        r.take(alert("a"), 0.0)
        reported(r, 0.0)
        r.mute([hush("rule=hang")], 1.0)
        r.take(alert("a", "resolved"), 2.0)
        assert reported(r, 2.0) == [("resolved", ["a"])]

    def test_one_that_is_silenced_later_is_not_repeated_until_the_end(self):
        from runwatch.alerts.routing.policy import Route

        r = router(otherwise=Route(repeat_interval=600.0))
        r.take(alert("a"), 0.0)
        reported(r, 0.0)
        r.mute([hush("rule=hang")], 1.0)
        spoke, now = [], 0.0
        while now < HOUR + 601.0:
            now = r.due()
            spoke += [now for _ in reported(r, now)]
        assert spoke[0] >= HOUR

    def test_in_a_group_it_does_not_hold_up_the_others(self):
        r = router(otherwise=grouped())
        r.mute([hush("rule=hang")], 0.0)
        r.take(alert("a"), 0.0)
        assert reported(r, 10.0) == []
        r.take(alert("b", rule="crash"), 20.0)
        assert r.due() == 20.0
        assert reported(r, 20.0) == [("firing", ["b"])]
        assert reported(r, HOUR) == [("firing", ["a", "b"])]

    def test_it_holds_for_who_comes_after_a_kill(self):
        r = router()
        r.mute([hush("rule=hang")], 0.0)
        r.take(alert("a"), 0.0)
        reported(r, 0.0)
        heir = router()
        heir.mute([hush("rule=hang")], 5.0)
        heir.resume(r.changes(), 5.0)
        assert reported(heir, 5.0) == []
        assert reported(heir, HOUR) == [("firing", ["a"])]

    def test_a_maintenance_window_holds_too(self):
        r = router()
        r.mute([Once((), 0.0, HOUR), parse_weekly("thu 00:00-03:00", (parse_matcher("run=r"),))], 0.0)
        r.take(alert("a"), 0.0)
        r.take(alert("b", run="s"), 0.0)
        assert reported(r, 0.0) == []
        assert reported(r, HOUR) == [("firing", ["b"])]
        assert reported(r, 3 * HOUR) == [("firing", ["a"])]


@given(
    st.lists(st.tuples(st.floats(0, 100), st.floats(1, 100)), max_size=4),
    st.lists(st.tuples(st.floats(0, 50), st.sampled_from("abc"), st.booleans()), max_size=12),
)
def test_nothing_is_reported_in_a_silence_and_all_that_fires_is_reported_after(silences, steps):
    r, now, received, state = router(), 0.0, set(), {}
    mutes = [hush("rule=hang", starts=start, ends=start + length) for start, length in silences]
    r.mute(mutes, 0.0)

    def listen(until):
        nonlocal now
        while (due := r.due()) is not None and due <= until:
            now = max(now, due)
            for change, names in reported(r, now):
                assert change == "resolved" or not muted({"rule": "hang"}, mutes, now)
                (received.difference_update if change == "resolved" else received.update)(names)
        now = until

    for pause, name, over in steps:
        listen(now + pause)
        state[name] = "resolved" if over else "firing"
        r.take(alert(name, state[name]), now)
    listen(1000.0)
    assert received == {name for name, kind in state.items() if kind == "firing"}


def test_in_memory_they_are_kept_and_dropped():
    kept = InMemory()
    kept.put_silence(hush("run=r"))
    kept.put_silence(hush("run=s"))
    assert kept.silences() == [hush("run=s")]
    assert (kept.drop_silence("s"), kept.drop_silence("s"), kept.silences()) == (True, False, [])
