"""Rules of other packages, found by entry points of the group `runwatch.rules`.

An entry point names a rule class or a sequence of them. Whatever is wrong with
one is reported in a line and leaves the others alone: here when it is loaded; the
engine switches off a rule that raises later.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import is_dataclass
from typing import cast

from runwatch.alerts.rules.base import Rule, thresholds
from runwatch.system.extensions import Report, entry_points, package_of, reason

GROUP = "runwatch.rules"
NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


def load(taken: Iterable[str], report: Report) -> tuple[type[Rule], ...]:
    """Return the rules of installed packages; `taken` are names that they may not have.

    What is wrong is reported, one line each.
    """
    names = set(taken)
    rules: list[type[Rule]] = []
    for point in entry_points(GROUP):
        try:
            for rule in _rules(point.load()):
                if rule.name in names:
                    raise ValueError(f"there is already a rule {rule.name!r}")
                rules.append(rule)
                names.add(rule.name)
        except (Exception, SystemExit) as error:
            report(f"rule plugin {point.name} of {package_of(point)} is left out: {reason(error)}")
    return tuple(rules)


def _rules(loaded: object) -> Iterator[type[Rule]]:
    """Yield the rules of an entry point. Raises TypeError for anything else."""
    for rule in loaded if isinstance(loaded, (tuple, list)) else (loaded,):
        if not (isinstance(rule, type) and is_dataclass(rule)):
            raise TypeError("it is no rule: a dataclass, such as one that derives from RunRule")
        name, summary = getattr(rule, "name", ""), getattr(rule, "summary", "")
        if not (isinstance(name, str) and NAME.fullmatch(name)):
            raise TypeError("a rule's name is made of lower-case letters, digits and underscores")
        if not (isinstance(summary, str) and summary):
            raise TypeError(f"rule {name!r} needs a summary of one sentence")
        if not all(callable(getattr(rule, method, None)) for method in ("observe", "tick")):
            raise TypeError(f"rule {name!r} has no observe and tick")
        if not isinstance(getattr(rule, "of_ranks", None), bool):
            raise TypeError(f"rule {name!r} does not say whether it is of_ranks")
        found = cast(type[Rule], rule)
        thresholds(found)
        found()  # it must be made without arguments
        yield found
