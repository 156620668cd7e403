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
            "train", TRAIN, rb"\[train\] iter {step}: loss {loss} +{dt} ?ms/iter", units={"dt": "ms"}
        ),
        LinePattern(
            "eval",
            EVAL,
            rb"\[eval\] iter {step}: train {train} val {val_loss}(?: lr {lr})?",
            aliases={"train": "eval/train_loss"},
        ),
    ),
)
