"""What routing keeps: an heir tells what is left, and the same fold again tells nothing twice."""

import time
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runwatch.alerts.routing.policy import (
    BUILT_IN,
    Policy,
    Quiet,
    Receiver,
    Route,
    parse_matcher,
)
from runwatch.alerts.routing.router import Router
from runwatch.core.findings import Severity

from .routed import alert, grouped, reported, router


def test_what_a_dead_process_reported_long_ago_is_forgotten_and_what_it_did_not_show_is_reported():
    r = router(otherwise=grouped())
    r.take(alert("told"), 0.0)
    reported(r, 10.0)
    r.take(alert("unreported", at=20.0), 20.0)
    saved = r.changes()
    for later, known in ((3000.0, {"told", "unreported"}), (9000.0, {"unreported"})):
        heir = router(otherwise=grouped())
        heir.resume(saved, later)
        assert heir._alerts.keys() == known
        messages = reported(heir, later + 61.0)
        assert [names[0] for _, names in messages] == ["unreported"]
        assert ("alert/told" in [key for key, body in heir.changes().items() if body is None]) == (
            "told" not in known
        )


def test_a_process_that_ends_in_good_order_leaves_only_what_it_could_not_show():
    r = router(quiet=Quiet(0, 600), inhibitions=BUILT_IN)
    r.take(alert("a", severity="critical"), 0.0)
    r.take(alert("b"), 0.0)
    reported(r, 0.0)
    saved = r.changes()
    r.forget()
    saved |= r.changes()
    heir = router(quiet=Quiet(0, 600))
    heir.resume({key: body for key, body in saved.items() if body}, 1.0)
    assert heir._alerts.keys() == {"b"}
    assert reported(heir, 36_000.0) == [("firing", ["b"])]


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
    | st.just((Route((parse_matcher("incident=~a|b"),), ("x",), ("severity",), continues=True),)),
    otherwise=st.sampled_from([Route(), grouped(), grouped(repeat_interval=3600.0)]),
    inhibitions=st.just(()) | st.just(BUILT_IN),
    quiet=st.none() | st.just(Quiet(0, 600)),
)


@patch("runwatch.alerts.routing.router.RESUME", 1e9)
@settings(max_examples=100, deadline=None)
@given(POLICIES, STEPS)
def test_whatever_happens_ends_are_sent_of_what_was_reported_and_nothing_is_forgotten(policy, steps):
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
            messages += self.received(r, now)
        return messages

    def received(self, r: Router, now: float) -> list[tuple[str, tuple[str, ...]]]:
        return [
            (m.id, tuple(f"{row.id} {row.state}" for row in (m.incident, *m.more))) for _, m in r.flush(now)
        ]

    def test_gives_the_same_ids(self):
        once, again = self.fold(router()), self.fold(router(), now=500.0)
        assert once == again
        assert len({name for name, _ in once}) == len(once) == 5

    @pytest.mark.parametrize("count", range(6))
    @pytest.mark.parametrize("policy", [{}, {"otherwise": grouped()}], ids=["alone", "grouped"])
    def test_into_what_the_first_left_shows_nothing_again(self, policy, count):
        first = router(**policy)
        received = self.fold(first, count)
        second = Router(first.policy, epoch="e", lasting=True, local=time.gmtime)
        second.resume({key: body for key, body in first.changes().items() if body is not None}, 100.0)
        received += self.fold(second, 5, 100.0)
        received += self.received(second, 1e4)
        assert len(set(received)) == len(received)
        assert sum("a resolved" in names for _, names in received) == 1
        assert {name for _, names in received for name in names} >= {"a firing", "b firing", "c firing"}
        if not policy:
            assert received == self.fold(router())

    def test_another_place_is_another_change(self):
        """After a rebuild the first hang that is seen has the id and number of one long ago."""
        r = router()
        r.take(alert("a", number=1, step=100), 0.0)
        r.take(alert("a", "resolved", number=2, step=100), 1.0)
        r.flush(1.0)
        r.take(alert("a", number=1, step=250), 2.0)
        assert reported(r, 2.0) == [("firing", ["a"])]

    def test_what_is_remembered_is_bounded(self):
        r = router()
        for number in range(5000):
            r.take(alert("a", number=number), 0.0)
        saved = r.changes()
        assert sum(key.startswith("seen/") and body is not None for key, body in saved.items()) == 4096
