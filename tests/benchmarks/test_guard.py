"""What became slower or larger is found, whatever the machine."""

from __future__ import annotations

import pytest

from benchmarks import guard
from benchmarks.rows import Row, limit


@pytest.mark.parametrize(("ratio", "lost"), [(0.5, False), (0.57, False), (0.58, True), (0.2, False)])
def test_a_ratio_that_grew_by_more_than_15_percent_is_a_loss(tmp_path, ratio, lost):
    guard.keep([Row("parsing", 1.0, "a loop", 2.0)], "0.1.0", tmp_path)
    found = guard.losses([Row("parsing", ratio, "a loop", 1.0)], guard.newest(tmp_path))
    assert bool(found) == lost
    if lost:
        assert str(found[0]) == "LOST: parsing: ratio 0.58, was 0.5 (+16%)"


def test_seconds_of_another_machine_are_not_compared_but_memory_is(tmp_path):
    guard.keep([limit("start", 0.1, 1.0), limit("memory", 50, 100, "MB")], "0.1.0", tmp_path)
    found = guard.losses([limit("start", 0.9, 1.0), limit("memory", 70, 100, "MB")], guard.newest(tmp_path))
    assert [loss.row.what for loss in found] == ["memory"]


def test_what_is_next_to_nothing_is_noise_and_what_is_new_is_no_loss(tmp_path):
    guard.keep([Row("tiny", 0.001, "a loop", 1.0)], "0.1.0", tmp_path)
    found = [Row("tiny", 0.02, "a loop", 1.0), Row("new", 9.0, "a loop", 1.0)]
    assert guard.losses(found, guard.newest(tmp_path)) == []


def test_the_newest_version_counts(tmp_path):
    for version, value in (("0.9.0", 1.0), ("0.10.0", 2.0)):
        guard.keep([Row("parsing", value, "a loop", 1.0)], version, tmp_path)
    assert guard.newest(tmp_path) == {"parsing": 2.0}
    assert guard.newest(tmp_path / "none") == {}
