"""Columns of reinforcement learning and of adversaries, as their trainers print them."""

from __future__ import annotations

import numpy as np

from benchmarks.detection.trace import Trace, heavy, log_uniform

NAMES = (
    ("reward", "reward_std", "entropy", "kl", "completions/mean_length"),  # trl's GRPO
    (
        "critic/score/mean",
        "critic/rewards/std",
        "actor/entropy",
        "actor/ppo_kl",
        "response_length/mean",
    ),  # verl
    ("rollout/ep_rew_mean", "", "train/entropy_loss", "train/approx_kl", ""),  # stable-baselines3
    ("episode_reward_mean", "", "info/learner/policy_entropy", "info/learner/kl", ""),  # RLlib
)


def learn(t: Trace) -> tuple[str, str, str, str, str]:
    """Turn a run into one of reinforcement learning that goes well.

    Return the names of its reward, spread of rewards, entropy, divergence and length of replies; ""
    for what its trainer does not print.
    """
    rng, rows = t.rng, t.rows
    names = NAMES[int(rng.integers(len(NAMES)))]
    reward, spread, entropy, kl, length = names
    part = np.arange(rows) / rows
    curve = 1 / (1 + np.exp(-(part - rng.uniform(0.1, 0.5)) * rng.uniform(5, 20)))
    low, scale = rng.choice([[0.1, 0.6], [-110.0, 400.0], [0.02, 0.9], [5.0, 380.0], [-1.0, 1.2]])
    noise = 0.05 * heavy(rng, rows, 5) + 0.03 * np.sin(np.arange(rows) / rng.uniform(15, 60))
    t.columns["loss"] = 0.05 * heavy(rng, rows, 3)
    t.columns["grad"] *= np.exp(0.3 * heavy(rng, rows))
    t.extra[reward] = low + scale * (curve + noise)
    sign = -1.0 if entropy.endswith("entropy_loss") else 1.0
    falls = rng.uniform(0.2, 0.9)
    level = log_uniform(rng, 0.2, 6)
    t.extra[entropy] = sign * level * (1 - falls * curve) * np.exp(0.05 * heavy(rng, rows))
    grows = 1 - np.exp(-part * rng.uniform(2, 20)) if kl == "kl" else 1.0
    t.extra[kl] = log_uniform(rng, 0.003, 0.03) * grows * np.exp(0.5 * heavy(rng, rows, 4))
    if spread:
        t.extra[spread] = scale * (0.3 - 0.2 * curve) * np.exp(0.1 * heavy(rng, rows))
    if length:
        t.extra[length] = 400 * (1 + curve) * np.exp(0.05 * heavy(rng, rows))
    return names


def play(t: Trace) -> None:
    """Turn a run into a pair of adversaries that are in balance."""
    rng, rows = t.rng, t.rows
    number = np.arange(rows)
    swing = 0.2 * np.sin(number / rng.uniform(10, 40))
    t.columns["loss"] = np.exp(0.2 * heavy(rng, rows)) * 3
    t.extra["d_loss"] = log_uniform(rng, 0.2, 1.3) * np.exp(swing + 0.4 * heavy(rng, rows, 4))
    t.extra["g_loss"] = log_uniform(rng, 0.7, 4) * np.exp(-swing + 0.3 * heavy(rng, rows, 4))
