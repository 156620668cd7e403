"""What every rule is: a small machine per run that turns blocks into findings.

A rule sees a block of samples at once and judges it with numpy. Its state is
bounded, and its findings do not depend on how the samples were chunked. It
knows no files, no clock of its own and no channel.

A rule is a dataclass: the fields that `threshold` makes can be set in
runwatch.toml and are listed in the documentation; every other field is state.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import Field, dataclass, field, fields, replace
from functools import cache
from math import inf, isfinite
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol, cast

import numpy as np

from runwatch.core.block import Block, Samples, Status
from runwatch.core.findings import Finding, Severity, Verdict
from runwatch.core.metrics import LOSS
from runwatch.render import numbers

if TYPE_CHECKING:
    from typing_extensions import Self


class Rule(Protocol):
    """One detector of one run."""

    name: ClassVar[str]
    summary: ClassVar[str]
    """One sentence for people: what it catches."""
    of_ranks: ClassVar[bool]
    """It compares ranks, so that it wants the records of all of them, not of the leading one alone."""
    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    def observe(self, block: Block) -> Iterable[Finding]:
        """Judge new samples and events. Findings come in stream order."""
        ...

    def tick(self, status: Status) -> Iterable[Finding]:
        """Judge the passing of time."""
        ...


class Threshold(NamedTuple):
    """One number (or switch) of a rule that people may change."""

    name: str
    default: float | bool
    meaning: str
    least: float = 0.0
    """The least it may be."""
    most: float = inf
    """The most it may be."""


def threshold(default: float, meaning: str, *, least: float = 0.0, most: float = inf) -> Any:
    """Return a dataclass field that is a threshold; `meaning` is one line for people."""
    return field(default=default, metadata={"meaning": meaning, "least": least, "most": most})


@cache  # asked for each rule of each run
def thresholds(rule: type[Rule]) -> tuple[Threshold, ...]:
    """Return the thresholds of a rule, in the order they are written."""
    made = (f for f in fields(rule) if "meaning" in f.metadata)
    return tuple(Threshold(f.name, cast(float, f.default), **f.metadata) for f in made)


def state_of(rule: Rule) -> dict[str, Any]:
    """Return what a rule has come to know: all of its fields that are no thresholds."""
    chosen = {threshold.name for threshold in thresholds(type(rule))}
    return {name: value for name, value in vars(rule).items() if name not in chosen}


def restore(rule: Rule, state: Mapping[str, Any]) -> None:
    """Let a rule continue from the state of an earlier one (`state_of`); its thresholds stay its own."""
    vars(rule).update(state)


class Fires(Protocol):
    """What may fire: a rule, or what it remembers of one metric."""

    firing: Severity | None


@dataclass
class RunRule:
    """A rule that judges the run as a whole, whatever rank a block is from."""

    name: ClassVar[str]
    of_ranks: ClassVar[bool] = False
    needs_log: ClassVar[bool] = True
    """It judges time by what the log shows, so that it waits while that cannot be read."""
    rank: int | None = field(default=None, init=False)
    """The rank that findings are about; None for the run."""
    firing: Severity | None = field(default=None, init=False, repr=False)
    """How severe what fires is, of a rule that watches one thing."""

    def observe(self, block: Block) -> list[Finding]:
        """Judge new samples and events."""
        with np.errstate(all="ignore"):  # a log may hold any number
            return list(self.judge(block))

    def tick(self, status: Status) -> list[Finding]:
        """Judge the passing of time."""
        with np.errstate(all="ignore"):
            return list(self.elapse(status))

    def judge(self, block: Block) -> Sequence[Finding]:
        """Judge new samples and events; rules about time alone have nothing to say."""
        return ()

    def elapse(self, status: Status) -> Sequence[Finding]:
        """Judge the passing of time; most rules have nothing to say."""
        return ()

    def say(self, verdict: Verdict, severity: Severity, title: str, where: Place, **details: Any) -> Finding:
        """Return a finding of this rule; `details` are its other fields."""
        return Finding(
            rule=self.name,
            verdict=verdict,
            severity=severity,
            title=title,
            step=where.step,
            line=where.line,
            **{"rank": self.rank, **details},
        )

    def clear(self, where: Place, metric: str | None = None, **details: Any) -> Finding:
        """Return the finding that ends an incident: its place and evidence are read, and no words."""
        return self.say(Verdict.CLEAR, Severity.INFO, "", where, metric=metric, **details)

    def resolve(self, watch: Fires, where: Place, metric: str | None = None) -> list[Finding]:
        """End what fires, if anything does."""
        was, watch.firing = watch.firing, None
        return [] if was is None else [self.clear(where, metric)]


@dataclass
class RankRule(RunRule):
    """A rule that judges every rank by itself: each rank gets its own copy of the state.

    The instance itself serves the samples that name no rank.
    """

    _ranks: dict[int, Self] = field(default_factory=dict, init=False, repr=False)

    def observe(self, block: Block) -> list[Finding]:
        """Judge new samples with the state of the block's rank."""
        with np.errstate(all="ignore"):
            return list(self._of(block.rank).judge(block))

    def tick(self, status: Status) -> list[Finding]:
        """Judge the passing of time for every rank."""
        found = super().tick(status)
        for rule in self._ranks.values():
            found += rule.tick(status)
        return found

    def _of(self, rank: int | None) -> Self:
        if rank is None:
            return self
        if rank not in self._ranks:
            self._ranks[rank] = replace(self)  # the thresholds are copied, the state starts again
            self._ranks[rank].rank = rank
        return self._ranks[rank]


class Place(NamedTuple):
    """Where in a log something happened."""

    step: int | None
    line: int | None

    def __str__(self) -> str:
        return f"step {numbers.step(self.step)}" if self.step is not None else f"line {self.line}"


NOWHERE = Place(None, None)
"""The place of what has none, or none yet."""


def last_place(status: Status) -> Place:
    """Return where a run is: its newest step, and the line of that."""
    return Place(status.last_step, status.last_line)


def place(samples: Samples, row: int) -> Place:
    """Return where one row of `samples` is."""
    step, line = samples.step[row], samples.line[row]
    return Place(int(step) if isfinite(step) else None, int(line) if isfinite(line) else None)


def in_stream_order(found: Iterable[tuple[float, Finding]]) -> list[Finding]:
    """Return findings by the offset at which each was made; at one offset the loss first, then by metric."""
    ordered = sorted(found, key=lambda each: (each[0], each[1].metric != LOSS, each[1].metric or ""))
    return [finding for _, finding in ordered]
