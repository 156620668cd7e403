"""BTS (monocular depth), and what was made from it: NeWCRFs, PixelFormer, iDisc."""

from runwatch.parsers.api import Format, Sample
from runwatch.parsers.body.matchers import training

FORMAT = Format(
    name="bts",
    title="BTS (depth from one image) and its kin",
    example="[epoch][s/s_per_e/gs]: [2][40/900/1840], lr: 0.000125, loss: 2.125000000000",
    matchers=(
        training(
            rb"\[epoch\]\[s/s_per_e/gs\]: \[{epoch}\]\[\d+/{per}/{step}\], lr: {lr}, loss: {loss}",
            first_epoch=0,
        ),
    ),
    samples=(
        Sample(
            "[epoch][s/s_per_e/gs]: [0][0/40/0], lr: 0.000125000000, loss: 2.500000000000\n"
            "[epoch][s/s_per_e/gs]: [0][20/40/20], lr: 0.000125000000, loss: 2.250000000000\n"
            "[epoch][s/s_per_e/gs]: [1][0/40/40], lr: 0.000062500000, loss: 1.750000000000\n",
            {"train/loss": [2.5, 2.25, 1.75], "step": [0, 20, 40], "train/epoch": [0, 0, 1]},
        ),
    ),
)
