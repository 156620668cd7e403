"""BasicSR and its kin (Real-ESRGAN): `[epoch:  2, iter:   1,200, lr:(2.000e-04,)] ... l_pix: 6.2500e-02`."""

from runwatch.core.batch import EVAL, TRAIN
from runwatch.core.metrics import STEP_TIME
from runwatch.parsers.api import Format
from runwatch.parsers.body.matchers import NUMBER, VALUE, LinePattern

FORMAT = Format(
    name="basicsr",
    title="BasicSR and its kin",
    example="2030-01-02 03:04:05,678 INFO: [x..][epoch:  2, iter:   1,200, lr:(2.000e-04,)] ... l_pix: 0.06",
    matchers=(
        LinePattern(
            "train",
            TRAIN,
            rb"\[epoch: *(?P<epoch>\d+), iter: *(?P<step>" + NUMBER + rb"), "
            rb"lr:\((?P<lr>" + VALUE + rb")[^\r\n)]{0,200}\)\]",
            prefix=b"[epoch:",
            fields=True,
            aliases={"time": STEP_TIME},
        ),
        LinePattern(
            "measured",
            EVAL,
            rb"\s*# psnr: (?P<psnr>" + NUMBER + rb")",
            needle=b"# psnr: ",
            aliases={"psnr": "val/psnr"},
        ),
    ),
    logged=True,
)
