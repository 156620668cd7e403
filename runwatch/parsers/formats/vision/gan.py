"""Image generation: StyleGAN's ticks, and the loss log of pix2pix and CycleGAN."""

import re

from runwatch.parsers.api import Format
from runwatch.parsers.body.matchers import VALUE, training

STYLEGAN = Format(
    name="stylegan",
    title="StyleGAN 2 and 3",
    example="tick 40    kimg 160.0    time 1h 02m 03s   sec/tick 92.5   sec/kimg 23.13   ...",
    matchers=(
        training(
            rb"tick {step} +kimg {kimg} +(?:lod {_} +)?(?:minibatch \d+ +)?time (?:\d+[dhms] ?){1,4} *",
            "tick",
            fields=True,
        ),
    ),
    markers=((b"Exiting...", "over"),),
)

_GLUED = re.compile(rb"([A-Z]{1,3}_[A-Za-z]{1,20}): (" + VALUE + rb")(?![\d.])")
PIX2PIX = Format(
    name="pix2pix",
    title="pix2pix / CycleGAN (PyTorch)",
    example="(epoch: 2, iters: 400, time: 0.125, data: 0.002) G_GAN: 1.250 G_L1: 9.500 ...",
    matchers=(
        training(
            rb"\(epoch: {epoch} *, iters: {step} *, time: {time_per_image}"
            rb"(?:, data: {data})?\) ",  # CycleGAN's first versions had none
            fields=True,
        ),
        training(  # kin of it without brackets, some without a space before a name
            rb"epoch: {epoch}, iters: {step}, time: {time_per_image}"
            rb"(?:, data: {data})?,? ?(?=[A-Z]{1,3}_\w{1,20}: )",
            fields=_GLUED,
        ),
    ),
)
