"""From alerts to messages: grouping, deduplication, repetition, inhibition, quiet hours, rate limits.

`Router` is a fold: alerts and times go in, messages come out; it has no clock
and does no I/O. What it must remember is bytes by key, for the journal to
commit together with the messages. Semantics are Alertmanager's, except that
alerts held back in quiet hours are sent at their end if they still fire, and that
the end of an alert that was never sent is not sent.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterable, Mapping

import msgspec

from runwatch.alerts.routing.flapping import Stories
from runwatch.alerts.routing.grouping import FLAPPING, Alert, AlertGroup, News, earliest, eased, worse
from runwatch.alerts.routing.inhibition import Source, inhibited, sources
from runwatch.alerts.routing.notification import Notification, digest
from runwatch.alerts.routing.policy import Policy, Receiver, Route, matches
from runwatch.alerts.routing.silences import Mute, muted
from runwatch.core.decoding import UNDECODABLE
from runwatch.system.import_guards import blake2b

MOST_NAMED = 10
"""Most further incidents that one message lists."""
RESUME = 3600.0
"""Seconds for which a new process trusts what a dead one had sent."""
RESUME_OWN = 30 * 86400.0
"""The same if it continues the dead one's incidents."""
REMEMBERED = 4096
"""Most changes remembered, to recognize repeats."""


class Router:
    """Decides what is sent where, and when. Times are Unix times."""

    def __init__(
        self,
        policy: Policy,
        *,
        epoch: str = "",
        lasting: bool = False,
        local: Callable[[float], time.struct_time] = time.localtime,
    ) -> None:
        """`epoch` makes the ids of messages unlike those of other folds.

        `lasting` is True if the next process continues this one's incidents.
        """
        self.policy, self._epoch, self._lasting, self._local = policy, epoch, lasting, local
        self._receivers = {receiver.name: receiver for receiver in policy.receivers}
        self._alerts: dict[str, Alert] = {}
        self._groups: dict[str, AlertGroup] = {}
        self._tokens: dict[str, tuple[float, float]] = {}  # channel -> (how many, when)
        self._old: set[str] = set()  # sent by a process that died: no one will send their end
        self._homes: dict[str, set[str]] = {}  # alert -> groups it is a member of
        self._inhibitors: dict[str, None] = {}  # alerts that have been sources; `sources` says which are now
        self._blocked: dict[str, float] = {}  # channel -> until when its limit holds all back
        self._next = math.inf
        self._dirty: set[str] = set()
        self._mutes: tuple[Mute, ...] = ()
        self._seen: dict[str, None] = {}  # changes taken before, oldest first
        self._stories = Stories(policy.damping)

    def resume(self, saved: Mapping[str, bytes], now: float) -> None:
        """Continue from what `changes` gave to a process that died."""
        for key, body in saved.items():
            self._restore(key, body)
        reported = {name for group in self._groups.values() for name in group.sent}
        for name, alert in list(self._alerts.items()):
            if name in reported and alert.changed < now - (RESUME_OWN if self._lasting else RESUME):
                del self._alerts[name]
        for key, group in self._groups.items():
            group.members = {name: None for name in group.members if name in self._alerts}
            group.sent = {name: place for name, place in group.sent.items() if name in self._alerts}
            for name in group.members:
                self._homes.setdefault(name, set()).add(key)
        self._old = set() if self._lasting else reported & self._alerts.keys()
        for alert in list(self._alerts.values()):
            self._place(alert, now)
        self._sweep()

    def take(self, alert: Alert, now: float) -> None:
        """Take the newest state of an incident. One that was taken before is not taken again."""
        if self._stories.named(alert).name not in self._alerts and alert.row.state != "firing":
            return
        if self._knows(f"{self._epoch}.{alert.change}"):
            return
        alert = self._stories.take(alert, now, self._alerts)
        name = alert.name
        self._alerts[name] = alert
        self._old.discard(name)
        self._dirty.add(f"alert/{name}")
        self._place(alert, now)
        if not alert.firing and name in self._inhibitors:  # what it held back may be sent now
            for group in self._groups.values():
                if group.members.keys() - group.sent.keys():
                    self._schedule(group, now)

    def mute(self, mutes: Iterable[Mute], now: float) -> None:
        """Replace the mutes."""
        self._mutes = tuple(mutes)
        for group in self._groups.values():  # what another held back may be sent now
            if group.members.keys() - group.sent.keys():
                self._schedule(group, now)

    def due(self) -> float | None:
        """Return when `flush` has something to do; None if never."""
        return self._next if self._next < math.inf else None

    def flush(self, now: float) -> list[tuple[str, Notification]]:
        """Return the due messages, each with its channel, and mark them as sent."""
        living = [self._alerts[name] for name in self._inhibitors if name not in self._old]
        by = sources(self.policy.inhibitions, living)
        ready: dict[str, list[News]] = {}
        for key, group in self._groups.items():
            if group.due is not None and group.due <= now:
                news = self._news(key, group, by, now)
                if news is not None:
                    ready.setdefault(group.channel, []).append(news)
        messages = [
            (channel, reported)
            for channel, found in ready.items()
            for reported in self._speak(channel, found, now)
        ]
        self._sweep()
        self._stories.prune(now, self._alerts)
        self._next = min((g.due for g in self._groups.values() if g.due is not None), default=math.inf)
        return messages

    def hurry(self, now: float) -> None:
        """Make every group due: the process ends. Quiet hours and limits still apply."""
        self._next = now
        for group in self._groups.values():
            if group.due is not None:
                group.due = min(group.due, now)

    def forget(self) -> None:
        """Drop alerts that were sent: this process ends cleanly, and no other knows of them.

        If another continues the incidents, nothing is dropped.
        """
        if self._lasting:
            return
        for group in self._groups.values():
            for name in group.sent:
                group.members.pop(name, None)
            group.sent = {}
        self._old |= self._alerts.keys()  # none is kept only because it would inhibit others
        self._dirty |= {f"seen/{change}" for change in self._seen}
        self._seen.clear()
        self._sweep()

    def changes(self) -> dict[str, bytes | None]:
        """Return what to keep since the last call, by key; None is to be removed."""
        found: dict[str, bytes | None] = {}
        for key in self._dirty:
            kind, _, name = key.partition("/")
            if kind == "seen":
                found[key] = b"" if name in self._seen else None
                continue
            held: Alert | AlertGroup | None = (self._alerts if kind == "alert" else self._groups).get(name)
            found[key] = None if held is None else msgspec.msgpack.encode(held)
        self._dirty.clear()
        return found | {f"flap/{scope}": body for scope, body in self._stories.changes().items()}

    # -- inside ----------------------------------------------------------------------------------

    def _restore(self, key: str, body: bytes) -> None:
        """Take over one thing that was kept; what is not taken over is to be removed."""
        kind, _, name = key.partition("/")
        if kind == "flap":
            self._stories.resume(name, body if self._lasting else b"")
        if kind not in ("group", "alert", "seen"):
            return
        self._dirty.add(key)
        with contextlib.suppress(*UNDECODABLE):  # another version's
            if kind == "group":
                group = msgspec.msgpack.decode(body, type=AlertGroup)
                if group.channel in self._receivers:
                    self._groups[name] = group
            elif kind == "alert":
                self._alerts[name] = msgspec.msgpack.decode(body, type=Alert)
            elif name.startswith(f"{self._epoch}."):
                self._seen[name] = None

    def _knows(self, change: str) -> bool:
        """Return whether a change was taken before, and remember it."""
        if change in self._seen:
            return True
        self._seen[change] = None
        self._dirty.add(f"seen/{change}")
        if len(self._seen) > REMEMBERED:
            oldest = next(iter(self._seen))
            del self._seen[oldest]
            self._dirty.add(f"seen/{oldest}")
        return False

    def _place(self, alert: Alert, now: float) -> None:
        """Put an alert into the groups it belongs to now."""
        name, labels = alert.name, alert.labels()
        if any(matches(inhibition.source, labels) for inhibition in self.policy.inhibitions):
            self._inhibitors[name] = None
        homes = set()
        for number, route, channel in self.policy.destinations(labels):
            receiver = self._receivers.get(channel)
            if receiver is None or alert.rank < receiver.min_severity.rank:
                continue
            values = [channel, str(number), *(labels[label] for label in route.group_by)]
            key = blake2b("\n".join(values).encode("utf-8", "backslashreplace"), digest_size=8).hexdigest()
            if key not in self._groups:
                self._groups[key] = AlertGroup(channel, number)
            self._groups[key].members[name] = None
            homes.add(key)
        kept = set()
        for key in homes | self._homes.get(name, set()):
            group = self._groups.get(key)
            if group is None or name not in group.members:
                continue
            self._dirty.add(f"group/{key}")
            heir = next((home for home in homes if self._groups[home].channel == group.channel), key)
            if key not in homes and (heir != key or name not in group.sent):  # it belongs elsewhere now
                del group.members[name]
                if name in group.sent:  # its end is sent once, where it is now
                    self._groups[heir].sent.setdefault(name, group.sent.pop(name))
                continue
            kept.add(key)
            until = self._stories.held(alert, now)
            news = alert.firing and worse(alert, group.sent.get(name), flaps=bool(until))
            self._schedule(group, now, 0.0 if news else until)
        self._homes[name] = kept

    def _schedule(self, group: AlertGroup, now: float, not_before: float = 0.0) -> None:
        route = self._route(group)
        if group.sent_at is not None:
            due = max(now, group.sent_at + route.group_interval)
        elif group.began is None:
            group.began = now
            due = now + route.group_wait
        else:
            due = max(now, group.began + route.group_wait)
        due = max(due, not_before, self._blocked.get(group.channel, due))
        group.due = due if group.due is None else min(group.due, due)
        self._next = min(self._next, group.due)

    def _route(self, group: AlertGroup) -> Route:
        known = 0 <= group.route < len(self.policy.routes)
        return self.policy.routes[group.route] if known else self.policy.otherwise

    def _muted(self, alert: Alert, now: float) -> float:
        """Return until when an alert is muted; 0 if it is not."""
        return muted(alert.labels(), self._mutes, now, self._local) if self._mutes else 0.0

    def _news(self, key: str, group: AlertGroup, by: list[Source], now: float) -> News | None:
        """Return the news of a group, if it is due; update its next time."""
        self._dirty.add(f"group/{key}")
        news = self._gathered(key, group, by, now)
        self._retire(group, {alert.name for alert in news.over}, now)
        again = self._repeats_at(group, news)
        group.due = earliest(again, news.wakes)
        if not (news.fresh or news.over or (again is not None and now >= again)):
            return None
        if quiet := self._quiet(news, now):
            group.due = now + quiet
            return None
        return news

    def _gathered(self, key: str, group: AlertGroup, by: list[Source], now: float) -> News:
        """Sort a group's alerts: what is new, what is over, what still fires; and when that may change."""
        alerts = [self._alerts[name] for name in group.members if name in self._alerts]
        mutes = {alert.name: self._muted(alert, now) for alert in alerts if alert.firing}
        held = {alert.name: self._stories.held(alert, now) for alert in alerts}
        calm = self.policy.damping.calm
        ease = {a.name: a.changed + calm for a in alerts if eased(a, group.sent.get(a.name))}

        def audible(alert: Alert) -> bool:
            return not mutes[alert.name] and not inhibited(self.policy.inhibitions, alert, by)

        def is_news(alert: Alert) -> bool:
            gets_worse = worse(alert, group.sent.get(alert.name), flaps=bool(held[alert.name]))
            return gets_worse or ease.get(alert.name, math.inf) <= now

        firing = [alert for alert in alerts if alert.firing and audible(alert)]
        fresh = [alert for alert in firing if is_news(alert)]
        resolved = self._receivers[group.channel].send_resolved
        reported = [alert for alert in alerts if resolved and alert.name in group.sent]
        over = [alert for alert in reported if not alert.firing and not held[alert.name]]
        wakes = min((t for times in (mutes, held, ease) for t in times.values() if t > now), default=None)
        return News(key, group, fresh, over, [alert for alert in firing if alert not in fresh], wakes)

    def _retire(self, group: AlertGroup, sent: set[str], now: float) -> None:
        """Forget resolved members about which nothing will be sent."""
        for name in list(group.members):
            alert = self._alerts.get(name)
            if alert and not alert.firing and name not in sent and not self._stories.held(alert, now):
                del group.members[name]
                group.sent.pop(name, None)

    def _repeats_at(self, group: AlertGroup, news: News) -> float | None:
        """Return when a group repeats firing alerts that are not acknowledged."""
        interval = self._route(group).repeat_interval
        open_ones = (
            a for a in news.fresh + news.still if a.row.state == "firing" and a.name not in self._old
        )
        return group.sent_at + interval if interval and group.sent_at is not None and any(open_ones) else None

    def _quiet(self, news: News, now: float) -> float:
        """Return the seconds for which quiet hours hold this back; 0 if they do not."""
        quiet = self.policy.quiet
        if quiet is None or (news.fresh and news.rank >= quiet.override.rank):
            return 0.0
        return max(0.0, quiet.left(now, self._local))

    def _speak(self, channel: str, found: list[News], now: float) -> list[Notification]:
        """Return the messages of one channel, as many as its limit allows: the most severe first."""
        receiver = self._receivers[channel]
        tokens = self._left(receiver, now)
        found.sort(key=lambda news: -news.rank)
        allowed = int(tokens)
        if allowed == 0:
            until = self._blocked[channel] = now + (1.001 - tokens) * 60.0 / receiver.per_minute
            for news in found:
                news.group.due = until
            return []
        alone = found if len(found) <= allowed else found[: allowed - 1]
        messages = [self._message([news], now) for news in alone]
        if len(alone) < len(found):
            rest = found[len(alone) :]
            note = f"{len(rest)} messages in one: more than {receiver.per_minute} a minute"
            messages.append(self._message(rest, now, note))
        self._tokens[channel] = (tokens - len(messages), now)
        return messages

    def _left(self, receiver: Receiver, now: float) -> float:
        tokens, at = self._tokens.get(receiver.name, (float(receiver.per_minute), now))
        return min(float(receiver.per_minute), tokens + max(0.0, now - at) * receiver.per_minute / 60.0)

    def _message(self, found: list[News], now: float, note: str = "") -> Notification:
        """Return one message for all the news, and mark it as sent."""
        fresh = sorted((a for news in found for a in news.fresh), key=lambda a: -a.rank)
        over = [a for news in found for a in news.over]
        still = sorted((a for news in found for a in news.still), key=lambda a: -a.rank)
        named = (fresh + over + still) if fresh else (over + still) if over else still
        note = note or ("" if fresh or over else "still firing") or self._calmness(found, named, now)
        parts = [f"{self._epoch}.{alert.change}" for alert in fresh + over]
        parts += [part for news in found for part in self._reported(news, now)]
        lead, others = named[0], named[1:]
        return Notification(
            id=parts[0] if len(parts) == 1 else f"{self._epoch}.{digest(chr(10).join(sorted(parts)))}",
            run=lead.row.run,
            change="firing" if lead.firing else "resolved",
            incident=lead.shown,
            host=lead.host,
            time=lead.changed,
            groups=tuple(news.key for news in found),
            more=tuple(alert.shown for alert in others[:MOST_NAMED]),
            left_out=max(0, len(others) - MOST_NAMED),
            note=note,
            checkpoint=lead.checkpoint,
            trend=lead.trend,
            span=lead.span,
            look=lead.look,
            answer=lead.answer,
            epoch=self._epoch,
            late=lead.late,
            report=lead.report,
        )

    def _reported(self, news: News, now: float) -> list[str]:
        """Mark a group's news as sent; return the id of a repetition."""
        group = news.group
        group.sent_at = now
        for alert in news.fresh:
            flaps = self._stories.flaps(alert, now)
            group.sent[alert.name] = (alert.rank, *FLAPPING) if flaps else alert.place
        for alert in news.over:
            del group.sent[alert.name]
            group.members.pop(alert.name, None)
        interval = self._route(group).repeat_interval
        group.due = earliest(now + interval if interval and group.sent else None, news.wakes)
        if news.fresh or news.over:
            return []
        group.repeats += 1
        return [f"{self._epoch}.{news.key}.{group.repeats}"]

    def _calmness(self, found: list[News], named: list[Alert], now: float) -> str:
        """Return a line about the first that flaps or has calmed down; "" if there is none."""
        reported = {name: place for news in found for name, place in news.group.sent.items()}
        for alert in named:
            place = reported.get(alert.name)
            flapped = place is not None and tuple(place[1:]) == FLAPPING
            if note := self._stories.note(alert, now, sent=flapped):
                return note
            if eased(alert, place):
                return "less severe than before"
        return ""

    def _sweep(self) -> None:
        """Drop groups without members, and alerts without a group."""
        for key in [key for key, group in self._groups.items() if not group.members]:
            del self._groups[key]
            self._dirty.add(f"group/{key}")
        needed = {name for group in self._groups.values() for name in group.members}
        for name, alert in list(self._alerts.items()):
            if name not in needed and not (
                alert.firing and self.policy.inhibitions and name not in self._old
            ):
                del self._alerts[name]
                self._homes.pop(name, None)
                self._inhibitors.pop(name, None)
                self._dirty.add(f"alert/{name}")
