"""Incidents that come and go: sent as one flapping incident, and again when it is calm.

An incident that resolves and fires again becomes a new incident. `Stories` joins those that people
should see as one: it remembers when the incidents of one subject ended, and gives the newest the
id of the one that was sent. Times are those of the changes; there is no clock.
"""

from __future__ import annotations

import contextlib
from collections.abc import Container

import msgspec

from runwatch.alerts.routing.grouping import Alert
from runwatch.alerts.routing.policy import Damping
from runwatch.core.decoding import UNDECODABLE
from runwatch.render.numbers import duration

MOST = 16_384
"""Stories remembered, in addition to those whose end must still be sent."""


class Story(msgspec.Struct, frozen=True):
    """The recent history of one metric, rule and run."""

    name: str
    """Id of the incident under which it is sent."""
    incident: str
    """Id of the newest incident."""
    changed: float
    """When it fired or resolved last."""
    ends: tuple[float, ...] = ()
    """When its incidents resolved, the newest last."""
    flaps: bool = False
    times: int = 1
    """How often it fired since `began`."""
    began: float = 0.0


class Stories:
    """All of them, by scope."""

    def __init__(self, damping: Damping) -> None:
        self._damping = damping
        self._kept: dict[str, Story] = {}  # the one that changed last is the last
        self._dirty: set[str] = set()

    def resume(self, scope: str, body: bytes) -> None:
        """Take over what `changes` gave to a process that died; what cannot be read is removed."""
        self._dirty.add(scope)
        with contextlib.suppress(*UNDECODABLE):
            self._kept[scope] = msgspec.msgpack.decode(body, type=Story)

    def changes(self) -> dict[str, bytes | None]:
        """Return what to keep since the last call, by scope; None is to be removed."""
        found = {
            scope: msgspec.msgpack.encode(self._kept[scope]) if scope in self._kept else None
            for scope in self._dirty
        }
        self._dirty.clear()
        return found

    def named(self, alert: Alert) -> Alert:
        """Return an alert with the id of its story, if its incident is the newest of one."""
        story = self._kept.get(alert.scope)
        if story is None or story.incident != alert.row.id:
            return alert
        return msgspec.structs.replace(alert, story=story.name)

    def take(self, alert: Alert, now: float, unreported: Container[str]) -> Alert:
        """Note a change; return the alert under the name of its story.

        `unreported` holds the names whose end was not reported.
        """
        if not alert.scope or not (self._damping.count or self._damping.resolve_delay):
            return alert
        story, incident = self._kept.get(alert.scope), alert.row.id
        if not alert.firing:
            self._end(alert, story, now)
        elif story is not None and story.incident != incident:
            self._begin(alert, story, now, unreported)
        return self.named(alert)

    def held(self, alert: Alert, now: float) -> float:
        """Return until when the changes of an alert are held back; 0 if they are sent."""
        story = self._kept.get(alert.scope)
        if story is None or story.name != alert.name:
            return 0.0
        until = story.changed
        if story.flaps and self._damping.count:
            until += self._damping.calm
        elif not alert.firing:
            until += self._damping.resolve_delay
        return until if until > now else 0.0

    def flaps(self, alert: Alert, now: float) -> bool:
        """Return whether an alert is sent as flapping."""
        story = self._kept.get(alert.scope)
        return story is not None and story.flaps and bool(self.held(alert, now))

    def note(self, alert: Alert, now: float, *, sent: bool) -> str:
        """Return a line about a flapping alert, or one `sent` as flapping; "" otherwise."""
        story = self._kept.get(alert.scope)
        if story is None or story.name != alert.name:
            return ""
        often = f"fired {story.times} times in {duration(max(1.0, story.changed - story.began))}"
        if self.flaps(alert, now):
            return f"flapping: {often}; sent again after it has been calm for {duration(self._damping.calm)}"
        return f"calm again: {often}" if sent else ""

    def prune(self, now: float, unreported: Container[str]) -> None:
        """Forget old stories."""
        damping = self._damping
        before = now - max(damping.window, damping.calm, damping.resolve_delay)
        for scope, story in list(self._kept.items()):
            if story.changed >= before and len(self._kept) <= MOST:
                break
            if story.name not in unreported or (len(self._kept) > MOST and story.name == story.incident):
                del self._kept[scope]
                self._dirty.add(scope)

    # -- inside ----------------------------------------------------------------------------------

    def _end(self, alert: Alert, story: Story | None, now: float) -> None:
        incident = alert.row.id
        if story is None:
            story = Story(incident, incident, now)
        count = self._damping.count
        ends = (*story.ends, now)[-count:] if count else ()
        flaps = self._flapped(story, now)
        self._keep(alert.scope, msgspec.structs.replace(story, changed=now, ends=ends, flaps=flaps))

    def _begin(self, alert: Alert, story: Story, now: float, unreported: Container[str]) -> None:
        """Take an alert that fires again: the story continues while it flaps or its end was not sent."""
        damping = self._damping
        ends = tuple(end for end in story.ends if end > now - damping.window)
        flapped = self._flapped(story, now)
        tips = 0 < damping.count <= len(ends)
        continues = flapped or (story.name in unreported and damping.resolve_delay > 0)
        self._keep(
            alert.scope,
            Story(
                name=story.name if continues else alert.row.id,
                incident=alert.row.id,
                changed=now,
                ends=ends,
                flaps=flapped or tips,
                times=story.times + 1 if flapped else len(ends) + 1,
                began=story.began if flapped else min(ends, default=now),
            ),
        )

    def _flapped(self, story: Story, now: float) -> bool:
        """Return whether a story flaps and was not calm for long enough."""
        return story.flaps and now < story.changed + self._damping.calm

    def _keep(self, scope: str, story: Story) -> None:
        self._kept.pop(scope, None)
        self._kept[scope] = story
        self._dirty.add(scope)
