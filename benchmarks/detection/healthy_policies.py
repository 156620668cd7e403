"""Healthy runs of reinforcement learning, of adversaries and of diffusion, and others that wait for data."""

from __future__ import annotations

import numpy as np

from benchmarks.detection.healthy import ONLY, PAUSES, SHAPES, shape
from benchmarks.detection.policies import learn, play
from benchmarks.detection.trace import Trace, heavy, log_uniform

__all__ = ["ONLY", "PAUSES", "SHAPES"]
"""Those of `healthy`, with the shapes of this file."""


@shape("jsonl")
def policy(t: Trace) -> None:
    """Learn steadily; the entropy falls as the policy gets sure of itself."""
    learn(t)


@shape("jsonl")
def policy_that_is_sure(t: Trace) -> None:
    """Solve the task: the entropy and the spread of rewards go to nearly nothing."""
    _, spread, entropy, *_ = learn(t)
    solved = np.exp(-6 * np.clip((np.arange(t.rows) / t.rows - 0.5) * 4, 0, 1))
    t.extra[entropy] *= solved
    if spread:
        t.extra[spread] *= solved


@shape("jsonl")
def policy_with_dips(t: Trace) -> None:
    """Forget a part for a while, and learn it again."""
    reward, *_ = learn(t)
    column = t.extra[reward]
    low = float(np.median(column[:30]))
    for row in range(t.rows // 3, t.rows - 60, max(120, t.rows // 4)):
        width = int(t.rng.integers(5, 40))
        column[row : row + width] = low + (column[row : row + width] - low) * t.rng.uniform(0.3, 0.8)


@shape("jsonl")
def policy_that_learns_nothing(t: Trace) -> None:
    """Wander about the reward of chance."""
    reward, *_ = learn(t)
    wander = np.cumsum(0.02 * t.rng.normal(size=t.rows))
    t.extra[reward] = 0.1 + 0.05 * np.abs(heavy(t.rng, t.rows, 4)) + 0.01 * np.tanh(wander)


@shape("jsonl")
def single_episodes(t: Trace) -> None:
    """Print each episode: rewards scatter over their whole range."""
    learn(t)
    t.extra = {"episodic_return": t.rng.exponential(20 + 200 * np.arange(t.rows) / t.rows)}


@shape("jsonl")
def no_episode_ended(t: Trace) -> None:
    """Print NaN in intervals that no episode ended in."""
    learn(t)
    none = t.rng.random(t.rows) < t.rng.uniform(0.02, 0.3)
    none[:3] = True
    t.extra["episode_reward_mean"] = np.where(none, np.nan, t.rng.exponential(200, t.rows))
    t.extra["episode_len_mean"] = np.where(none, np.nan, 300.0)


@shape("jsonl")
def nothing_to_prefer(t: Trace) -> None:
    """Print a loss of zero for many rows: all answers earn the same, and the norms are zero, too."""
    learn(t)
    for row in range(40, t.rows - 40, max(60, t.rows // 6)):
        length = int(t.rng.integers(3, 30))
        t.columns["loss"][row : row + length] = 0.0
        t.columns["grad"][row : row + length : 3] = 0.0


@shape("jsonl")
def divergence_grows(t: Trace) -> None:
    """Leave the reference, from nothing, for better rewards."""
    _, _, _, kl, _ = learn(t)
    warm = np.clip(np.arange(t.rows) / t.rng.uniform(20, 150), 0, 1) ** 3
    t.extra[kl] = 1e-4 + log_uniform(t.rng, 0.05, 8) * warm * (1 + 3 * np.arange(t.rows) / t.rows) * np.exp(
        0.4 * heavy(t.rng, t.rows, 3)
    )


@shape("jsonl")
def adversaries(t: Trace) -> None:
    """Play on even terms."""
    play(t)


@shape("jsonl")
def strong_discriminator(t: Trace) -> None:
    """Print losses on real and fake images, small ones: the images are good all the same."""
    play(t)
    fall = np.exp(-np.minimum(np.arange(t.rows) / (t.rows / 3), 3))
    t.extra["D_real"] = t.extra["d_loss"] * fall * np.exp(heavy(t.rng, t.rows, 4))
    t.extra["D_fake"] = t.extra.pop("d_loss") * fall
    t.extra["G_GAN"] = t.extra.pop("g_loss") * 1.5


@shape("jsonl")
def late_discriminator(t: Trace) -> None:
    """Switch the adversary on late, as auto-encoders do."""
    play(t)
    t.extra["disc_loss"] = t.extra.pop("d_loss")
    t.extra["disc_loss"][: t.rows // 2] = 0.0


@shape()
def diffusion(t: Trace) -> None:
    """Learn to remove noise: the loss depends on the noise that was drawn far more than on the model."""
    drawn = t.rng.beta(0.8, 2.5, t.rows)
    t.columns["loss"] = 0.02 + log_uniform(t.rng, 0.05, 0.4) * drawn * (1 + np.exp(-np.arange(t.rows) / 30))
    t.columns["grad"] *= np.exp(0.4 * heavy(t.rng, t.rows))


@shape("jsonl")
def always_waits_for_data(t: Trace) -> None:
    """Spend most of each step on data, and always did."""
    part = t.rng.uniform(0.3, 0.99)
    t.extra["data_time"] = t.columns["seconds"] * np.minimum(part * np.exp(0.05 * heavy(t.rng, t.rows)), 1)


@shape()
def clipped_norms(t: Trace) -> None:
    """Print the norm after clipping, with a limit that many reach."""
    t.columns["grad"] = np.minimum(t.columns["grad"], float(np.quantile(t.columns["grad"], 0.3)))
