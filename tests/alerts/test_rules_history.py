"""The values of a metric by step, of any length of run."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runwatch.alerts.rules.common.history import History
from runwatch.core.block import Samples


def history(steps, cuts=(), power=1):
    """Return a history of values that are a power of three times their step."""
    found = History()
    for part in np.split(np.asarray(steps, float), sorted(cuts)):
        found.add(Samples(part * 100, part + 1, part, (3 * part) ** power))
    return found


@pytest.mark.parametrize("count", [1, 2, 1024, 1025, 5000])
def test_a_value_between_two_steps_is_between_theirs(count):
    known, steps = history(10 * np.arange(count)), 10 * (count - 1)
    assert known.at(0) == 0
    assert known.at(0.5 * steps) == pytest.approx(1.5 * steps)
    assert np.isnan(known.at(-1))
    assert np.isnan(known.at(steps + 1))
    assert np.isnan(History().at(0))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 6000), max_size=6))
def test_what_is_kept_depends_on_the_number_of_rows_and_not_on_how_they_came(cuts):
    steps = np.cumsum(np.random.default_rng(1).integers(1, 9, 6000))
    whole, cut = history(steps, power=2), history(steps, cuts, power=2)
    kept = [step for step in steps.tolist() if not np.isnan(whole.at(step))]
    assert [cut.at(step) for step in steps[::50]] == pytest.approx(
        [whole.at(step) for step in steps[::50]], nan_ok=True
    )
    assert kept[0] == steps[0]
    assert len(steps) - 8 < len(kept)
