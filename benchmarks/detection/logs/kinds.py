"""Which rule may tell what: the kinds of trouble and the ends of a launch that explain its alarms."""

from __future__ import annotations

from typing import Literal

Severity = Literal["note", "warning", "critical"]
End = Literal[
    "finished", "stopped_early", "interrupted", "preempted", "time_limit", "crashed", "killed", "cut_off"
]  # fmt: skip
FATAL = frozenset({"crashed", "killed"})
"""Ends that ask for a warning at least."""
BAD = FATAL | {"interrupted", "preempted", "time_limit"}
"""Ends that were not planned, and are named by the log."""
CLAIMS = BAD | {"finished", "stopped_early"}
"""Ends that a log names."""
OPEN = "cut_off"
"""The log just ends: whether the run hung, died or went on elsewhere cannot be known from it."""
OTHER = "other"
"""A trouble without a kind of its own: any rule may tell it, and nobody knows whether it meant it."""

_POLICY = "policy_collapse policy_shift reward_collapse discriminator"
_PACE = "jitter stalls step_time throughput"
_SAVES = "checkpoint_broken checkpoint_failed checkpoint_overdue checkpoint_shrunken lost_work"
_RULES = {
    "nan": "nonfinite masked_nan loss_scale skipped_steps rank_divergence",
    "divergence": f"divergence loss_explosion above_start loss_spike oscillation resume validation {_POLICY}",
    "spike": "loss_spike grad_spike divergence oscillation resume validation policy_shift",
    "hot_start": "above_start divergence loss_spike never_learns",
    "no_learning": "never_learns plateau reward_flat score_floor score_plateau above_start masked_nan"
    " grad_vanish",
    "plateau": "plateau score_plateau never_learns reward_flat",
    "overfitting": "validation generalization_gap memorised",
    "oscillation": "oscillation loss_spike validation",
    "grad_explosion": "grad_spike nonfinite clip_saturation",
    "zero_grad": "grad_vanish masked_nan never_learns",
    "zero_loss": "masked_nan grad_vanish loss_drop memorised discriminator",
    "loss_scale": "loss_scale nonfinite skipped_steps",
    "slow": f"{_PACE} data_bound deadline low_mfu straggler checkpoint_slow gpu_slowed gpu_underuse",
    "stall": f"{_PACE} hang silent_rank checkpoint_slow io_stall",
    "data_wait": f"{_PACE} data_bound low_mfu straggler gpu_underuse io_stall hang retries",
    "out_of_memory": "gpu_memory host_memory skipped_steps",
    "memory_growth": "gpu_memory host_memory host_limits",
    "disk": "disk_full checkpoint_failed checkpoint_slow checkpoint_space host_limits io_stall retries",
    "checkpoint_failed": f"{_SAVES} resume disk_full retries",
    "communication": "gpu_links gpu_fault rank_divergence silent_rank straggler hang retries",
    "retries": "retries",
    "bad_data": "skipped_steps loss_drop loss_spike",
    "learning_rate": "lr_anomaly resume",
    "metric_collapse": f"{_POLICY} loss_drop score_plateau validation",
    OTHER: "",
}
SIGNATURES = {
    "disk": frozenset({"disk_full", "write"}),
    "checkpoint_failed": frozenset({"write"}),
    "nan": frozenset({"not_finite"}),
    "stall": frozenset({"nccl_timeout"}),
    "out_of_memory": frozenset({"cuda_oom", "host_oom", "worker_killed"}),
}
"""Kind of trouble -> signatures of crashes that name it."""
RULES = {kind: frozenset(rules.split()) for kind, rules in _RULES.items()}
"""Kind of trouble -> rules that may tell it."""
ENDS = {
    "crash": BAD,
    "disk_full": FATAL,
    "gpu_fault": FATAL,
    "host_memory": FATAL,
    "restart_loop": BAD,
    "ended": BAD | {OPEN},
    "hang": BAD | {OPEN},
}
"""Rule -> ends of a launch that it may tell."""
SILENT = frozenset({"behind_reference", "blind", "disagreement", "finished"})
"""Rules whose alarms no label explains."""
