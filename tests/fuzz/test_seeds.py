"""Each target once, on the inputs that were kept: those that were findings, and a few that reach far."""

from __future__ import annotations

import random

import pytest

from .mutation import mutated
from .target import attempt
from .targets import NAMES, target_of


@pytest.mark.parametrize("name", NAMES)
def test_kept_inputs_hold(name):
    target = target_of(name)
    for path in target.kept():
        finding = attempt(target, path.read_bytes(), 30.0)  # however busy the machine is
        assert finding is None, f"{path}: {finding}"


@pytest.mark.deep
@pytest.mark.parametrize("name", NAMES)
def test_made_inputs_hold(name):
    target = target_of(name)
    for data in target.seeds():
        assert attempt(target, data, 30.0) is None, data


def test_changes_stay_within_bounds_and_are_the_same_for_the_same_seed():
    others, words = [b"step 1 | loss 2\nx\n", b""], [b"\0", b"nan"]
    for seed in range(300):
        one, two = (mutated(others[seed % 2], others, words, random.Random(seed), 40) for _ in range(2))
        assert one == two
        assert len(one) <= 40
