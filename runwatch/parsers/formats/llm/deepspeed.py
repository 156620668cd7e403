"""DeepSpeed's own lines, and those of its pipeline engine.

`[Rank 0] step=40, skipped=1, lr=[2e-05], mom=[(0.9, 0.95)]` is printed next to
whatever the script prints, so it makes a format only where nothing else does. The
pipeline engine prints `steps: 40 loss: 2.1250 iter time (s): 0.512 samples/sec: 15.625`.
"""

from runwatch.core.metrics import VAL_LOSS
from runwatch.parsers.api import Format
from runwatch.parsers.body.matchers import evaluation, training

_STEP = rb"step={step}, skipped={skipped}, lr=\[{lr}"
_TIMER = (
    rb"epoch=\d+/micro_step=\d+/global_step={step}, RunningAvgSamplesPerSec={_}, CurrSamplesPerSec={samples},"
)
_SAMPLES = {"samples": "perf/samples_per_sec"}
_TIMER_PATTERN = evaluation(_TIMER, "timer", aliases=_SAMPLES)

PIPELINE = Format(
    name="deepspeed-pipeline",
    title="DeepSpeed pipeline engine (diffusion-pipe and others)",
    example="steps: 40 loss: 2.1250 iter time (s): 0.512 samples/sec: 15.625",
    matchers=(training(rb"steps: {step} (?=loss: )", fields=True), evaluation(_STEP, "state")),
    logged=True,
    weak=True,
)

FORMAT = Format(
    name="deepspeed",
    title="DeepSpeed (DeepSpeed-Chat and scripts that print nothing else)",
    example="[2030-01-02 03:04:05,678] [INFO] [logging.py:96:log_dist] [Rank 0] step=40, skipped=1, ...",
    matchers=(
        training(_STEP),
        _TIMER_PATTERN,
        evaluation(rb"ppl: {ppl}(?:, loss: {loss})?\s*$", aliases={"ppl": "val/ppl", "loss": VAL_LOSS}),
    ),
    logged=True,
    weak=True,
)
