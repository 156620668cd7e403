"""What PyTorch Lightning prints where its bar shows no loss: the bar, and the scores of a callback."""

import re

from runwatch.parsers.api import Format, Sample
from runwatch.parsers.body.matchers import VALUE, training
from runwatch.parsers.progress.lossless import LosslessReader

_SCORE = (
    rb"(?<=Metric )([A-Za-z][\w/.-]{0,80}) improved(?: by \S+ >= min_delta = \S+)?\. New best score: ("
    + VALUE
    + rb")\s*\Z"
)

BAR = Format(
    name="lightning-bar",
    title="PyTorch Lightning's bar without a loss",
    example="Epoch 0:  25%|##5       | 5/20 [00:10<00:30,  2.00s/it, v_num=7]",
    readers=(LosslessReader,),
    weak=True,
    samples=(
        Sample(
            "".join(
                f"\rEpoch {epoch}:  {20 * n}%|##   | {n}/5 [00:0{n}<00:0{5 - n},  1.00it/s, v_num=7{score}]"
                for epoch, score in enumerate(("", ", val_acc=0.250", ", val_acc=0.500"))
                for n in range(1, 6)
            )
            + "\n",
            {"step": list(range(1, 16)), "total": [5] * 5 + [10] * 5 + [15] * 5},
            {"step": [6, 11], "val/acc": [0.25, 0.5]},
        ),
    ),
)

EARLY_STOPPING = Format(
    name="lightning-early-stopping",
    title="PyTorch Lightning's EarlyStopping callback",
    example="Metric val_loss improved by 0.125 >= min_delta = 0.0. New best score: 0.500",
    matchers=(training(rb"Metric (?=\S+ improved\b)", "improved", fields=re.compile(_SCORE)),),
    weak=True,  # and next to the lines of a script
    samples=(
        Sample(
            "Metric val_loss improved. New best score: 0.625\n"
            "Metric val_loss improved by 0.125 >= min_delta = 0.0. New best score: 0.500\n"
            "Metric val_loss improved by 0.250 >= min_delta = 0.0. New best score: 0.250\n"
            "Monitored metric val_loss did not improve in the last 3 records. Best score: 0.250. "
            "Signaling Trainer to stop.\n",
            {"val/loss": [0.625, 0.5, 0.25]},
        ),
    ),
)
