"""nanochat and picoLLM: `step 00012/05568 (0.22%) | loss: 2.336916 | dt: 997.40ms | ...`.

Three stages print three kinds of step line: pretraining with a total, mid-training and SFT with a percentage
only, older SFT as `Step N/M | Training loss`. The loss is a debiased moving average, not a raw value.
"""

from runwatch.core.batch import RANK
from runwatch.core.metrics import DONE, REMAINING
from runwatch.parsers.api import Format
from runwatch.parsers.body.matchers import LinePattern, evaluation, training

_UNITS = {"mfu": "%"}  # also where the first step, which compiles, reaches less than 1 %

FORMAT = Format(
    name="nanochat",
    title="nanochat / picoLLM",
    example="step 00012/05568 (0.22%) | loss: 2.336916 | lrm: 1.00 | dt: 997.40ms | tok/sec: 1,051,311",
    matchers=(
        training(
            rb"step {step}/{total} \(\d+(?:\.\d+)?%\) \|",
            "pretrain",
            fields=True,
            aliases={"eta": REMAINING},
            units=_UNITS,
        ),
        training(
            rb"step {step} \({done}%\) \|",
            "sft",
            fields=True,
            aliases={"done": DONE, "eta": REMAINING},
            units=_UNITS | {"done": "%"},
        ),
        training(rb"Step {step}/{total} \|(?= Training loss)", "chat-sft", fields=True),
        training(rb"Step {step}/{total} \|(?= Average reward: )", "rl", fields=True),
        evaluation(  # several to a step
            rb"Step {step}/\d+ \| Example step \d+ \| Pass \d+ \| loss: {loss} \|", "rl-pass"
        ),
        evaluation(  # a loss or a learning rate by itself is what other programs train with
            rb"Step {step} \|(?! *(?:(?i:train\w*)[ _])?(?i:loss|lr)\b)", fields=True
        ),
        # a rank's evaluation: passed so far / done so far; the denominator grows
        LinePattern("rank", RANK, rb"Rank {rank} \| {passed}/{done} \("),
    ),
    markers=((b"Total training time: ", "finished"), (b"Total batch size ", "start")),
)
