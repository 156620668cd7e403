"""What PyTorch Lightning's callbacks print of a run whose bar is not in the log."""

import re

from runwatch.parsers.api import Format, Sample
from runwatch.parsers.body.matchers import VALUE, training

_SCORE = (
    rb"(?<=Metric )([A-Za-z][\w/.-]{0,80}) improved(?: by \S+ >= min_delta = \S+)?\. New best score: ("
    + VALUE
    + rb")\s*\Z"
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
