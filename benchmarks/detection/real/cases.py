"""What happens to which program, and what must be reported of it."""

from __future__ import annotations

from dataclasses import dataclass

PROGRAMS = {
    "numpy_loop": "numpy",
    "torch_loop": "torch",
    "torch_ddp": "torch",
    "hf_trainer": "transformers",
    "lightning_fit": "lightning",
    "keras_fit": "keras",
    "boosting": "lightgbm",
}
"""Program -> the library that it needs."""
GONE = "crash ended hang checkpoint_overdue silent_rank"
ROSE = (
    "divergence loss_spike nonfinite grad_spike above_start lr_anomaly masked_nan validation never_learns "
    "oscillation"
)
SLOWER = "step_time throughput jitter stalls data_bound"
SPACE = "checkpoint_space disk_full"
SAVING = (
    "checkpoint_failed checkpoint_broken checkpoint_space checkpoint_overdue checkpoint_shrunken disk_full"
)


@dataclass(frozen=True)
class Expected:
    """What must be reported of an event."""

    rules: str = ""
    """Rules of which one must report it; none if nothing is wrong."""
    words: str = ""
    """What a report must say so that the cause is known: a regular expression."""
    besides: str = ""
    """Rules that may warn too."""
    endings: str = ""
    """Kinds of ending that are right; any, if none is named."""
    foreseen: str = ""
    """Rules that may warn before it happens."""


FAULTS = {
    # processes
    "kill": Expected("crash ended", "SIGKILL|killed|signal 9", GONE, "killed crashed"),
    "kill_all": Expected("crash ended", "SIGKILL|killed|signal 9", GONE, "killed crashed vanished"),
    "kill_worker": Expected("crash", "worker|killed", GONE, "crashed killed"),
    "segfault": Expected("crash ended", "segmentation|SIGSEGV|signal 11", GONE, "killed crashed"),
    "terminate": Expected(
        "crash ended", "SIGTERM|terminated|signal 15", GONE, "killed preempted interrupted"
    ),
    "terminate_launcher": Expected(
        "crash ended", "SIGTERM|terminated|signal 15", GONE, "killed preempted interrupted"
    ),
    "stop": Expected("hang silent_rank", "stopped by a signal", GONE, "hung killed"),
    "stop_worker": Expected("hang", "stopped by a signal", GONE, "hung killed"),
    "raise": Expected("crash", "bad sample", GONE, "crashed"),
    "crash_again": Expected("restart_loop", "restart", f"{GONE} resume lost_work", "crashed"),
    "memory": Expected("crash host_memory", "memory|alloc", f"{GONE} {SLOWER}", "crashed"),
    "slow_rank": Expected("straggler", r"rank \d", SLOWER, "finished"),
    # data
    "slow_disk": Expected(SLOWER, "longer|slower|stall|data", "", "finished"),
    "blocked_read": Expected("hang", "in read|pipe", GONE, "hung killed"),
    "stalls": Expected(SLOWER, "stall|longer|data|times the usual", "", "finished"),
    "bad_batches": Expected("loss_spike grad_spike", "rose|jumped|above", ROSE, "finished"),
    "wrong_labels": Expected("loss_spike divergence grad_spike", "rose|jumped|above", ROSE, "finished"),
    "nan_sample": Expected("nonfinite rank_divergence masked_nan", "NaN|exactly 0", ROSE, "finished"),
    "broken_shard": Expected("crash", "reshape|ValueError|EOF", GONE, "crashed"),
    # optimisation
    "rate_jump": Expected(ROSE, "rate|above|rose|NaN|infinite", "", "finished"),
    "rate_from_start": Expected(ROSE, "rate|above|began|rose|NaN|infinite|not fallen", "", "finished"),
    "large_values": Expected("loss_scale nonfinite skipped_steps", "infinite|NaN|scale", ROSE, "finished"),
    "detached": Expected("grad_vanish", "grad", ROSE, "finished"),
    "wrong_parameters_from_start": Expected("never_learns plateau masked_nan", "not fallen", "", "finished"),
    # files
    "disk_full": Expected(
        "crash disk_full", "space|too large|full|quota", f"{GONE} {SAVING}", "crashed", SPACE
    ),
    "save_fails": Expected("checkpoint_failed disk_full", "sav|space|full", SAVING, "finished", SPACE),
    "truncated": Expected("checkpoint_broken", "damaged|truncated|short", SAVING, "finished"),
    "slow_saves": Expected("checkpoint_slow stalls", "sav|checkpoint|stall", "stalls throughput", "finished"),
    "lost_state": Expected("resume", "restart", f"lost_work {GONE} {ROSE}", "finished"),
    "old_checkpoint": Expected("lost_work", "done again", f"{GONE} resume", "finished"),
    # machine
    "competitor": Expected(SLOWER, "longer|slower|stall", "", "finished"),
}
NUISANCES = {
    **dict.fromkeys(["plain", "noisy", "jitter", "evaluation", "long_saves"], Expected(endings="finished")),
    **dict.fromkeys(["sparse", "warmup", "warm_restarts", "long_start"], Expected(endings="finished")),
    "preempted": Expected(besides="crash", endings="finished"),
    "resume": Expected(endings="finished"),
    "early_stopping": Expected(endings="stopped_early finished"),
    "interrupt": Expected(endings="interrupted"),
    "elastic": Expected(besides="crash", endings="finished"),
}
EVENTS = {**FAULTS, **NUISANCES}


@dataclass(frozen=True)
class Case:
    """One run, and what happens in it."""

    program: str
    event: str
    launches: int = 1
    """How often it is started while it does not finish."""
    steps: int = 300
    pause: float = 0.05
    """Seconds of a step."""
    ranks: int = 0
    """Ranks under torchrun; 0: no launcher."""
    restarts: int = 0
    """Restarts that the launcher may make."""
    split: bool = False
    """Whether every rank has a log of its own."""
    tmpfs: int = 0
    """Bytes of the file system that checkpoints are saved to, where mounting is allowed."""

    @property
    def name(self) -> str:
        """Return what a person calls it."""
        return f"{self.program}-{self.event}"

    @property
    def expected(self) -> Expected:
        """Return what must be reported of it."""
        return EVENTS[self.event]

    @property
    def healthy(self) -> bool:
        """Return whether nothing is wrong."""
        return self.event in NUISANCES


LONG = {"steps": 480, "pause": 0.03}
CASES = (
    *(Case("numpy_loop", event) for event in ("kill", "terminate", "stop", "memory", "slow_disk")),
    *(Case("numpy_loop", event) for event in ("blocked_read", "bad_batches", "rate_jump", "large_values")),
    *(Case("numpy_loop", event) for event in ("truncated", "slow_saves", "competitor")),
    Case("numpy_loop", "rate_from_start", **LONG),
    Case("numpy_loop", "crash_again", launches=6),
    Case("numpy_loop", "disk_full", tmpfs=1_500_000),
    Case("numpy_loop", "save_fails", tmpfs=1_500_000),
    Case("numpy_loop", "lost_state", launches=2),
    Case("numpy_loop", "old_checkpoint", launches=2),
    *(
        Case("torch_loop", event)
        for event in ("kill_worker", "stop_worker", "segfault", "stalls", "nan_sample")
    ),
    *(Case("torch_loop", event) for event in ("wrong_labels", "broken_shard", "rate_jump", "detached")),
    *(Case("torch_loop", event) for event in ("truncated", "competitor")),
    Case("torch_loop", "rate_from_start", **LONG),
    Case("torch_loop", "wrong_parameters_from_start", steps=600, pause=0.03),
    Case("torch_loop", "lost_state", launches=2),
    *(Case("torch_ddp", event, ranks=2) for event in ("kill", "kill_all", "terminate_launcher", "raise")),
    *(Case("torch_ddp", event, ranks=2) for event in ("stop", "nan_sample")),
    Case("torch_ddp", "slow_rank", ranks=3, split=True),
    Case("torch_ddp", "crash_again", ranks=2, restarts=4, pause=0.03),
    *(Case("hf_trainer", event) for event in ("kill", "stop", "nan_sample", "broken_shard", "rate_jump")),
    Case("hf_trainer", "rate_from_start", **LONG),
    Case("hf_trainer", "disk_full", tmpfs=150_000),
    *(Case("lightning_fit", event) for event in ("kill_worker", "terminate", "nan_sample", "rate_jump")),
    Case("keras_fit", "kill"),
    Case("keras_fit", "rate_jump", steps=400, pause=0.04),
    Case("boosting", "kill"),
    # healthy
    *(Case("numpy_loop", event) for event in ("plain", "noisy", "jitter", "evaluation", "long_saves")),
    *(Case("numpy_loop", event) for event in ("warmup", "warm_restarts", "long_start", "early_stopping")),
    Case("numpy_loop", "sparse", steps=600, pause=0.03),
    Case("numpy_loop", "interrupt"),
    Case("numpy_loop", "resume", launches=2),
    Case("numpy_loop", "preempted", launches=2),
    *(Case("torch_loop", event) for event in ("plain", "jitter", "long_saves", "interrupt")),
    Case("torch_loop", "resume", launches=2),
    Case("torch_ddp", "plain", ranks=2),
    Case("torch_ddp", "jitter", ranks=2, split=True),
    Case("torch_ddp", "elastic", ranks=2, restarts=2),
    *(Case("hf_trainer", event) for event in ("plain", "sparse", "jitter", "early_stopping")),
    Case("hf_trainer", "resume", launches=2),
    *(Case("lightning_fit", event) for event in ("plain", "evaluation", "early_stopping", "interrupt")),
    Case("lightning_fit", "resume", launches=2),
    Case("keras_fit", "plain", steps=400, pause=0.04),
    Case("keras_fit", "early_stopping", steps=600, pause=0.03),
    Case("boosting", "plain"),
    Case("boosting", "early_stopping"),
)
