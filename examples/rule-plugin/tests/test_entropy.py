"""Feeds the rule a few rows, in one block and in many."""

import numpy as np
from runwatch_entropy import EntropyCollapse

from runwatch.core.block import Block, Samples


def block(values, first=0):
    """Return rows of one metric."""
    row = first + np.arange(len(values), dtype=float)
    return Block({"policy/entropy": Samples(row, row, row, values)}, None)


def test_a_collapse():
    """It is reported once, at the first window that shows it."""
    values = np.append(np.full(200, 2.0), np.full(200, 0.1))
    (found,) = EntropyCollapse().observe(block(values))
    assert found.title == "the entropy fell to 0.1 at step 239, from 2"
    rule = EntropyCollapse()
    assert [f for row in range(400) for f in rule.observe(block(values[row : row + 1], row))] == [found]
