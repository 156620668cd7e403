"""A run with the rules that judge it and the incidents they raised."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from runwatch.alerts.incidents.incidents import IncidentBook
from runwatch.alerts.rules.base import Rule
from runwatch.core.ending import CUT_SHORT, ENDED, HALTED, NO_END, End, Ending, advised, finished, phase_of
from runwatch.core.findings import Severity
from runwatch.core.fold.run import Run
from runwatch.core.readability import Lost
from runwatch.core.snapshot import OPEN, IncidentRow, Progress
from runwatch.watcher.engine.agreement import Report
from runwatch.watcher.engine.evidence import current
from runwatch.watcher.engine.packable import Rules

_DONE = (End.FINISHED, End.STOPPED_EARLY)
_SILENT = ("ended", "hang")
"""Rules that judge silence, the surer first."""


@dataclass(slots=True)
class WatchedRun:
    """A run with what judges it."""

    run: Run
    judges: Rules
    incidents: IncidentBook
    number: int = 1
    """Which stage of a pipeline it is, from 1."""
    follows: bool = False
    """It is a further stage of the run before it."""
    closed: bool = False
    """Another run of the same sources has begun."""
    repeats: dict[str, dict[str, Report]] = field(default_factory=dict)
    """Metric -> what other sources than the one that leads in it report of it too, by their ids."""
    source: str = ""
    """Path of the source whose records make its steps, where it has several."""
    held: list[str] = field(default_factory=list)
    """Ids of incidents that the passing of time raised before the run was seen alive."""
    blind: Lost | None = None
    """Why nothing is known of it now; see runwatch.core.readability."""
    begun_blind: bool = False
    """It is shown because its log cannot be read; nothing was read of it yet."""

    @property
    def rules(self) -> list[Rule]:
        """The rules that judge it."""
        return self.judges.value

    @rules.setter
    def rules(self, rules: list[Rule]) -> None:
        self.judges = Rules(rules)

    @property
    def reason(self) -> str:
        """Why it is blind and what to do, or what is wrong with a run that has finished; else ""."""
        if self.phase == "blind" and self.blind is not None:
            return self.blind.reason
        ending, worst = self.ending, self._worst
        if ending is None or ending.kind not in _DONE or worst is None:
            return ""
        return f"{ending.story}, but {worst.title}"

    @property
    def ending(self) -> Ending | None:
        """How it ended, or that it makes no progress; None while it continues."""
        rows = {row.rule: row for row in self.incidents.every() if row.state in OPEN}
        crash, run = rows.get("crash"), self.run
        if crash is not None and (cut := _cut_short(crash)) is not None:
            return cut
        if run.finished:
            end = End.STOPPED_EARLY if run.stopped_early else End.FINISHED
            story = finished(run.last_step, run.planned, early=run.stopped_early, probable=run.probable)
            return Ending(end, story, "" if run.probable else "log", run.last_step, run.last_line)
        for row in filter(None, map(rows.get, _SILENT)):
            return Ending(_end(row, End.HUNG), row.title, "", row.step, row.line)
        return None

    @property
    def endings(self) -> list[Ending]:
        """How each of its launches ended, as far as the log says, the newest last."""
        former = [
            cut
            for row in self.incidents.every()
            if row.rule == "crash" and row.state == "resolved" and (cut := _cut_short(row)) is not None
        ]
        former.sort(key=lambda ending: ending.line or 0)
        return [*former, *filter(None, [self.ending])]

    @property
    def crashed(self) -> bool:
        """Whether a crash is known that is not over."""
        return any(
            row.rule == "crash" and row.state != "resolved" and _is_end(row) for row in self.incidents.every()
        )

    def incident_rows(self) -> tuple[IncidentRow, ...]:
        """Return the incidents as people read them.

        They have the checkpoint to go back to. Of a run that is over they have advice that fits it,
        and what was pending is left out: it can no longer become certain.
        """
        rows = tuple(current(row, self.run) for row in self.incidents.rows())
        if not self.closed and self.phase not in ENDED:
            return rows
        return tuple(
            msgspec.structs.replace(row, advice=advised(row.advice, over=True))
            for row in rows
            if row.state != "pending"
        )

    @property
    def phase(self) -> str:
        """Phase for people: what the incidents say goes before what the log says."""
        ending = self.ending
        phase = self.run.phase if ending is None else phase_of(ending.kind)
        return "blind" if self.blind is not None and phase not in CUT_SHORT else phase

    @property
    def health(self) -> str:
        """Its health: ok, warning or critical; of what cannot be read, nothing is ok."""
        if self._worst is not None:
            return self._worst.severity
        return Severity.WARNING.value if self.phase == "blind" else "ok"

    @property
    def _worst(self) -> IncidentRow | None:
        """The most severe incident that wants attention and is not over."""
        for row in self.incidents.rows():  # the most severe first
            if row.state in OPEN:
                return row if row.severity != Severity.INFO.value else None
        return None

    @property
    def stage(self) -> str:
        """What to call it as a stage of a pipeline: its name, else its number."""
        return self.run.stage_name or f"stage {self.number}"

    @property
    def stage_now(self) -> str:
        """The stage of a pipeline that it is; "" where nothing says that there are several."""
        header = self.run.stage.header
        if header is not None and header.number is not None and header.of is not None:
            return f"{self.stage} {header.number}/{header.of}"
        return self.stage if self.follows or header is not None else ""

    def progress(self) -> Progress:
        """Return how far the run is; one that makes no progress, or cannot be seen, has no ETA."""
        progress = msgspec.structs.replace(self.run.progress(), stage=self.stage_now)
        if self.phase in HALTED - {"finished"} or self.phase == "blind":
            return msgspec.structs.replace(progress, eta_seconds=None, eta_spread=None, rate=None)
        return progress


def _is_end(row: IncidentRow) -> bool:
    """Return whether a crash is the end of its run: not an error after which the program continued."""
    return row.evidence.get("ending") != NO_END


def _cut_short(crash: IncidentRow) -> Ending | None:
    """Return the end that a crash was; None if the program continued, or had finished before."""
    end = _end(crash, End.CRASHED)
    if not _is_end(crash) or end in _DONE:
        return None
    return Ending(end, crash.title, str(crash.evidence.get("reported_by", "")), crash.step, crash.line)


def _end(row: IncidentRow, otherwise: End) -> End:
    """Return the kind of end that an incident says there was; one of another version may not say."""
    said = row.evidence.get("ending")
    return next((end for end in End if end.value == said), otherwise)
