"""Images that are made or restored: StyleGAN's ticks, pix2pix and CycleGAN; BasicSR, Real-ESRGAN, KAIR."""

import re

from runwatch.core.metrics import LOSS, STEP_TIME
from runwatch.parsers.api import Format
from runwatch.parsers.body.matchers import NUMBER, VALUE, evaluation, training

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

_ITERATION = rb"epoch: *{epoch}, iter: *(?P<step>" + NUMBER + rb"), "
_RATE = rb"lr:\({lr}[^\r\n)]{0,200}\)\]"
_ALIASES = {"time": STEP_TIME, "psnr": "val/psnr"} | {"G_loss": LOSS}
"""What is learned by is the loss of the generator; others are added to it."""

BASICSR = Format(
    name="basicsr",
    title="BasicSR and its kin",
    example="2030-01-02 03:04:05,678 INFO: [x..][epoch:  2, iter:   1,200, lr:(2.000e-04,)] ... l_pix: 0.06",
    matchers=(
        training(rb"\[" + _ITERATION + _RATE, fields=True, aliases=_ALIASES),
        training(  # ESRGAN before it, KAIR
            rb"<" + _ITERATION + rb"lr: ?{lr}>", fields=True, aliases=_ALIASES
        ),
        evaluation(rb"<" + _ITERATION + rb"(?:Average PSNR ?|psnr): ?{psnr}", "measured", aliases=_ALIASES),
        evaluation(rb"\s*# psnr: {psnr}", "measured", aliases=_ALIASES),
        evaluation(rb"# Validation # PSNR: {psnr}", "measured", aliases=_ALIASES),
    ),
    logged=True,
)
