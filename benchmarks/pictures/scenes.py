"""What pictures are taken of: runs, views, sizes; and which of them the documentation keeps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.pictures import runs

SIZES = {"40x12": (40, 12), "phone": (60, 64), "80x24": (80, 24), "120x40": (120, 40), "200x50": (200, 50)}
VIEWS = {
    "runs": "0", "overview": "1", "metrics": "2", "ranks": "3", "logs": "4", "alerts": "5",
    "checkpoints": "6", "config": "7", "help": "1 ?",
}  # fmt: skip
"""The keys that show each view."""
_BRIEF = dict(zip("01234567", ("Runs", "Over", "Met", "Rnk", "Log", "Alrt", "Ckpt", "Cfg"), strict=True))
SHOWN = {view: rf"\[({key}|{_BRIEF.get(key)})" for view, key in VIEWS.items()} | {"help": "─ help "}
"""What is on the screen when the view is."""
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
        (r"CRIT", "step 3[34]", "4, good"),
        _EVERY,
    ),
    Scene("spike", "a corrupt stretch of data", runs.demo("spike"), (r"CRIT|WARN",), _EVERY),
    Scene("slow", "one rank gets slow", runs.demo("slow"), (r"WARN|CRIT",), _EVERY),
    Scene("hang", "one rank hangs, so all do", runs.demo("hang"), (r"WARN|CRIT",), _EVERY),
    Scene("crash", "the run crashes", runs.demo("crash"), (r"CRASH",), _EVERY),
    Scene("straggler", "8 ranks, one slower than its peers", runs.straggler, (_STEP, "WARN|CRIT"), _EVERY),
    Scene("fleet", "twenty runs", runs.fleet, ("runs 20", "is NaN"), ("runs", "overview", "alerts", "logs")),
    Scene("divergence", "a loss that rises", runs.divergence, ("CRIT",)),
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


KEPT = (
    Kept(
        "nanochat",
        "overview",
        "120x40",
        "A healthy run: curves with their spread, evaluations, checkpoints, the log",
    ),
    Kept("nan", "overview", "120x40", "NaN: what is wrong, since which step, and what to do, on every view"),
    Kept("nan", "checkpoints", "120x40", "The last checkpoint to go back to, and those saved after NaN"),
    Kept(
        "divergence", "alerts", "120x40", "An alert with its evidence, its advice and the chart it is about"
    ),
    Kept("straggler", "ranks", "120x40", "Eight ranks, of which one is slow"),
    Kept("cluster", "ranks", "120x40", "64 ranks and their GPUs"),
    Kept("fleet", "runs", "120x40", "Twenty runs, the ones that need attention first"),
    Kept("trackers", "metrics", "120x40", "One run from its log, W&B and TensorBoard"),
    Kept("crash", "overview", "80x24", "A crash, on a small terminal"),
    Kept("long", "overview", "80x24", "Ten million steps"),
    Kept("nanochat", "overview", "phone", "On a phone"),
    Kept("nanochat", "overview", "200x50", "On a wide screen"),
)
