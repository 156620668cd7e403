"""The text of a notification, for a person with a phone at 2 am: what, where, since when, why, what to do.

Every part is one line without control characters, with secrets cut out and of
bounded length, so that a channel only has to escape its own markup.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping
from typing import Any

import msgspec

from runwatch.alerts.delivery.templates import fill
from runwatch.alerts.routing.notification import Notification
from runwatch.core import text
from runwatch.core.ending import CUT_SHORT
from runwatch.core.findings import Severity
from runwatch.core.redaction import redact
from runwatch.core.snapshot import IncidentRow
from runwatch.render import evidence, plain
from runwatch.render.charts.sparkline import sparkline
from runwatch.render.numbers import duration

TITLE, FACT, PROSE, NUMBERS, OTHER, OWN = 150, 100, 700, 400, 120, 400
"""Longest text of each part, in characters."""
SUBJECT = 300
"""Longest subject, in characters: word, title and run fit whole."""
EVIDENCE_VALUES = 6
TREND_CELLS, TREND_POINTS = 24, 48

_WORDS = {
    "resolved": "✓ Resolved",
    "started": "▶ Started",
    "finished": "✓ Finished",
    **{phase: f"✗ {phase.replace('_', ' ').capitalize()}" for phase in CUT_SHORT},
    "digest": "☰ Digest",
    "report": "☰ Report",
}
_GLYPHS = {Severity.CRITICAL: "▲", Severity.WARNING: "●", Severity.INFO: "○"}


class Message(msgspec.Struct, frozen=True):
    """A notification in words."""

    word: str
    """Glyph and severity, or that it is resolved."""
    title: str
    run: str
    facts: tuple[str, ...]
    """Such as "Run: speedrun", one per line."""
    cause: str = ""
    advice: str = ""
    numbers: str = ""
    """The values that the rule used, and the trend of the metric."""
    others: tuple[str, ...] = ()
    """Other incidents of the same message, one per line."""
    notes: tuple[str, ...] = ()
    """About the message itself."""
    own: bool = False
    """Whether the title is complete: it names the run, or comes from the user's template."""

    @property
    def subject(self) -> str:
        """Return everything in one line, for the phone's lock screen."""
        return self.headline(SUBJECT)

    def headline(self, most: int) -> str:
        """Return the subject in at most so many characters. The title is cut before the run's name is."""
        where = "" if self.own else text.plain(f" ({self.run})", most // 2)
        return f"{text.plain(f'{self.word}: {self.title}', most - len(where))}{where}"

    def prose(self) -> list[str]:
        """Return cause and advice, each with its label."""
        labeled = (("Likely cause", self.cause), ("What to do", self.advice))
        return [f"{label}: {said}" for label, said in labeled if said]

    def body(self) -> str:
        """Return everything below the subject as plain text of several lines."""
        blocks = ("\n".join(self.facts), *self.prose(), self.numbers, "\n".join(self.others))
        return "\n\n".join(filter(None, (*blocks, "\n".join(self.notes))))


def compose(notification: Notification, *, repeats: str = "") -> Message:
    """Return the words of a notification.

    `repeats` names a channel that shows a repeated message twice, for the note
    that says so; empty for one that does not.
    """
    incident, firing = notification.incident, notification.change == "firing"
    notes = [clean(notification.note, OTHER)] if notification.note else []
    if notification.late > 0:
        notes.append(f"found late: runwatch had not been watching for {duration(notification.late)}")
    if notification.may_repeat and repeats:
        notes.append(f"may repeat an earlier message: {repeats}'s answer to it was lost")
    if notification.report:
        notes.append(f"Report: {clean(notification.report, 2 * FACT)}")
    reported = Message(
        word=word(incident),
        title=clean(incident.title, TITLE),
        run=clean(notification.run, FACT),
        facts=tuple(clean(fact, FACT) for fact in (*_facts(notification), *notification.lines)),
        cause=clean(incident.cause, PROSE) if firing else "",
        advice=clean(plain.to_do(_known(notification)), PROSE) if firing else "",
        numbers=_numbers(notification) if firing else "",
        others=_others(notification),
        notes=tuple(notes),
        own=notification.change == "notice" and f" {notification.run} " in f" {incident.title} ",
    )
    return reported if notification.wording is None else _reworded(reported, notification)


def _reworded(composed: Message, notification: Notification) -> Message:
    """Return the message made from the user's templates."""
    assert notification.wording is not None
    own, values = notification.wording, _fields(composed, notification)
    if own.title:
        title = clean(" ".join(fill(own.title, values)), TITLE)
        composed = msgspec.structs.replace(composed, title=title or composed.title, own=True)
    if own.body:
        lines = tuple(clean(line, OWN) for line in fill(own.body, values))
        composed = msgspec.structs.replace(composed, facts=lines, cause="", advice="", numbers="", others=())
    return composed


def _fields(composed: Message, notification: Notification) -> dict[str, str]:
    """Return the fields of templates; empty if unknown. Each is cleaned once filled in."""
    incident, firing = notification.incident, notification.change == "firing"
    since = incident.since
    return {
        "word": composed.word,
        "severity": severity(incident).value,
        "state": incident.state,
        "title": composed.title,
        "run": composed.run,
        "host": clean(notification.host, FACT),
        "rule": clean(incident.rule, FACT),
        "metric": clean(incident.metric or "", FACT),
        "rank": "" if incident.rank is None else str(incident.rank),
        "step": "" if incident.step is None else f"{incident.step:,}",
        "since": "" if since is None else _clock("", since)[2:],
        "time": _clock("", notification.time)[2:],
        "cause": composed.cause,
        "advice": composed.advice,
        "numbers": composed.numbers,
        "trend": _trend(notification),
        "checkpoint": f"{notification.checkpoint:,}"
        if firing and notification.checkpoint is not None
        else "",
        "others": "; ".join(composed.others),
        "look": clean(notification.look, FACT),
        "answer": clean(notification.answer, FACT),
        "incident": clean(incident.id, FACT),
    }


def _known(notification: Notification) -> IncidentRow:
    """Return the incident with the checkpoint to go back to."""
    incident = notification.incident
    if notification.checkpoint is None or "last_checkpoint" in incident.evidence:
        return incident
    seen = {**incident.evidence, "last_checkpoint": notification.checkpoint}
    return msgspec.structs.replace(incident, evidence=seen)


def word(incident: IncidentRow) -> str:
    """Return the glyph and the word of an incident's state or severity."""
    known = severity(incident)
    if incident.state == "finished" and known is not Severity.INFO:
        return f"{_GLYPHS[known]} Finished"
    return _WORDS.get(incident.state) or f"{_GLYPHS[known]} {known.value.capitalize()}"


def severity(incident: IncidentRow) -> Severity:
    """Return how severe an incident is."""
    return Severity.of(incident.severity)


def clean(said: str, limit: int) -> str:
    """Return one line of at most `limit` characters, without control characters and secrets."""
    return text.plain(redact(text.plain(said[: 8 * limit], 4 * limit)), limit)


def escaped(signs: re.Pattern[str], said: str, limit: int) -> str:
    """Return text with a backslash before each of some signs, at most `limit` characters long after that."""
    whole = signs.sub(r"\\\1", said)
    if len(whole) <= limit:
        return whole
    cut = whole[: limit - 1]
    return (cut[:-1] if (len(cut) - len(cut.rstrip("\\"))) % 2 else cut) + "…"


def document(notification: Notification) -> dict[str, Any]:
    """Return the JSON document that webhooks and commands get; `schema` is its version."""
    message, incident = compose(notification), notification.incident
    return {
        "schema": 1,
        "id": notification.id,
        "change": notification.change,
        "may_repeat": notification.may_repeat,
        "time": notification.time,
        "run": message.run,
        "host": clean(notification.host, FACT),
        "subject": message.subject,
        "body": message.body(),
        "checkpoint_step": notification.checkpoint,
        "look": clean(notification.look, FACT),
        "acknowledge": clean(notification.answer, FACT),
        "incident": {
            **_document(incident),
            "cause": message.cause,
            "advice": message.advice,
            "evidence": _finite(incident.evidence),
        },
        "others": [_document(other) for other in notification.more],
        "others_left_out": notification.left_out,
        "note": message.notes[0] if message.notes else "",
    }


def _document(incident: IncidentRow) -> dict[str, Any]:
    return {
        "id": clean(incident.id, FACT),
        "run": clean(incident.run, FACT),
        "rule": clean(incident.rule, FACT),
        "severity": severity(incident).value,
        "state": clean(incident.state, FACT),
        "title": clean(incident.title, TITLE),
        "metric": None if incident.metric is None else clean(incident.metric, FACT),
        "rank": incident.rank,
        "step": incident.step,
        "resolved_step": incident.resolved_step,
    }


def _finite(evidence: Mapping[str, float | int | str | None]) -> dict[str, float | int | str | None]:
    """Return evidence that JSON can carry: numbers that are not finite as words."""
    return {clean(name, FACT): _carried(value) for name, value in list(evidence.items())[:32]}


def _carried(value: float | int | str | None) -> float | int | str | None:
    if isinstance(value, str):
        return clean(value, FACT)
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _facts(notification: Notification) -> list[str]:
    incident = notification.incident
    facts = [f"Run: {notification.run}", f"Host: {notification.host}"]
    if notification.change == "notice":
        return [*(facts if notification.run else facts[1:]), _clock("Time", notification.time)]
    facts.append(f"Rule: {incident.rule}")
    if incident.rank is not None:
        facts.append(f"Rank: {incident.rank}")
    if incident.step is not None:
        began, ended = f"Step: {incident.step:,}", incident.resolved_step
        facts.append(began if ended is None else f"{began} to {ended:,}")
    if notification.checkpoint is not None and notification.change == "firing":
        facts.append(f"Last good checkpoint: step {notification.checkpoint:,}")
    since = incident.since
    if since is not None and notification.change == "firing" and notification.time - since > 60:
        facts.append(_clock("Since", since))
    facts.append(_clock("Time", notification.time))
    if notification.look:
        facts.append(f"Look: {notification.look}")
    if notification.answer and notification.change == "firing":
        facts.append(f"Acknowledge: {notification.answer}")
    return facts


def _clock(label: str, when: float) -> str:
    return time.strftime(f"{label}: %Y-%m-%d %H:%M:%S UTC", time.gmtime(when))


def _numbers(notification: Notification) -> str:
    seen = {clean(name, FACT): value for name, value in notification.incident.evidence.items()}
    if notification.checkpoint is not None:  # a fact of its own
        seen["last_checkpoint"] = None
    words = evidence.words(msgspec.structs.replace(notification.incident, evidence=seen))
    short = [(name, value) for name, value in words if "\n" not in value]
    said = [f"{clean(name, FACT)} {clean(value, 80)}" for name, value in short[:EVIDENCE_VALUES]]
    if trend := _trend(notification):
        said.append(f"trend {trend}")
    return clean(" · ".join(said), NUMBERS)


def _trend(notification: Notification) -> str:
    newest = notification.trend[-TREND_POINTS:]
    return sparkline(newest, TREND_CELLS).strip() if len(newest) > 1 else ""


def _others(notification: Notification) -> tuple[str, ...]:
    lines = [clean(f"{word(other)}: {other.title} ({other.run})", OTHER) for other in notification.more]
    if notification.left_out:
        lines.append(f"and {notification.left_out:,} more")
    beneath = notification.incident.symptoms
    if beneath and notification.change == "firing":
        lines.append(clean("With it: " + "; ".join(beneath), 2 * OTHER))
    return tuple(lines)
