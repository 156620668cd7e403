"""BasicSR and its kin (Real-ESRGAN): `[epoch:  2, iter:   1,200, lr:(2.000e-04,)] ... l_pix: 6.2500e-02`."""

from runwatch.core.metrics import LOSS, STEP_TIME
from runwatch.parsers.api import Format
from runwatch.parsers.body.matchers import NUMBER, evaluation, training

_ITERATION = rb"epoch: *{epoch}, iter: *(?P<step>" + NUMBER + rb"), "
_RATE = rb"lr:\({lr}[^\r\n)]{0,200}\)\]"
_ALIASES = {"time": STEP_TIME, "psnr": "val/psnr"} | {"G_loss": LOSS}
"""What is learned by is the loss of the generator; others are added to it."""

FORMAT = Format(
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
