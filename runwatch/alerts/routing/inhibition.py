"""Inhibition: while a source fires, targets with equal labels are not sent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from runwatch.alerts.routing.grouping import Alert
from runwatch.alerts.routing.policy import Inhibition, matches

Source = tuple[int, str, dict[str, str]]
"""Number of the inhibition, name of the alert, its labels."""


def sources(inhibitions: Sequence[Inhibition], alerts: Iterable[Alert]) -> list[Source]:
    """Return which of the alerts inhibit others now."""
    return [
        (number, alert.name, labels)
        for alert in alerts
        if inhibitions and alert.firing
        for labels in (alert.labels(),)
        for number, inhibition in enumerate(inhibitions)
        if matches(inhibition.source, labels)
    ]


def inhibited(inhibitions: Sequence[Inhibition], alert: Alert, by: Sequence[Source]) -> bool:
    """Return whether one of the sources keeps an alert back."""
    labels = alert.labels() if by else {}
    for number, name, source in by:
        inhibition = inhibitions[number]
        if (
            name != alert.name
            and matches(inhibition.target, labels)
            and not matches(inhibition.source, labels)  # one on both sides is not inhibited by its like
            and all(labels[label] == source[label] for label in inhibition.equal)
        ):
            return True
    return False
