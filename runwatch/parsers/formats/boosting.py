"""Gradient boosting: XGBoost, LightGBM and CatBoost; a step is a boosting round."""

import re

from runwatch.batch import TRAIN
from runwatch.parsers.formats import Format
from runwatch.parsers.patterns import VALUE, LinePattern

_SETS = re.compile(
    rb"([A-Za-z][\w.@'/+-]*(?:'s [\w.@+-]+)?): ?(" + VALUE + rb")(?:\+" + VALUE + rb")?(?=\s|$)"
)

XGBOOST = Format(
    name="xgboost",
    title="XGBoost",
    example="[50]\tvalidation_0-mlogloss:1.38844\tvalidation_0-merror:0.47742",
    matchers=(
        LinePattern(
            "train", TRAIN, rb"\[(?P<step>\d+)\]\s+(?=[A-Za-z][\w.]*-[\w@.-]+:)", prefix=b"[", fields=_SETS
        ),
    ),
)

LIGHTGBM = Format(
    name="lightgbm",
    title="LightGBM",
    example="[3]\ttraining's l2: 0.21\tvalid_1's l2: 0.25",
    matchers=(
        LinePattern(
            "train",
            TRAIN,
            rb"(?:\[LightGBM\] \[Info\] )?\[(?P<step>\d+)\]\s+(?=[A-Za-z][\w ]*'s )",
            prefix=b"[",
            fields=_SETS,
        ),
    ),
)

CATBOOST = Format(
    name="catboost",
    title="CatBoost",
    example="0:\tlearn: 0.6876\ttest: 0.6878\tbest: 0.6878 (0)\ttotal: 58.6ms\tremaining: 58.6s",
    matchers=(
        LinePattern(
            "train",
            TRAIN,
            rb"(?P<step>\d+):\t(?=learn: )(?:learn: (?P<learn>"
            + VALUE
            + rb"))(?:\ttest: (?P<test>"
            + VALUE
            + rb"))?"
            rb"(?=[^\r\n]{0,200}\ttotal: )",
        ),
    ),
)
