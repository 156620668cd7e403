"""llm.c: `step   42/9000 | loss 6.12 (+0.10z)| norm 1.25 (-0.20z)| lr 2.50e-05 | 512.25 ms | ...`; main.log.

Values precede their units, and the z-scores in brackets are `nan` for the first 128 steps. A line without a
time was cut by another process. Older versions print `train loss` and put the times in brackets.
"""

from runwatch.parsers.api import Format
from runwatch.parsers.body.matchers import evaluation, training

_LATER = rb"(?=[^\r\n]{0,200}?[|( ]"

FORMAT = Format(
    name="llm.c",
    title="llm.c (C and CUDA, and its train_gpt2.py)",
    example="step   42/9000 | loss 6.125000 (+0.10z)| norm 1.2500 (-0.20z)| lr 2.50e-05 | 512.25 ms | ...",
    matchers=(
        training(
            rb"step +{step}/{total}(?: \||:) (?:train )?loss {1,12}{loss}"
            rb"(?=[ |(\r]|$)(?:" + _LATER + rb"norm {1,12}{norm}))?(?:" + _LATER + rb"lr {1,12}{lr}))?"
            rb"" + _LATER + rb" {0,12}{dt} ms)(?:" + _LATER + rb"{mfu}% "
            rb"(?:[AHBV]\d{2,3} )?(?:bf16|fp16|fp32|tf32) MFU))?(?:" + _LATER + rb"{tok_s} tok/s))?",
            units={"dt": "ms", "mfu": "%"},
        ),
        training(rb"step {step}: train loss {loss} \(took {dt} ms\)\s*$", "train-cpu", units={"dt": "ms"}),
        evaluation(rb"val loss {val_loss}\s*$", "val"),
        evaluation(rb"HellaSwag: \d+/\d+ = {HellaSwag_accuracy}\s*$", "hellaswag"),
    ),
    markers=((b"Writing model to ", "checkpoint"), (b"evaluating HellaSwag", "eval_begin")),
)

_MAIN = rb"s:\d+ \w+:"

MAIN_LOG = Format(
    name="llm.c-mainlog",
    title="llm.c's main.log, and early modded-nanogpt",
    example="s:42 trl:6.1250 lr:0.000025 norm:1.25",
    matchers=(
        training(rb"s:{step} trl:{loss}(?: lr:{lr})?(?: norm:{norm})?\s*$", sign=_MAIN),
        evaluation(rb"s:{step} tel:{val_loss}\s*$", "test", sign=_MAIN),
        evaluation(rb"s:{step} eval:{HellaSwag_accuracy}\s*$", sign=_MAIN),
    ),
)
