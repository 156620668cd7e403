"""What a run came to, in few lines."""

import msgspec

from runwatch.core.snapshot import IncidentRow, Latest, Progress, RunRow, RunView, Saving
from runwatch.render import outcome
from runwatch.render.glyphs import ASCII

LOSS = Latest("train/loss", 2.2, count=340, minimum=2.07, maximum=9.1, minimum_at=330.0, maximum_at=0.0)
VAL = Latest("val/loss", 2.4, count=7, minimum=2.31, maximum=9.0, minimum_at=300.0, maximum_at=0.0)
SCORE = Latest("val/accuracy", 0.3, count=7, minimum=0.1, maximum=0.62, minimum_at=1.0, maximum_at=200.0)
NAN = IncidentRow(
    "i1", "r1", "nonfinite", "critical", "firing", "loss is NaN since step 320", advice="Go back to step 170."
)
SLOW = IncidentRow("i2", "r1", "straggler", "warning", "firing", "rank 3 is 41% slower")
DONE = RunView(
    "r1", "demo", "finished", Progress(339, 340, 1.0), sources=("/runs/demo.log",), elapsed=204.0,
    latest=(LOSS, VAL), saving=Saving(340), story="finished all 340 steps",
)  # fmt: skip


def test_the_best_value_is_that_of_validation_with_its_step():
    def best(*latest):
        return outcome.best(msgspec.structs.replace(DONE, latest=latest))

    assert best(LOSS, SCORE, VAL) == ("best val loss", "2.310 at step 300")
    assert best(LOSS, SCORE) == ("best val accuracy", "0.620 at step 200")
    assert best(LOSS) == ("lowest loss", "2.070 at step 330"), "one row; what rules call best is smoothed"
    assert best(Latest("train/learning_rate", 1.0, minimum=0.0)) is None, "nobody knows which is better"
    assert best(msgspec.structs.replace(LOSS, minimum=None)) is None


def test_a_healthy_end_in_few_lines():
    assert outcome.farewell(DONE, 80) == [
        "✓ FINISHED  demo: finished all 340 steps",
        "  duration              3m 24s",
        "  best val loss         2.310 at step 300",
        "  last good checkpoint  step 340",
        "  alerts                none",
        "  log                   /runs/demo.log",
    ]
    assert "/runs" not in "".join(outcome.farewell(DONE, 80, log=False))


def test_an_end_with_something_wrong_says_what_and_what_to_do():
    wrong = msgspec.structs.replace(
        DONE, incidents=(SLOW, NAN), reason="finished all 340 steps, but loss is NaN since step 320"
    )
    lines = outcome.farewell(wrong, 80, ASCII)
    assert lines[0] == "! FINISHED  demo: finished all 340 steps, but loss is NaN since step 320"
    assert "  alerts                1 critical, 1 warning: loss is NaN since step 320" in lines
    assert "  next                  Go back to step 170." in lines
    assert "".join(lines).isascii()


def test_a_run_that_has_not_ended_says_how_far_it_is():
    going = RunView("r1", "demo", "training", Progress(120, 340, 0.353), latest=(LOSS,))
    assert outcome.farewell(going, 80)[0] == "▶ RUNNING  demo: step 120/340 (35%)"


def test_a_run_that_was_cut_short_says_where_to_continue():
    cut = RunView("r1", "demo", "preempted", Progress(120, 340, 0.353), saving=Saving(100), story="preempted")
    lines = outcome.farewell(cut, 80)
    assert "  last step             120/340" in lines
    assert "  next                  continue from the checkpoint of step 100" in lines


def test_long_words_wrap_and_lose_nothing():
    long = msgspec.structs.replace(DONE, reason="why " * 60 + "end")
    lines = outcome.farewell(long, 60)
    assert max(map(len, lines)) <= 60
    assert " ".join(" ".join(lines).split()).count("why") == 60


def test_a_log_without_a_step_says_where_to_look():
    notes = RunView("r1", "notes", "starting", Progress(), log_source="/runs/notes.txt", age=700.0)
    lines = outcome.farewell(notes, 100)
    assert lines[0].startswith("◌ NO STEPS  notes")
    assert "  next    no training step was recognized; to see why: runwatch formats /runs/notes.txt" in lines


def test_a_path_cannot_slip_a_command_into_what_to_do_next():
    notes = RunView("r1", "notes", "starting", Progress(), log_source="/x/$(reboot) y.log", age=700.0)
    assert outcome.next_step(notes).endswith("runwatch formats '/x/$(reboot) y.log'")


def test_several_runs_have_a_line_each_the_most_urgent_first():
    runs = [
        RunRow(f"r{i}", f"run-{i}", "training", Progress(i, 100, i / 100), critical=int(i == 7))
        for i in range(1, 24)
    ]
    heading, first, *rest = outcome.farewell_all(runs, 80)
    assert heading.split()[:2] == ["state", "name"]
    assert first.startswith("▲ RUNNING  run-7")
    assert rest[0].startswith("▶ RUNNING  run-1 ")
    assert (len(rest), rest[-1].strip()) == (20, "and 3 more")


def test_logs_that_are_no_runs_are_counted_and_not_listed():
    rows = [RunRow(f"n{i}", f"note{i}", "starting", Progress()) for i in range(120)]
    assert outcome.farewell_all(rows, 80) == ["no training step was recognized in any of 120 logs"]
    begun = msgspec.structs.replace(rows[0], progress=Progress(1))
    assert len(outcome.farewell_all([begun, *rows[1:]], 80)) > 2
    reading = msgspec.structs.replace(rows[0], phase="reading")
    assert len(outcome.farewell_all([reading, *rows[1:]], 80)) > 2, "nobody knows yet what is in it"


def test_standard_input_is_no_file_to_look_at():
    assert not any(
        "log" in line for line in outcome.farewell(msgspec.structs.replace(DONE, sources=("-",)), 80)
    )
