"""What pictures are taken of: runs, views, sizes; and which of them the documentation keeps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.pictures import runs

SIZES = {"phone": (48, 40), "80x24": (80, 24), "120x40": (120, 40), "200x50": (200, 50)}
VIEWS = {
    "runs": "0", "overview": "1", "metrics": "2", "ranks": "3", "logs": "4", "alerts": "5",
    "checkpoints": "6", "config": "7", "help": "1 ?",
}  # fmt: skip
"""The keys that show each view."""
AFTER = {"help": "esc"}
"""The keys that leave it."""
_ALONE = tuple(view for view in VIEWS if view not in {"runs", "ranks"})
_EVERY = tuple(view for view in VIEWS if view != "runs")
_STEP = r"step [\d,]+"


@dataclass(frozen=True)
class Scene:
    """A run that is watched, and the views of it."""

    name: str
    title: str
    make: Callable[[Path], runs.Watched]
    ready: tuple[str, ...] = (_STEP,)
    """Patterns that have to be on the screen, one after the other."""
    views: tuple[str, ...] = _ALONE
    ours: bool = True
    """Whether it is runwatch that is shown; of others there is one view."""


SCENES = (
    Scene("nanochat", "a healthy run", runs.nanochat, (_STEP, r"20 (kept|checkpoints)|loss")),
    Scene("demo", "a small real run, at its end", runs.demo(), (r"step 3\d\d", "FINISHED"), _EVERY),
    Scene(
        "nan",
        "the grad norm overflows, then the loss is NaN",
        runs.demo("nan"),
        (r"CRIT", "step 3[34]"),
        _EVERY,
    ),
    Scene("spike", "a corrupt stretch of data", runs.demo("spike"), (r"CRIT|WARN",), _EVERY),
    Scene("slow", "one rank gets slow", runs.demo("slow"), (r"WARN|CRIT",), _EVERY),
    Scene("hang", "a rank stands still, so all do", runs.demo("hang"), (r"WARN|CRIT",), _EVERY),
    Scene("crash", "the run crashes", runs.demo("crash"), (r"CRASH",), _EVERY),
    Scene("straggler", "8 ranks, one slower than its peers", runs.straggler, (_STEP, "WARN|CRIT"), _EVERY),
    Scene("fleet", "twenty runs", runs.fleet, ("base-1",), ("runs", "overview", "alerts", "logs")),
    Scene("trackers", "a run with W&B, TensorBoard and checkpoints", runs.trackers),
    Scene("cluster", "64 ranks with GPUs", runs.cluster, (_STEP,), ("overview", "ranks")),
    Scene("leet", "`wandb leet` on the run with W&B", runs.leet, ("train/loss",), ("overview",), ours=False),
    Scene("btop", "btop", runs.btop, ("Cpu%",), ("overview",), ours=False),
    Scene("long", "10,000,000 steps", runs.long, (r"step (10,|9,9)",)),
)


@dataclass(frozen=True)
class Kept:
    """A picture that the documentation keeps."""

    scene: str
    view: str
    size: str
    caption: str


KEPT: tuple[Kept, ...] = ()
