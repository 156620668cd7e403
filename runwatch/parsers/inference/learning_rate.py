"""Finds the learning rate of records that show it on lines of their own: `Current learning rate: 1e-4`."""

from __future__ import annotations

from collections.abc import Mapping

from runwatch.parsers.inference.evidence import FEW
from runwatch.parsers.inference.places import Kept
from runwatch.parsers.inference.plan import Plan
from runwatch.parsers.inference.roles import EPOCH_RANK
from runwatch.parsers.inference.scoring import interleaved
from runwatch.parsers.lexicon.words import is_quality, is_rate, is_val


def rates(main: Plan, families: Mapping[bytes, list[Kept]]) -> dict[bytes, Plan]:
    """Return the plans of lines near the records of `main` that show their learning rate, and no step.

    There is about one of them for each record, or each names its epoch: what is printed once, or once
    for each of several launches, is a setting. Nothing but the rate is read of them.
    """
    records = [k for k in families[main.head] if not main.quality or main.quality & {f.name for f in k.found}]
    if any(map(is_rate, main.names)):
        return {}
    return {
        head: Plan(head, None, main=False, rated=True)
        for head, lines in families.items()
        if FEW <= len(lines) <= len(records) + 1
        and (2 * len(lines) > len(records) or all(kept.ranked for kept in lines))
        and interleaved(lines, records)
        and all(_has_rate(kept) for kept in lines)
    }


def _has_rate(kept: Kept) -> bool:
    """Whether one number of a line is a learning rate, no place is there but an epoch, and no validation."""
    epochs = all(r == EPOCH_RANK for r, _ in kept.ranked)
    validates = any(is_val(field.name) and is_quality(field.name) for field in kept.found)
    return epochs and not validates and sum(is_rate(field.name) for field in kept.found) == 1
