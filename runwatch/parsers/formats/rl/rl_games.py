"""rl_games (Isaac Gym, Isaac Lab): speeds, the epoch and the frames; rewards are in its TensorBoard files."""

from runwatch.core.metrics import SAMPLES_PER_SEC
from runwatch.parsers.api import Format, Sample
from runwatch.parsers.body.matchers import training

_LINE = (
    "fps step: 12345 fps step and policy inference: 11111 fps total: 9876 epoch: {0}/900 frames: {0}0000\n"
)

FORMAT = Format(
    name="rl-games",
    title="rl_games",
    example="fps step: 12345 fps step and policy inference: 11111 fps total: 9876 epoch: 2/900 frames: 65536",
    matchers=(
        training(
            rb"fps step: {fps_step} fps step and policy inference: {_} fps total: {fps} "
            rb"epoch: {step}/{total} frames: {frames}",
            "epoch",
            aliases={"fps": SAMPLES_PER_SEC},
        ),
    ),
    samples=(
        Sample(
            _LINE.format(1) + _LINE.format(2),
            {"step": [1, 2], "total": [900, 900], "perf/samples_per_sec": [9876, 9876], "frames": [1e4, 2e4]},
        ),
    ),
)
