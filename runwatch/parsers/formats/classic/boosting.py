"""Gradient boosting: XGBoost, LightGBM and CatBoost; a step is a boosting round."""

import re

from runwatch.core.batch import BY_ROUND
from runwatch.core.metrics import REMAINING
from runwatch.parsers.api import Format
from runwatch.parsers.body.matchers import VALUE, evaluation, training

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
_TOTAL = (
    rb"[^\r\n]{0,200}\stotal: "
    rb"(?:[^\r\n]{0,60}\sremaining: (?=\d)(?:(?P<left_h>\d+)h ?)?(?:(?P<left_m>\d+)m ?)?"
    rb"(?:(?P<left_s>\d+(?:\.\d+)?)s|(?P<left_ms>\d+(?:\.\d+)?)ms|(?P<left_us>\d+(?:\.\d+)?)us)?\s*$)?"
)

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
    matchers=(
        training(  # without `learn` where a metric is too dear to be computed on what is learned from, as AUC
            rb"{step}:(?="
            + _SCORE
            + rb")(?:"
            + _TAB
            + rb"learn:? {learn})?"
            + _TESTS
            + rb"(?="
            + _TOTAL
            + rb")",
            "train" + BY_ROUND,
            needle=b"total: ",
            sign=rb"\d:" + _SCORE,
            aliases=_LEFT,
            units=_UNITS,
        ),
    ),
)
