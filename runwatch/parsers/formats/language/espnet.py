"""ESPnet 2: `2epoch:train:51-100batch: iter_time=0.001, loss=12.5, ..., optim0_lr0=1.5e-04, train_time=0.5`.

The step is the last batch of those that a line sums up, within the epoch; an epoch's length is not printed.
"""

from runwatch.core.metrics import STEP_TIME
from runwatch.parsers.api import Format, Sample
from runwatch.parsers.body.matchers import evaluation, training

_LOSSES = ("loss", "loss_ctc", "loss_att", "loss_transducer")
_EVALUATED = (*_LOSSES, "acc", "cer", "wer", "cer_ctc", "time", "total_count")

FORMAT = Format(
    name="espnet",
    title="ESPnet 2",
    example="[node7] 2030-01-02 03:04:05,678 (trainer:762) INFO: 2epoch:train:51-100batch: loss=12.5, ...",
    matchers=(
        training(
            rb"{epoch}epoch:train:\d+-{step_in_epoch}batch: (?=\w+=)",
            fields=True,
            aliases={"iter_time": "data_time", "train_time": STEP_TIME},
        ),
        evaluation(
            rb"{epoch}epoch results: \[train\] [^\r\n]{0,2000}?, \[valid\] (?=\w+=)",
            "validation",
            fields=True,
            aliases={name: f"val/{name}" for name in _EVALUATED},
        ),
    ),
    logged=True,
    samples=(
        Sample(
            "[node7] 2030-01-02 03:04:05,678 (trainer:762) INFO: 1epoch:train:1-50batch: iter_time=0.25, "
            "loss=40.5, grad_norm=3.5, optim0_lr0=1.5e-05, train_time=0.5\n"
            "[node7] 2030-01-02 03:05:05,678 (trainer:762) INFO: 1epoch:train:51-100batch: iter_time=0.25, "
            "loss=38.5, grad_norm=2.5, optim0_lr0=2.5e-05, train_time=0.5\n"
            "[node7] 2030-01-02 03:05:09,678 (trainer:357) INFO: 1epoch results: [train] iter_time=0.25, "
            "loss=39.5, time=1 minute and 2.5 seconds, [valid] loss=30.5, acc=0.25, time=3 seconds\n"
            "[node7] 2030-01-02 03:06:05,678 (trainer:762) INFO: 2epoch:train:1-50batch: iter_time=0.25, "
            "loss=36.5, grad_norm=1.5, optim0_lr0=3.5e-05, train_time=0.5\n",
            {
                "step": [50, 100, 150],
                "train/loss": [40.5, 38.5, 36.5],
                "train/grad_norm": [3.5, 2.5, 1.5],
                "train/learning_rate": [1.5e-5, 2.5e-5, 3.5e-5],
                "perf/step_time": [0.5, 0.5, 0.5],
                "data_time": [0.25, 0.25, 0.25],
            },
            {"val/loss": [30.5], "val/acc": [0.25]},
        ),
    ),
)
