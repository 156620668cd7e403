"""Notices of runs that begin and end, and the digest of a day."""

import calendar
import time

from runwatch.alerts.channels.pagerduty.channel import PagerDutyChannel
from runwatch.alerts.delivery.message import compose
from runwatch.alerts.delivery.run_notices import Lifecycle, Look, daily, next_digest
from runwatch.alerts.routing.notification import Sent

NOW = 1_700_000_000.0


def look(phase: str, records: int = 10, *, name: str = "speedrun", live: bool = True, **fields) -> Look:
    fields = {"step": records, "total": 5000, **fields}
    group = fields.pop("group", f"group-{name}")
    return Look(
        f"id-{name}",
        group,
        name,
        phase,
        live,
        records,
        metrics=lambda: ("train/loss 2.31", "val/loss 2.9 (best 2.7)"),
        **fields,
    )


def titles(life: Lifecycle, now: float, *looks: Look) -> list[str]:
    return [compose(notice).subject for notice in fold(life, now, *looks)]


def fold(life: Lifecycle, now: float, *looks: Look) -> list:
    return life.fold(looks, now, [look.group for look in looks])


def test_a_run_is_reported_to_begin_once_and_to_end_once():
    life = Lifecycle("e", "node1")
    assert titles(life, NOW, look("starting", 0)) == []
    assert titles(life, NOW, look("training")) == ["▶ Started: speedrun started at step 10 of 5,000"]
    assert titles(life, NOW + 5, look("training", 500), look("evaluating", 500)) == []
    (notice,) = fold(
        life, NOW + 12_120, look("finished", 5000, checkpoint=lambda: "Best checkpoint: 4000 (2.7)")
    )
    assert compose(notice).subject == "✓ Finished: speedrun finished at step 5,000 of 5,000"
    assert (notice.more, notice.left_out, notice.note, notice.late) == ((), 0, "", 0.0)
    body = compose(notice).body()
    for said in (
        "Host: node1",
        "Watched for: 3h 22m",
        "train/loss 2.31",
        "val/loss 2.9 (best 2.7)",
        "Best checkpoint: 4000 (2.7)",
    ):
        assert said in body
    assert titles(life, NOW + 13_000, look("finished", 5000)) == []


def test_an_end_names_its_report_and_a_beginning_does_not():
    life = Lifecycle("e", "node1")
    (began,) = fold(life, NOW, look("training", report="/reports/a.html"))
    (ended,) = fold(life, NOW + 60, look("finished", 5000, report="/reports/a.html"))
    assert "Report" not in compose(began).body()
    assert "Report: /reports/a.html" in compose(ended).body()


def test_an_end_is_reported_in_its_own_words_and_with_what_is_wrong_with_it():
    wrong = "finished at step 5000 of 5000, but loss is NaN since step 812"
    ends = {
        "interrupted": ("✗ Interrupted: a interrupted at step 20 of 5,000", "info", {}),
        "preempted": ("✗ Preempted: a preempted at step 20 of 5,000", "warning", {}),
        "time_limit": ("✗ Time limit: a hit its time limit at step 20 of 5,000", "warning", {}),
        "finished": (f"▲ Finished: a {wrong}", "critical", {"health": "critical", "reason": wrong}),
    }
    for phase, (subject, severity, more) in ends.items():
        life = Lifecycle("e", "node1")
        fold(life, NOW, look("training", name="a"))
        (notice,) = fold(life, NOW + 60, look(phase, 20, name="a", **more))
        assert (compose(notice).subject, notice.incident.severity) == (subject, severity)


def test_a_crash_is_reported_and_the_next_attempt_may_crash_again():
    life = Lifecycle("e", "node1")
    fold(life, NOW, look("training"))
    assert titles(life, NOW + 60, look("crashed", 60)) == ["✗ Crashed: speedrun crashed at step 60 of 5,000"]
    assert titles(life, NOW + 61, look("training", 61)) == []
    assert len(titles(life, NOW + 90, look("crashed", 90))) == 1


def test_what_is_found_in_history_is_not_reported():
    life = Lifecycle("e", "node1")
    assert titles(life, NOW, look("finished", 5000, live=False), look("training", 3000, name="other")) == []
    assert titles(life, NOW, look("crashed", 3000, live=False, name="old")) == []
    assert titles(life, NOW, look("unknown", 50, live=False, name="older")) == []
    assert len(titles(life, NOW + 9, look("finished", 5000, name="other"))) == 1


def test_a_log_that_was_seen_empty_may_have_grown_fast():
    life = Lifecycle("e", "node1")
    assert life.fold([], NOW, ["group-speedrun"]) == []
    assert len(titles(life, NOW + 5, look("training", 900))) == 1
    assert (
        len(
            titles(
                life, NOW + 9, look("finished", 5000), look("training", 900, name="x", group="group-speedrun")
            )
        )
        == 2
    )


def test_history_that_is_still_being_read_is_not_judged():
    life = Lifecycle("e", "node1")
    assert life.fold([look("training", 10)], NOW, []) == []
    assert titles(life, NOW + 5, look("training", 3000)) == []


def test_the_next_process_repeats_nothing():
    life = Lifecycle("e", "node1")
    (started,) = fold(life, NOW, look("training"))
    saved = {key: body for key, body in life.changes().items() if body is not None}
    heir = Lifecycle("e", "node1", saved)
    assert fold(heir, NOW + 9, look("training", 20)) == []
    (ended,) = fold(heir, NOW + 90, look("finished", 5000))
    assert "Watched for: 1m 30s" in compose(ended).body()
    again = fold(Lifecycle("e", "node1", saved), NOW + 95, look("finished", 5000))
    assert [notice.id for notice in again] == [ended.id] != [started.id]


def test_what_is_kept_is_bounded():
    life = Lifecycle("e", "node1")
    for number in range(1100):
        fold(life, NOW, look("training", name=f"{number}"))
    assert sum(body is not None for body in life.changes().values()) == 1024


def test_a_digest_says_how_all_are():
    runs = [look("training", 1200, eta=10_900.0), look("finished", 5000, name="other")]
    reported = compose(daily("e", "node1", runs, {"critical": 1, "warning": 2}, NOW))
    assert reported.subject.startswith("☰ Digest: 2 runs, 3 incidents")
    assert reported.body().splitlines()[-3:] == [
        "3 incidents in a day: 1 critical, 2 warning",
        "speedrun: training, step 1,200 of 5,000, 3h 02m to go, train/loss 2.31",
        "other: finished, step 5,000 of 5,000, train/loss 2.31",
    ]
    many = compose(daily("e", "node1", [look("training", name=f"r{n}") for n in range(100)], {}, NOW))
    assert "and 80 runs more" in many.facts


def test_a_digest_comes_once_a_day_at_its_time():
    midnight = calendar.timegm((2030, 1, 5, 0, 0, 0))
    at = next_digest(9 * 60, midnight, time.gmtime)
    assert at == midnight + 9 * 3600
    assert next_digest(9 * 60, at, time.gmtime) == at + 86400
    assert next_digest(0, midnight + 1, time.gmtime) == midnight + 86400


def test_nobody_is_paged_because_a_run_ended():
    (notice,) = fold(Lifecycle("e", "node1"), NOW, look("training"))
    assert PagerDutyChannel("pager", "key", "http://127.0.0.1:9").send(notice) == Sent()
