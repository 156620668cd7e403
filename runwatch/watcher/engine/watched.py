"""A run with the rules that judge it and the incidents they raised."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from runwatch.alerts.incidents.incidents import IncidentBook
from runwatch.alerts.rules.base import Rule
from runwatch.core.readability import Lost
from runwatch.core.run import Run
from runwatch.core.snapshot import Progress


@dataclass(slots=True)
class WatchedRun:
    """A run with what judges it."""

    run: Run
    rules: list[Rule]
    incidents: IncidentBook
    number: int = 1
    """Which stage of a pipeline it is, from 1."""
    follows: bool = False
    """It is a further stage of the run before it."""
    closed: bool = False
    """Another run of the same sources has begun."""
    source: str = ""
    """Path of the source whose records make its steps, where it has several."""
    held: list[str] = field(default_factory=list)
    """Ids of incidents that the passing of time raised before the run was seen alive."""
    blind: Lost | None = None
    """Why nothing is known of it now; see runwatch.core.readability."""
    begun_blind: bool = False
    """It is shown because its log cannot be read; nothing was read of it yet."""

    @property
    def reason(self) -> str:
        """Why it is blind and what to do, on one line; "" if it is not."""
        return self.blind.reason if self.blind is not None and self.phase == "blind" else ""

    @property
    def phase(self) -> str:
        """Phase for people: what the incidents say goes before what the log says."""
        firing = {row.rule for row in self.incidents.rows() if row.state in ("firing", "acknowledged")}
        if "crash" in firing:
            return "crashed"
        if self.blind is not None:
            return "blind"
        return "stalled" if firing & {"hang", "ended"} and not self.run.finished else self.run.phase

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
        """Return how far the run is; one that stands still, or cannot be seen, has no ETA."""
        progress = msgspec.structs.replace(self.run.progress(), stage=self.stage_now)
        if self.phase in ("crashed", "stalled", "blind"):
            return msgspec.structs.replace(progress, eta_seconds=None, eta_spread=None, rate=None)
        return progress
