"""Gradient boosting: XGBoost, LightGBM and CatBoost; a step is a boosting round."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from runwatch.core.batch import BY_ROUND
from runwatch.core.metrics import LOSS, REMAINING, VAL_LOSS
from runwatch.parsers.api import Format, Layout, Row
from runwatch.parsers.body.matchers import VALUE, evaluation, training
from runwatch.parsers.body.readers import FoldingReader

if TYPE_CHECKING:
    from runwatch.parsers.body.frames import Floats, Frames

_SETS = re.compile(
    rb"(?:(?<!\S)|(?<=#011))(?:cv_agg's (?=(?:train|valid) ))?"  # LightGBM's means over the folds
    rb"((?<=cv_agg's )(?:train|valid) [\w.@+-]{1,80}"
    rb"|[A-Za-z][\w.@'/+-]{0,80}(?:'s [\w.@+-]{1,80}(?: [\w.@+-]{1,80})?)?): ?"
    rb"(%s)(?:\+%s)?(?=\s|#011|$)" % (VALUE, VALUE)
)
_METRIC = re.compile(rb"([A-Za-z][\w.+-]{0,40} [A-Za-z][\w@.+-]{0,40}) : (" + VALUE + rb")\s*$")

_TAB = rb"\s{1,16}"  # spaces where it was pasted
_SCORE = _TAB + rb"(?:learn|test):? "
_TESTS = rb"(?:" + _TAB + rb"test:? {test})?(?:" + _TAB + rb"test1:? {test1})?"
_UNITS = {"left h": "h", "left m": "min", "left s": "s", "left ms": "ms", "left us": "us"}
_LEFT = dict.fromkeys(_UNITS, REMAINING)
_REST = (
    rb"(?=\s*$|[^\r\n]{0,200}\s(?:best|total): "
    rb"(?:[^\r\n]{0,60}\sremaining: (?=\d)(?:(?P<left_h>\d+)h ?)?(?:(?P<left_m>\d+)m ?)?"
    rb"(?:(?P<left_s>\d+(?:\.\d+)?)s|(?P<left_ms>\d+(?:\.\d+)?)ms|(?P<left_us>\d+(?:\.\d+)?)us)?\s*$)?)"
)
_LONGEST = 8
"""Rounds of one value after which no other is waited for."""
_KNOWN = rb"(?=" + _TAB + rb"learn: |[^\r\n]{0,200}\s(?:best|total): )"  # `12: test 0.5` is anybody's
# without `learn` where a function is too dear to be computed on what is learned from, as AUC
_ROUND = training(
    rb"{step}:(?=" + _SCORE + rb")" + _KNOWN + rb"(?:" + _TAB + rb"learn:? {learn})?" + _TESTS + _REST,
    "train" + BY_ROUND,
    aliases=_LEFT,
    units=_UNITS,
)
_MEANT = {"learn": LOSS, "test": VAL_LOSS}, {"test": "val/score"}
"""What the function of a loss, and that of a score, is called."""


@lru_cache(64)
def _named(layout: Layout, rises: bool | None) -> Layout:
    """Return the layout of rounds whose function falls or rises at first; None: that is unknown."""
    meant = {} if rises is None else _MEANT[rises]
    printed = {**layout.printed, **{meant[name]: name for name in layout.names if name in meant}}
    return replace(layout, names=tuple(meant.get(name, name) for name in layout.names), printed=printed)


class RoundReader(FoldingReader):
    """Reads CatBoost's rounds. Their function is a loss if it falls at first, else a score."""

    begins = rb"\d{1,9}:" + _SCORE
    awake = False
    frames = (_ROUND,)

    def __init__(self) -> None:
        self._held: list[tuple[Layout, Sequence[float], int]] = []
        """Rounds that are waited with until that is known."""
        self._rises: bool | None = None

    def take(self, layout: Layout, row: Sequence[float], number_: int) -> list[Row]:
        """Take a round."""
        self._held.append((layout, row, number_))
        if self._rises is None:
            first, newest = (
                held[1][held[0].names.index("step") + 1] for held in (self._held[0], self._held[-1])
            )
            if newest == first and len(self._held) < _LONGEST:
                return []
            self._rises = newest > first
        return self.flush()

    def flush(self) -> list[Row]:
        """Return the rounds that were waited with; a single one as it is printed."""
        held, self._held = self._held, []
        return [Row(_named(layout, self._rises), number_, [*row]) for layout, row, number_ in held]

    def fold(self, frames: Frames) -> Iterable[tuple[Layout, Floats]]:
        """Return the rounds: each is a record."""
        if self._rises is None:
            return frames.one_by_one(0, len(frames), self.take)
        return [(_named(layout, self._rises), table) for layout, table in frames.tables()]


XGBOOST = Format(
    name="xgboost",
    title="XGBoost",
    example="[40]\tvalidation_0-logloss:0.25000\tvalidation_1-logloss:0.31250",
    matchers=(
        training(
            rb"\[{step}\](?:\s+|#011)(?=[A-Za-z][\w.]*-[\w@.-]+:)",
            "train" + BY_ROUND,  # syslog's tabs
            sign=rb"\[\d+\](?:\s+|#011)[A-Za-z][\w.]*-",
            fields=_SETS,
        ),
    ),
    markers=((b"update end, ", "over"),),
    repeats_records=True,
)

LIGHTGBM = Format(
    name="lightgbm",
    title="LightGBM",
    example="[40]\ttraining's l2: 0.25\tvalid_1's l2: 0.3125",
    matchers=(
        training(
            rb"(?:\[LightGBM\] \[Info\] )?\[{step}\]\s+(?=[A-Za-z][\w ]*'s )",
            "train" + BY_ROUND,
            prefix=b"[",
            sign=rb"\[\d+\]\s+[A-Za-z][\w ]*'s ",
            fields=_SETS,
        ),
        training(  # the command line prints a line per metric, and then that the round is done
            rb"\[LightGBM\] \[Info\] {elapsed} seconds elapsed, finished iteration {step}\s*$",
            "round" + BY_ROUND,
        ),
        evaluation(rb"\[LightGBM\] \[Info\] Iteration: ?{step}, ", "metric", fields=_METRIC),
    ),
    markers=((b"Did not meet early stopping. Best iteration is:", "over"),),
    repeats_records=True,
)

CATBOOST = Format(
    name="catboost",
    title="CatBoost",
    example="40:\tlearn: 0.2500\ttest: 0.3125\tbest: 0.3125 (40)\ttotal: 2.5s\tremaining: 9.5s",
    readers=(RoundReader,),
)
