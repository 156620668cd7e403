"""EDSR (super-resolution), and what was made from it: RCAN, SAN, HAN, MDSR."""

from __future__ import annotations

from runwatch.core.metrics import LOSS
from runwatch.parsers.api import Format, Sample
from runwatch.parsers.body.matchers import LinePattern, evaluation, training
from runwatch.parsers.counters.nesting import HEADING

_PLACE = rb"\[ *{step_in_epoch}/{steps_per_epoch}\]\s+"
_PARTS = rb"(?=(?:\[[A-Z][\w.]{0,15}: [\d.e+-]+\])+\s+\d+\.\d\+\d+\.\ds)"

FORMAT = Format(
    name="edsr",
    title="EDSR (super-resolution) and its kin",
    example="[1600/16000]\t[L1: 9.5000]\t40.5+0.2s",
    matchers=(
        LinePattern("epoch", HEADING, rb"\[Epoch {epoch}\]\s+Learning rate: {_}\s*$"),
        training(
            _PLACE + rb"(?=[^\r\n]{0,200}\[Total: )" + _PARTS, "sum", fields=True, aliases={"Total": LOSS}
        ),
        training(_PLACE + _PARTS, fields=True, aliases={"L1": LOSS, "MSE": LOSS}),
        evaluation(rb"\[[\w ]{1,40} x\d+\]\s+PSNR: {psnr} \(Best: ", aliases={"psnr": "val/PSNR"}),
    ),
    samples=(
        Sample(
            "[Epoch 1]\tLearning rate: 1.00e-4\n"
            "[800/1600]\t[L1: 9.5000]\t40.5+0.2s\n"
            "[1600/1600]\t[L1: 8.2500]\t40.1+0.1s\n\n"
            "Evaluation:\n"
            "[DIV2K x2]\tPSNR: 30.250 (Best: 30.250 @epoch 1)\n\n"
            "[Epoch 2]\tLearning rate: 1.00e-4\n"
            "[800/1600]\t[L1: 7.5000]\t40.5+0.2s\n",
            {"train/loss": [9.5, 8.25, 7.5], "step": [800, 1600, 2400]},
            {"val/PSNR": [30.25]},
        ),
        Sample(
            "[Epoch 1]\tLearning rate: 1.00e-4\n"
            "[800/1600]\t[VGG54: 2.5000][GAN: 0.5000][Total: 3.0000]\t40.5+0.2s\n",
            {"train/loss": [3.0], "step": [800]},
        ),
    ),
)
