"""What each rule finds in runs that are made of its own numbers is what was read last.

UPDATE_GOLDEN=1 writes tests/alerts/golden again. Read the difference before you commit it.
"""

from __future__ import annotations

from hashlib import md5

import numpy as np
import pytest

from runwatch.alerts.rules import CATALOGUE

from .made_thresholds import RULES, stretched
from .test_rules_golden import compare, lines

FURTHER = range(1000, 1030)
"""Runs of which only a digest is kept, where anything is found."""


@pytest.mark.few(12)
@pytest.mark.parametrize(
    "rule", [rule for rule in CATALOGUE if rule.name in RULES], ids=lambda rule: rule.name
)
def test_findings_in_runs_of_its_own_numbers(rule):
    shown = RULES[rule.name]

    def found(seed):
        log, cuts = stretched(shown, seed)
        return "".join(lines(seed, log.judge(rule(), cuts)))

    with np.errstate(all="ignore"):
        read = [found(seed) for seed in shown.seeds]
        rest = [
            f"{seed}: {md5(text.encode()).hexdigest()[:8]}\n" for seed in FURTHER if (text := found(seed))
        ]
    compare(f"own-{rule.name}", "".join([*read, *rest]))
