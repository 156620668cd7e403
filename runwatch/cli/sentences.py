"""The headless stream as sentences for screen readers: no signs, no columns, no repetition."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from runwatch.cli.headless import ENDS, SHOWN, Printer, named
from runwatch.core import metrics
from runwatch.core.plural import counted
from runwatch.core.snapshot import Progress
from runwatch.render import numbers
from runwatch.render import plain as plain_words
from runwatch.render.states import ended
from runwatch.watcher.protocol import key_of

_SPOKEN = {"σ": " sigma", "±": " plus or minus ", "→": " to ", "…": "...", "×": " times ", "·": ", "}
_UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))
_DOES = {
    "starting": "is starting",
    "warmup": "is warming up",
    "training": "is training",
    "evaluating": "is evaluating",
    "checkpointing": "is saving a checkpoint",
    "stalled": "has stalled",
    "blind": "cannot be seen",
}
_ABOUT = (("Cause", "cause"), ("Advice", "advice"), ("Rule", "rule"))


class Sentences(Printer):
    """Prints each change as a sentence."""

    decorated = False

    def __init__(self) -> None:
        super().__init__(as_json=False)
        self.clock = None

    def stamped(self, line: str) -> str:
        """Return the line with words for signs."""
        return super().stamped("".join(_SPOKEN.get(char, char) for char in line))

    def _run(self, run: str, body: dict[str, Any]) -> str:
        form = f" in the format {body['format']}" if body["format"] else ""
        return f"Watching {run}{form}, from {' and '.join(named(body['sources']))}."

    def _renamed(self, run: str, body: dict[str, Any]) -> str:
        return f"{body['former']} is now named {run}."

    def _stage(self, run: str, body: dict[str, Any]) -> str:
        return f"{run}: stage {body['number']} begins, {body['stage']}."

    def _preview(self, run: str, body: dict[str, Any]) -> str:
        share = "" if body["history"] is None else f", {_percent(body['history'])} so far"
        return f"Reading the history of {run}{share}."

    def _values(self, run: str, body: dict[str, Any]) -> str:
        does = _DOES.get(body["phase"], f"is in the phase {body['phase']}")
        return " ".join(filter(None, (f"{run} {does}{_place(body)}.", _measured(body))))

    def _incident(self, run: str, body: dict[str, Any]) -> str:
        row, resolved = body["incident"], self._remember(body)
        where = f", in line {row['line']:,}" if row["line"] else ""
        title = f"{row['title']}{where}"
        if resolved:
            return f"Resolved in {run}: {title}."
        acknowledged = " Acknowledged." if body["change"] == "acknowledged" else ""
        if body.get("symptom"):
            return f"With it in {run}: {title}.{acknowledged}"
        said = [f"{row['severity'].capitalize()} in {run}: {title}.{acknowledged}"]
        said += [f"{name}: {_closed(row[key])}" for name, key in _ABOUT if row.get(key)]
        return " ".join(said)

    def _end(self, run: str, body: dict[str, Any]) -> str:
        state = ENDS.get(body["state"], body["state"])
        if body["state"] == "no run":
            return f"{run}: {state}."
        newest = self._newest.get(key_of(body))
        said = [f"{run} has ended: {state}{_place({**newest, 'eta_seconds': None}) if newest else ''}."]
        if newest:
            said.append(_measured(newest))
        if results := body.get("summary", {}).get("results"):
            said.append(f"Results: {plain_words.results(results)}.")
        found = self.findings(body)
        said.append(f"Found: {found}." if found else "No findings.")
        return " ".join(filter(None, said))


def _closed(text: str) -> str:
    """Return a text that ends as a sentence does."""
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _percent(share: float) -> str:
    return numbers.percent(share, 0).replace("%", " percent")


def _place(body: Mapping[str, Any]) -> str:
    """Return how far a run is, for the end of a clause."""
    clause = ""
    if body["step"] is not None:
        stage = f" of {body['stage']}" if body.get("stage") else ""
        at = Progress(body["step"], body["total"] or None, body["progress"])
        step, total = plain_words.position(at, ended(body["phase"]))
        whole = f" of {total}" if total else ""
        clause += f", after all {step} steps" if at.total and not total else f", at step {step}{whole}"
        clause += stage
    if body["progress"] is not None:
        clause += f", {_percent(body['progress'])}"
    if body["eta_seconds"] and not ended(body["phase"]):
        clause += f", {spoken(body['eta_seconds'])} left"
    return clause


def _measured(body: Mapping[str, Any]) -> str:
    """Return the newest values in a sentence; "" if there are none."""
    values = []
    for name in SHOWN:
        if name in body["metrics"]:
            value = body["metrics"][name]
            values.append(
                f"{metrics.label(name)} {'not a number' if value is None else numbers.value(name, value)}"
            )
    said = ", ".join(values)
    return f"{said[0].upper()}{said[1:]}." if said else ""


def spoken(seconds: float) -> str:
    """Return a time in words, of two units at most: `2 days 14 hours`."""
    if not math.isfinite(seconds):
        return "an unknown time"
    rest, parts = max(1, round(seconds)), list[str]()
    for unit, size in _UNITS:
        count, rest = divmod(rest, size)
        if count:
            parts.append(counted(count, unit))
        elif parts:
            break
    return " ".join(parts[:2])
