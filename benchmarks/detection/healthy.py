"""Runs in which nothing is wrong, though much looks like it: each shape has misled some detector."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.detection.trace import Floats, Trace, heavy, log_uniform

Shape = Callable[[Trace], None]
SHAPES: dict[str, Shape] = {}
"""Name -> what it does to a run."""
ONLY: dict[str, tuple[str, ...]] = {}
"""Name -> the formats that can show it."""
PAUSES: set[str] = set()
"""Names of those whose silences are watched row by row."""


def shape(*styles: str, pauses: bool = False) -> Callable[[Shape], Shape]:
    def register(function: Shape) -> Shape:
        SHAPES[function.__name__] = function
        if styles:
            ONLY[function.__name__] = styles
        if pauses:
            PAUSES.add(function.__name__)
        return function

    return register


def _slower(t: Trace, rows: slice, factor: float | np.ndarray, tokens: float | np.ndarray = 1.0) -> None:
    t.wait[rows] += t.columns["seconds"][rows] * t.every * (factor - 1)
    t.columns["seconds"][rows] *= factor
    t.columns["tokens"][rows] *= tokens


@shape()
def plain(t: Trace) -> None:
    """Print nothing unusual."""


@shape()
def warm_restarts(t: Trace) -> None:
    period = max(60, t.rows // int(t.rng.integers(3, 7)))
    phase = (np.arange(t.rows) % period) / period
    t.columns["lr"] = t.columns["lr"].max() * (0.05 + 0.475 * (1 + np.cos(np.pi * phase)))
    t.columns["loss"] *= 1 + 0.06 * np.exp(-phase * 8) * (np.arange(t.rows) >= period)


@shape()
def step_decay(t: Trace) -> None:
    third = t.rows // 3
    t.columns["lr"] = t.columns["lr"].max() * 0.1 ** (np.arange(t.rows) // third)
    t.columns["loss"][third:] *= 0.8


@shape(pauses=True)
def epochs(t: Trace) -> None:
    """Fall at each epoch's border, as memory of the data sets in, and shuffle."""
    length = max(40, t.rows // int(t.rng.integers(3, 9)))
    epoch = np.arange(t.rows) // length
    t.columns["loss"] *= 0.93**epoch
    t.columns["loss"] *= np.exp(0.01 * np.sin(np.arange(t.rows) * 2 * np.pi / length))
    for row in range(length, t.rows, length):
        _slower(t, slice(row, row + 1), t.rng.uniform(2, 12))


@shape("jsonl")
def mean_since_the_epoch_began(t: Trace) -> None:
    """Print a mean that begins anew with each epoch, of a loss that falls far within each."""
    length = max(60, t.rows // int(t.rng.integers(2, 6)))
    number = np.arange(t.rows)
    single = 5 * np.exp(-t.rng.uniform(0.5, 2.0) * number / length + 0.1 * heavy(t.rng, t.rows))
    for low in range(0, t.rows, length):
        part = single[low : low + length]
        t.columns["loss"][low : low + length] = np.cumsum(part) / np.arange(1, len(part) + 1)
    t.extra["epoch"] = (number // length + 1).astype(float)


VALIDATED = ("jsonl", "nanogpt", "llmc", "megatron", "hf", "nanochat")


@shape(*VALIDATED)
def rough_validation(t: Trace) -> None:
    """Validate often, near zero: evaluations scatter by ratios, a few in a row, and come back."""
    rows = list(range(5, t.rows, 5))
    noise = t.rng.uniform(0.03, 0.1) * heavy(t.rng, len(rows))
    for number in range(1, len(rows)):
        noise[number] += 0.3 * noise[number - 1]
    level = 0.02 * (1 + np.exp(-np.arange(len(rows)) / 20))
    t.val = dict(zip(rows, (level * np.exp(noise)).tolist(), strict=True))


def _evaluate(t: Trace, count: int, noise: Floats) -> None:
    """Evaluate `count` times; the level follows the training loss, and `noise` is in ln."""
    gap = max(2, t.rows // (count + 1))
    rows = list(range(gap, t.rows, gap))[:count]
    level = [float(np.median(t.columns["loss"][max(0, row - gap) : row])) * 1.03 for row in rows]
    t.val = dict(zip(rows, (np.array(level) * np.exp(noise[: len(rows)])).tolist(), strict=True))


@shape(*VALIDATED)
def few_noisy_evaluations(t: Trace) -> None:
    """Evaluate on a handful of samples: calm while nothing is learned, then scattered by tens of per cent."""
    count = int(log_uniform(t.rng, 6, 60))
    grows = np.clip(np.arange(count) / (t.rng.uniform(0.02, 0.5) * count), 0.03, 1)
    _evaluate(t, count, log_uniform(t.rng, 0.03, 0.3) * grows * heavy(t.rng, count))


@shape(*VALIDATED)
def evaluations_that_jump(t: Trace) -> None:
    """Stand several times as high at single evaluations, and be back at the next."""
    count = int(log_uniform(t.rng, 15, 200))
    jumps = t.rng.uniform(0.4, 1.6, count) * (t.rng.random(count) < t.rng.uniform(0.01, 0.06))
    jumps[1:][jumps[:-1] > 0] = 0.0
    _evaluate(t, count, jumps + log_uniform(t.rng, 0.005, 0.08) * heavy(t.rng, count))


@shape(*VALIDATED)
def validation_wanders_at_first(t: Trace) -> None:
    """Be worse than chance for a third, at a high rate: statistics of batches lag behind the weights."""
    count = int(log_uniform(t.rng, 20, 80))
    part = np.arange(count) / count
    wander = np.cumsum(t.rng.normal(size=count))
    height = t.rng.uniform(0.2, 0.9) * np.clip(1 - 2.5 * part, 0, 1)
    noise = height * (1 + np.tanh(0.5 * wander)) + (0.02 + 0.2 * (1 - part)) * heavy(t.rng, count)
    _evaluate(t, count, noise)


@shape()
def saves_the_best(t: Trace) -> None:
    """Save whenever it has improved: at first every few rows, later hardly ever."""
    for row, lines in t.before.items():
        t.before[row] = [line for line in lines if "checkpoint" not in line]
    gaps = np.concatenate([t.rng.integers(1, 8, 30), t.rng.integers(3, 60, 5)])
    t.saves = [int(row) for row in np.cumsum(gaps) + 20 if row < t.rows]
    for row in t.saves:
        t.say(row, f"Saved checkpoint to out/step_{t.step(row - 1):07d}/model.pt")


@shape()
def fading_rate(t: Trace) -> None:
    """Print a speed that forgets a pause slowly, as progress bars do."""
    for row in range(80, t.rows - 30, max(120, t.rows // 5)):
        fades = 1 + t.rng.uniform(5, 40) * 0.7 ** np.arange(30)
        t.columns["seconds"][row : row + 30] *= fades
        t.columns["tokens"][row : row + 30] /= fades


@shape("nanochat", "llmc", "megatron")
def batch_ramp(t: Trace) -> None:
    third = t.rows // 3
    for number in (1, 2):
        _slower(t, slice(number * third, None), 1.9, 1.0)
        t.columns["batch"][number * third :] *= 2
        t.columns["grad"][number * third :] *= 0.7


@shape("nanochat", "llmc")
def longer_sequences(t: Trace) -> None:
    half = t.rows // 2
    _slower(t, slice(half, None), 1.6, 1.6 * 0.95)
    t.columns["loss"][half:] *= 1.02


@shape()
def smoothed_loss(t: Trace) -> None:
    mean, keep = t.columns["loss"][0], 0.98
    for row, value in enumerate(t.columns["loss"]):
        mean = keep * mean + (1 - keep) * value
        t.columns["loss"][row] = mean


@shape()
def tiny_batches(t: Trace) -> None:
    t.columns["loss"] *= np.exp(0.25 * heavy(t.rng, t.rows))
    t.columns["grad"] *= np.exp(0.5 * heavy(t.rng, t.rows))


@shape()
def noise_grows(t: Trace) -> None:
    t.columns["loss"] *= np.exp(0.08 * heavy(t.rng, t.rows) * np.linspace(0, 1, t.rows))
    t.columns["grad"] *= np.exp(0.3 * heavy(t.rng, t.rows) * np.linspace(0, 1, t.rows))


@shape()
def rounded_loss(t: Trace) -> None:
    t.columns["loss"] = np.round(t.columns["loss"] * 16) / 16 + 0.0625
    t.columns["grad"] = np.round(t.columns["grad"], 1) + 0.1


@shape()
def reward(t: Trace) -> None:
    """Print a loss of both signs, as policies have."""
    t.columns["loss"] = 0.05 * heavy(t.rng, t.rows, 3)
    t.columns["grad"] *= np.exp(0.3 * heavy(t.rng, t.rows))


@shape("jsonl")
def game(t: Trace) -> None:
    """Adversaries: the loss wanders and oscillates for ever."""
    wander = np.cumsum(0.01 * t.rng.normal(size=t.rows))
    t.columns["loss"] = np.exp(0.15 * np.sin(np.arange(t.rows) / 30) + 0.2 * np.tanh(wander)) * np.exp(
        0.15 * heavy(t.rng, t.rows)
    )
    t.extra = {"d_loss": np.exp(0.3 * heavy(t.rng, t.rows)), "g_loss": heavy(t.rng, t.rows)}


@shape("jsonl")
def many_losses(t: Trace) -> None:
    t.extra = {
        "aux_loss": 0.01 * np.exp(0.5 * heavy(t.rng, t.rows)),
        "z_loss": 1e-4 * np.exp(heavy(t.rng, t.rows)),
        "kl": np.abs(heavy(t.rng, t.rows, 2)),
    }
    t.columns["loss"] *= np.exp(0.02 * heavy(t.rng, t.rows))


def _resume(t: Trace, at: int, lost: int) -> None:
    """Say at once that it resumes, take long to load, and go on a little differently."""
    t.resume(at, at - lost)
    t.columns["loss"][at:] *= np.exp(0.003 * heavy(t.rng, t.rows - at))
    t.after[at - 1] = [t.before[at].pop(0)]
    t.columns["seconds"][at] *= t.rng.uniform(3, 30)
    t.wait[at] += min(30 * float(np.median(t.wait)), 500.0)


@shape(pauses=True)
def resumed(t: Trace) -> None:
    """Restart from a checkpoint; the rows that were lost are printed again."""
    _resume(t, t.rows // 2, int(t.rng.integers(2, 40)))


@shape(pauses=True)
def resumed_twice(t: Trace) -> None:
    resumed(t)
    _resume(t, 3 * t.rows // 4, 10)


@shape()
def ends_on_a_plateau(t: Trace) -> None:
    level = np.median(t.columns["loss"][-t.rows // 5 :])
    t.columns["loss"] = np.maximum(t.columns["loss"], level * np.exp(0.01 * heavy(t.rng, t.rows)))


@shape("megatron")
def scale_search(t: Trace) -> None:
    """Half precision: the first steps overflow until the loss scale has come down, then it grows again."""
    scale = np.full(t.rows, 2.0**12)
    scale[:5] = 2.0 ** np.arange(17, 12, -1)
    grow = 400
    for row in range(grow, t.rows, grow):
        scale[row : row + 30] = 2.0**13
        t.columns["grad"][row + 29 if row + 29 < t.rows else -1] = np.inf
    t.columns["scale"] = scale
    t.columns["grad"][:4] = np.inf


@shape(pauses=True)
def slow_evaluations(t: Trace) -> None:
    usual = float(np.median(t.wait))
    for row in list(t.val):
        if row + 1 < t.rows:
            t.after[row] = ["***** Running Evaluation *****"]
            t.wait[row + 1] = max(t.wait[row + 1], min(12 * usual, 550.0))


@shape(pauses=True)
def slow_checkpoints(t: Trace) -> None:
    usual = float(np.median(t.columns["seconds"]))
    for row in t.saves:
        t.columns["seconds"][row] *= t.rng.uniform(2, 6)
        t.wait[row] += min(10 * usual, 300.0)


@shape()
def words_of_alarm(t: Trace) -> None:
    """Lines that speak of errors, and are none."""
    words = (
        "0 errors, nan_check enabled, error_if_nonfinite=False",
        "UserWarning: an error might be caused by running out of memory; please try a smaller batch",
        "WARNING: failed to import flash_attn, falling back to sdpa",
        "Connection reset by peer; trying the next mirror",
        "monitor: oom_score_adj=0, no error, no nan, no timeout",
    )
    for row in range(20, t.rows, max(60, t.rows // 12)):
        t.say(row, str(t.rng.choice(words)))


@shape()
def handled_exceptions(t: Trace) -> None:
    for row in (t.rows // 3, 2 * t.rows // 3):
        t.say(
            row,
            "Traceback (most recent call last):",
            '  File "/home/me/loader.py", line 88, in fetch',
            "    raise OSError('shard is gone')",
            "OSError: shard is gone",
        )


@shape()
def noisy_node(t: Trace) -> None:
    """Share the machine: step times with a fat tail from the start."""
    _slower(t, slice(None), np.exp(log_uniform(t.rng, 0.05, 0.15) * np.abs(heavy(t.rng, t.rows, 3))))


@shape(pauses=True)
def busy_periods(t: Trace) -> None:
    """Other jobs come and go for a few rows."""
    for row in range(100, t.rows - 20, max(150, t.rows // 6)):
        _slower(t, slice(row, row + int(t.rng.integers(2, 9))), t.rng.uniform(1.1, 1.8))


@shape()
def garbage_collection(t: Trace) -> None:
    """Have been slow at every 25th step since the beginning."""
    _slower(t, slice(10, None, 25), 1.8)


@shape()
def single_outliers(t: Trace) -> None:
    """Odd batches: one row of a few hundred is higher, and the next is not."""
    rows = np.arange(60, t.rows, int(t.rng.integers(150, 300)))
    t.columns["loss"][rows] *= t.rng.uniform(1.02, 1.08, len(rows))
    t.columns["grad"][rows] *= t.rng.uniform(2, 7, len(rows))


@shape()
def domains(t: Trace) -> None:
    """Alternate between data of two kinds."""
    other = t.rng.random(t.rows) < 0.3
    t.columns["loss"][other] *= 1.25
    t.columns["grad"][other] *= 1.7


@shape()
def new_mixture(t: Trace) -> None:
    """Anneal on better data for the last fifth."""
    t.columns["loss"][4 * t.rows // 5 :] *= 0.88


@shape("nanochat", "megatron", "hf", "llmc")
def stops_early(t: Trace) -> None:
    t.cut(int(0.6 * t.rows))
    t.end.append("Training complete: early stopping, no improvement for 5 evaluations")


@shape("nanochat", "megatron", "hf", "llmc")
def watched_after_the_end(t: Trace) -> None:
    t.silence = 6 * 3600.0
