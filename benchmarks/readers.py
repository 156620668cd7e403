"""Regexes for what runwatch reads with several lines in memory: the baseline of those formats.

One regex per format, as someone would write it who knows the program but not the run: it finds
any names and any number of values. Where a line may hold several values, a second one finds them.
"""

from __future__ import annotations

import re
from typing import NamedTuple

NUMBER = r"(?:[-+]?[\d.]+(?:e[-+]?\d+)?|nan|inf)"


class Loop(NamedTuple):
    """What a loop over the lines of a format searches for."""

    line: re.Pattern[str]
    """Its groups are numbers."""
    values: re.Pattern[str] | None = None
    """Searched for behind it: name and number."""


LOOPS = {
    "progress-bar": Loop(
        re.compile(rf"Epoch (\d+): +\d+%\|[^|]*\| (\d+)/(\d+) \[[^,]*, +({NUMBER})s/it"),
        re.compile(rf"(\w+)=({NUMBER})"),
    ),
    "openpcdet-bars": Loop(
        re.compile(r"(?:train|epochs): +\d+%\|[^|]*\| (\d+)/(\d+) \["), re.compile(rf"(\w+)=({NUMBER})")
    ),
    "lightning-rich": Loop(
        re.compile(rf"Epoch (\d+)/(\d+) +[^ ]+ (\d+)/(\d+) .*? ({NUMBER})it/s"),
        re.compile(rf"(\w+): ({NUMBER})"),
    ),
    "keras": Loop(
        re.compile(r"Epoch (\d+)/(\d+)$|(\d+)/(\d+) \[[=>.]+\] -"), re.compile(rf" - (\w+): ({NUMBER})")
    ),
    "pytorch-cifar": Loop(
        re.compile(r"Epoch: (\d+)$| \[[=>.]+ (\d+)/(\d+) [=>.]+\]"), re.compile(rf"\| (\w+): ({NUMBER})")
    ),
    "yolo": Loop(
        re.compile(rf" +(\d+)/(\d+) +{NUMBER}G +({NUMBER}) +({NUMBER}) +({NUMBER}) +({NUMBER}) +({NUMBER}): ")
    ),
    "spacy": Loop(re.compile(r" *" + " +".join([rf"({NUMBER})"] * 8) + r"$")),
    "stable-baselines3": Loop(re.compile(rf"\| +[\w/]+ +\| +({NUMBER}) +\|")),
}
