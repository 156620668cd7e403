"""nanochat and picoLLM: `step 00012/05568 (0.22%) | loss: 2.336916 | dt: 997.40ms | ...`.

Three stages print three kinds of step line: pretraining with a total,
mid-training and SFT with a percentage only, older SFT as `Step N/M | Training
loss`. The loss is a debiased moving average, not a raw value.
"""

from runwatch.core.batch import EVAL, RANK, TRAIN
from runwatch.core.metrics import DONE, REMAINING
from runwatch.parsers.api import Format
from runwatch.parsers.body.matchers import LinePattern

_UNITS = {"mfu": "%"}  # also where the first step, which compiles, reaches less than 1 %

FORMAT = Format(
    name="nanochat",
    title="nanochat / picoLLM",
    example="step 00012/05568 (0.22%) | loss: 2.336916 | lrm: 1.00 | dt: 997.40ms | tok/sec: 1,051,311",
    matchers=(
        LinePattern(
            "pretrain",
            TRAIN,
            rb"step {step}/{total} \(\d+(?:\.\d+)?%\) \|",
            fields=True,
            aliases={"eta": REMAINING},
            units=_UNITS,
        ),
        LinePattern(
            "sft",
            TRAIN,
            rb"step {step} \({done}%\) \|",
            fields=True,
            aliases={"done": DONE, "eta": REMAINING},
            units=_UNITS | {"done": "%"},
        ),
        LinePattern("chat-sft", TRAIN, rb"Step {step}/{total} \|(?= Training loss)", fields=True),
        LinePattern("rl", TRAIN, rb"Step {step}/{total} \|(?= Average reward: )", fields=True),
        LinePattern(  # several to a step
            "rl-pass", EVAL, rb"Step {step}/\d+ \| Example step \d+ \| Pass \d+ \| loss: {loss} \|"
        ),
        LinePattern(  # a loss or a learning rate by itself is what other programs train with
            "eval", EVAL, rb"Step {step} \|(?! *(?:(?i:train\w*)[ _])?(?i:loss|lr)\b)", fields=True
        ),
        # a rank's evaluation: passed so far / done so far; the denominator grows
        LinePattern("rank", RANK, rb"Rank {rank} \| {passed}/{done} \("),
    ),
    markers=(
        (b"Total training time: ", "finished"),
        (b"Evaluating: ", "eval_begin"),
        (b"Total batch size ", "start"),
    ),
)
