"""Names of groups by `core.run_names`: longer where they became ambiguous, and kept in their runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from runwatch.alerts.rules.ruleset import Ruleset
from runwatch.core.run_names import RunNames, is_specific
from runwatch.watcher.engine.beginnings import rename
from runwatch.watcher.engine.group import Group

MOST_TITLE = 80
"""Most characters of a title."""


class Naming:
    """Names the groups of an engine."""

    def __init__(self, groups: Mapping[str, Group], take_back: Callable[[Group], None]) -> None:
        """`take_back` undoes what was folded provisionally of a group that gets another name."""
        self._groups, self._take_back = groups, take_back
        self._names = RunNames()

    def call(self, group: Group, rules: Ruleset, given: str = "") -> None:
        """Name a group, `given` if it can; others of which that makes the names ambiguous get longer ones."""
        changed = self._names.add(group.id, group.path, given, group.title)
        for key, name in changed.items():
            if (found := self._groups[key]).name != name:
                self._take_back(found)
                rename(found, name, rules)

    def entitle(self, group: Group, rules: Ruleset, title: str) -> None:
        """Note what a tracker or the scheduler calls the runs of a group; the first such name stays."""
        if title and not group.title and group.settled is None:
            group.title = title[:MOST_TITLE]
            self.call(group, rules, group.name if is_specific(group.path) else "")

    def drop(self, group_id: str) -> None:
        """Forget a group."""
        self._names.drop(group_id)
