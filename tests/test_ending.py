"""How an end is told in one line."""

from runwatch.core.ending import finished


def test_a_total_without_a_step_is_left_out():
    assert finished(None, 17_000) == "finished"
    assert finished(16_999, 17_000) == "finished all 17,000 steps"
    assert finished(100, 17_000) == "finished at step 100 of 17,000, before its end"
