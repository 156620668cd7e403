"""nanoGPT derivatives that tag their lines: `[train] iter 40: loss 6.1250 512 ms/iter`."""

from runwatch.core.batch import EVAL, TRAIN
from runwatch.parsers.api import Format
from runwatch.parsers.body.matchers import LinePattern

FORMAT = Format(
    name="nanogpt-tagged",
    title="nanoGPT with tagged lines",
    example="[train] iter 40: loss 6.1250 512 ms/iter",
    matchers=(
        LinePattern(
            "train",
            TRAIN,
            rb"\[train\] iter (?P<step>\d+): loss (?P<loss>) +(?P<dt>) ?ms/iter",
            units={"dt": "ms"},
        ),
        LinePattern(
            "eval",
            EVAL,
            rb"\[eval\] iter (?P<step>\d+): train (?P<train>) val (?P<val_loss>)"
            rb"(?: lr (?P<lr>))?",
            aliases={"train": "eval/train_loss"},
        ),
    ),
)
