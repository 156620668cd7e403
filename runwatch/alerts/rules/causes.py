"""Which findings belong together: what follows from what.

One fault shows in many ways. Its incidents are one for people: the most severe leads,
among equals the one that explains the other, and the rest are its symptoms. The graph is fixed.
"""

from __future__ import annotations

from collections.abc import Mapping

_LOSS = frozenset(
    {
        "above_start",
        "divergence",
        "loss_spike",
        "loss_explosion",
        "loss_drop",
        "oscillation",
        "grad_spike",
        "validation",
        "plateau",
        "score_floor",
    }
)
_POLICY = frozenset({"policy_shift", "policy_collapse", "reward_collapse", "reward_flat"})
_SPEED = frozenset({"throughput", "step_time", "jitter", "stalls"})

FOLLOWS: Mapping[str, frozenset[str]] = {
    "gpu_fault": _SPEED | {"gpu_links", "crash", "hang", "silent_rank", "gpu_underuse", "ended"},
    "host_memory": _SPEED | {"crash", "hang", "ended"},
    "disk_full": frozenset(
        {"crash", "ended", "checkpoint_failed", "checkpoint_overdue", "checkpoint_broken", "checkpoint_space"}
    ),
    "gpu_links": _SPEED | {"crash", "hang", "silent_rank"},
    "host_limits": frozenset({"crash", "ended", "hang", "checkpoint_broken"}),
    "data_bound": _SPEED | {"gpu_underuse"},
    "io_stall": _SPEED | {"data_bound", "hang", "gpu_underuse", "checkpoint_overdue", "checkpoint_slow"},
    "gpu_slowed": _SPEED,
    "gpu_underuse": _SPEED,
    "gpu_memory": frozenset({"crash"}),
    "crash": frozenset({"hang", "silent_rank", "checkpoint_overdue", "checkpoint_broken", "ended"}),
    "checkpoint_space": frozenset(
        {"checkpoint_broken", "checkpoint_overdue", "checkpoint_shrunken", "retries"}
    ),
    "checkpoint_broken": frozenset({"checkpoint_shrunken"}),
    "checkpoint_failed": frozenset({"checkpoint_overdue"}),
    "rank_divergence": _LOSS | _POLICY | {"nonfinite", "grad_vanish"},
    "silent_rank": frozenset({"hang", "straggler"}),
    "restart_loop": frozenset({"crash", "resume", "lost_work", "lr_anomaly"}),
    "nonfinite": _LOSS | _POLICY | {"nonfinite", "grad_vanish", "never_learns", "masked_nan"},
    "masked_nan": _LOSS | {"nonfinite", "grad_vanish", "never_learns"},
    "loss_scale": _LOSS | {"nonfinite", "skipped_steps"},
    "skipped_steps": _LOSS | {"nonfinite", "grad_vanish"},
    "lr_anomaly": _LOSS
    | _POLICY
    | {"behind_reference", "nonfinite", "grad_vanish", "masked_nan", "never_learns"},
    "resume": _LOSS | _POLICY | {"lr_anomaly", "behind_reference"},
    "above_start": _LOSS | {"never_learns", "grad_vanish"},
    "divergence": _LOSS | {"behind_reference", "never_learns"},
    "loss_spike": frozenset({"grad_spike", "loss_drop"}),
    "loss_explosion": frozenset({"grad_spike", "loss_spike", "validation", "behind_reference"}),
    "loss_drop": frozenset({"validation", "grad_vanish"}),
    "validation": frozenset({"generalization_gap"}),
    "grad_vanish": frozenset({"plateau", "never_learns"}),
    "never_learns": frozenset({"plateau", "score_floor"}),
    "retries": _SPEED | {"data_bound", "hang", "checkpoint_overdue", "checkpoint_broken", "checkpoint_slow"},
    "straggler": _SPEED,
    "throughput": _SPEED,
    "step_time": frozenset({"jitter", "stalls"}),
    "stalls": frozenset({"jitter"}),
    "policy_shift": frozenset({"policy_collapse", "reward_collapse", "reward_flat"}),
    "policy_collapse": frozenset({"policy_collapse", "reward_collapse", "reward_flat", "plateau"}),
    "reward_collapse": frozenset({"reward_collapse", "reward_flat"}),
    "reward_flat": frozenset({"reward_flat"}),
    "hang": frozenset({"silent_rank", "checkpoint_overdue", "checkpoint_slow"}),
}
"""Rule -> the rules whose findings may follow from it."""

LASTING = frozenset(
    {
        "crash",
        "nonfinite",
        "masked_nan",
        "above_start",
        "divergence",
        "validation",
        "restart_loop",
        "disk_full",
        "host_memory",
    }
)
"""Rules whose condition explains whatever follows while it lasts, however late."""
_NEAR = 200
_NEAR_PART = 0.05


def follows(cause: str, effect: str) -> bool:
    """Return whether findings of rule `effect` may follow from those of rule `cause`."""
    return effect in FOLLOWS.get(cause, ())


def near(cause: str, one: int | None, other: int | None) -> bool:
    """Return whether two steps are close enough for `cause` to link what happened there."""
    if cause in LASTING or one is None or other is None:
        return True
    return abs(one - other) <= max(_NEAR, _NEAR_PART * max(one, other))
