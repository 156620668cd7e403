"""Who gets which alert, and when: the configured routes, matchers, inhibition and quiet hours.

The words and their meanings are Alertmanager's, so that an alert could be
handed to one: matchers are `label=value`, `!=`, `=~` and `!~`, patterns match
whole values, and a label that is missing is an empty one.
"""

from __future__ import annotations

import difflib
import re
import time
from collections.abc import Callable, Mapping

import msgspec

from runwatch.alerts.routing.expression import MAX_LENGTH, expression
from runwatch.core.findings import Severity

LABELS = ("run", "rule", "severity", "host", "metric", "rank", "incident")
"""What can be matched and grouped by."""
_MATCHER = re.compile(r'\s*([a-z_]+)\s*(=~|!~|!=|=)\s*(?:"(.*)"|(.*?))\s*', re.DOTALL)


class Labels(dict[str, str]):
    """Labels of one alert."""

    former: tuple[str, ...] = ()
    """Names that its run had before: who asks for one of them means this run."""


class Matcher(msgspec.Struct, frozen=True):
    """One condition on one label."""

    label: str
    operator: str
    value: str

    def __str__(self) -> str:
        return f'{self.label}{self.operator}"{self.value}"'

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Return whether the condition holds."""
        found = [labels.get(self.label, "")]
        if self.label == "run" and isinstance(labels, Labels):
            found += labels.former
        if self.operator in ("=", "!="):
            return (self.value in found) == (self.operator == "=")
        try:
            return any(map(expression(self.value).matches, found)) == (self.operator == "=~")
        except ValueError:  # a silence that an older version kept: what it means is not known
            return False


def parse_matcher(text: str) -> Matcher:
    """Parse a matcher such as `run=~exp.*`. Raises ValueError in plain words."""
    if len(text) > MAX_LENGTH:
        raise ValueError(f"a matcher has {MAX_LENGTH} characters at most")
    if any(ord(character) < 32 or character == "\x7f" for character in text):
        raise ValueError("a matcher holds a control character")
    found = _MATCHER.fullmatch(text)
    if found is None:
        raise ValueError("a matcher looks like severity=critical or run=~exp.*")
    label, operator, quoted, bare = found.groups()
    if label not in LABELS:
        near = difflib.get_close_matches(label, LABELS, 1, 0.5)
        advice = f"did you mean {near[0]}?" if near else f"known labels: {', '.join(LABELS)}"
        raise ValueError(f"no label is named {label!r}: {advice}")
    value = bare if quoted is None else quoted
    if operator in ("=~", "!~"):
        expression(value)
    return Matcher(label, operator, value)


class Route(msgspec.Struct, frozen=True):
    """The channels for alerts that match every matcher, and how to group them. Times are seconds."""

    matchers: tuple[Matcher, ...] = ()
    channels: tuple[str, ...] = ()
    """Names of channels; empty: all of them."""
    group_by: tuple[str, ...] = ("run", "incident")
    """Alerts with the same values of these labels share messages."""
    group_wait: float = 0.0
    """How long a new group waits for more alerts before its first message."""
    group_interval: float = 0.0
    """Least time between two messages of a group about new alerts."""
    repeat_interval: float = 0.0
    """Time after which an alert that still fires is sent again; 0 is never."""
    continues: bool = False
    """Whether later routes are tried too (`continue` in the file)."""


class Inhibition(msgspec.Struct, frozen=True):
    """While a source alert fires, targets with equal values of some labels are not sent."""

    source: tuple[Matcher, ...]
    target: tuple[Matcher, ...]
    equal: tuple[str, ...] = ("run",)


class Quiet(msgspec.Struct, frozen=True):
    """Hours of the local day in which only severe alerts are sent; the others wait for the end."""

    start: int
    """Minute of the day."""
    end: int
    """Minute of the day; before `start` it is the next day's."""
    override: Severity = Severity.CRITICAL

    def left(self, now: float, local: Callable[[float], time.struct_time] = time.localtime) -> float:
        """Return the seconds until they end; 0 outside them."""
        clock = local(now)
        seconds = clock.tm_hour * 3600 + clock.tm_min * 60 + clock.tm_sec
        length = (self.end - self.start) % 1440 * 60
        since = (seconds - self.start * 60) % 86400
        return float(length - since) if since < length else 0.0


class Damping(msgspec.Struct, frozen=True):
    """When an alert that comes and goes is sent as flapping. Times are seconds."""

    count: int = 0
    """After resolving this often within `window`, it flaps when it fires again; 0 is never."""
    window: float = 1800.0
    calm: float = 900.0
    """How long it neither fires nor resolves until it no longer flaps."""
    resolve_delay: float = 0.0
    """How long an end waits: if the alert fires again by then, neither is sent."""


class Receiver(msgspec.Struct, frozen=True):
    """One channel as routing sees it."""

    name: str
    min_severity: Severity = Severity.WARNING
    send_resolved: bool = True
    per_minute: int = 30
    """Most messages per minute; the rest is sent as one summary."""


class Policy(msgspec.Struct, frozen=True):
    """The whole policy. Without routes every alert goes to every channel immediately."""

    receivers: tuple[Receiver, ...] = ()
    routes: tuple[Route, ...] = ()
    otherwise: Route = Route()
    """For alerts that no route takes."""
    inhibitions: tuple[Inhibition, ...] = ()
    quiet: Quiet | None = None
    damping: Damping = Damping()

    def destinations(self, labels: Mapping[str, str]) -> list[tuple[int, Route, str]]:
        """Return where an alert goes: (number of the route or -1, route, channel), no channel twice."""
        taken: list[tuple[int, Route]] = []
        for number, route in enumerate(self.routes):
            if matches(route.matchers, labels):
                taken.append((number, route))
                if not route.continues:
                    break
        found: dict[str, tuple[int, Route, str]] = {}
        for number, route in taken or [(-1, self.otherwise)]:
            for name in route.channels or tuple(receiver.name for receiver in self.receivers):
                found.setdefault(name, (number, route, name))
        return list(found.values())


def matches(matchers: tuple[Matcher, ...], labels: Mapping[str, str]) -> bool:
    """Return whether all matchers hold."""
    return all(matcher.holds(labels) for matcher in matchers)


BUILT_IN = (
    Inhibition(
        source=(parse_matcher("rule=crash"),),
        target=(parse_matcher("severity!=critical"),),
    ),
)
"""A crash inhibits the warnings that follow from it."""
