"""nanoGPT derivatives that tag their lines: `[train] iter 40: loss 6.1250 512 ms/iter`."""

from runwatch.parsers.api import Format
from runwatch.parsers.body.matchers import evaluation, training

FORMAT = Format(
    name="nanogpt-tagged",
    title="nanoGPT with tagged lines",
    example="[train] iter 40: loss 6.1250 512 ms/iter",
    matchers=(
        training(rb"\[train\] iter {step}: loss {loss} +{dt} ?ms/iter", units={"dt": "ms"}),
        evaluation(
            rb"\[eval\] iter {step}: train {train} val {val_loss}(?: lr {lr})?",
            aliases={"train": "eval/train_loss"},
        ),
    ),
)
