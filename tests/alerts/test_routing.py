"""Routing: pure functions of alerts and times, so the tests bring their own clock."""

import itertools
import time
from unittest.mock import patch

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runwatch.alerts.grouping import Alert
from runwatch.alerts.policy import (
    BUILT_IN,
    Damping,
    Inhibition,
    Policy,
    Quiet,
    Receiver,
    Route,
    parse_matcher,
)
from runwatch.alerts.routing import Router
from runwatch.findings import Severity
from runwatch.snapshot import IncidentRow

ONE = (Receiver("slack", per_minute=10_000),)
NUMBERS = itertools.count()


def alert(
    name, state="firing", *, run="r", severity="warning", rule="hang", at=0.0, number=None, **fields
) -> Alert:
    row = IncidentRow(name, run, rule, severity, state, f"title {name}", **fields)
    return Alert(row, "node1", at, number=next(NUMBERS) if number is None else number)


def router(*, receivers=ONE, **policy) -> Router:
    return Router(Policy(receivers, **policy), epoch="e", local=time.gmtime)


def told(router: Router, now: float) -> list[tuple[str, list[str]]]:
    """Return (change, names) of what is due."""
    return [
        (message.change, [row.id for row in (message.incident, *message.more)])
        for _, message in router.flush(now)
    ]


def grouped(**fields) -> Route:
    return Route(group_by=("run",), group_wait=10.0, group_interval=60.0, **fields)


class TestWithoutConfiguration:
    def test_each_change_is_told_at_once_and_alone(self):
        r = router()
        r.take(alert("a"), 0.0)
        r.take(alert("b"), 0.0)
        assert told(r, 0.0) == [("firing", ["a"]), ("firing", ["b"])]
        r.take(alert("a", "resolved"), 5.0)
        assert told(r, 5.0) == [("resolved", ["a"])]
        assert r.due() is None

    def test_what_is_known_is_not_told_again_and_what_gets_worse_is(self):
        r = router()
        r.take(alert("a"), 0.0)
        told(r, 0.0)
        r.take(alert("a"), 1.0)
        r.take(alert("a", "acknowledged"), 2.0)
        assert told(r, 2.0) == []
        r.take(alert("a", severity="critical"), 3.0)
        assert told(r, 3.0) == [("firing", ["a"])]

    def test_severity_and_resolution_are_the_channels_choice(self):
        r = router(receivers=(Receiver("all", Severity.INFO), Receiver("few", Severity.CRITICAL, False)))
        for name, severity in (("a", "info"), ("b", "critical"), ("c", "apocalyptic")):
            r.take(alert(name, severity=severity), 0.0)
        assert sorted((c, m.incident.id) for c, m in r.flush(0.0)) == [
            ("all", "a"), ("all", "b"), ("all", "c"), ("few", "b"), ("few", "c"),
        ]  # fmt: skip
        r.take(alert("b", "resolved", severity="critical"), 1.0)
        assert [(c, m.change) for c, m in r.flush(1.0)] == [("all", "resolved")]

    def test_ids_differ_and_messages_of_one_incident_share_a_group(self):
        r = router()
        r.take(alert("a"), 0.0)
        ((_, one),) = r.flush(0.0)
        r.take(alert("a", "resolved"), 0.0)
        ((_, two),) = r.flush(0.0)
        assert one.id != two.id
        assert one.orders == two.orders

    def test_nothing_is_kept_of_what_is_over(self):
        r = router()
        for number in range(100):
            r.take(alert(f"{number}"), number)
            told(r, number)
            r.take(alert(f"{number}", "resolved"), number)
            told(r, number)
        assert (r._alerts, r._groups, r._homes) == ({}, {}, {})


class TestGroups:
    def test_a_group_waits_for_company_then_speaks_at_intervals(self):
        r = router(otherwise=grouped())
        r.take(alert("a"), 0.0)
        r.take(alert("b", severity="critical"), 4.0)
        r.take(alert("other", run="s"), 5.0)
        assert r.due() == 10.0
        assert told(r, 9.9) == []
        assert told(r, 10.0) == [("firing", ["b", "a"])]
        r.take(alert("c"), 20.0)
        assert told(r, 20.0) == [("firing", ["other"])]
        assert r.due() == 70.0
        assert told(r, 70.0) == [("firing", ["c", "b", "a"])]

    def test_what_was_over_before_anybody_was_told_is_never_told(self):
        r = router(otherwise=grouped())
        r.take(alert("a"), 0.0)
        r.take(alert("a", "resolved"), 5.0)
        assert told(r, 10.0) == []
        assert r._alerts == {}

    def test_a_message_names_ten_more_and_counts_the_rest(self):
        r = router(otherwise=grouped())
        for number in range(30):
            r.take(alert(f"{number}"), 0.0)
        ((_, message),) = r.flush(10.0)
        assert (len(message.more), message.left_out) == (10, 19)

    def test_what_still_fires_is_told_again_unless_somebody_has_it(self):
        r = router(otherwise=Route(repeat_interval=3600.0))
        r.take(alert("a"), 0.0)
        told(r, 0.0)
        assert told(r, 3599.0) == []
        ((_, message),) = r.flush(3600.0)
        assert message.note == "still firing"
        assert r.due() == 7200.0
        r.take(alert("a", "acknowledged"), 4000.0)
        assert told(r, 9000.0) == []


class TestRoutes:
    ROUTES = (
        Route((parse_matcher("severity=critical"),), ("pager",), goes_on=True),
        Route((parse_matcher('run=~"exp.*"'), parse_matcher("rule!=hang")), ("slack",)),
    )
    BOTH = (Receiver("slack"), Receiver("pager"))

    @pytest.mark.parametrize(
        ("fields", "channels"),
        [
            ({"severity": "critical", "run": "exp1", "rule": "x"}, ["pager", "slack"]),
            ({"severity": "critical", "run": "my exp"}, ["pager"]),
            ({"run": "exp1", "rule": "x"}, ["slack"]),
            ({"run": "exp1"}, ["pager", "slack"]),
        ],
    )
    def test_the_first_that_matches_takes_it_unless_it_continues(self, fields, channels):
        r = router(receivers=self.BOTH, routes=self.ROUTES)
        r.take(alert("a", **fields), 0.0)
        assert sorted(channel for channel, _ in r.flush(0.0)) == channels

    def test_its_end_goes_where_its_beginning_went(self):
        r = router(receivers=self.BOTH, routes=self.ROUTES)
        r.take(alert("a", run="exp1", rule="x"), 0.0)
        assert [channel for channel, _ in r.flush(0.0)] == ["slack"]
        r.take(alert("a", run="exp1", rule="x", severity="critical"), 1.0)
        assert sorted(channel for channel, _ in r.flush(1.0)) == ["pager", "slack"]
        r.take(alert("a", "resolved", run="exp1", rule="x", severity="critical"), 2.0)
        assert sorted((c, m.change) for c, m in r.flush(2.0)) == [
            ("pager", "resolved"),
            ("slack", "resolved"),
        ]

    @pytest.mark.parametrize("bad", ["", "run", "rum=x", "run=~(", "run>3"])
    def test_what_is_no_matcher_is_told(self, bad):
        with pytest.raises(ValueError, match=r"matcher|label|regular"):
            parse_matcher(bad)

    def test_a_missing_label_is_an_empty_one(self):
        assert parse_matcher("rank=").holds({})
        assert parse_matcher("rank!~3|4").holds({"rank": "34"})

    def test_an_alert_that_moves_to_another_group_ends_once(self):
        r = router(otherwise=Route(group_by=("severity",)))
        r.take(alert("a"), 0.0)
        assert told(r, 0.0) == [("firing", ["a"])]
        r.take(alert("a", severity="critical"), 1.0)
        assert told(r, 1.0) == [("firing", ["a"])]
        r.take(alert("a", "resolved", severity="critical"), 2.0)
        assert told(r, 2.0) == [("resolved", ["a"])]
        assert r._groups == {}


class TestInhibition:
    def test_a_crash_mutes_the_warnings_of_its_run_and_of_no_other(self):
        r = router(inhibitions=BUILT_IN)
        r.take(alert("crash", rule="crash", severity="critical"), 0.0)
        r.take(alert("slow"), 0.0)
        r.take(alert("nan", severity="critical"), 0.0)
        r.take(alert("other", run="s"), 0.0)
        assert [names for _, names in told(r, 0.0)] == [["crash"], ["nan"], ["other"]]

    def test_muted_all_its_life_it_is_not_told_to_be_over(self):
        r = router(inhibitions=BUILT_IN)
        r.take(alert("crash", rule="crash", severity="critical"), 0.0)
        r.take(alert("slow"), 0.0)
        told(r, 0.0)
        r.take(alert("slow", "resolved"), 1.0)
        assert told(r, 1.0) == []

    def test_when_the_cause_is_over_what_it_muted_is_told(self):
        r = router(inhibitions=BUILT_IN)
        r.take(alert("crash", rule="crash", severity="critical"), 0.0)
        r.take(alert("slow"), 0.0)
        told(r, 0.0)
        r.take(alert("crash", "resolved", rule="crash", severity="critical"), 9.0)
        assert sorted(told(r, 9.0)) == [("firing", ["slow"]), ("resolved", ["crash"])]

    def test_one_that_is_on_both_sides_is_not_muted_by_its_like(self):
        both = Inhibition((parse_matcher("rule=hang"),), (parse_matcher("run=r"),))
        r = router(inhibitions=(both,))
        r.take(alert("a"), 0.0)
        r.take(alert("b"), 0.0)
        assert len(told(r, 0.0)) == 2


class TestQuietHours:
    NIGHT = Quiet(22 * 60, 7 * 60)
    HOUR = 3600.0

    def test_they_may_span_midnight(self):
        for hour, left in ((21.99, 0), (22, 9), (23.5, 7.5), (3, 4), (6.5, 0.5), (7, 0), (12, 0)):
            assert self.NIGHT.left(hour * self.HOUR, time.gmtime) == left * self.HOUR

    def test_the_critical_goes_through_and_the_rest_waits_for_the_morning(self):
        r = router(quiet=self.NIGHT)
        night, morning = 23 * self.HOUR, 31 * self.HOUR
        r.take(alert("a"), night)
        r.take(alert("b", severity="critical"), night)
        r.take(alert("brief"), night)
        assert told(r, night) == [("firing", ["b"])]
        r.take(alert("brief", "resolved"), night + 60)
        assert told(r, night + 60) == []
        assert r.due() == morning
        assert told(r, morning) == [("firing", ["a"])]

    def test_an_end_waits_too(self):
        r = router(quiet=self.NIGHT)
        r.take(alert("b", severity="critical"), 23 * self.HOUR)
        told(r, 23 * self.HOUR)
        r.take(alert("b", "resolved", severity="critical"), 24 * self.HOUR)
        assert told(r, 24 * self.HOUR) == []
        assert told(r, 31 * self.HOUR) == [("resolved", ["b"])]


class TestLimits:
    def test_beyond_the_limit_one_summary_names_the_gravest(self):
        r = router(receivers=(Receiver("slack", per_minute=5),))
        for number in range(50):
            r.take(alert(f"{number}", severity="critical" if number == 40 else "warning"), 0.0)
        messages = [message for _, message in r.flush(0.0)]
        assert len(messages) == 5
        assert messages[0].incident.id == "40"
        assert messages[-1].note == "46 messages in one: more than 5 a minute"
        assert len(messages[-1].more) + messages[-1].left_out == 45
        r.take(alert("next"), 1.0)
        assert r.flush(1.0) == []
        assert r.due() == pytest.approx(12.0, abs=0.1)
        assert told(r, 12.1) == [("firing", ["next"])]

    def test_an_end_told_in_a_summary_does_not_overtake_its_beginning(self):
        r = router(receivers=(Receiver("slack", per_minute=2),))
        r.take(alert("a"), 0.0)
        ((_, first),) = r.flush(0.0)
        r.take(alert("a", "resolved"), 1.0)
        r.take(alert("b"), 1.0)
        ((_, summary),) = r.flush(1.0)
        assert set(first.orders) <= set(summary.orders)

    def test_a_storm_becomes_a_bounded_number_of_messages(self):
        r, messages = router(receivers=(Receiver("slack", per_minute=30),)), []
        for number in range(10_000):
            now = number * 60 / 10_000
            r.take(alert(f"{number}", run=f"r{number % 100}"), now)
            if (r.due() or 1e9) <= now:
                messages += r.flush(now)
        messages += r.flush(90.0)
        assert len(messages) < 65
        names = sum(1 + len(message.more) + message.left_out for _, message in messages)
        assert names == 10_000


def test_what_a_dead_process_told_long_ago_is_forgotten_and_what_it_did_not_tell_is_told():
    r = router(otherwise=grouped())
    r.take(alert("told"), 0.0)
    told(r, 10.0)
    r.take(alert("untold", at=20.0), 20.0)
    saved = r.changes()
    for later, known in ((3000.0, {"told", "untold"}), (9000.0, {"untold"})):
        heir = router(otherwise=grouped())
        heir.resume(saved, later)
        assert heir._alerts.keys() == known
        messages = told(heir, later + 61.0)
        assert [names[0] for _, names in messages] == ["untold"]
        assert ("alert/told" in [key for key, body in heir.changes().items() if body is None]) == (
            "told" not in known
        )


def test_a_process_that_ends_in_good_order_leaves_only_what_it_could_not_tell():
    r = router(quiet=Quiet(0, 600), inhibitions=BUILT_IN)
    r.take(alert("a", severity="critical"), 0.0)
    r.take(alert("b"), 0.0)
    told(r, 0.0)
    saved = r.changes()
    r.forget()
    saved |= r.changes()
    heir = router(quiet=Quiet(0, 600))
    heir.resume({key: body for key, body in saved.items() if body}, 1.0)
    assert heir._alerts.keys() == {"b"}
    assert told(heir, 36_000.0) == [("firing", ["b"])]


NAMES = st.sampled_from("abcd")
STEPS = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.5, 7.0, 61.0, 4000.0]),
        NAMES,
        st.sampled_from(["firing", "firing", "resolved"]),
        st.sampled_from(["info", "warning", "critical"]),
        st.booleans(),
    ),
    max_size=25,
)
POLICIES = st.builds(
    Policy,
    st.just((Receiver("x", per_minute=10_000), Receiver("y", Severity.CRITICAL, False, per_minute=10_000))),
    routes=st.just(())
    | st.just((Route((parse_matcher("incident=~a|b"),), ("x",), ("severity",), goes_on=True),)),
    otherwise=st.sampled_from([Route(), grouped(), grouped(repeat_interval=3600.0)]),
    inhibitions=st.just(()) | st.just(BUILT_IN),
    quiet=st.none() | st.just(Quiet(0, 600)),
)


@patch("runwatch.alerts.routing.RESUME", 1e9)
@settings(max_examples=100, deadline=None)
@given(POLICIES, STEPS)
def test_whatever_happens_ends_are_told_of_what_was_told_and_nothing_is_forgotten(policy, steps):
    r, now, state, open_for = Router(policy, epoch="e", local=time.gmtime), 0.0, {}, {}

    def listen(now):
        for channel, message in r.flush(now):
            for row in (message.incident, *message.more):
                if row.state == "resolved":
                    assert open_for.pop((channel, row.id)), "an end without a beginning"
                else:
                    open_for[channel, row.id] = True

    for pause, name, kind, severity, killed in steps:
        now += pause
        listen(now)
        if kind == "resolved" and state.get(name) != "firing":
            continue
        state[name] = kind
        r.take(alert(name, kind, severity=severity, at=now), now)
        listen(now)
        if killed:  # everything it knows goes through bytes, and to one that starts afresh
            held = {key: body for key, body in r.changes().items() if body is not None}
            r._dirty |= {f"alert/{n}" for n in r._alerts} | {f"group/{n}" for n in r._groups}
            held |= {key: body for key, body in r.changes().items() if body is not None}
            again = Router(policy, epoch="f", local=time.gmtime)
            again.resume(held, now)
            r = again
    for _ in range(10):
        now = max(now, r.due() or 0.0)
        listen(now)
    for name, kind in state.items():
        least = [c for c in ("x",) if r._alerts.get(name) and r._alerts[name].rank >= 1]
        if kind == "firing":
            assert all(open_for.get((channel, name)) for channel in least)
        else:
            assert not open_for.get(("x", name)), "its end was not told"


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 50), NAMES, st.booleans()), max_size=40))
def test_a_group_keeps_its_wait_and_its_interval(steps):
    r, now, spoke, began = router(otherwise=grouped()), 0.0, None, None
    for pause, name, over in steps:
        end = now + pause
        while (due := r.due()) is not None and due <= end:
            now = max(now, due)
            if r.flush(now):
                assert now >= began + 10.0 if spoke is None else now >= spoke + 60.0
                spoke = now
            if not r._groups:  # all is over: the next alert begins another group
                spoke = began = None
        now = end
        r.take(alert(name, "resolved" if over else "firing"), now)
        began = now if began is None and r._groups else began


class TestTheSameFoldAgain:
    CHANGES = (
        ("a", "firing", 1),
        ("b", "firing", 1),
        ("a", "firing", 2),
        ("a", "resolved", 3),
        ("c", "firing", 1),
    )

    def fold(self, r: Router, count: int = 5, now: float = 0.0) -> list[tuple[str, tuple[str, ...]]]:
        """Take the first changes, twenty seconds apart; return (id, what it names) of each message."""
        messages = []
        for name, state, number in self.CHANGES[:count]:
            severity = "critical" if number > 1 else "warning"
            r.take(alert(name, state, severity=severity, number=number, at=now), now)
            now += 20.0
            messages += self.heard(r, now)
        return messages

    def heard(self, r: Router, now: float) -> list[tuple[str, tuple[str, ...]]]:
        return [
            (m.id, tuple(f"{row.id} {row.state}" for row in (m.incident, *m.more))) for _, m in r.flush(now)
        ]

    def test_gives_the_same_ids(self):
        once, again = self.fold(router()), self.fold(router(), now=500.0)
        assert once == again
        assert len({name for name, _ in once}) == len(once) == 5

    @pytest.mark.parametrize("count", range(6))
    @pytest.mark.parametrize("policy", [{}, {"otherwise": grouped()}], ids=["alone", "grouped"])
    def test_into_what_the_first_left_tells_nothing_again(self, policy, count):
        first = router(**policy)
        heard = self.fold(first, count)
        second = Router(first.policy, epoch="e", lasting=True, local=time.gmtime)
        second.resume({key: body for key, body in first.changes().items() if body is not None}, 100.0)
        heard += self.fold(second, 5, 100.0)
        heard += self.heard(second, 1e4)
        assert len(set(heard)) == len(heard)
        assert sum("a resolved" in names for _, names in heard) == 1
        assert {name for _, names in heard for name in names} >= {"a firing", "b firing", "c firing"}
        if not policy:
            assert heard == self.fold(router())

    def test_another_place_is_another_change(self):
        """After a rebuild the first hang that is seen has the id and number of one long ago."""
        r = router()
        r.take(alert("a", number=1, step=100), 0.0)
        r.take(alert("a", "resolved", number=2, step=100), 1.0)
        r.flush(1.0)
        r.take(alert("a", number=1, step=250), 2.0)
        assert told(r, 2.0) == [("firing", ["a"])]

    def test_what_is_remembered_is_bounded(self):
        r = router()
        for number in range(5000):
            r.take(alert("a", number=number), 0.0)
        saved = r.changes()
        assert sum(key.startswith("seen/") and body is not None for key, body in saved.items()) == 4096


class TestDamping:
    DAMPING = Damping(count=3, window=600.0, calm=300.0)

    def about(self, nth, state, at, **fields):
        """Return the state of the next of the incidents that follow each other."""
        return msgspec.structs.replace(alert(f"i{nth}", state, at=at, **fields), scope="one")

    def play(self, router, steps):
        """Take (time, state) one after the other; return (time, change, name, note) of what is told."""
        heard, number = [], 0
        for at, state in [*steps, (1e6, None)]:
            while (due := router.due()) is not None and due <= at:
                heard += [(due, m.change, m.incident.id, m.note) for _, m in router.flush(due)]
            if state is not None:
                number += state == "firing"
                router.take(self.about(number, state, at, number=0 if state == "firing" else 1), at)
        return heard

    def ups_and_downs(self, times, every=20.0):
        return [(every * n, ("firing", "resolved")[n % 2]) for n in range(2 * times)]

    def test_what_comes_and_goes_is_told_once_as_flapping_and_then_when_it_is_calm(self):
        heard = self.play(router(damping=self.DAMPING), self.ups_and_downs(10))
        assert [(change, name) for _, change, name, _ in heard] == [
            ("firing", "i1"), ("resolved", "i1"),
            ("firing", "i2"), ("resolved", "i2"),
            ("firing", "i3"), ("resolved", "i3"),
            ("firing", "i4"),
            ("resolved", "i4"),
        ]  # fmt: skip
        assert heard[6][3] == "flapping: fired 4 times in 1m 40s; told again once it is calm for 5m 00s"
        assert heard[7][0] == 380.0 + 300.0
        assert heard[7][3].startswith("calm again: fired 10 times in")

    def test_one_that_is_calm_and_still_fires_is_told_with_what_answers_it(self):
        r = router(damping=self.DAMPING)
        heard = self.play(r, [*self.ups_and_downs(5), (200.0, "firing")])
        assert [(change, name) for _, change, name, _ in heard[6:]] == [("firing", "i4"), ("firing", "i4")]
        assert heard[-1][0] == 500.0
        assert "calm again" in heard[-1][3]
        r.take(self.about(6, "resolved", 1e6), 1e6)
        ((_, end),) = r.flush(1e6)
        assert (end.change, end.incident.id) == ("resolved", "i4")

    def test_one_that_flaps_is_told_when_it_gets_worse(self):
        r = router(damping=self.DAMPING)
        heard = self.play(r, self.ups_and_downs(4)[:-1])
        assert len(heard) == 7 + 1  # and that it is calm
        r = router(damping=self.DAMPING)
        steps = self.ups_and_downs(4)[:-1]
        for at, state in steps:
            r.take(self.about(int(at // 40), state, at), at)
            r.flush(at)
        r.take(self.about(3, "firing", 130.0, severity="critical"), 130.0)
        ((_, worse),) = r.flush(130.0)
        assert (worse.incident.severity, worse.incident.id) == ("critical", "i3")
        assert r.flush(131.0) == []

    def test_one_that_somebody_has_seen_is_not_told_to_be_calm(self):
        r = router(damping=self.DAMPING)
        for at, state in self.ups_and_downs(4)[:-1]:
            r.take(self.about(int(at // 40), state, at), at)
            r.flush(at)
        r.take(self.about(3, "acknowledged", 130.0), 130.0)
        assert r.flush(130.0) == r.flush(5000.0) == []
        r.take(self.about(3, "resolved", 6000.0), 6000.0)
        assert [m.change for _, m in r.flush(6000.0)] == ["resolved"]

    def test_what_is_rare_does_not_flap(self):
        heard = self.play(router(damping=self.DAMPING), self.ups_and_downs(6, every=200.0))
        assert len(heard) == 12
        assert not any(note for *_, note in heard)

    def test_others_are_told_as_ever(self):
        r = router(damping=self.DAMPING)
        for number in range(20):
            r.take(alert(f"a{number}"), 0.0)  # no scope
            r.take(msgspec.structs.replace(alert(f"b{number}"), scope=f"s{number}"), 0.0)
        assert len(r.flush(0.0)) == 40

    def test_an_end_that_waits_is_not_told_if_it_fires_again(self):
        r = router(damping=Damping(resolve_delay=60.0))
        heard = self.play(r, [(0, "firing"), (10, "resolved"), (40, "firing"), (50, "resolved")])
        assert [(at, change, name) for at, change, name, _ in heard] == [
            (0, "firing", "i1"), (110.0, "resolved", "i1"),
        ]  # fmt: skip

    @settings(max_examples=60, deadline=None)
    @given(
        st.lists(st.tuples(st.integers(1, 400), st.booleans(), st.booleans()), max_size=30),
        st.sampled_from([0.0, 60.0]),
        st.sampled_from([grouped(), Route(group_by=("run",))]),
    )
    def test_a_restart_at_any_time_and_looking_more_often_change_nothing(self, steps, delay, route):
        """And it is bounded: of one thing, so many messages as it takes to flap, and two for each calm."""
        policy = Policy(
            ONE, otherwise=route, damping=msgspec.structs.replace(self.DAMPING, resolve_delay=delay)
        )

        def fresh():
            return Router(policy, epoch="e", lasting=True, local=time.gmtime)

        def speak(router, at):
            found = []
            while (due := router.due()) is not None and due <= at:
                found += [(due, m.id, m.change, m.incident.id, m.note) for _, m in router.flush(due)]
            return found

        heard = []
        for restarts in (False, True):
            one, kept, said, at = fresh(), {}, [], 0.0
            for number, (after, restart, look) in enumerate(steps):
                at += after
                said += speak(one, at)
                if restarts and look:
                    said += [(at, m.id, m.change, m.incident.id, m.note) for _, m in one.flush(at)]
                change = self.about(number // 2, ("firing", "resolved")[number % 2], at, number=number % 2)
                one.take(change, at)
                for key, body in one.changes().items():
                    kept.pop(key, None)
                    if body is not None:
                        kept[key] = body
                if restarts and restart:
                    one = fresh()
                    one.resume(kept, at)
            said += speak(one, at + 1e4)
            heard.append(said)
        assert heard[0] == heard[1]
        assert len(heard[0]) <= 2 * (len(steps) + 1)


class TestSeverityThatFalls:
    def test_it_is_told_once_it_has_stayed_lower(self):
        r = router(damping=Damping(calm=300.0))
        r.take(alert("a", severity="critical"), 0.0)
        r.flush(0.0)
        for at, severity in ((10.0, "warning"), (20.0, "critical"), (30.0, "warning")):
            r.take(alert("a", severity=severity, at=at), at)
            assert r.flush(at) == []
        assert r.due() == 330.0
        ((_, message),) = r.flush(330.0)
        assert (message.incident.severity, message.note) == ("warning", "less grave than it was")
        assert r.due() is None
        r.take(alert("a", severity="critical", at=400.0), 400.0)
        assert [m.incident.severity for _, m in r.flush(400.0)] == ["critical"]
