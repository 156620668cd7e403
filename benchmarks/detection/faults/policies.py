"""Policies that break, and games that one side wins."""

from __future__ import annotations

import numpy as np

from benchmarks.detection.faults.base import fault
from benchmarks.detection.policies import learn, play
from benchmarks.detection.trace import Trace, heavy

POLICY = "reward_collapse policy_collapse policy_shift"


@fault("reward_collapse policy_collapse", r"down from", needs="extra", group="policies", rows=200, least=300,
       room=220, also=POLICY)  # fmt: skip
def reward_falls(t: Trace, at: int) -> None:
    """Forget within some rows most of what was learned."""
    reward, *_ = learn(t)
    column = t.extra[reward]
    low, now = float(np.median(column[:30])), float(np.median(column[at - 30 : at]))
    best = now if abs(now - low) > 10 * abs(float(np.std(np.diff(column[:30])))) else low + 20 * abs(low) + 1
    if best is not now:  # it had not learned yet: it has now
        column[at // 2 :] += best - now
    gone = np.minimum(1, np.arange(t.rows - at) / t.rng.uniform(1, 20)) * t.rng.uniform(0.75, 1.1)
    column[at:] = best + (low - best) * gone + (column[at:] - np.median(column[at:])) * 0.5


@fault("policy_collapse", r"first", needs="extra", group="policies", rows=120, room=140, also=POLICY)
def entropy_vanishes(t: Trace, at: int) -> None:
    """Do always the same, and earn no more than at the beginning."""
    reward, spread, entropy, _, length = learn(t)
    column = t.extra[reward]
    first = float(np.median(column[:30]))
    column[:] = first + abs(first) * 0.1 * t.rng.uniform(0.2, 1) * heavy(t.rng, t.rows)
    fall = np.exp(-np.minimum(np.arange(t.rows - at) / t.rng.uniform(2, 10), 6))
    t.extra[entropy][at:] *= fall
    if spread:
        t.extra[spread][at:] *= fall
    if length and t.rng.random() < 0.5:
        t.extra[length][at:] = np.maximum(t.extra[length][at:] * fall, 1.0)


@fault("policy_shift", r"usual", needs="extra", group="policies", rows=60, least=240, room=80, also=POLICY)
def policy_runs_away(t: Trace, at: int) -> None:
    """Move many times as far with each update, while rewards fall."""
    reward, _, _, kl, _ = learn(t)
    usual = float(np.median(np.abs(t.extra[kl][at - 64 : at])))
    t.extra[kl][at:] = max(usual * t.rng.uniform(20, 100), 0.3) * np.exp(0.3 * heavy(t.rng, t.rows - at))
    column = t.extra[reward]
    before = column[at - 64 : at]
    column[at:] = np.median(before) + np.std(before) * (
        heavy(t.rng, t.rows - at) - np.linspace(0, 5, t.rows - at)
    )


@fault("discriminator", r"first", needs="extra", group="policies", rows=450, room=470, info=True)
def discriminator_wins(t: Trace, at: int) -> None:
    """Tell all forgeries apart, for good."""
    play(t)
    t.extra["d_loss"][at:] *= np.exp(-np.minimum(np.arange(t.rows - at) / t.rng.uniform(5, 20), 8))
    t.extra["g_loss"][at:] *= 1 + 2 * np.minimum(np.arange(t.rows - at) / 50, 1)


@fault(
    "clip_saturation", r"ceiling", needs="grad", group="policies", rows=350, least=300, room=370, info=True
)
def gradients_are_all_clipped(t: Trace, at: int) -> None:
    """Print the norm after clipping; from some point on it is nearly always cut."""
    limit = float(np.quantile(t.columns["grad"][:at], 0.9))
    t.columns["grad"][at:] *= 10
    t.columns["grad"][:] = np.minimum(t.columns["grad"], limit)


@fault("data_bound", r"waiting for data", needs="extra", group="policies", rows=100, room=120,
       also="step_time throughput jitter")  # fmt: skip
def loader_cannot_keep_up(t: Trace, at: int) -> None:
    """Print the time that each step waited for its data."""
    seconds = t.columns["seconds"]
    t.extra["data_time"] = seconds * t.rng.uniform(0.002, 0.1) * np.exp(0.2 * heavy(t.rng, t.rows))
    more = seconds[at:] * t.rng.uniform(0.5, 2) * np.exp(0.2 * heavy(t.rng, t.rows - at))
    t.extra["data_time"][at:] += more
    t.wait[at:] += more * t.every
    seconds[at:] += more
