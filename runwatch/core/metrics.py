"""Canonical metric names, the units of stored values, and what people read.

Inside: seconds, bytes, fractions in [0, 1]. What printed names mean is decided by runwatch.parsers.lexicon.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    import numpy as np
    from numpy.typing import NDArray

LOSS = "train/loss"
GRAD_NORM = "train/grad_norm"
LEARNING_RATE = "train/learning_rate"
LR_MULTIPLIER = "train/lr_multiplier"
EPOCH = "train/epoch"
LOSS_SCALE = "train/loss_scale"
VAL_LOSS = "val/loss"
VAL_BPB = "val/bpb"
_LOSSES = (LOSS, VAL_LOSS, VAL_BPB)
"""What runs are compared by, before anything else."""
STEP_TIME = "perf/step_time"
DATA_TIME = "data_time"
REMAINING = "perf/remaining"
"""Seconds until the end, as the program itself estimates it."""
DONE = "train/done"
"""Share of the run that is done, as the program prints it, where it prints no total."""
SCORE = "SCORE"
"""The score of an evaluation, as spaCy prints it."""
TOKENS_PER_SEC = "perf/tokens_per_sec"
SAMPLES_PER_SEC = "perf/samples_per_sec"
MFU = "perf/mfu"
TFLOPS = "perf/tflops"
GENERATOR_LOSSES = frozenset({
    "g_loss", "loss_g", "lossg", "errg", "gen_loss", "generator_loss", "loss_gen", "loss_generator",
    "g_gan", "g_a", "g_b", "g/loss", "gen/loss", "g",
})  # fmt: skip
"""Names of the losses of what adversaries train for use, in small letters."""
DISCRIMINATOR_LOSSES = frozenset({
    "d_loss", "loss_d", "lossd", "errd", "disc_loss", "discriminator_loss", "loss_disc", "loss_discriminator",
    "d_a", "d_b", "d_fake", "d/loss", "dis/loss", "disc/loss", "dis_loss", "loss_dis",
})  # fmt: skip
"""Names of the losses of what judges it."""


@dataclass(frozen=True, slots=True)
class Unit:
    """How a printed number becomes the stored one: value * multiply / divide, or its inverse.

    What is not `above` a value is stored as it is. A share is printed as a fraction or in per cent, a time
    in seconds or in milliseconds: which of them a value shows by itself, however much of the log was read.
    """

    multiply: float = 1.0
    divide: float = 1.0
    invert: bool = False
    above: float = float("-inf")

    def apply(self, value: float) -> float:
        """Return the stored value; both parsing paths compute exactly this."""
        if self.invert:
            return 1.0 / value if value else float("inf")
        return value * self.multiply / self.divide if value > self.above else value

    def scale(self, column: NDArray[np.float64]) -> None:
        """Make stored values of printed ones in place."""
        if self.invert:
            zero = column == 0.0
            column[zero] = 1.0
            column[:] = 1.0 / column
            column[zero] = float("inf")
            return
        if self.above > float("-inf"):
            over = column > self.above
            column[over] = column[over] * self.multiply / self.divide
            return
        if self.multiply != 1.0:
            column *= self.multiply
        if self.divide != 1.0:
            column /= self.divide


SHARE = Unit(divide=100.0, above=1.0)
"""A fraction, or per cent where it exceeds 1."""
CLOCK = Unit(divide=1e3, above=1e11)
"""Unix seconds, or milliseconds where no time in seconds is so late."""


_WORD = re.compile(r"[a-z]+")
_COUNTED = frozenset(_WORD.findall("""
    epoch epochs step steps iteration iterations iter iters update updates batch batches
    sample samples example examples token tokens frame frames timestep timesteps episode episodes
    param params parameters flos pq rg
"""))  # fmt: skip
_COUNTING = frozenset(_WORD.findall("""
    global total num n number no count seen consumed processed trained input of so far trainer train current
    size trainable non
"""))  # fmt: skip
_CLOCKS = re.compile(
    r"(?:^|[/_ ])(?:total|wall|elapsed|train|training) ?_?time$|^eta$|runtime|timestamp|elapsed$"
)
_SPEEDS = re.compile(r"^(?:val|eval|test)[/_].*(?:per_sec(?:ond)?|_time|runtime)$|^train_.*per_second$")
HELD_OUT = r"(?:val(?:id(?:ation)?)?|test|eval|dev)"
"""A regular expression of the parts of the data that are held out."""
_OF_HELD_OUT = re.compile(HELD_OUT + r"[/_ ]", re.IGNORECASE)
_OF_MACHINE = ("system/", "host/", "proc/", "gpu/")


@lru_cache(1024)
def is_bookkeeping(metric: str) -> bool:
    """Return whether a metric only counts or times what is done: epochs, tokens seen, run time."""
    words = frozenset(_WORD.findall(metric.lower().removeprefix("train/")))
    if words & _COUNTED and words <= _COUNTED | _COUNTING:
        return True
    name = metric.lower()
    return metric in (REMAINING, DONE) or bool(_CLOCKS.search(name) or _SPEEDS.search(name))


def of_held_out(metric: str) -> bool:
    """Return whether the name of a metric begins with a part of the data that is held out."""
    return _OF_HELD_OUT.match(metric) is not None


def is_of_machine(metric: str) -> bool:
    """Return whether a tracker measured it on the machine, not in training."""
    return metric.startswith(_OF_MACHINE)


_LABELS = {
    LEARNING_RATE: "lr",
    LR_MULTIPLIER: "lr mult",
    TOKENS_PER_SEC: "tok/s",
    SAMPLES_PER_SEC: "samples/s",
    MFU: "MFU",
    TFLOPS: "TFLOP/s",
}


def label(metric: str) -> str:
    """Return the short name people read: `train/grad_norm` -> `grad norm`."""
    if metric in _LABELS:
        return _LABELS[metric]
    if metric.startswith("val/"):
        metric = f"val {metric.removeprefix('val/')}"
    head, _, rest = metric.partition("/")
    return (rest if head in {"train", "perf"} and rest else metric).replace("_", " ")


_BETTER = {
    "min": """
        loss losses error errors err mae mse rmse rmsle mape smape msle nll ppl perplexity bpb bpc bpt logloss
        merror deviance crps brier ece eer wer cer ter fid kid lpips chamfer rmsd epe regret
    """,
    "max": """
        accuracy accuracies acc aacc macc top1 top3 top5 top10 precision recall specificity sensitivity
        f1 fscore map ap auc auroc auprc aucpr roc kappa mcc iou miou giou dice jaccard psnr ssim bleu
        sacrebleu chrf rouge rougel rougelsum meteor cider comet bertscore em pass@ mrr ndcg hit hits pearson
        spearman r2 score scores fitness reward rewards rew return returns success win winrate mfu
    """,
}
"""Words of what an evaluation wants small, and of what it wants large. A new name is a word here."""
_WAYS = {word: way for way, words in _BETTER.items() for word in words.split()}
_TWO = {"exact match": "max", "ep ret": "max", "abs rel": "min", "edit distance": "min"}
_NO_GOAL = frozenset(_WORD.findall("""
    lr learning grad gradient norm scale scaler threshold weight weights coef coeff coefficient std
    stdev var variance time seconds sec secs ms count num length len step steps epoch epochs gap margin
    margins delta diff ratio rejected code tokens iter patience kl clip discount gamma timing timer
    memory interval
"""))  # fmt: skip
"""Words of what is counted, timed or set, or is only a spread of scores."""
_PART = re.compile(r"f1|r2|top\d+|pass@|[a-z]+")
_HUMP = re.compile(r"(?<=[a-z]{2})(?=[A-Z])")


@lru_cache(2048)
def goal(metric: str) -> str:
    """Return `min` or `max`, where a smaller or a larger value is known to be better, else "".

    The last known word decides, but for losses: `loss_giou` is one, `loss/accuracy` an accuracy.
    """
    words = _PART.findall(_HUMP.sub(" ", metric).lower())
    if not _NO_GOAL.isdisjoint(words) or is_of_machine(metric):
        return ""
    pairs = map(" ".join, pairwise(words))
    if two := next(filter(None, map(_TWO.get, pairs)), ""):
        return two
    if any(word.endswith("loss") for word in _PART.findall(metric.lower().rpartition("/")[2])):
        return "min"
    ways = (_WAYS.get(word, "min" if word.endswith("loss") else "") for word in reversed(words))
    return next(filter(None, ways), "")


def primary(ours: Iterable[str], theirs: Container[str]) -> str:
    """Return the metric that runs are compared by: the training loss, else one with a known goal; or ""."""
    both = [name for name in ours if name in theirs]
    ranked = [name for name in _LOSSES if name in both] or [name for name in both if goal(name)]
    return ranked[0] if ranked else ""
