"""Image generation: StyleGAN's ticks, and the loss log of pix2pix and CycleGAN."""

from runwatch.batch import TRAIN
from runwatch.parsers.formats import Format
from runwatch.parsers.patterns import NUMBER, LinePattern

STYLEGAN = Format(
    name="stylegan",
    title="StyleGAN 2 and 3",
    example="tick 40    kimg 160.0    time 2h 19m 42s   sec/tick 153.9   sec/kimg 38.47   maintenance 0.0    ...",
    matchers=(
        LinePattern(
            "tick",
            TRAIN,
            rb"tick (?P<step>\d+) +kimg (?P<kimg>"
            + NUMBER
            + rb") +(?:lod "
            + NUMBER
            + rb" +)?(?:minibatch \d+ +)?"
            rb"time (?:\d+[dhms] ?){1,4} *",
            prefix=b"tick ",
            fields=True,
        ),
    ),
)

PIX2PIX = Format(
    name="pix2pix",
    title="pix2pix / CycleGAN (PyTorch)",
    example="(epoch: 110, iters: 179, time: 0.116, data: 0.001) G_GAN: 3.384 G_L1: 2.888 D_real: 0.965 D_fake: 0.008",
    matchers=(
        LinePattern(
            "train",
            TRAIN,
            rb"\(epoch: (?P<epoch>\d+), iters: (?P<step>\d+), time: (?P<time_per_image>" + NUMBER + rb"), "
            rb"data: (?P<data>" + NUMBER + rb")\) ",
            prefix=b"(epoch: ",
            fields=True,
        ),
    ),
)
