"""Which incident follows from which, at the edges in time; and what an incident keeps of what it was."""

from __future__ import annotations

import pytest

from runwatch.alerts.incidents.incidents import MAX_SYMPTOMS, IncidentBook
from runwatch.alerts.incidents.parentage import Life, Point, before, parents
from runwatch.alerts.rules.causes import follows, near
from runwatch.core.findings import Finding, Severity, Verdict
from runwatch.core.snapshot import IncidentRow

FIRING, CLEAR = Verdict.FIRING, Verdict.CLEAR
INFO, WARNING, CRITICAL = Severity.INFO, Severity.WARNING, Severity.CRITICAL


def life(rule, begin, over=None, severity=WARNING, name="", metric=None):
    """Return an incident; `begin` and `over` are steps, or (step, line)."""
    start, end = (place if isinstance(place, tuple) else (place, None) for place in (begin, over))
    where = {"metric": metric, "step": start[0], "line": start[1]}
    row = IncidentRow(name or rule, "run", rule, severity.value, "firing", rule, **where)
    return Life(row, None if over is None else Point(*end))


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ((1, 9), (2, 3), True),
        ((2, 3), (2, 9), False),
        ((3, 3), (2, 9), False),
        ((None, 3), (2, 9), True),
        ((2, 9), (None, 9), False),
        ((None, 10), (2, 9), False),
        ((2, None), (None, 9), None),
        ((None, None), (None, 9), None),
        ((None, 1), (None, None), None),
    ],
)
def test_steps_say_what_came_before_and_lines_where_there_are_none(one, other, expected):
    assert before(Point(*one), Point(*other)) is expected


LEADS = {  # the learning rate explains a spike
    "both last": (life("lr_anomaly", 100), life("loss_spike", 110), "lr_anomaly"),
    "the symptom came before": (life("lr_anomaly", 100), life("loss_spike", 90), "lr_anomaly"),
    "it ended before": (life("lr_anomaly", 100), life("loss_spike", 90, 99), ""),
    "it ended as the cause began": (life("lr_anomaly", 100), life("loss_spike", 90, 100), "lr_anomaly"),
    "nobody knows when it ended": (life("lr_anomaly", 100), life("loss_spike", 90, (None, 5)), ""),
    "the cause is over": (life("lr_anomaly", 100, 150), life("loss_spike", 110), ""),
    "it ended first": (life("lr_anomaly", 100, 150), life("loss_spike", 110, 149), "lr_anomaly"),
    "they ended together": (life("lr_anomaly", 100, 150), life("loss_spike", 110, 150), "lr_anomaly"),
    "it ended later": (life("lr_anomaly", 100, 150), life("loss_spike", 110, 151), ""),
    "it began and ended with the end": (
        life("lr_anomaly", 100, 150),
        life("loss_spike", 150, 150),
        "lr_anomaly",
    ),
    "it began after the cause was over, and ended further back": (
        life("lr_anomaly", 50, 90),
        life("loss_spike", 100, 80),
        "",
    ),
    "it was over, and then the cause began": (life("lr_anomaly", 100, 150), life("loss_spike", 90, 99), ""),
    "it was over as the cause began": (
        life("lr_anomaly", 100, 150),
        life("loss_spike", 90, 100),
        "lr_anomaly",
    ),
    "200 steps apart": (life("lr_anomaly", 100), life("loss_spike", 300), "lr_anomaly"),
    "201 steps apart": (life("lr_anomaly", 100), life("loss_spike", 301), ""),
    "before, 201 steps apart": (life("lr_anomaly", 301), life("loss_spike", 100), ""),
    "5 % apart": (life("lr_anomaly", 9500), life("loss_spike", 10_000), "lr_anomaly"),
    "more than 5 % apart": (life("lr_anomaly", 9499), life("loss_spike", 10_000), ""),
    "what lasts explains it however late": (life("divergence", 100), life("loss_spike", 9000), "divergence"),
    "what lasts is explained by what was near": (life("lr_anomaly", 100), life("divergence", 9000), ""),
    "no step": (life("lr_anomaly", 100), life("loss_spike", (None, 7)), "lr_anomaly"),
    "the cause has no step": (life("lr_anomaly", (None, 7)), life("loss_spike", 900), "lr_anomaly"),
    "they have nothing to do with each other": (life("jitter", 100), life("loss_spike", 100), ""),
}


@pytest.mark.parametrize("name", LEADS)
def test_what_leads_lasts_while_its_symptom_begins_and_ends(name):
    cause, effect, expected = LEADS[name]
    found = parents([effect, cause])
    assert (found[effect.row.id], found[cause.row.id]) == (expected, "")


def test_the_more_severe_leads_also_if_it_follows_from_the_other():
    found = parents([life("lr_anomaly", 100), life("loss_spike", 110, severity=CRITICAL)])
    assert found == {"lr_anomaly": "loss_spike", "loss_spike": ""}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (life("nonfinite", (None, 1), name="b"), life("nonfinite", 0, name="a")),  # a known step goes first
        (life("nonfinite", 2, name="a"), life("nonfinite", 1, name="b")),
        (life("nonfinite", 1, name="a"), life("nonfinite", 0, name="b")),
        (life("nonfinite", (1, 3), name="a"), life("nonfinite", (1, 2), name="b")),
        (life("nonfinite", (1, 1), name="a"), life("nonfinite", 1, name="b")),  # no line: as if before all
        (life("nonfinite", 1, name="b"), life("nonfinite", 1, name="a")),
        (life("nonfinite", 1, name="a", metric="b"), life("nonfinite", 1, name="b", metric="a")),
        (life("nonfinite", 1, name="a", metric="a"), life("nonfinite", 1, name="b")),
    ],
)
def test_among_equals_the_earlier_leads(first, second):
    assert parents([first, second]) == {second.row.id: "", first.row.id: second.row.id}


def test_of_several_causes_the_most_severe_then_the_deepest_then_the_first_leads():
    effect = life("grad_spike", 100)
    spike, rate = life("loss_spike", 90), life("lr_anomaly", 100)
    assert parents([effect, spike, rate]) == {
        "lr_anomaly": "",
        "loss_spike": "lr_anomaly",
        "grad_spike": "lr_anomaly",
    }
    severe = life("loss_spike", 90, severity=CRITICAL)
    assert parents([effect, severe, rate]) == {
        "loss_spike": "",
        "lr_anomaly": "loss_spike",
        "grad_spike": "loss_spike",
    }


def test_mutual_causes_do_not_make_one_of_them_deeper():
    assert follows("nonfinite", "masked_nan")
    assert follows("masked_nan", "nonfinite")
    for early, late in (("nonfinite", "masked_nan"), ("masked_nan", "nonfinite")):
        assert parents([life(early, 10), life(late, 11)]) == {early: "", late: early}


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (0, 200, True),
        (0, 201, False),
        (4000, 4200, True),
        (4001, 4211, True),
        (4000, 4211, False),
        (None, 9e9, True),
    ],
)
def test_near_is_200_steps_or_5_percent(one, other, expected):
    assert near("lr_anomaly", one, other) is near("lr_anomaly", other, one) is expected
    assert near("crash", one, other)


@pytest.fixture
def book() -> IncidentBook:
    return IncidentBook("run-1", "speedrun")


def apply(book, verdict=FIRING, severity=WARNING, rule="loss_spike", metric="train/loss", now=100.0, **more):
    finding = Finding(rule, verdict, severity, more.pop("title", rule), metric, **more)
    return book.apply(finding, now=now, live=True)


def test_cause_and_advice_stay_until_newer_ones_come(book):
    apply(book, cause="a bad batch", advice="look at the data")
    apply(book)
    assert [(row.cause, row.advice) for row in book.rows()] == [("a bad batch", "look at the data")]
    apply(book, cause="a worse batch", advice="skip it")
    assert [(row.cause, row.advice) for row in book.rows()] == [("a worse batch", "skip it")]


def test_the_end_adds_its_evidence(book):
    apply(book, evidence={"peak": 3.0, "rows": 1.0})
    assert apply(book, CLEAR, evidence={"rows": 9.0}).row.evidence == {"peak": 3.0, "rows": 9.0}


def test_a_change_is_known_by_its_incident_its_number_and_its_kind(book):
    first = apply(book)
    seen = book.acknowledge(first.row.id)
    worse = apply(book, severity=CRITICAL)
    assert [change.id for change in (first, seen, worse)] == [
        f"{first.row.id}.1.firing",
        f"{first.row.id}.1.acknowledged",
        f"{first.row.id}.2.escalated",
    ]


@pytest.mark.parametrize(
    ("state", "severity", "expected"),
    [
        ("acknowledged", WARNING, "acknowledged"),
        ("acknowledged", CRITICAL, "acknowledged"),
        ("acknowledged", INFO, "firing"),  # it was less severe when somebody saw it
        ("firing", WARNING, "firing"),
        ("firing", CRITICAL, "firing"),
    ],
)
def test_what_was_seen_before_a_restart_is_seen_unless_it_is_more_severe_now(book, state, severity, expected):
    row = apply(book).row
    apply(book, rule="divergence")
    kept = IncidentRow(row.id, "speedrun", row.rule, severity.value, state, "t", since=7.0)
    book.recall(kept)
    assert {each.rule: (each.state, each.since) for each in book.every()} == {
        "loss_spike": (expected, 7.0),
        "divergence": ("firing", 100.0),
    }


def test_what_was_over_before_another_began_is_not_its_symptom_and_what_overlapped_is(book):
    apply(book, rule="grad_spike", severity=INFO, step=10)
    apply(book, CLEAR, rule="grad_spike", severity=INFO, step=20)
    apply(book, rule="loss_spike", step=21)
    apply(book, rule="lr_anomaly", step=20)
    leads = {row.rule: row.lead for row in book.every()}
    names = {row.id: row.rule for row in book.every()}
    assert {rule: names.get(lead, "") for rule, lead in leads.items()} == {
        "lr_anomaly": "",
        "loss_spike": "lr_anomaly",
        "grad_spike": "lr_anomaly",
    }


def test_eight_symptoms_are_named_and_each_title_once(book):
    apply(book, rule="gpu_fault", severity=CRITICAL, metric=None, title="a GPU fell off", step=1)
    for rank in range(6):
        for rule in ("throughput", "step_time"):
            apply(book, rule=rule, metric=None, rank=rank, step=2, title=f"{rule} {rank // 2 * 2}")
    for rank in range(6, 10):
        apply(book, rule="throughput", metric=None, rank=rank, step=2, title=f"throughput {rank}")
    (row,) = book.rows()
    assert row.rule == "gpu_fault"
    assert MAX_SYMPTOMS == 8
    assert len(row.symptoms) == len(set(row.symptoms)) == 8


@pytest.mark.parametrize(
    ("own", "other", "changes", "expected"),
    [
        ("train/grad_norm", "train/loss", {}, "the loss is NaN; the norm is NaN"),
        ("train/loss", "train/grad_norm", {}, "the norm is NaN"),
        ("train/grad_norm", "val/loss", {}, "the norm is NaN"),
        ("train/grad_norm", "train/loss", {"rank": 1}, "the norm is NaN"),
        ("train/grad_norm", "train/loss", {"over": True}, "the norm is NaN"),
    ],
)
def test_what_the_same_rule_found_in_the_loss_is_named_first(book, own, other, changes, expected):
    over, rank = changes.get("over"), changes.get("rank")
    apply(book, severity=CRITICAL, rule="nonfinite", metric=own, title="the norm is NaN", step=5)
    apply(book, severity=WARNING, rule="nonfinite", metric=other, rank=rank, title="the loss is NaN", step=6)
    if over:
        apply(book, CLEAR, rule="nonfinite", metric=other, step=7)
    (row,) = book.rows()
    assert row.title == expected
    assert row.symptoms == (() if ";" in expected else ("the loss is NaN",))


def test_it_is_known_since_it_fired_whatever_it_becomes(book):
    def at(now, verdict, severity=WARNING):
        book.apply(Finding("loss_spike", verdict, severity, "t"), now=now, live=True)
        return book.rows()[0].since

    assert at(50.0, Verdict.PENDING) is None
    assert [at(100.0, FIRING), at(200.0, FIRING), at(300.0, FIRING, CRITICAL), at(400.0, FIRING)] == [
        100.0
    ] * 4


def test_among_equally_severe_ones_what_halts_the_run_goes_first_then_the_newest(book):
    for rule in ("hang", "plateau", "crash", "jitter"):
        apply(book, rule=rule, severity=CRITICAL, metric=rule)
    apply(book, rule="ended", metric="ended")
    assert [row.rule for row in book.every()] == ["crash", "hang", "jitter", "plateau", "ended"]


def test_what_arose_from_a_provisional_line_is_doubted_until_it_is_known(book):
    provisional = IncidentBook("run-1", "speedrun")
    apply(provisional, rule="loss_spike")
    apply(provisional, Verdict.PENDING, rule="plateau")
    apply(provisional, rule="divergence", metric=None)
    apply(book, rule="divergence", metric=None)
    (doubt,) = provisional.doubts(book, 7.0)
    assert provisional.withdraw(doubt) is None  # it is known there
    assert (doubt.row.rule, doubt.run, doubt.number, doubt.announced, doubt.since) == (
        "loss_spike",
        "run-1",
        1,
        True,
        7.0,
    )
    change = book.withdraw(doubt)
    assert (change.kind, change.send, change.row.state, change.row.lead) == ("resolved", True, "resolved", "")
    assert change.row.title == "loss_spike (the line it was read from continued)"
    assert book.withdraw(doubt) is None  # it is known by now
    later = []
    for _ in range(3):
        later.append(apply(book, rule="loss_spike").row.id)
        apply(book, CLEAR, rule="loss_spike")
    assert len({doubt.row.id, *later}) == 4  # people received that one


def test_what_was_found_in_history_may_be_reported_after_all(book):
    row = book.apply(Finding("loss_spike", FIRING, WARNING, "t"), now=None, live=False).row
    pending = apply(book, Verdict.PENDING, rule="plateau").row
    assert book.announce("nonsense") is None
    assert book.announce(pending.id) is None
    change = book.announce(row.id)
    assert (change.kind, change.send, change.number, change.run, change.late) == (
        "firing",
        True,
        1,
        "run-1",
        0.0,
    )
    assert book.apply(Finding("loss_spike", CLEAR, WARNING, "t"), now=5.0, live=True).send


def test_a_run_of_another_name_has_it_in_all_its_incidents(book):
    apply(book)
    apply(book, CLEAR)
    apply(book, rule="divergence")
    book.rename("marathon", ("speedrun",))
    apply(book, rule="plateau")
    assert {(row.run, row.former) for row in book.every()} == {("marathon", ("speedrun",))}
    assert len(book.every()) == 3


@pytest.mark.parametrize("state", ["pending", "acknowledged"])
def test_only_what_fires_takes_over_since_when(book, state):
    row = apply(book, Verdict.PENDING if state == "pending" else FIRING).row
    book.acknowledge(row.id)
    book.recall(IncidentRow(row.id, "speedrun", row.rule, "warning", "firing", "t", since=7.0))
    (now,) = book.every()
    assert (now.state, now.since) == (state, None if state == "pending" else 100.0)


def test_what_changed_last_goes_first_among_equally_severe_ones(book):
    apply(book, severity=INFO, rule="plateau")
    apply(book, rule="jitter")
    apply(book, rule="plateau")
    assert [row.rule for row in book.every()] == ["plateau", "jitter"]
    apply(book, severity=CRITICAL, rule="jitter")
    apply(book, rule="jitter")
    assert [row.rule for row in book.every()] == ["jitter", "plateau"]


def test_ids_are_those_of_every_version(book):
    """Saved incidents and messages name them: another version that reads the log must give the same."""
    ids = []
    for _ in range(2):
        ids.append(apply(book).row.id)
        apply(book, CLEAR)
    assert ids == ["6946511efa53", "6af67d46324a"]
    other, provisional = IncidentBook("run-1", "speedrun"), IncidentBook("run-1", "speedrun")
    apply(provisional)
    (doubt,) = provisional.doubts(other, 5.0)
    other.withdraw(doubt)
    assert apply(other).row.id == ids[1]


def test_an_end_that_is_found_in_history_is_not_sent(book):
    assert apply(book).send
    assert not book.apply(Finding("loss_spike", CLEAR, WARNING, "t", "train/loss"), now=None, live=False).send
