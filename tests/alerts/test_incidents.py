"""The life of an incident: what changes it, what does not, and how it is named."""

from __future__ import annotations

import pytest

from runwatch.alerts.incidents.incidents import MAX_RESOLVED, IncidentBook
from runwatch.core.findings import Finding, Severity, Verdict

PENDING, FIRING, CLEAR = Verdict.PENDING, Verdict.FIRING, Verdict.CLEAR
INFO, WARNING, CRITICAL = Severity.INFO, Severity.WARNING, Severity.CRITICAL


@pytest.fixture
def book() -> IncidentBook:
    return IncidentBook("run-1", "speedrun")


def finding(verdict, severity=WARNING, *, rule="loss_spike", metric="train/loss", **more) -> Finding:
    return Finding(rule, verdict, severity, more.pop("title", "it rose"), metric, **more)


def apply(book, verdict, severity=WARNING, *, live=True, now=100.0, **more):
    return book.apply(finding(verdict, severity, **more), now=now, live=live)


def test_a_life(book):
    assert apply(book, PENDING, step=5).kind == "pending"
    change = apply(book, FIRING, step=5, line=6)
    assert (change.kind, change.row.state, change.row.since, change.send) == ("firing", "firing", 100.0, True)
    assert (change.row.run, change.row.step, change.row.line) == ("speedrun", 5, 6)
    assert book.acknowledge(change.row.id).row.state == "acknowledged"
    resolved = apply(book, CLEAR, step=9, title="it is over")
    assert (resolved.kind, resolved.row.state, resolved.row.resolved_step) == ("resolved", "resolved", 9)
    assert resolved.row.title == "it rose"
    assert book.rows() == (resolved.row,)


def test_what_a_rule_raised_that_is_switched_off_is_resolved_with_a_word(book):
    apply(book, FIRING, rule="spike")
    apply(book, PENDING, rule="slow")
    apply(book, FIRING, rule="drop")
    (change,) = book.retire({"drop"}, "its rule was switched off")
    assert (change.kind, change.row.state, change.send) == ("resolved", "resolved", True)
    assert change.row.title == "it rose (its rule was switched off)"
    assert [(row.rule, row.state) for row in book.rows()] == [("drop", "firing"), ("spike", "resolved")]
    assert book.retire({"drop"}, "again") == []


def test_a_pending_incident_that_clears_vanishes(book):
    pending = apply(book, PENDING)
    assert not pending.send
    assert apply(book, CLEAR) is None
    assert book.rows() == ()
    assert apply(book, FIRING).row.id == pending.row.id


def test_repeats_update_without_a_change(book):
    apply(book, FIRING, step=5, title="rose 10%", evidence={"peak": 1.0, "before": 2.0})
    assert apply(book, FIRING, step=8, title="rose 20%", evidence={"peak": 3.0}) is None
    assert apply(book, PENDING, step=9) is None
    (row,) = book.rows()
    assert (row.title, row.step, row.evidence) == ("rose 20%", 5, {"peak": 3.0, "before": 2.0})


def test_the_file_is_that_of_the_line_it_began_in(book):
    assert apply(book, PENDING, line=5, evidence={"source": "a.log"}).row.line == 5
    assert apply(book, FIRING, line=7, evidence={"source": "b.log"}).row.evidence == {"source": "b.log"}
    worse = apply(book, FIRING, CRITICAL, line=2, evidence={"source": "c.log", "peak": 3.0})
    assert (worse.row.line, worse.row.evidence) == (7, {"source": "b.log", "peak": 3.0})
    assert apply(book, CLEAR, line=9, evidence={"source": "d.log"}).row.evidence == worse.row.evidence


def test_what_gets_more_severe_escalates_and_what_gets_less_severe_eases(book):
    first = apply(book, FIRING, INFO)
    assert apply(book, FIRING, CRITICAL).kind == "escalated"
    assert apply(book, FIRING, CRITICAL) is None
    eased = apply(book, FIRING, WARNING)
    assert (eased.kind, eased.row.state, eased.row.severity, eased.send) == (
        "eased",
        "firing",
        "warning",
        True,
    )
    assert apply(book, FIRING, WARNING) is None
    assert book.rows()[0].id == first.row.id
    book.acknowledge(first.row.id)
    assert apply(book, FIRING, INFO).row.state == "acknowledged"


def test_escalation_needs_attention_again(book):
    change = apply(book, FIRING, WARNING)
    book.acknowledge(change.row.id)
    assert apply(book, FIRING, WARNING) is None
    assert book.rows()[0].state == "acknowledged"
    assert apply(book, FIRING, CRITICAL).row.state == "firing"


def test_metrics_rules_and_ranks_are_different_incidents(book):
    rows = [
        apply(book, FIRING).row,
        apply(book, FIRING, metric="val/loss").row,
        apply(book, FIRING, rule="divergence").row,
        apply(book, FIRING, rank=0).row,
        apply(book, FIRING, rank=1).row,
    ]
    assert len({row.id for row in rows}) == len(book.every()) == 5


def test_an_incident_that_comes_back_is_a_new_one_with_a_stable_id():
    def ids():
        book = IncidentBook("run-1", "speedrun")
        found = []
        for _ in range(3):
            found.append(apply(book, FIRING).row.id)
            apply(book, CLEAR)
        return found

    assert len(set(ids())) == 3
    assert ids() == ids()
    assert apply(IncidentBook("run-2", "speedrun"), FIRING).row.id not in ids()


def test_history_is_shown_and_not_sent(book):
    past = apply(book, FIRING, live=False, now=None)
    assert not past.send
    assert past.row.since is None
    assert not apply(book, CLEAR, live=True).send, "nobody was told that it began"
    apply(book, FIRING, live=False)
    assert apply(book, FIRING, CRITICAL, live=True).send
    assert apply(book, CLEAR, live=True).send


def test_clearing_or_acknowledging_what_is_not_open_changes_nothing(book):
    assert apply(book, CLEAR) is None
    assert book.acknowledge("nonsense") is None
    pending = apply(book, PENDING)
    assert book.acknowledge(pending.row.id) is None
    assert book.rows()[0].state == "pending"


def test_open_ones_come_first_by_severity_then_recency(book):
    apply(book, FIRING, CRITICAL, rule="crash")
    apply(book, CLEAR, CRITICAL, rule="crash")
    for rule, severity in [("a", INFO), ("b", CRITICAL), ("c", WARNING), ("d", CRITICAL)]:
        apply(book, FIRING, severity, rule=rule)
    assert [row.rule for row in book.rows()] == ["d", "b", "c", "a", "crash"]


def test_history_is_bounded(book):
    assert MAX_RESOLVED == 500
    for _ in range(MAX_RESOLVED + 50):
        apply(book, FIRING)
        apply(book, CLEAR)
    assert len(book.rows()) == MAX_RESOLVED


# -- what belongs together -------------------------------------------------------------------------


def test_what_follows_is_a_symptom_and_not_sent(book):
    lead = apply(book, FIRING, CRITICAL, rule="nonfinite", step=100, title="loss is NaN")
    assert lead.send
    below = apply(
        book, FIRING, CRITICAL, rule="nonfinite", metric="train/grad_norm", step=101, title="grad is NaN"
    )
    assert (below.kind, below.send, below.row.lead) == ("firing", False, lead.row.id)
    assert not apply(book, FIRING, CRITICAL, rule="divergence", step=140, title="it diverges").send
    (row,) = book.rows()
    assert row.id == lead.row.id
    assert set(row.symptoms) == {"grad is NaN", "it diverges"}
    assert len(book.every()) == 3


def test_the_most_severe_leads_and_takes_over_what_was_there(book):
    sign = apply(book, FIRING, WARNING, rule="grad_spike", step=98, title="grad rose")
    worse = apply(book, FIRING, CRITICAL, rule="nonfinite", step=100, title="loss is NaN")
    assert sign.send
    assert worse.send
    (row,) = book.rows()
    assert (row.id, row.symptoms) == (worse.row.id, ("grad rose",))
    assert apply(book, CLEAR, rule="grad_spike").send  # what was announced is also closed


def test_among_equals_the_cause_leads(book):
    slow = apply(book, FIRING, WARNING, rule="step_time", metric=None, step=100, title="slow")
    storage = apply(book, FIRING, WARNING, rule="retries", metric=None, step=104, title="retries")
    assert slow.send
    assert storage.send
    (row,) = book.rows()
    assert (row.rule, row.symptoms) == ("retries", ("slow",))


def test_what_is_far_away_or_unrelated_is_alone(book):
    apply(book, FIRING, WARNING, rule="lr_anomaly", step=100)
    assert apply(book, FIRING, WARNING, rule="loss_spike", step=9000).send
    assert apply(book, FIRING, WARNING, rule="checkpoint_overdue", metric=None, step=120).send
    assert len(book.rows()) == 3


def test_symptoms_are_alone_when_what_led_them_is_over(book):
    apply(book, FIRING, CRITICAL, rule="throughput", metric=None, step=100, title="collapse")
    apply(book, FIRING, WARNING, rule="step_time", metric=None, step=110, title="slow")
    apply(book, CLEAR, rule="throughput", metric=None, step=200)
    assert [(row.rule, row.state) for row in book.rows()] == [
        ("step_time", "firing"),
        ("throughput", "resolved"),
    ]


def test_changes_are_numbered_by_what_was_found_and_not_by_what_people_do():
    """A log that is read again brings no acknowledgements, and must give the same numbers."""
    numbers = []
    for acknowledged in (False, True):
        book = IncidentBook("run-1", "speedrun")
        first = apply(book, FIRING)
        if acknowledged:
            assert book.acknowledge(first.row.id).number == first.number
        numbers.append([first.number, apply(book, FIRING, CRITICAL).number, apply(book, CLEAR).number])
    assert numbers == [[1, 2, 3], [1, 2, 3]]


def test_whoever_answers_an_old_message_answers_for_what_fires_there_now(book):
    old = apply(book, FIRING).row
    apply(book, CLEAR)
    assert book.acknowledge(old.id) is None, "it is over"
    other = apply(book, FIRING, rule="hang").row
    new = apply(book, FIRING).row
    assert book.acknowledge(old.id).row.id == new.id
    assert {row.id: row.state for row in book.every()}[other.id] == "firing"


def test_what_was_acknowledged_before_a_log_was_read_again_stays_so_unless_it_is_more_severe(book):
    apply(book, FIRING, now=50.0)
    kept = book.acknowledge(book.rows()[0].id).row
    for severity, state in ((WARNING, "acknowledged"), (CRITICAL, "firing")):
        again = IncidentBook("run-1", "speedrun")
        apply(again, FIRING, severity, live=False, now=None)
        again.recall(kept)
        assert [(row.since, row.state) for row in again.rows()] == [(50.0, state)]


def test_of_a_fault_that_is_in_the_loss_too_the_loss_is_named_first(book):
    said = {"rule": "nonfinite", "severity": CRITICAL}
    apply(book, FIRING, metric="train/grad_norm", step=200, title="grad norm is NaN since step 200", **said)
    apply(book, FIRING, metric="train/loss", step=203, title="loss is NaN since step 203", **said)
    (row,) = book.rows()
    assert (row.title, row.step) == ("loss is NaN since step 203; grad norm is NaN since step 200", 200)
    assert row.symptoms == ()
    apply(book, CLEAR, metric="train/loss", step=300, **said)
    assert [row.title for row in book.rows() if row.state == "firing"] == ["grad norm is NaN since step 200"]
