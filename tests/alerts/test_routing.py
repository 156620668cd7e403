"""Routing: pure functions of alerts and times, so the tests bring their own clock."""

import time

import pytest

from runwatch.alerts.routing.policy import (
    BUILT_IN,
    Inhibition,
    Quiet,
    Receiver,
    Route,
    parse_matcher,
)
from runwatch.core.findings import Severity

from .routed import alert, grouped, reported, router


class TestWithoutConfiguration:
    def test_each_change_is_reported_at_once_and_alone(self):
        r = router()
        r.take(alert("a"), 0.0)
        r.take(alert("b"), 0.0)
        assert reported(r, 0.0) == [("firing", ["a"]), ("firing", ["b"])]
        r.take(alert("a", "resolved"), 5.0)
        assert reported(r, 5.0) == [("resolved", ["a"])]
        assert r.due() is None

    def test_what_is_known_is_not_repeated_and_what_gets_worse_is(self):
        r = router()
        r.take(alert("a"), 0.0)
        reported(r, 0.0)
        r.take(alert("a"), 1.0)
        r.take(alert("a", "acknowledged"), 2.0)
        assert reported(r, 2.0) == []
        r.take(alert("a", severity="critical"), 3.0)
        assert reported(r, 3.0) == [("firing", ["a"])]

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
            reported(r, number)
            r.take(alert(f"{number}", "resolved"), number)
            reported(r, number)
        assert (r._alerts, r._groups, r._homes) == ({}, {}, {})


class TestGroups:
    def test_a_group_waits_for_company_then_speaks_at_intervals(self):
        r = router(otherwise=grouped())
        r.take(alert("a"), 0.0)
        r.take(alert("b", severity="critical"), 4.0)
        r.take(alert("other", run="s"), 5.0)
        assert r.due() == 10.0
        assert reported(r, 9.9) == []
        assert reported(r, 10.0) == [("firing", ["b", "a"])]
        r.take(alert("c"), 20.0)
        assert reported(r, 20.0) == [("firing", ["other"])]
        assert r.due() == 70.0
        assert reported(r, 70.0) == [("firing", ["c", "b", "a"])]

    def test_what_was_over_before_anybody_was_informed_is_never_reported(self):
        r = router(otherwise=grouped())
        r.take(alert("a"), 0.0)
        r.take(alert("a", "resolved"), 5.0)
        assert reported(r, 10.0) == []
        assert r._alerts == {}

    def test_a_message_names_ten_more_and_counts_the_rest(self):
        r = router(otherwise=grouped())
        for number in range(30):
            r.take(alert(f"{number}"), 0.0)
        ((_, message),) = r.flush(10.0)
        assert (len(message.more), message.left_out) == (10, 19)

    def test_what_still_fires_is_repeated_unless_somebody_has_it(self):
        r = router(otherwise=Route(repeat_interval=3600.0))
        r.take(alert("a"), 0.0)
        reported(r, 0.0)
        assert reported(r, 3599.0) == []
        ((_, message),) = r.flush(3600.0)
        assert message.note == "still firing"
        assert r.due() == 7200.0
        r.take(alert("a", "acknowledged"), 4000.0)
        assert reported(r, 9000.0) == []


class TestRoutes:
    ROUTES = (
        Route((parse_matcher("severity=critical"),), ("pager",), continues=True),
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
    def test_what_is_no_matcher_is_reported(self, bad):
        with pytest.raises(ValueError, match=r"matcher|label|regular"):
            parse_matcher(bad)

    def test_a_missing_label_is_an_empty_one(self):
        assert parse_matcher("rank=").holds({})
        assert parse_matcher("rank!~3|4").holds({"rank": "34"})

    def test_an_alert_that_moves_to_another_group_ends_once(self):
        r = router(otherwise=Route(group_by=("severity",)))
        r.take(alert("a"), 0.0)
        assert reported(r, 0.0) == [("firing", ["a"])]
        r.take(alert("a", severity="critical"), 1.0)
        assert reported(r, 1.0) == [("firing", ["a"])]
        r.take(alert("a", "resolved", severity="critical"), 2.0)
        assert reported(r, 2.0) == [("resolved", ["a"])]
        assert r._groups == {}


class TestInhibition:
    def test_a_crash_mutes_the_warnings_of_its_run_and_of_no_other(self):
        r = router(inhibitions=BUILT_IN)
        r.take(alert("crash", rule="crash", severity="critical"), 0.0)
        r.take(alert("slow"), 0.0)
        r.take(alert("nan", severity="critical"), 0.0)
        r.take(alert("other", run="s"), 0.0)
        assert [names for _, names in reported(r, 0.0)] == [["crash"], ["nan"], ["other"]]

    def test_each_inhibition_has_sources_of_its_own(self):
        other = Inhibition((parse_matcher("rule=nonfinite"),), (parse_matcher("rule=plateau"),))
        for inhibitions in ((*BUILT_IN, other), (other, *BUILT_IN)):
            r = router(inhibitions=inhibitions)
            r.take(alert("crash", rule="crash", severity="critical"), 0.0)
            r.take(alert("slow"), 0.0)
            assert reported(r, 0.0) == [("firing", ["crash"])]

    def test_muted_all_its_life_it_is_not_reported_to_be_over(self):
        r = router(inhibitions=BUILT_IN)
        r.take(alert("crash", rule="crash", severity="critical"), 0.0)
        r.take(alert("slow"), 0.0)
        reported(r, 0.0)
        r.take(alert("slow", "resolved"), 1.0)
        assert reported(r, 1.0) == []

    def test_when_the_cause_is_over_what_it_muted_is_reported(self):
        r = router(inhibitions=BUILT_IN)
        r.take(alert("crash", rule="crash", severity="critical"), 0.0)
        r.take(alert("slow"), 0.0)
        reported(r, 0.0)
        r.take(alert("crash", "resolved", rule="crash", severity="critical"), 9.0)
        assert sorted(reported(r, 9.0)) == [("firing", ["slow"]), ("resolved", ["crash"])]

    def test_one_that_is_on_both_sides_is_not_muted_by_its_like(self):
        both = Inhibition((parse_matcher("rule=hang"),), (parse_matcher("run=r"),))
        r = router(inhibitions=(both,))
        r.take(alert("a"), 0.0)
        r.take(alert("b"), 0.0)
        assert len(reported(r, 0.0)) == 2


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
        assert reported(r, night) == [("firing", ["b"])]
        r.take(alert("brief", "resolved"), night + 60)
        assert reported(r, night + 60) == []
        assert r.due() == morning
        assert reported(r, morning) == [("firing", ["a"])]

    def test_an_end_waits_too(self):
        r = router(quiet=self.NIGHT)
        r.take(alert("b", severity="critical"), 23 * self.HOUR)
        reported(r, 23 * self.HOUR)
        r.take(alert("b", "resolved", severity="critical"), 24 * self.HOUR)
        assert reported(r, 24 * self.HOUR) == []
        assert reported(r, 31 * self.HOUR) == [("resolved", ["b"])]


class TestLimits:
    def test_beyond_the_limit_one_summary_names_the_most_severe(self):
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
        assert reported(r, 12.1) == [("firing", ["next"])]

    @pytest.mark.parametrize("begin", [0.0, 1e6])
    def test_in_the_moment_of_the_last_message_no_other_is_allowed(self, begin):
        r = router(receivers=(Receiver("slack", per_minute=1),))
        r.take(alert("a"), begin)
        assert reported(r, begin) == [("firing", ["a"])]
        r.take(alert("b"), begin)
        assert (reported(r, begin), r.due()) == ([], pytest.approx(begin + 60.06))
        assert reported(r, begin + 60.07) == [("firing", ["b"])]

    def test_an_end_reported_in_a_summary_does_not_overtake_its_beginning(self):
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
