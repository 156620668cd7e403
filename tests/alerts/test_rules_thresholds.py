"""What each rule finds in runs that are made of its own numbers is what was read last.

UPDATE_GOLDEN=1 writes tests/alerts/golden again. Read the difference before you commit it.
"""

from __future__ import annotations

import numpy as np
import pytest

from runwatch.alerts.rules import CATALOGUE

from .made_thresholds import RULES, stretched
from .test_rules_golden import compare, lines


@pytest.mark.parametrize(
    "rule", [rule for rule in CATALOGUE if rule.name in RULES], ids=lambda rule: rule.name
)
def test_findings_in_runs_of_its_own_numbers(rule):
    found, shown = [], RULES[rule.name]
    with np.errstate(all="ignore"):
        for seed in shown.seeds:
            log, cuts = stretched(shown, seed)
            found += lines(seed, log.judge(rule(), cuts))
    compare(f"own-{rule.name}", "".join(found))
