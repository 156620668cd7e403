"""Every rule there is, and how a run's set of them is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from math import inf
from typing import Any, NoReturn

from runwatch.alerts.rules.base import Rule, Threshold, thresholds
from runwatch.alerts.rules.checkpoints.checkpoint_broken import CheckpointBroken
from runwatch.alerts.rules.checkpoints.checkpoint_overdue import CheckpointOverdue
from runwatch.alerts.rules.checkpoints.checkpoint_shrunken import CheckpointShrunken
from runwatch.alerts.rules.checkpoints.checkpoint_slow import CheckpointSlow
from runwatch.alerts.rules.checkpoints.checkpoint_space import CheckpointSpace
from runwatch.alerts.rules.life.blind import Blind
from runwatch.alerts.rules.life.crash import Crash
from runwatch.alerts.rules.life.disagreement import Disagreement
from runwatch.alerts.rules.life.ended import Ended
from runwatch.alerts.rules.life.finished import Finished
from runwatch.alerts.rules.life.hang import Hang
from runwatch.alerts.rules.life.restart_loop import RestartLoop
from runwatch.alerts.rules.life.retries import Retries
from runwatch.alerts.rules.machine.disk_full import DiskFull
from runwatch.alerts.rules.machine.gpu_fault import GpuFault
from runwatch.alerts.rules.machine.gpu_links import GpuLinks
from runwatch.alerts.rules.machine.gpu_memory import GpuMemory
from runwatch.alerts.rules.machine.gpu_slowed import GpuSlowed
from runwatch.alerts.rules.machine.gpu_underuse import GpuUnderuse
from runwatch.alerts.rules.machine.host_limits import HostLimits
from runwatch.alerts.rules.machine.host_memory import HostMemory
from runwatch.alerts.rules.machine.io_stall import IoStall
from runwatch.alerts.rules.nonfinite.loss_scale import LossScale
from runwatch.alerts.rules.nonfinite.masked_nan import MaskedNan
from runwatch.alerts.rules.nonfinite.nonfinite import NonFinite
from runwatch.alerts.rules.nonfinite.skipped_steps import SkippedSteps
from runwatch.alerts.rules.optimization.behind_reference import BehindReference
from runwatch.alerts.rules.optimization.clip_saturation import ClipSaturation
from runwatch.alerts.rules.optimization.divergence import Divergence
from runwatch.alerts.rules.optimization.grad_spike import GradSpike
from runwatch.alerts.rules.optimization.grad_vanish import GradVanish
from runwatch.alerts.rules.optimization.loss_drop import LossDrop
from runwatch.alerts.rules.optimization.loss_spike import LossSpike
from runwatch.alerts.rules.optimization.lost_work import LostWork
from runwatch.alerts.rules.optimization.lr_anomaly import LrAnomaly
from runwatch.alerts.rules.optimization.memorised import Memorised
from runwatch.alerts.rules.optimization.never_learns import NeverLearns
from runwatch.alerts.rules.optimization.plateau import Plateau
from runwatch.alerts.rules.optimization.resume import Resume
from runwatch.alerts.rules.optimization.score_plateau import ScorePlateau
from runwatch.alerts.rules.optimization.validation import Validation
from runwatch.alerts.rules.policies.discriminator import Discriminator
from runwatch.alerts.rules.policies.policy_collapse import PolicyCollapse
from runwatch.alerts.rules.policies.policy_shift import PolicyShift
from runwatch.alerts.rules.policies.reward_collapse import RewardCollapse
from runwatch.alerts.rules.ranks.rank_divergence import RankDivergence
from runwatch.alerts.rules.ranks.silent_rank import SilentRank
from runwatch.alerts.rules.ranks.straggler import Straggler
from runwatch.alerts.rules.settings import Number, Overrides
from runwatch.alerts.rules.speed.data_bound import DataBound
from runwatch.alerts.rules.speed.deadline import Deadline
from runwatch.alerts.rules.speed.jitter import Jitter
from runwatch.alerts.rules.speed.low_mfu import LowMfu
from runwatch.alerts.rules.speed.step_time import StepTime
from runwatch.alerts.rules.speed.throughput import Throughput
from runwatch.core.errors import ConfigError

CATALOGUE: tuple[type[Rule], ...] = (
    NonFinite,
    MaskedNan,
    LossScale,
    SkippedSteps,
    LrAnomaly,
    Resume,
    LostWork,
    Divergence,
    LossSpike,
    LossDrop,
    GradSpike,
    GradVanish,
    ClipSaturation,
    NeverLearns,
    Plateau,
    ScorePlateau,
    Validation,
    BehindReference,
    RewardCollapse,
    PolicyCollapse,
    PolicyShift,
    Discriminator,
    Memorised,
    Throughput,
    StepTime,
    Jitter,
    LowMfu,
    DataBound,
    Straggler,
    SilentRank,
    RankDivergence,
    Blind,
    Hang,
    Crash,
    RestartLoop,
    Retries,
    CheckpointOverdue,
    CheckpointBroken,
    CheckpointShrunken,
    CheckpointSpace,
    CheckpointSlow,
    Disagreement,
    Deadline,
    Ended,
    GpuFault,
    GpuSlowed,
    GpuUnderuse,
    GpuMemory,
    GpuLinks,
    HostMemory,
    HostLimits,
    DiskFull,
    IoStall,
    Finished,
)


Where = Callable[..., str]
"""Tells where a key of the configuration stands, for errors."""


def dotted(*keys: str) -> str:
    """Return the keys as TOML writes them."""
    return ".".join(keys)


def build(
    overrides: Overrides | None = None,
    rules: Sequence[type[Rule]] = CATALOGUE,
    where: Where = lambda *keys: dotted("rules", *keys),
) -> list[Rule]:
    """Return a new set of rules for one run.

    `overrides` maps a rule's name to thresholds of it; `enabled = false` leaves
    a rule out. Raises ConfigError, with the nearest name, for what does not exist.
    """
    overrides = overrides or {}
    names = {rule.name: rule for rule in rules}
    for name in overrides:
        if name not in names:
            _unknown("rule", name, names, where(name))
    built: list[Rule] = []
    for name, rule in names.items():
        chosen = {"enabled": True, **overrides.get(name, {})}
        enabled = chosen.pop("enabled")
        if not isinstance(enabled, bool):
            raise ConfigError(f"{enabled!r} is neither true nor false", where(name, "enabled"))
        arguments = _arguments(rule, chosen, where)
        if enabled:
            built.append(rule(**arguments))
    return built


def _arguments(rule: type[Rule], chosen: Mapping[str, Number], where: Where) -> dict[str, Any]:
    known = {entry.name: entry for entry in thresholds(rule)}
    for name in chosen:
        fixed = getattr(rule, name, None)
        if name not in known and not name.startswith("_") and isinstance(fixed, int | float):
            raise ConfigError(
                f"{name!r} cannot be set: it is {fixed:g}", where(rule.name, name), "leave it out"
            )
        if name not in known:
            _unknown("threshold", name, known, where(rule.name, name))
    return {name: _checked(where(rule.name, name), value, known[name]) for name, value in chosen.items()}


def _checked(where: str, value: Number, known: Threshold) -> Number:
    """Return `value` in the type of the default: a switch, a whole number or a number."""
    if isinstance(known.default, bool):
        if isinstance(value, bool):
            return value
        raise ConfigError(f"{value!r} is neither true nor false", where)
    if isinstance(value, bool) or not isinstance(value, int | float) or not known.least <= value < inf:
        least = f" of {known.least:g} or more" if known.least > -inf else ""
        raise ConfigError(f"{value!r} is not a number{least}", where)
    if value > known.most:
        raise ConfigError(f"{value!r} is more than {known.most:g}, the most that can be judged", where)
    if isinstance(known.default, int):
        if value != int(value) or value < 1:
            raise ConfigError(f"{value!r} is not a whole number of 1 or more", where)
        return int(value)
    return float(value)


def _unknown(what: str, name: str, known: Mapping[str, object], where: str) -> NoReturn:
    near = get_close_matches(name, known, 1, 0.0)
    raise ConfigError(f"unknown {what} {name!r}", where, f"did you mean {near[0]!r}?" if near else "")
