"""Whether the words of a program show that it trains, where no training record does.

A server or an evaluation that crashes is reported too, but it is no training that was lost.
"""

from __future__ import annotations

import re

from runwatch.core.batch import Event

_TRAINS = re.compile(r"(?i)(?<!s)train(?!ed)|\bfit\b|\bin learn\b|\bepochs?\b|fine_?tun(?!ed)")
"""Words of an error, or of its traceback's files and functions: `constraint` and `pretrained` are not."""
_NAMED = re.compile(r"'[^']*'(?<!\.py')")
"""What an error names, other than a program: a file of `train` data shows none."""
_OF_TRAINING = frozenset({"nccl", "resume"})
"""Kinds of events that only a training prints, as a rule."""
_LAUNCHES = re.compile(
    r"ChildFailedError|failed \(exitcode|^rank \d+ |^a worker failed first"
    r"|\bthe command exited|\(pid \d+\) ended with exit code"
)
"""Words of a launcher of ranks, or of what runwatch watches: a scheduler starts anything."""
_SETTINGS = "settings"
"""Title of what says how many steps or epochs are planned."""


def shows_training(event: Event) -> bool:
    """Return whether an event says that its program trains."""
    if event.kind in _OF_TRAINING or event.rank is not None:
        return True
    if event.kind == "facts":
        return event.title == _SETTINGS
    if event.kind == "elastic" and _LAUNCHES.search(event.title):
        return True
    shown = (_NAMED.sub("", event.title), event.data.get("program", ""), event.data.get("frames", ""))
    return _TRAINS.search("\n".join(shown)) is not None
