"""The life of findings: pending, firing, acknowledged, resolved.

    PENDING ──▶ pending ──CLEAR──▶ (gone)
                   │ FIRING
    FIRING ───▶ firing ◀──escalates── acknowledged      (eases: less severe, the same state)
                   └──────CLEAR───▶ resolved ◀──┘

Incidents that share a cause are shown and sent as one: see `parentage`. The symptoms
live on beneath the one that leads, and lead again when it resolves before them.

An incident is identified by its run, rule, metric and rank. When it comes back
after it was resolved it is a new occurrence, with a new id. Ids are made of
nothing else, so that reading the same log again gives the same ids.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping, Sequence

import msgspec

from runwatch.alerts.incidents.parentage import Life, Point, before, parents
from runwatch.core.findings import Finding, Severity, Verdict
from runwatch.core.metrics import LOSS
from runwatch.core.snapshot import IncidentRow
from runwatch.system.import_guards import blake2b

MAX_RESOLVED = 500
"""Resolved incidents that are remembered, per run."""

MAX_SYMPTOMS = 8
"""Symptoms that are named beneath one incident."""

HALTS = frozenset({"crash", "hang", "ended"})
"""Rules whose incidents say that the run does not continue."""

Scope = tuple[str, str | None, int | None]


class Change(msgspec.Struct, frozen=True):
    """One step in the life of an incident."""

    kind: str
    """pending, firing, escalated, eased, acknowledged or resolved."""
    row: IncidentRow
    run: str
    """Id of the run; `row.run` is its name."""
    send: bool
    """False for what is only shown: pending incidents, and what was found in old history."""
    number: int
    """Number of the newest change that findings made to it: the same whenever the log is read again."""
    late: float = 0.0
    """Seconds for which nobody had watched before it was found; 0 for what was found as it happened."""

    @property
    def id(self) -> str:
        """Return what the change is known by: folding the same again gives it the same."""
        return f"{self.row.id}.{self.number}.{self.kind}"


class _Incident(msgspec.Struct):
    row: IncidentRow
    order: int
    """Number of the newest change, for recency."""
    announced: bool = False
    """Whether a change of it was to be sent."""
    number: int = 0
    """How many changes findings made to it; what people do is not counted."""
    over: Point | None = None
    """Where it ended."""
    parent: str = ""
    """Id of the incident that it follows from."""


class Doubt(msgspec.Struct, frozen=True):
    """An incident that arose from what was provisional, and that what followed did not confirm."""

    row: IncidentRow
    run: str
    """Id of the run."""
    number: int
    announced: bool
    since: float
    """Unix time; 0 where it is not known yet."""


class IncidentBook:
    """All incidents of one run."""

    def __init__(self, run_id: str, run_name: str, former: tuple[str, ...] = ()) -> None:
        """`former`: names that the run had before."""
        self._run_id = run_id
        self._run_name = run_name
        self.former = former
        self._open: dict[Scope, _Incident] = {}
        self._resolved: deque[_Incident] = deque(maxlen=MAX_RESOLVED)
        self._occurrences: dict[Scope, int] = {}
        self._order = 0

    def rename(self, run_name: str, former: tuple[str, ...] = ()) -> None:
        """Call the run by another name, also in what is known already."""
        self._run_name, self.former = run_name, former
        for incident in (*self._open.values(), *self._resolved):
            incident.row = msgspec.structs.replace(incident.row, run=run_name, former=former)

    def apply(self, finding: Finding, *, now: float | None, live: bool) -> Change | None:
        """Take one finding; return the change it makes, if it makes one.

        `now` is Unix time; `live` is False for what is found in history. A
        finding that repeats what is known updates the incident silently.
        """
        incident = self._open.get(finding.scope)
        if finding.verdict is Verdict.CLEAR:
            over = Point(finding.step, finding.line)
            if incident is None:
                return None
            incident.row = msgspec.structs.replace(
                incident.row, evidence=_evidence(incident.row, finding, moved=False)
            )
            return self._clear(finding.scope, incident, over, live=live)
        firing = finding.verdict is Verdict.FIRING
        if incident is None:
            incident = self._open[finding.scope] = _Incident(self._row(finding), self._order)
            kind = "firing" if firing else "pending"
        elif incident.row.state == "pending":
            incident.row = self._confirm(incident.row, finding, moved=True)
            kind = "firing" if firing else ""
        elif not firing:
            return None
        else:
            rise = finding.severity.rank - Severity.of(incident.row.severity).rank
            incident.row = self._confirm(incident.row, finding, moved=finding.rule in HALTS)
            kind = "escalated" if rise > 0 else "eased" if rise < 0 else ""
        if not kind:
            return None
        since = now if live and kind == "firing" else incident.row.since
        state = incident.row.state if kind in ("pending", "eased") else "firing"
        incident.row = msgspec.structs.replace(incident.row, state=state, since=since)
        if firing:
            self._relate(incident)
        return self._change(incident, kind, send=live and firing)

    def acknowledge(self, incident_id: str) -> Change | None:
        """Note that somebody has seen a firing incident; None if there is none of that id.

        If that one is over and fires again, it is the new one that was seen: a message about it may be
        of before. It becomes firing again when it escalates.
        """
        again = {_scope(over.row) for over in self._resolved if over.row.id == incident_id}
        for scope, incident in self._open.items():
            if (incident.row.id == incident_id or scope in again) and incident.row.state == "firing":
                return self._change(incident, "acknowledged", send=incident.announced, state="acknowledged")
        return None

    def retire(self, rules: Collection[str], why: str) -> list[Change]:
        """Resolve what other rules had raised; its end would not be seen. `why` is in the message."""
        changes = []
        for scope, incident in tuple(self._open.items()):
            if incident.row.rule not in rules:
                incident.row = msgspec.structs.replace(incident.row, title=f"{incident.row.title} ({why})")
                changes.append(self._clear(scope, incident, Point(None, None), live=True))
        return [change for change in changes if change is not None]

    def doubts(self, other: IncidentBook, now: float) -> list[Doubt]:
        """Return what fires here and is not known to another book of the same run."""
        known = other._known()
        return [
            Doubt(open_.row, self._run_id, open_.number, open_.announced, now)
            for open_ in self._open.values()
            if open_.row.state != "pending" and open_.row.id not in known
        ]

    def withdraw(self, doubt: Doubt) -> Change | None:
        """Note that what fired provisionally is nothing; None if it is known here by now.

        What fires next in its place is another occurrence: people received this one.
        """
        if doubt.row.id in self._known():
            return None
        title = f"{doubt.row.title} (the line it was read from continued)"
        row = msgspec.structs.replace(doubt.row, title=title, state="firing", lead="")
        scope = _scope(row)
        incident = _Incident(row, self._order, doubt.announced, doubt.number, Point(None, None))
        self._occurrences[scope] = self._occurrences.get(scope, 0) + 1
        self._resolved.append(incident)
        return self._change(incident, "resolved", send=doubt.announced, state="resolved")

    def announce(self, incident_id: str) -> Change | None:
        """Return the change by which a firing incident that was found in history is reported after all.

        From now on its end is reported, too. None if there is none of that id.
        """
        for incident in self._open.values():
            if incident.row.id == incident_id and incident.row.state != "pending":
                incident.announced = True
                return Change("firing", incident.row, self._run_id, True, incident.number)
        return None

    def recall(self, kept: IncidentRow) -> None:
        """Take over from an incident that was kept what no log says: since when, and whether it was seen."""
        for incident in self._open.values():
            row = incident.row
            if row.id == kept.id and row.state == "firing":
                worse = Severity.of(row.severity).exceeds(Severity.of(kept.severity))
                seen = kept.state == "acknowledged" and not worse
                incident.row = msgspec.structs.replace(
                    row, since=kept.since, state="acknowledged" if seen else row.state
                )

    def rows(self) -> tuple[IncidentRow, ...]:
        """Return the incidents that lead: open ones first, by severity, the newest change first.

        Among equally severe ones a run that makes no progress goes first. Each names its symptoms; `every`
        returns those too.
        """
        beneath: dict[str, list[IncidentRow]] = {}
        every = self.every()
        for row in every:
            if row.lead:
                beneath.setdefault(row.lead, []).append(row)
        return tuple(_leading(row, beneath.get(row.id, ())) for row in every if not row.lead)

    def every(self) -> tuple[IncidentRow, ...]:
        """Return all incidents, symptoms too, in the order of `rows`."""
        ranked = sorted(
            [*self._open.values(), *self._resolved],
            key=lambda i: (
                i.row.state == "resolved",
                -Severity.of(i.row.severity).rank,
                i.row.rule not in HALTS,
                -i.order,
            ),
        )
        known = self._known()
        return tuple(self._led(incident, known) for incident in ranked)

    def _relate(self, changed: _Incident) -> None:
        """Find again which follows from which, among all that overlapped with what changed."""
        begin = Point(changed.row.step, changed.row.line)
        there = [incident for incident in self._open.values() if incident.row.state != "pending"]
        there += [old for old in self._resolved if old.over is not None and before(old.over, begin) is False]
        found = parents(Life(incident.row, incident.over) for incident in there)
        for incident in there:
            incident.parent = found[incident.row.id]

    def _led(self, incident: _Incident, known: Mapping[str, _Incident]) -> IncidentRow:
        """Return its row with the incident that leads: the first cause of all that it follows from."""
        lead = incident.parent
        while (above := known.get(lead)) is not None and above.parent:
            lead = above.parent
        if incident.row.lead != lead:
            incident.row = msgspec.structs.replace(incident.row, lead=lead)
        return incident.row

    def _known(self) -> dict[str, _Incident]:
        return {incident.row.id: incident for incident in (*self._open.values(), *self._resolved)}

    def _clear(self, scope: Scope, incident: _Incident, over: Point, *, live: bool) -> Change | None:
        del self._open[scope]
        if incident.row.state == "pending":
            self._occurrences[scope] -= 1  # it never came to anything
            return None
        incident.over = over
        self._resolved.append(incident)
        self._relate(incident)
        send = live and incident.announced
        return self._change(incident, "resolved", send=send, state="resolved", resolved_step=over.step)

    def _change(self, incident: _Incident, kind: str, *, send: bool, **fields: object) -> Change:
        self._order += 1
        incident.order = self._order
        send = send and (incident.announced or not incident.parent)
        if incident.parent or incident.row.lead:
            self._led(incident, self._known())
        incident.row = msgspec.structs.replace(incident.row, **fields)
        incident.announced |= send
        incident.number += kind != "acknowledged"
        return Change(kind, incident.row, self._run_id, send, incident.number)

    def _row(self, finding: Finding) -> IncidentRow:
        occurrence = self._occurrences.get(finding.scope, 0) + 1
        self._occurrences[finding.scope] = occurrence
        identity = repr((self._run_id, finding.scope, occurrence)).encode()
        return IncidentRow(
            id=blake2b(identity, digest_size=6).hexdigest(),
            run=self._run_name,
            rule=finding.rule,
            severity=finding.severity.value,
            state="pending",
            title=finding.title,
            cause=finding.cause,
            advice=finding.advice,
            metric=finding.metric,
            rank=finding.rank,
            step=finding.step,
            line=finding.line,
            evidence=dict(finding.evidence),
            former=self.former,
        )

    @staticmethod
    def _confirm(row: IncidentRow, finding: Finding, *, moved: bool) -> IncidentRow:
        """Return `row` with what a newer finding knows; `moved` also takes over its place.

        A firing incident keeps its place: where it began. What halted a run is where it came to a halt.
        """
        return msgspec.structs.replace(
            row,
            severity=finding.severity.value,
            title=finding.title,
            cause=finding.cause or row.cause,
            advice=finding.advice or row.advice,
            step=finding.step if moved else row.step,
            line=finding.line if moved else row.line,
            evidence=_evidence(row, finding, moved=moved),
        )


def _evidence(row: IncidentRow, finding: Finding, *, moved: bool) -> dict[str, float | int | str | None]:
    """Return the evidence of `row` with that of a newer finding; the file is that of the line it keeps."""
    newer = {name: x for name, x in finding.evidence.items() if moved or name != "source"}
    return {**row.evidence, **newer}


def _leading(row: IncidentRow, beneath: Sequence[IncidentRow]) -> IncidentRow:
    """Return an incident with its symptoms; what the same rule found in the loss is named first."""
    if not beneath:
        return row
    loss = next((each for each in beneath if _same_in_loss(row, each)), None)
    title = row.title if loss is None else f"{loss.title}; {row.title}"
    symptoms = dict.fromkeys(each.title for each in beneath if each is not loss)
    return msgspec.structs.replace(row, title=title, symptoms=tuple(symptoms)[:MAX_SYMPTOMS])


def _same_in_loss(row: IncidentRow, symptom: IncidentRow) -> bool:
    """Return whether a symptom is the same in the loss, and neither is over."""
    alike = (row.rule, row.rank) == (symptom.rule, symptom.rank)
    both_open = "resolved" not in (row.state, symptom.state)
    return alike and both_open and symptom.metric == LOSS  # so that the other is of another metric


def _scope(row: IncidentRow) -> Scope:
    return row.rule, row.metric, row.rank
