"""BasicSR and its kin (Real-ESRGAN): `[epoch:  2, iter:   1,200, lr:(2.000e-04,)] ... l_pix: 6.2500e-02`."""

from runwatch.core.batch import EVAL, TRAIN
from runwatch.core.metrics import LOSS, STEP_TIME
from runwatch.parsers.api import Format
from runwatch.parsers.body.matchers import NUMBER, LinePattern

_ITERATION = rb"epoch: *{epoch}, iter: *(?P<step>" + NUMBER + rb"), "
_RATE = rb"lr:\({lr}[^\r\n)]{0,200}\)\]"
_ALIASES = {"time": STEP_TIME, "psnr": "val/psnr"} | {"G_loss": LOSS}
"""What is learned by is the loss of the generator; others are added to it."""

FORMAT = Format(
    name="basicsr",
    title="BasicSR and its kin",
    example="2030-01-02 03:04:05,678 INFO: [x..][epoch:  2, iter:   1,200, lr:(2.000e-04,)] ... l_pix: 0.06",
    matchers=(
        LinePattern("train", TRAIN, rb"\[" + _ITERATION + _RATE, fields=True, aliases=_ALIASES),
        LinePattern(  # ESRGAN before it, KAIR
            "train", TRAIN, rb"<" + _ITERATION + rb"lr: ?{lr}>", fields=True, aliases=_ALIASES
        ),
        LinePattern(
            "measured", EVAL, rb"<" + _ITERATION + rb"(?:Average PSNR ?|psnr): ?{psnr}", aliases=_ALIASES
        ),
        LinePattern("measured", EVAL, rb"\s*# psnr: {psnr}", needle=b"# psnr: ", aliases=_ALIASES),
        LinePattern("measured", EVAL, rb"# Validation # PSNR: {psnr}", aliases=_ALIASES),
    ),
    logged=True,
)
