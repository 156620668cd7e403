"""VITS and its kin: a list of losses, the step and the learning rate on a line; of RVC on two lines."""

from __future__ import annotations

import re
from collections.abc import Sequence

from runwatch.core.batch import TRAIN
from runwatch.parsers.api import Format, Reader, Row, Sample
from runwatch.parsers.body.matchers import VALUE, number, training
from runwatch.parsers.body.readers import RowMaker

_LOGGED = rb"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}\t[\w.-]{1,60}\tINFO\t"
_LOSSES = rb"\[{loss_disc}, {loss_gen}, {loss_fm}, {loss_mel}, (?:{loss_dur}, )?{loss_kl}"
_SAMPLE = "2030-01-02 03:04:05,678\tmodel\tINFO\t"

_RVC_EPOCH = re.compile(rb"Train Epoch: (\d+) \[\d+(?:\.\d+)?%\]\s*\Z")
_RVC_PLACE = re.compile(rb"\[(\d+), (" + VALUE + rb")\]\s*\Z")
_RVC_LOSSES = re.compile(rb"(loss_\w{1,12})=(" + VALUE + rb")(?=,|\s*\Z)")


class RvcReader(Reader):
    """Reads the losses of RVC, at the epoch and the step of the two lines above them."""

    needles = (b"Train Epoch: ", b"loss_disc=")
    _row = RowMaker("rvc")
    _place: Sequence[tuple[str, float]] = ()

    @property
    def awake(self) -> bool:
        """Whether the next line may show the step."""
        return len(self._place) == 1

    def feed(self, line: bytes, number_: int) -> list[Row] | None:
        """Take a line of a record; the last of it has the losses."""
        epoch = _RVC_EPOCH.search(line)
        if epoch is not None:
            self._place = [("epoch", float(epoch[1]))]
            return None  # so-vits-svc prints it too
        if self.awake:
            found = _RVC_PLACE.search(line)
            self._place = [*self._place, ("step", float(found[1])), ("lr", number(found[2]))] if found else []
            return [] if found else None
        place, self._place = self._place, ()
        losses = [(m[1].decode(), number(m[2])) for m in _RVC_LOSSES.finditer(line)] if place else []
        return [self._row(TRAIN, number_, [*place, *losses])] if losses else None


FORMAT = Format(
    name="vits",
    title="VITS, so-vits-svc, RVC",
    example="2030-01-02 03:04:05,678 model INFO [2.5, 2.125, 8.5, 25.125, 1.25, 1.75, 400, 0.0002]",
    matchers=(
        training(_LOGGED + _LOSSES + rb", {step}, {lr}\]\s*$", "list"),
        training(_LOGGED + rb"Losses: " + _LOSSES + rb"\], step: {step}, lr: {lr}(?=,|\s*$)", "losses"),
    ),
    readers=(RvcReader,),
    samples=(
        Sample(
            "".join(f"{_SAMPLE}[2.5, 2.25, 8.5, 25.5, 1.25, 1.75, {i}00, 0.0002]\n" for i in (1, 2)),
            {"step": [100, 200], "loss dur": [1.25, 1.25], "train/learning_rate": [2e-4, 2e-4]},
        ),
        Sample(
            f"{_SAMPLE}Losses: [2.5, 2.25, 8.5, 25.5, 1.25], step: 400, lr: 0.0001, reference_loss: 39.5\n",
            {"step": [400], "loss mel": [25.5], "loss kl": [1.25]},
        ),
        Sample(
            "".join(
                f"{logger}Train Epoch: {1 + i} [50%]\n"
                f"{logger}[{i}00, 0.0001]\n"
                f"{logger}loss_disc=4.{i}25, loss_gen=3.125, loss_fm=12.125,loss_mel=25.125, loss_kl=1.000\n"
                for i, logger in enumerate((_SAMPLE, "INFO:voice:"))
            ),
            {"step": [0, 100], "train/epoch": [1, 2], "loss_disc": [4.025, 4.125], "loss_mel": [25.125] * 2},
        ),
    ),
)
