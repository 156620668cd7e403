"""What comes and goes is told once, and a severity that falls when it has stayed."""

import time

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from runwatch.alerts.routing.policy import Damping, Policy, Route
from runwatch.alerts.routing.router import Router

from .routed import ONE, alert, grouped, router


class TestDamping:
    DAMPING = Damping(count=3, window=600.0, calm=300.0)

    def about(self, nth, state, at, **fields):
        """Return the state of the next of the incidents that follow each other."""
        return msgspec.structs.replace(alert(f"i{nth}", state, at=at, **fields), scope="one")

    def play(self, router, steps):
        """Take (time, state) one after the other; return (time, change, name, note) of what is told."""
        received, number = [], 0
        for at, state in [*steps, (1e6, None)]:
            while (due := router.due()) is not None and due <= at:
                received += [(due, m.change, m.incident.id, m.note) for _, m in router.flush(due)]
            if state is not None:
                number += state == "firing"
                router.take(self.about(number, state, at, number=0 if state == "firing" else 1), at)
        return received

    def ups_and_downs(self, times, every=20.0):
        return [(every * n, ("firing", "resolved")[n % 2]) for n in range(2 * times)]

    def test_what_comes_and_goes_is_reported_once_as_flapping_and_then_when_it_is_calm(self):
        received = self.play(router(damping=self.DAMPING), self.ups_and_downs(10))
        assert [(change, name) for _, change, name, _ in received] == [
            ("firing", "i1"), ("resolved", "i1"),
            ("firing", "i2"), ("resolved", "i2"),
            ("firing", "i3"), ("resolved", "i3"),
            ("firing", "i4"),
            ("resolved", "i4"),
        ]  # fmt: skip
        assert (
            received[6][3]
            == "flapping: fired 4 times in 1m 40s; sent again after it has been calm for 5m 00s"
        )
        assert received[7][0] == 380.0 + 300.0
        assert received[7][3].startswith("calm again: fired 10 times in")

    def test_one_that_is_calm_and_still_fires_is_reported_with_what_answers_it(self):
        r = router(damping=self.DAMPING)
        received = self.play(r, [*self.ups_and_downs(5), (200.0, "firing")])
        assert [(change, name) for _, change, name, _ in received[6:]] == [("firing", "i4"), ("firing", "i4")]
        assert received[-1][0] == 500.0
        assert "calm again" in received[-1][3]
        r.take(self.about(6, "resolved", 1e6), 1e6)
        ((_, end),) = r.flush(1e6)
        assert (end.change, end.incident.id) == ("resolved", "i4")

    def test_one_that_flaps_is_reported_when_it_gets_worse(self):
        r = router(damping=self.DAMPING)
        received = self.play(r, self.ups_and_downs(4)[:-1])
        assert len(received) == 7 + 1  # and that it is calm
        r = router(damping=self.DAMPING)
        steps = self.ups_and_downs(4)[:-1]
        for at, state in steps:
            r.take(self.about(int(at // 40), state, at), at)
            r.flush(at)
        r.take(self.about(3, "firing", 130.0, severity="critical"), 130.0)
        ((_, worse),) = r.flush(130.0)
        assert (worse.incident.severity, worse.incident.id) == ("critical", "i3")
        assert r.flush(131.0) == []

    def test_one_that_somebody_has_seen_is_not_reported_to_be_calm(self):
        r = router(damping=self.DAMPING)
        for at, state in self.ups_and_downs(4)[:-1]:
            r.take(self.about(int(at // 40), state, at), at)
            r.flush(at)
        r.take(self.about(3, "acknowledged", 130.0), 130.0)
        assert r.flush(130.0) == r.flush(5000.0) == []
        r.take(self.about(3, "resolved", 6000.0), 6000.0)
        assert [m.change for _, m in r.flush(6000.0)] == ["resolved"]

    def test_what_is_rare_does_not_flap(self):
        received = self.play(router(damping=self.DAMPING), self.ups_and_downs(6, every=200.0))
        assert len(received) == 12
        assert not any(note for *_, note in received)

    def test_others_are_reported_as_ever(self):
        r = router(damping=self.DAMPING)
        for number in range(20):
            r.take(alert(f"a{number}"), 0.0)  # no scope
            r.take(msgspec.structs.replace(alert(f"b{number}"), scope=f"s{number}"), 0.0)
        assert len(r.flush(0.0)) == 40

    def test_an_end_that_waits_is_not_reported_if_it_fires_again(self):
        r = router(damping=Damping(resolve_delay=60.0))
        received = self.play(r, [(0, "firing"), (10, "resolved"), (40, "firing"), (50, "resolved")])
        assert [(at, change, name) for at, change, name, _ in received] == [
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

        received = []
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
            received.append(said)
        assert received[0] == received[1]
        assert len(received[0]) <= 2 * (len(steps) + 1)


class TestSeverityThatFalls:
    def test_it_is_reported_once_it_has_stayed_lower(self):
        r = router(damping=Damping(calm=300.0))
        r.take(alert("a", severity="critical"), 0.0)
        r.flush(0.0)
        for at, severity in ((10.0, "warning"), (20.0, "critical"), (30.0, "warning")):
            r.take(alert("a", severity=severity, at=at), at)
            assert r.flush(at) == []
        assert r.due() == 330.0
        ((_, message),) = r.flush(330.0)
        assert (message.incident.severity, message.note) == ("warning", "less severe than before")
        assert r.due() is None
        r.take(alert("a", severity="critical", at=400.0), 400.0)
        assert [m.incident.severity for _, m in r.flush(400.0)] == ["critical"]
