"""What the series of reinforcement learning and of adversaries are called, in the logs of many frameworks.

Rewards, entropies and divergences have no canonical names: they are shown as they
are printed. Here a printed name is found to play a role, by its whole or by its last
parts, as verl, trl, stable-baselines3, CleanRL, RLlib and rsl_rl print them, and as
GAN code does since DCGAN.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from runwatch.alerts.rules.baseline import take
from runwatch.core.block import Block, Samples
from runwatch.core.metrics import DISCRIMINATOR_LOSSES, GENERATOR_LOSSES

REWARD = "reward"
SPREAD = "reward spread"
ENTROPY = "entropy"
LENGTH = "reply length"
KL = "divergence"
JUDGE = "discriminator loss"
FORGER = "generator loss"
AGENT = "loss of an agent"
EXPLORATION = "rate of exploration"
RIVAL = "strength against oneself"
SIZE = "size of a model that grows"
LESSON = "part of a curriculum"
BATCH = "size of a batch"

_NAMES = {
    REWARD: """reward rewards return mean_reward reward_mean avg_reward mean_return episode_reward
        episode_return episodic_return ep_rew_mean ep_ret_mean episode_reward_mean episode_return_mean
        rew avg_rew mean_rew total_reward cumulative_reward
        average_return reward/mean rewards/mean score/mean objective/scores objective/rlhf_reward
        mean_scores mean_episode_reward""",
    SPREAD: "reward_std reward/std rewards/std score/std",
    ENTROPY: """entropy policy_entropy entropy_avg mean_entropy entropy_mean entropy_loss
        actor_entropy entropy/mean""",
    LENGTH: """response_length/mean completions/mean_length completion_length mean_response_length
        response_length response_len""",
    KL: """kl approx_kl approxkl approxkl_avg ppo_kl mean_kl kl_mean kl/mean reward_kl_penalty
        kl_divergence kl_div kl_loss""",
    AGENT: """policy_loss pi_loss policy_gradient_loss pg_loss actor_loss value_loss vf_loss critic_loss
        q_loss td_loss explained_variance explained_var explained_var_old explained_var_new""",
    EXPLORATION: "epsilon ε eps_greedy exploration_rate",
    LESSON: """stage stage_id phase lesson curriculum curriculum_level curriculum_stage difficulty
        task task_id experience seq_len seqlen seq_length sequence_length max_seq_len context_length
        curriculum_seqlen image_size img_size resolution active_layers num_layers n_layers""",
    BATCH: "batch_size batchsize bs bsz train_batch_size effective_batch_size total_batch_size",
    SIZE: """num_gaussians n_gaussians number_of_gaussians gaussians num num_gs num_splats splats num_points
        n_points points total_points""",
    RIVAL: "elo elo_rating win_rate winrate winning_rate self_play selfplay self_play_games",
}
_ROLES = {
    **{name: role for role, names in _NAMES.items() for name in names.split()},
    **dict.fromkeys(DISCRIMINATOR_LOSSES, JUDGE),
    **dict.fromkeys(GENERATOR_LOSSES, FORGER),
}
_NEGATED = frozenset({"entropy_loss"})
"""Names under which stable-baselines3 prints minus the value, and verl the value."""
_SCORES = ("score/mean", "objective/scores", "mean_scores")
"""Names of rewards before anything is subtracted from them; those after it rise when that falls."""
_EPISODES = ("episodic_return", "episode_reward", "episode_return", "total_reward", "cumulative_reward")
_APART = ("val/", "eval/", "eval_", "test/", "val-", "router/", "attn", "attention", "timing")
"""How the names of what is measured elsewhere begin."""


class Part(NamedTuple):
    """A series that plays a role."""

    metric: str
    samples: Samples


@lru_cache(maxsize=8192)
def role(metric: str) -> str:
    """Return the role of a metric, "" if it has none."""
    name = metric.lower().replace(" ", "_")
    if name.startswith(_APART):
        return ""
    parts = name.split("/")
    return _ROLES.get("/".join(parts[-2:])) or _ROLES.get(parts[-1], "")


def is_score(metric: str) -> bool:
    """Return whether a reward is the score alone, without a penalty on divergence in it."""
    return metric.lower().endswith(_SCORES)


def of_episode(metric: str) -> bool:
    """Return whether a reward is that of a single episode, and no mean."""
    return metric.lower().replace(" ", "_").endswith(_EPISODES)


def over_episodes(metric: str) -> bool:
    """Return whether a series is over the episodes that ended: none in an interval where none did."""
    return metric.lower().rpartition("/")[2].replace(" ", "_").startswith(("episode_", "episodic_", "ep_"))


def grows_by_design(block: Block) -> float:
    """Return the offset from which a block shows how many points or splats a model has; infinite if none."""
    sizes = [float(samples.offset[0]) for name, samples in block.samples.items() if role(name) == SIZE]
    facts = (event for event in block.events if event.kind == "facts")
    return min([*sizes, *(float(e.offset) for e in facts if SIZE in map(role, e.data))], default=np.inf)


def cast(samples: Mapping[str, Samples], *roles: str) -> list[Part]:
    """Return the series of a block that play one of `roles`, by name, without rows that are not finite."""
    names = sorted(metric for metric in samples if role(metric) in roles)
    return [Part(metric, _upright(metric, samples[metric])) for metric in names]


def _upright(metric: str, samples: Samples) -> Samples:
    """Return the finite samples, without a sign where only that of a loss was printed."""
    finite = np.isfinite(samples.value)
    kept = samples if finite.all() else take(samples, finite)
    if metric.lower().rpartition("/")[2] not in _NEGATED:
        return kept
    return Samples(kept.offset, kept.line, kept.step, np.abs(kept.value))
