"""Silences from the screen: for how long, and which one ends."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence

from runwatch.core.snapshot import IncidentRow, RunRow, Silenced
from runwatch.render import plain
from runwatch.tui.screens.pick import Pick
from runwatch.watcher import protocol

RUN = "run"
SPANS = {"15m": 900.0, "1h": 3600.0, "4h": 14_400.0, "1d": 86_400.0, RUN: 90 * 86_400.0}
"""What can be chosen, in seconds; no run that is silenced to its end lasts longer than the last."""


WORDS = {"15m": "15 minutes", "1h": "1 hour", "4h": "4 hours", "1d": "1 day", RUN: "until it is done"}
USUAL = "1h"
"""Where the pointer is at first."""
_PASSING = "It ends with this screen, if not before"
AGAIN = "Unsilence"
"""What the key does where a silence holds."""
_DAY = 86_400.0
_ids = itertools.count(1)


def _asked(what: str, passing: bool) -> Pick:
    asked = f"Send nothing about {what} for how long? The screen still shows it."
    asked += f" {_PASSING}." * passing
    return Pick("silence", list(WORDS.items()), {USUAL}, 1, asked=asked)


def how_long(row: IncidentRow, passing: bool) -> Pick:
    """Return the question for how long alerts of a rule are not sent; `passing`: or until the screen ends."""
    return _asked(f"{row.rule} of {row.run}", passing)


def how_long_runs(runs: Sequence[RunRow], marked: bool, passing: bool) -> Pick:
    """Return the question for how long nothing is sent about runs; it says if they are those `marked`."""
    names = ", ".join(run.name for run in runs)
    return _asked(f"{len(runs)} marked: {names}," if marked else names, passing)


def request(row: IncidentRow, span: str, now: float) -> protocol.Silence:
    """Return what asks the engine for it.

    The run is named as its own daemon calls it, not as the list of several hosts does.
    """
    return _request((f"run={row.run}", f"rule={row.rule}"), span, now, row.id)


def of_run(run: RunRow, span: str, now: float) -> protocol.Silence:
    """Return what asks the engine to send nothing about a run."""
    name = run.name.removeprefix(f"{run.host}:") if run.host else run.name
    return _request((f"run={name}",), span, now, run.id)


def _request(matchers: tuple[str, ...], span: str, now: float, about: str) -> protocol.Silence:
    return protocol.Silence(matchers, now + SPANS[span], "from the screen", id=next(_ids), about=about)


def number() -> int:
    """Return a number for a request that is answered."""
    return next(_ids)


def end(found: Silenced, about: str) -> list[protocol.Unsilence]:
    """Return what asks the engine to end all that silences a run or an incident, by its id."""
    return [protocol.Unsilence(each, number(), about) for each in found.ids]


def about(matchers: Sequence[str]) -> str:
    """Return what a silence is about: `hang of base-100`, or its matchers where they say more than that."""
    named = {name: value.strip('"') for name, is_, value in (text.partition("=") for text in matchers) if is_}
    if len(named) < len(matchers) or not named.keys() <= {"run", "rule"}:
        return " ".join(matchers)
    return " of ".join(named[name] for name in ("rule", "run") if name in named)


def until(ends: float, now: float) -> str:
    """Return when a silence ends: `until 13:27`, with the day where that is another one."""
    if ends - now > 0.9 * SPANS[RUN]:
        return WORDS[RUN]
    day = time.strftime("%a ", time.localtime(ends)) if ends - now > _DAY / 2 else ""
    return f"until {day}{plain.clock(ends)}"


def done(made: protocol.Silence | protocol.Unsilence, now: float, passing: bool) -> str:
    """Return what to say once the engine has it; `passing`: at most until the screen ends."""
    if isinstance(made, protocol.Unsilence):
        return "the silence is over: its alerts are sent again"
    lasts = ", or until this screen ends" * passing
    return f"{about(made.matchers)} silenced {until(made.ends, now)}{lasts}"


def which(silences: Sequence[protocol.SilenceRow], now: float) -> Pick:
    """Return the question which silences end now."""
    rows = [(s.id, f"{about(s.matchers)} {until(s.ends, now)}  {s.comment}".rstrip()) for s in silences]
    return Pick("end silences", rows, set(), len(rows) + 1, asked="Which may be sent again?")
