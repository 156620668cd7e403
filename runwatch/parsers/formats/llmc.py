"""llm.c: `step    1/19560 | loss 11.009662 (+nanz)| norm 15.0789 (+nanz)| lr 8.57e-07 | 4230.95 ms | ...`, main.log.

Values stand before their units, and the z-scores in brackets are `nan` for the
first 128 steps. A line without a time was cut by another process. Older versions print `train loss` and put the times in brackets.
"""

from runwatch.batch import EVAL, TRAIN
from runwatch.parsers.formats import Format
from runwatch.parsers.patterns import NUMBER, VALUE, LinePattern

_LATER = rb"(?=[^\r\n]{0,200}?[|( ]"

FORMAT = Format(
    name="llm.c",
    title="llm.c (C and CUDA, and its train_gpt2.py)",
    example="step 9781/19560 | loss 3.395627 (-0.39z)| norm 0.2770 (-0.08z)| lr 3.17e-04 | 4205.43 ms | ...",
    matchers=(
        LinePattern(
            "train",
            TRAIN,
            rb"step +(?P<step>\d+)/(?P<total>\d+)(?: \||:) (?:train )?loss +(?P<loss>" + VALUE + rb")"
            rb"(?=[ |(\r]|$)(?:" + _LATER + rb"norm +(?P<norm>" + VALUE + rb")))?"
            rb"(?:" + _LATER + rb"lr +(?P<lr>" + VALUE + rb")))?"
            rb"" + _LATER + rb" *(?P<dt>" + NUMBER + rb") ms)"
            rb"(?:" + _LATER + rb"(?P<mfu>" + NUMBER + rb")% (?:bf16|fp16|fp32|tf32) MFU))?"
            rb"(?:" + _LATER + rb"(?P<tok_s>" + NUMBER + rb") tok/s))?",
            prefix=b"step ",
            aliases={"tok s": "perf/tokens_per_sec"},
            units={"dt": "ms", "mfu": "%"},
        ),
        LinePattern("val", EVAL, rb"val loss (?P<val_loss>" + VALUE + rb")\s*$", prefix=b"val loss "),
        LinePattern(
            "hellaswag",
            EVAL,
            rb"HellaSwag: \d+/\d+ = (?P<HellaSwag_accuracy>" + VALUE + rb")\s*$",
            prefix=b"HellaSwag: ",
        ),
    ),
    markers=((b"Writing model to ", "checkpoint"), (b"evaluating HellaSwag", "eval_begin")),
)

MAIN_LOG = Format(
    name="llm.c-mainlog",
    title="llm.c's main.log, and early modded-nanogpt",
    example="s:9776 trl:3.3974 lr:0.000317 norm:0.29",
    matchers=(
        LinePattern(
            "train",
            TRAIN,
            rb"s:(?P<step>\d+) trl:(?P<loss>" + VALUE + rb")(?: lr:(?P<lr>" + VALUE + rb"))?"
            rb"(?: norm:(?P<norm>" + VALUE + rb"))?\s*$",
            prefix=b"s:",
        ),
        LinePattern("test", EVAL, rb"s:(?P<step>\d+) tel:(?P<val_loss>" + VALUE + rb")\s*$", prefix=b"s:"),
        LinePattern(
            "eval", EVAL, rb"s:(?P<step>\d+) eval:(?P<HellaSwag_accuracy>" + VALUE + rb")\s*$", prefix=b"s:"
        ),
    ),
)
