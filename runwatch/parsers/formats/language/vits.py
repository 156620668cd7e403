"""VITS and its kin (so-vits-svc): a list of losses, the step and the learning rate, each on a line."""

from runwatch.core.batch import TRAIN
from runwatch.parsers.api import Format, Sample
from runwatch.parsers.body.matchers import LinePattern

_LOGGED = rb"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}\t[\w.-]{1,60}\tINFO\t"
_LOSSES = (
    rb"\[(?P<loss_disc>), (?P<loss_gen>), (?P<loss_fm>), (?P<loss_mel>), (?:(?P<loss_dur>), )?(?P<loss_kl>)"
)
_SAMPLE = "2030-01-02 03:04:05,678\tmodel\tINFO\t"

FORMAT = Format(
    name="vits",
    title="VITS, so-vits-svc",
    example="2030-01-02 03:04:05,678 model INFO [2.5, 2.125, 8.5, 25.125, 1.25, 1.75, 400, 0.0002]",
    matchers=(
        LinePattern(
            "list", TRAIN, _LOGGED + _LOSSES + rb", (?P<step>\d+), (?P<lr>)\]\s*$", needle=b"\tINFO\t["
        ),
        LinePattern(
            "losses",
            TRAIN,
            _LOGGED + rb"Losses: " + _LOSSES + rb"\], step: (?P<step>\d+), lr: (?P<lr>)(?=,|\s*$)",
            needle=b"\tINFO\tLosses: [",
        ),
    ),
    samples=(
        Sample(
            "".join(f"{_SAMPLE}[2.5, 2.25, 8.5, 25.5, 1.25, 1.75, {i}00, 0.0002]\n" for i in (1, 2)),
            {"step": [100, 200], "loss dur": [1.25, 1.25], "train/learning_rate": [2e-4, 2e-4]},
        ),
        Sample(
            f"{_SAMPLE}Losses: [2.5, 2.25, 8.5, 25.5, 1.25], step: 400, lr: 0.0001, reference_loss: 39.5\n",
            {"step": [400], "loss mel": [25.5], "loss kl": [1.25]},
        ),
    ),
)
