"""More of the made-up runs with faults, those that are quick to judge: a digest of what each rule finds is kept.

UPDATE_GOLDEN=1 writes tests/alerts/golden again. What changed can be read in the runs of `test_rules_golden`.
"""

from __future__ import annotations

from hashlib import md5

import numpy as np
import pytest

from runwatch.alerts.rules import CATALOGUE

from .made_faults import KINDS, norms, rates, start, unscaled, zero
from .test_rules_golden import FAULTS, compare, lines

TOGETHER = 25
"""Runs of which there is one digest."""
MORE = {zero: 10, unscaled: 4, rates: 4, start: 4, norms: 2}
"""How many times as many there are."""


@pytest.mark.few(8)
@pytest.mark.parametrize("kind", MORE, ids=lambda kind: kind.__name__)
def test_findings_in_more_runs_with_one_kind_of_fault(kind):
    judges, found = [rule for rule in CATALOGUE if rule.name in KINDS[kind].split()], []
    with np.errstate(all="ignore"):
        for first in range(FAULTS.stop, FAULTS.stop + MORE[kind] * TOGETHER, TOGETHER):
            texts = {rule.name: "" for rule in judges}
            for seed in range(first, first + TOGETHER):
                run = kind(np.random.default_rng([seed, 5]))
                cuts = sorted(int(run.count * part) for part in (0.3, 0.6, 0.61))
                for rule in judges:
                    texts[rule.name] += "".join(lines(seed, run.judge(rule(), cuts)))
            found += [
                f"{first} {name} {md5(text.encode()).hexdigest()[:8]}\n" for name, text in texts.items()
            ]
    compare(f"more-{kind.__name__}", "".join(found))
