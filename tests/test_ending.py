"""How an end is reported in one line, and in which phases a run is over."""

import pytest

from runwatch.core.ending import ENDED, HALTED, OVER, End, advised, finished, phase_of, state_of


def test_a_total_without_a_step_is_left_out():
    assert finished(None, 17_000) == "finished"
    assert finished(16_999, 17_000) == "finished all 17,000 steps"
    assert finished(100, 17_000) == "finished at step 100 of 17,000, before its end"


@pytest.mark.parametrize(
    ("last", "total", "more", "story"),
    [
        (97, 100, {}, "finished at step 97 of 100"),  # 98 %
        (96, 100, {}, "finished at step 96 of 100, before its end"),
        (96, 100, {"early": True}, "stopped early at step 96 of 100"),
        (99, 100, {"early": True}, "stopped early at step 99 of 100"),
        (99, 100, {"probable": "why"}, "probably finished at step 99 of 100: why"),
        (100, 100, {}, "finished at step 100 of 100"),
        (9, None, {}, "finished at step 9"),
        (9, 0, {}, "finished at step 9"),
    ],
)
def test_a_run_ends_before_its_end_below_98_percent_of_its_steps(last, total, more, story):
    assert finished(last, total, **more) == story


def test_what_ended_prints_nothing_more_and_what_halted_does_not_continue_by_itself():
    assert {"stalled"} == HALTED - ENDED
    assert {"vanished"} == ENDED - OVER
    assert {phase_of(end) for end in End} <= HALTED
    assert {state_of(phase) for phase in HALTED} == {"finished", "crashed", "stalled"}
    assert state_of("training") == "training"


def test_what_is_over_is_not_to_be_stopped():
    assert advised("Stop; lower the rate.", over=True) == "Lower the rate."
    assert advised("Stop the launcher; look at rank 3.", over=True) == "Look at rank 3."
    assert advised("Stop; lower the rate.", over=False) == "Stop; lower the rate."
