"""Parts of a run in plain text: steps, time left, the title of an incident, the time of day."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from runwatch.core.metrics import label
from runwatch.core.snapshot import IncidentRow, Progress
from runwatch.core.stale import stale
from runwatch.render import numbers, states
from runwatch.render.glyphs import UNICODE, Glyphs

_RESULTS = 12
"""Results that are named at once."""
_SOME_CHECKPOINT = re.compile(
    r"\ba checkpoint (?:(?P<step>from before (?:this step|the spike))"
    r"|near the best|from before(?: it fell| it began)?)\b"
)
"""Words of advice for a checkpoint that has no name there; `step`: the step of the incident bounds it."""
_FOR = re.compile(r"\bfor (?:[\d.]{1,9} ?(?:s|min|[mhd])\b ?)+")


def steps(progress: Progress, ended: bool = False) -> str:
    """Return `step 41,230/120,000`, or what else is known of it: `epoch 1.49`, or `30 records`.

    A run whose steps count from 0 ended with all of them at the last but one: `all 340 steps`.
    In a pipeline the stage comes first: `sft: step 41/651`.
    """
    stage = f"{progress.stage}: " if progress.stage else ""
    return stage + _steps(progress, ended)


def _steps(progress: Progress, ended: bool) -> str:
    if progress.step is None and progress.epoch is not None:
        return f"epoch {progress.epoch:.4g}"
    if progress.step is None and progress.records:
        return f"{numbers.step(progress.records)} record{'s' * (progress.records > 1)}"
    if progress.step is None:
        return "no step" if ended else "no step yet"
    step, total = position(progress, ended)
    if _made_all(progress, ended):
        return f"all {step} steps"
    return f"step {step}/{total}" if total else f"step {step}"


def position(progress: Progress, ended: bool = False) -> tuple[str, str]:
    """Return step and total as they are written, "" where one is not known; of all steps only how many."""
    step, total = ("" if count is None else numbers.step(count) for count in (progress.step, progress.total))
    return (total, "") if _made_all(progress, ended) else (step, total)


def _made_all(progress: Progress, ended: bool) -> bool:
    """Return whether a run that counts its steps from 0 has ended with the last one."""
    step = progress.step
    return ended and progress.fraction == 1.0 and step is not None and step + 1 == progress.total


def results(values: Mapping[str, float | None]) -> str:
    """Return what the evaluation behind the end of training gave: `val loss 0.41, MMLU accuracy 0.3165`.

    None is a value that is not finite: JSON has no word for it.
    """
    texts = [(name, "nan" if value is None else f"{value:.4g}") for name, value in values.items()]
    more = f", and {len(texts) - _RESULTS} more" if len(texts) > _RESULTS else ""
    return ", ".join(f"{label(name)} {numbers.spelled(text)}" for name, text in texts[:_RESULTS]) + more


def eta(progress: Progress, glyphs: Glyphs = UNICODE) -> str:
    """Return `ETA 2d 14h ±3h`, or "" when it is unknown."""
    if progress.eta_seconds is None:
        return ""
    text = f"ETA {numbers.left(progress.eta_seconds)}"
    spread = progress.eta_spread
    if spread is not None and spread >= 1.0:
        text += f" {glyphs.spread}{numbers.brief(spread)}"
    return text


def current(progress: Progress, phase: str, age: float | None) -> Progress:
    """Return how far a run is, without an ETA if it is not known to advance. `age`: of its newest line."""
    if states.advances(phase) and not stale(progress, age):
        return progress
    return msgspec.structs.replace(progress, eta_seconds=None, eta_spread=None)


def no_eta(progress: Progress) -> str:
    """Return why there is no ETA, or "" if there is one."""
    if progress.eta_seconds is not None:
        return ""
    if progress.step is None or progress.total is None:
        return "no ETA: the total is not known"
    return "no ETA yet: too few steps were timed"


def title(row: IncidentRow, now: float | None = None) -> str:
    """Return what an incident says at Unix time `now`.

    A hang says for how long nothing came when it was found; while it lasts, that grows.
    """
    said, silent = row.title, row.evidence.get("silent_for")
    if row.state == "resolved" or row.since is None or now is None or not isinstance(silent, (int, float)):
        return said
    grown = numbers.brief(silent + max(0.0, now - row.since))
    return _FOR.sub(lambda found: f"for {grown}{' ' if found[0].endswith(' ') else ''}", said, count=1)


def found(incident: Mapping[str, Any]) -> tuple[object, ...]:
    """Return what an incident of the stream is counted by: it may be reported several times."""
    return tuple(incident[name] for name in ("rule", "metric", "rank", "step"))


def counted(severities: Collection[str]) -> str:
    """Return how many findings of each severity there are: `2 critical, 1 warning`."""
    counts = Counter(severities)
    return ", ".join(f"{counts[name]} {name}" for name in ("critical", "warning") if counts[name])


def changed(body: Mapping[str, Any], run: str = "") -> str:
    """Return `CRITICAL run: rule: title (line 8): cause`, or what is resolved, without its cause.

    What follows from another incident says that instead of its severity: `WITH IT run: ...`.
    """
    incident, resolved = body["incident"], body["change"] == "resolved"
    where = f" (line {incident['line']})" if incident["line"] else ""
    cause = f": {incident['cause']}" if incident["cause"] and not resolved else ""
    word = "RESOLVED" if resolved else "WITH IT" if body.get("symptom") else incident["severity"].upper()
    return f"{word} {run and f'{run}: '}{incident['rule']}: {incident['title']}{where}{cause}"


def advice(row: IncidentRow) -> str:
    """Return the advice of an incident; it names the last checkpoint before it where that is known.

    It is good only for an incident that says up to which step all was well.
    """
    good = row.evidence.get("last_checkpoint")
    if not isinstance(good, int):
        return row.advice
    bounded = any(isinstance(row.evidence.get(name), int) for name in ("sound_step", "best_step"))
    before = row.step is not None and good < row.step
    return _SOME_CHECKPOINT.sub(
        lambda found: (
            f"checkpoint {numbers.step(good)}" if (before if found["step"] else bounded) else found[0]
        ),
        row.advice,
        count=1,
    )


def to_do(row: IncidentRow) -> str:
    """Return what a person should do now: nothing about what is over."""
    said = advice(row) if row.state != "resolved" else ""
    return f"if it lasts: {said}" if said and row.state == "pending" else said


def clock(unix: float, seconds: bool = False) -> str:
    """Return the local time of day of a Unix time: `12:41`, or `12:41:07`."""
    try:
        return time.strftime("%H:%M:%S" if seconds else "%H:%M", time.localtime(unix))
    except (OverflowError, ValueError, OSError):
        return "--:--"
