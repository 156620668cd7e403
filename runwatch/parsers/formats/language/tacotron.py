"""NVIDIA's Tacotron 2 and WaveGlow."""

from runwatch.core.metrics import STEP_TIME, VAL_LOSS
from runwatch.parsers.api import Format, Sample
from runwatch.parsers.body.matchers import evaluation, training

TACOTRON2 = Format(
    name="tacotron2",
    title="Tacotron 2 (NVIDIA)",
    example="Train loss 400 0.625000 Grad Norm 1.250000 2.50s/it",
    matchers=(
        training(rb"Train loss {step} {loss} Grad Norm {norm} {took}s/it\s*$", aliases={"took": STEP_TIME}),
        evaluation(rb"Validation loss {step}: +{loss}\s*$", "validation", aliases={"loss": VAL_LOSS}),
    ),
    samples=(
        Sample(
            "Epoch: 0\n"
            "Train loss 0 40.500000 Grad Norm 12.500000 2.50s/it\n"
            "Validation loss 0: 50.250000  \n"
            "Saving model and optimizer state at iteration 0 to out/checkpoint_0\n"
            "Train loss 1 20.250000 Grad Norm 6.250000 1.25s/it\n",
            {
                "step": [0, 1],
                "train/loss": [40.5, 20.25],
                "train/grad_norm": [12.5, 6.25],
                "perf/step_time": [2.5, 1.25],
            },
            {"step": [0], "val/loss": [50.25]},
        ),
    ),
)

WAVEGLOW = Format(
    name="waveglow",
    title="WaveGlow (NVIDIA)",
    example="400:\t-5.125000000",
    matchers=(training(rb"(?P<step>\d{1,9}):\t(?P<loss>-?\d{1,9}\.\d{9})\s*$"),),
    samples=(
        Sample(
            "Epoch: 0\n0:\t0.500000000\n1:\t-1.250000000\n2:\t-2.500000000\n",
            {"step": [0, 1, 2], "train/loss": [0.5, -1.25, -2.5]},
        ),
    ),
)
