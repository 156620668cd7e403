"""What was said before the format of a log was known is where it was said."""

from __future__ import annotations

import pytest

from .test_segments import _falling, segments, steps_of_runs


@pytest.mark.parametrize("size", [1, 61, 10_000])
@pytest.mark.parametrize(
    ("line", "between", "runs"),
    [
        ("epoch {n} loss {loss}\n", b"KeyboardInterrupt\n", 1),
        ("step {n} loss {loss}\n", b"Training finished\n", 2),
    ],
)
def test_what_happened_before_the_format_was_known_is_between_the_records(size, line, between, runs):
    data = _falling(line, (0, 3, 2.5)) + between + _falling(line, (0, 29, 0.5))
    found = steps_of_runs(segments(*(data[at : at + size] for at in range(0, len(data), size))))
    assert found == ([[*range(4)], [*range(30)]] if runs == 2 else [[*range(4), *range(30)]])


@pytest.mark.parametrize("size", [1, 61, 10_000])
def test_settings_before_the_format_was_known_are_of_the_run_behind_them(size):
    line = "epoch {n} loss {loss}\n"
    data = b"epochs: 4\n" + _falling(line, (0, 3, 2.5)) + b"epochs: 30\n" + _falling(line, (0, 29, 2.5))
    plans: list[dict[str, str]] = [{}]
    for segment in segments(*(data[at : at + size] for at in range(0, len(data), size))):
        if segment.begins_run:
            plans.append({})
        for event in segment.block.events:
            plans[-1] |= event.data
    assert plans == [{"epochs": "4"}, {"epochs": "30"}]
