"""What a verdict says of learning: the loss, the reward and validation, each in a sentence."""

from __future__ import annotations

import numpy as np

from runwatch.core.metrics import is_bookkeeping, label
from runwatch.core.plural import counted, listed
from runwatch.reports.analysis import Analysis, Rival
from runwatch.reports.document import CRITICAL, NOTE, Sentence
from runwatch.reports.evidence import Curve
from runwatch.reports.sections import words
from runwatch.reports.shape import Shape

_NAMED = 4
"""Metrics that are named where there is no loss."""


def learned(analysis: Analysis) -> list[Sentence]:
    """Return how the loss, the reward and validation went."""
    said = []
    loss, shape = analysis.loss, analysis.shape
    if loss is None and analysis.reward is None and analysis.validation is None:
        said.append(Sentence(_without_loss(analysis), NOTE))
    if loss is not None and loss.summary.count == loss.summary.nonfinite:
        said.append(Sentence(f"The {label(loss.metric)} was never a finite number.", CRITICAL))
    if loss is not None and loss.summary.count > loss.summary.nonfinite:
        name, metric = label(loss.metric), loss.metric
        first, last = (words.value(metric, x) for x in (loss.summary.first, loss.summary.last))
        count = loss.summary.count
        moved = _moved(loss, shape) if analysis.reward is None else "went"
        text = f"The {name} {moved} from {first} to {last}"
        if loss.broken:
            text += ", its last finite value, and is NaN or Inf at the end"
        elif is_constant(loss) or count == 1:
            many = "the only record" if count == 1 else f"all {counted(count, 'record')}"
            text = f"The {name} is {last} in {many}"
        elif shape is not None:
            trend = {"falls": "and was still falling", "rises": "and was rising"}.get(shape.trend)
            level = "and was level" if shape.level or abs(shape.recent) < 0.01 else "without a clear trend"
            text += f" ({about})" if (about := _single(loss, shape)) else ""
            text += f" {trend or level} at the end"
        said.append(Sentence(f"{text}.", CRITICAL if loss.broken else ""))
    if (reward := analysis.reward) is not None and reward.summary.count > reward.summary.nonfinite:
        first, last = (words.value(reward.metric, x) for x in (reward.summary.first, reward.summary.last))
        said.append(Sentence(f"The {label(reward.metric)} went from {first} to {last}."))
    validation = analysis.validation
    if validation is not None:
        metric = validation.curve.metric
        text = f"The best {label(metric)} is {words.value(metric, validation.best)}"
        text += f" at {words.step(validation.best_step)}" if np.isfinite(validation.best_step) else ""
        if validation.after_best and validation.worse > 0:
            text += f", the last {words.value(metric, validation.last)}"
        said.append(Sentence(f"{text}."))
        if validation.rival is not None:
            said.append(Sentence(_rival(validation.rival, validation.best_step)))
    return said


def _without_loss(analysis: Analysis) -> str:
    """Return that nothing says how much was learned, and what was read instead."""
    names = [label(name) for name in analysis.stage.curves if not is_bookkeeping(name)]
    others = f" Other metrics are {listed(names, _NAMED)}." if names else ""
    return f"No training loss, reward or validation was recognized.{others}"


def _rival(rival: Rival, step: float) -> str:
    best, there = (words.value(rival.metric, x) for x in (rival.best, rival.there))
    name = label(rival.metric)
    return (
        f"But the best {name} is {best} at {words.step(rival.step)}, against {there} at {words.step(step)}."
    )


def _single(loss: Curve, shape: Shape) -> str:
    """Return what is to be known of a first and a last value that are single ones."""
    change, medians = loss.summary.last - loss.summary.first, shape.last - shape.first
    if change * medians < 0 and shape.kind != "flat":
        first, last = (words.value(loss.metric, x) for x in (shape.first, shape.last))
        return f"single values; medians {'fell' if medians < 0 else 'rose'} from {first} to {last}"
    return f"single values, which scatter by {shape.scatter:.0%}" if shape.noisy else ""


def _moved(loss: Curve, shape: Shape | None) -> str:
    """Return a verb for the way from the first value to the last; a neutral one unless the medians agree."""
    change = loss.summary.last - loss.summary.first
    if shape is not None and shape.kind in ("fast drop", "steady fall", "late fall") and change < 0:
        return "fell"
    return "rose" if shape is not None and shape.kind == "rise" and change > 0 else "went"


def is_constant(loss: Curve) -> bool:
    """Return whether it has one value throughout."""
    return loss.summary.count > 1 and loss.summary.minimum == loss.summary.maximum
