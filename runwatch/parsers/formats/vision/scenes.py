"""Scenes: BTS (depth from one image) and its kin (NeWCRFs, PixelFormer, iDisc); Nerfstudio's table."""

from runwatch.core.metrics import DONE, STEP_TIME
from runwatch.parsers.api import Format, Sample
from runwatch.parsers.body.matchers import training

BTS = Format(
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

NERFSTUDIO = Format(
    name="nerfstudio",
    title="Nerfstudio",
    example="19600 (65.33%)      33.123 ms            5 m, 44 s            123.40 K",
    matchers=(
        training(
            rb"{step} {1,8}\({done}%\) {1,12}(?P<iter>) ms {1,16}"
            rb"(?:\d+ [a-z]+(?:, \d+ [a-z]+){0,3}) {1,16}\d+(?:\.\d+)? [KM]\b",
            needle=b"%) ",
            sign=rb"%\) {1,12}[\d.]+ ms ",
            aliases={"done": DONE, "iter": STEP_TIME},
            units={"done": "%", "iter": "ms"},
        ),
    ),
)
