"""Rules about checkpoints that are seen in directories."""

from __future__ import annotations

import pytest

from runwatch.alerts.rules.checkpoints.checkpoint_broken import CheckpointBroken
from runwatch.alerts.rules.checkpoints.checkpoint_overdue import CheckpointOverdue
from runwatch.alerts.rules.checkpoints.checkpoint_shrunken import CheckpointShrunken
from runwatch.alerts.rules.checkpoints.checkpoint_space import CheckpointSpace
from runwatch.core.batch import Event
from runwatch.core.block import Status
from runwatch.core.checkpoint import Checkpoint, State, summarise

from .columns import healthy

NOW = 1_700_000_000.0


def saved(step, state=State.COMPLETE, **more):
    """A checkpoint at `step`; one step takes a second, and step 0 was at NOW."""
    fields = {"bytes": 1000, "files": 2, "begun": NOW + step, "written": NOW + step, **more}
    return Checkpoint(id=f"c{step}", path=f"/ckpt/step_{step}", kind="dcp", state=state, step=step, **fields)


def every(last, *, gap=100, **more):
    return [saved(step, **more) for step in range(gap, last + 1, gap)]


def at(step, checkpoints, *, free=None, **more):
    """The state of the run at one step."""
    fields = {"phase": "training", "last_step": step, "last_line": step + 1, **more}
    return Status(now=NOW + step, checkpoints=summarise(checkpoints, free), **fields)


def reported(findings):
    return [(f.verdict.value, f.severity.value) for f in findings]


# -- broken ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [State.DAMAGED, State.INCOMPLETE])
@pytest.mark.parametrize(
    ("good", "severity"), [(300, "warning"), (200, "warning"), (100, "critical"), (0, "critical")]
)
def test_a_broken_checkpoint_is_as_severe_as_what_is_lost_with_it(state, good, severity):
    known = [*every(good), saved(400, state, reason="model.pt is truncated")]
    if good == 100:
        known = [saved(step, State.DELETED, deleted=NOW + 350) for step in (20, 40, 60, 80)] + [
            saved(100),
            known[-1],
        ]
    (found,) = CheckpointBroken().tick(at(410, known))
    assert found.severity.value == severity
    assert found.title == f"checkpoint step_400 is {state.value}: model.pt is truncated"
    assert found.evidence["last_checkpoint"] == (good or None)


def test_a_whole_one_after_it_makes_it_a_warning_and_its_deletion_ends_it():
    rule = CheckpointBroken()
    assert reported(rule.tick(at(110, [saved(100, State.DAMAGED)]))) == [("firing", "critical")]
    assert rule.tick(at(120, [saved(100, State.DAMAGED)])) == []
    then = rule.tick(at(210, [saved(100, State.DAMAGED), saved(200)]))
    assert reported(then) == [("clear", "info"), ("firing", "warning")]
    assert reported(rule.tick(at(220, [saved(200)]))) == [("clear", "info")]


def test_what_is_being_written_is_not_broken():
    assert CheckpointBroken().tick(at(310, [*every(200), saved(300, State.WRITING)])) == []
    assert CheckpointBroken().tick(at(310, [*every(200), saved(300, State.UNKNOWN)])) == []
    assert CheckpointBroken().tick(Status(now=NOW)) == []


# -- shrunken --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (950, []),
        (800, [("firing", "warning")]),
        (500, [("firing", "warning")]),
        (400, [("firing", "critical")]),
    ],
)
def test_a_smaller_checkpoint(size, expected):
    rule = CheckpointShrunken()
    assert rule.tick(at(310, every(300))) == []
    assert reported(rule.tick(at(410, [*every(300), saved(400, bytes=size)]))) == expected
    assert rule.tick(at(415, [*every(300), saved(400, bytes=size)])) == []
    over = rule.tick(
        at(510, [*every(300), saved(400, bytes=size), saved(500), saved(600), saved(700), saved(800)])
    )
    assert [f.verdict.value for f in over] == ["clear"] * len(expected)


def test_the_last_one_of_a_run_may_be_smaller():
    last = [*every(300), saved(400, bytes=333)]
    assert reported(CheckpointShrunken().tick(at(400, last, finished=True))) == [("firing", "warning")]


def test_a_new_size_is_usual_after_a_while():
    rule = CheckpointShrunken()
    known = every(300)
    verdicts = []
    for step in range(400, 1000, 100):
        known.append(saved(step, bytes=600))
        verdicts += reported(rule.tick(at(step + 5, known)))
    assert verdicts == [("firing", "warning"), ("clear", "info")]


def test_sizes_that_vary_and_other_layouts_are_not_compared():
    for known in (
        [saved(100 * n, bytes=1000 if n % 2 else 400) for n in range(1, 9)],
        [*every(300, ranks=4), saved(400, ranks=2, bytes=500)],
        [saved(100), saved(200), saved(300, bytes=300)],
    ):
        assert CheckpointShrunken().tick(at(900, known)) == []


def test_those_that_rotation_deleted_are_compared_with():
    gone = [saved(step, State.DELETED, deleted=NOW + step + 150) for step in (100, 200, 300)]
    assert reported(CheckpointShrunken().tick(at(410, [*gone, saved(400, bytes=700)]))) == [
        ("firing", "warning")
    ]


# -- space -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("free", "expected"),
    [(900, [("firing", "critical")]), (5500, [("firing", "warning")]), (6500, []), (20_000, [])],
)
def test_what_is_still_to_come_must_fit(free, expected):
    found = CheckpointSpace().tick(at(410, every(400), free=free, total=1000))
    assert reported(found) == expected
    if free == 5500:
        assert (
            found[0].title
            == "the disk has space for 5 of the 6 checkpoints that are to come; it is full in 9m"
        )


def test_without_an_end_the_next_few_must_fit_and_room_ends_it():
    rule = CheckpointSpace()
    assert rule.tick(at(310, every(300), free=2000)) == []
    assert reported(rule.tick(at(410, every(400), free=1000))) == [("firing", "warning")]
    assert reported(rule.tick(at(510, every(500), free=0))) == [("firing", "critical")]
    assert rule.tick(at(515, every(500), free=2000)) == []
    assert reported(rule.tick(at(520, every(500), free=3000))) == [("clear", "info")]


def test_the_estimated_time_counts_where_steps_are_of_another_kind():
    assert CheckpointSpace().tick(at(410, every(400), free=2000, total=100_000, eta=150.0)) == []


def test_runs_that_rotate_need_room_for_one():
    rotated = [saved(step) for step in (800, 900, 1000)]  # the first ones are gone
    assert CheckpointSpace().tick(at(1010, rotated, free=1500, total=9000)) == []
    assert reported(CheckpointSpace().tick(at(1010, rotated, free=500, total=9000))) == [
        ("firing", "warning")
    ]


def test_the_space_of_now_says_nothing_about_a_run_of_then():
    old = {"live": False, "log_silent_for": 86_400.0}
    assert CheckpointSpace().tick(at(410, every(400), free=0, total=1000, **old)) == []
    assert CheckpointSpace().tick(at(410, every(400), free=0, total=1000, finished=True)) == []


# -- overdue ---------------------------------------------------------------------------------------


def test_a_directory_without_a_new_one_is_overdue_and_a_new_one_ends_it():
    rule = CheckpointOverdue()
    known = every(500)
    severities = {}
    for step in range(510, 1000, 10):
        for found in rule.tick(at(step, known)):
            severities[step] = found.severity.value
    assert severities == {700: "warning", 900: "critical"}
    assert reported(rule.tick(at(1000, [*known, saved(1000)]))) == [("clear", "info")]
    assert rule.tick(at(1010, [*known, saved(1000)])) == []


@pytest.mark.parametrize("why", ["slow", "units", "irregular", "few", "finished", "reported"])
def test_not_every_delay_is_one(why):
    known, step, more = every(500), 1000, {}
    if why == "slow":  # the steps do not advance
        step, more = 550, {"log_silent_for": 0.0}
    if why == "units":  # a log that counts each micro batch
        step = 8 * 510
    if why == "irregular":
        known = [saved(step) for step in (20, 90, 300, 500)]
    if why == "few":
        known = every(200)
    if why == "finished":
        more = {"finished": True}
    rule = CheckpointOverdue()
    if why == "reported":  # the log tells of one that is elsewhere
        log = healthy(10)
        log.events = [Event("checkpoint", 450, 5, "saved", step=900)]
        log.judge(rule, end=False)
    status = Status(
        now=NOW + (510 if why == "units" else 2000 if why == "slow" else 1000),
        phase="training",
        last_step=step,
        checkpoints=summarise(known),
        **more,
    )
    assert rule.tick(status) == []


def test_saves_that_come_faster_than_directories_are_looked_at_are_not_overdue():
    rule, looked = CheckpointOverdue(), every(10, gap=1)
    found = {}
    for step in range(10, 40):
        status = Status(
            now=NOW + step, phase="training", last_step=step, checkpoints=summarise(looked, None, every=5.0)
        )
        found |= {step: reported(rule.tick(status))}
        if step < 25 and not step % 5:
            looked = every(step, gap=1)
    # the look at 25 found none after 20; nothing came after it either
    assert {step: each for step, each in found.items() if each} == {
        32: [("firing", "warning")],
        34: [("firing", "critical")],
    }


@pytest.mark.parametrize("names", [True, False])
def test_what_the_log_shows_counts_though_no_directory_shows_it_yet(names):
    rule, log = CheckpointOverdue(), healthy(31)
    log.events = [
        Event(
            "checkpoint", row * 100 - 50, row, "saved", step=row if names else None, data={"after": str(row)}
        )
        for row in range(3, 31, 3)
    ]
    log.judge(rule, end=False)
    status = Status(now=NOW + 30, phase="training", last_step=30, checkpoints=summarise(every(18, gap=3)))
    assert rule.tick(status) == []


def test_a_directory_ends_what_the_log_began():
    log = healthy(1000)
    log.events = [Event("checkpoint", row * 100 - 50, row, "saved", step=row) for row in range(100, 600, 100)]
    rule = CheckpointOverdue()
    assert reported(log.judge(rule, end=False)) == [("firing", "warning"), ("firing", "critical")]
    assert rule.tick(at(1000, every(500))) == []
    assert reported(rule.tick(at(1000, every(1000)))) == [("clear", "info")]
