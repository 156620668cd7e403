"""What rules find in made-up runs of launches, looks, ranks and names is what was read last.

UPDATE_GOLDEN=1 writes tests/alerts/golden again. Read the difference before you commit it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from hashlib import md5
from types import MappingProxyType
from typing import NamedTuple

import pytest

from runwatch.alerts.rules import CATALOGUE
from runwatch.core.block import Block, Status

from . import made_launches, made_looks, made_names, made_ranks
from .test_rules_golden import compare, lines

READ = 3
"""So many runs in which a rule finds anything are kept as text, of the others a digest."""


class Made(NamedTuple):
    """Runs, and the rules that judge them."""

    run: Callable[[int], Iterable[Block | Status]]
    seeds: range
    rules: Iterable[str]
    thresholds: Mapping[str, Mapping[str, float]] = MappingProxyType({})


MADE = {
    **{
        f"launches-{first}": Made(made_launches.launched, range(first, first + 24), made_launches.RULES)
        for first in (0, 24, 48)
    },
    **{
        f"looks-{first}": Made(
            made_looks.looked, range(first, first + 20), made_looks.RULES, made_looks.SHORT
        )
        for first in (0, 20, 40)
    },
    **{
        f"ranks-{first}": Made(made_ranks.ranked, range(first, first + 16), made_ranks.RULES)
        for first in (0, 16)
    },
    **{f"names-{rule}": Made(made_names.printing(rule), range(64), (rule,)) for rule in made_names.RULES},
}


@pytest.mark.few(12)
@pytest.mark.parametrize("kind", MADE)
def test_findings_in_made_up_runs(kind):
    made, found = MADE[kind], {name: [] for name in MADE[kind].rules}
    for seed in made.seeds:
        rules = {
            rule.name: rule(**made.thresholds.get(rule.name, {})) for rule in CATALOGUE if rule.name in found
        }
        texts = dict.fromkeys(rules, "")
        for each in made.run(seed):
            for name, rule in rules.items():
                reported = rule.tick(each) if isinstance(each, Status) else rule.observe(each)
                texts[name] += "".join(lines(f"{seed} {name}", reported))
        for name, text in texts.items():
            if text:
                digest = f"{seed} {name}: {md5(text.encode()).hexdigest()[:8]}\n"
                found[name].append(text if len(found[name]) < READ else digest)
    compare(f"made-up-{kind}", "".join(text for texts in found.values() for text in texts))
