"""verl: `step:40 - actor/grad_norm:np.float64(0.5) - critic/score/mean:0.25 - ...`, often a hundred."""

import re

from runwatch.core.metrics import GRAD_NORM, LEARNING_RATE, LOSS, STEP_TIME, TOKENS_PER_SEC
from runwatch.parsers.api import Format
from runwatch.parsers.body.matchers import VALUE, evaluation, training

_FIELDS = re.compile(
    rb"(?<= - )([A-Za-z_][\w/@.+-]{0,160}(?:\(1e-3\))?):(?:np\.\w+\()?(" + VALUE + rb")\)?(?= - |\s*$)"
)

FORMAT = Format(
    name="verl",
    title="verl (RL of language models)",
    example="step:40 - actor/pg_loss:0.0125 - actor/grad_norm:0.5 - critic/score/mean:0.25 - ...",
    matchers=(
        training(
            rb"step:{step}(?= - (?!val))",
            fields=_FIELDS,
            aliases={
                "actor/loss": LOSS,
                "actor/grad_norm": GRAD_NORM,
                "actor/lr": LEARNING_RATE,
                "train/lr(1e-3)": LEARNING_RATE,
                "timing_s/step": STEP_TIME,
                "perf/throughput": TOKENS_PER_SEC,  # of each GPU
            },
            units={"train/lr(1e-3)": "ms"},  # in thousandths
        ),
        evaluation(rb"step:{step}(?= - val)", "val", fields=_FIELDS),
    ),
    logged=True,
)
