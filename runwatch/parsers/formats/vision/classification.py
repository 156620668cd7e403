"""Image trainers that print one line per interval: timm, Swin, SwAV, torchvision's scripts.

Each prints a value and, in brackets, its running mean; the value is taken.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping

from runwatch.core.batch import EVAL, TRAIN
from runwatch.core.metrics import LOSS, STEP_TIME
from runwatch.parsers.api import Epochs, Format, Match
from runwatch.parsers.body.enveloped import Logged
from runwatch.parsers.body.matchers import (
    VALUE,
    ExactPattern,
    Layouts,
    LinePattern,
    evaluation,
    number,
    training,
)
from runwatch.parsers.lexicon.records import HeldOut
from runwatch.parsers.tables.evaluations import CocoReader

_COUNT = re.compile(rb"\[ *(\d+)/(\d+)\]")


class EpochLine(LinePattern):
    """A LinePattern with an epoch and a place within it, of programs that differ in the first epoch.

    A log whose first line is of epoch 1 counts from 1. One that begins later does not say: then
    it counts from 0, as most of these programs do.
    """

    def __init__(self, head: bytes, *, aliases: Mapping[str, str]) -> None:
        """See LinePattern."""
        super().__init__("train", TRAIN, head, fields=True, first_epoch=0, aliases=aliases)
        self._from_one = Layouts("train", aliases, first_epoch=1)
        self._seen = False

    remembers = True

    def fresh(self) -> EpochLine:
        """Return a matcher of the same lines that has seen none."""
        return copy.copy(self)

    def prime(self, lines: list[bytes]) -> None:
        """Look for the first epoch among the first lines of a stream whose middle is read."""
        behind = Logged(self)
        for line in lines:
            if self._seen or behind.match(line):
                return

    def match(self, line: bytes, start: int = 0) -> Match | None:
        """Return the numbers of a line of this kind."""
        match = super().match(line, start)
        if match is None or self._seen:
            return match
        self._seen = True
        epochs = match.layout.epochs
        begin, end = match.spans[epochs.epoch if isinstance(epochs, Epochs) else 0]
        if number(line[begin:end]) != 1:
            return match
        self._layouts = self._from_one
        return super().match(line, start)


class LastBatch(ExactPattern):
    """Lines of an evaluation that count its batches: the last one shows the means over all of them."""

    def match(self, line: bytes, start: int = 0) -> Match | None:
        """Return the numbers of the last batch's line."""
        found = _COUNT.search(line, start, start + 80)
        if found is None or int(found[1]) + 1 != int(found[2]):
            return None
        return super().match(line, start)


_TIME = {"time": STEP_TIME, "Time": STEP_TIME}
_MEANS = {"acc1": "val/acc1", "acc5": "val/acc5", "loss": "val/loss"}


def _accuracy(prefix: bytes) -> LinePattern:
    """Return what matches the line below an evaluation of PyTorch's ImageNet example and its kin."""
    return evaluation(
        re.escape(prefix) + rb" {0,4}(?:Acc|Prec)@1 +{acc1},? (?:Acc|Prec)@5 +"
        rb"{acc5}(?: loss {loss})?",
        "accuracy",
        aliases=_MEANS,
    )


_MEANS_OF_TEST = evaluation(
    rb"\s{0,4}(?:\* )?Test: {1,2}(?:\* )?(?=(?:Acc@1|[Ll]oss) )(?=[^\r\n:]{0,80}?[Ll]oss {loss})"
    rb"(?=[^\r\n:]{0,80}?Acc@1 {acc1})(?:(?=[^\r\n:]{0,80}?Acc@5 {acc5}))?",
    "test-means",
    aliases=_MEANS,
)
"""Matches the means of an evaluation with the loss: `Test: Loss 0.5 Acc@1 80.5`."""

TIMM = Format(
    name="timm",
    title="timm (pytorch-image-models)",
    example="Train: 0 [  40/900 (  4%)]  Loss:  6.125000 (6.2500)  Time: 0.512s,  250.00/s  (...)",
    matchers=(
        training(
            rb"Train: {epoch} \[ *{within}/{per} +\( *\d+%\)\] +Loss: +{loss}"
            rb"(?= [^\r\n]{0,200}?Time: {time}s, +{rate}/s)(?:(?=[^\r\n]{0,300}?LR: {lr}))?",
            aliases={**_TIME, "rate": "perf/samples_per_sec"},
            first_epoch=0,
        ),
        ExactPattern(  # the last batch's line has the means over all of them
            "test",
            EVAL,
            rb"Test(?: \([^()\r\n]{1,40}\))?: \[ *(\d+)/\1\] [^\r\n]{0,60}?Loss: +{_} +"
            rb"\( *{loss}\)(?: +Acc@1: +{_} \( *{acc1}\))?(?: +Acc@5: +{_} \( *{acc5}\))?",
            aliases=_MEANS,
        ),
    ),
    markers=((b"*** Best metric: ", "over"),),
)

SWIN = Format(
    name="swin",
    title="Swin Transformer and repositories like it",
    example="Train: [2/90][40/900]\teta 0:07:20 lr 0.000125\ttime 0.5120 (0.5200)\tloss 2.1250 (2.2500)",
    matchers=(
        EpochLine(rb"Train: \[{epoch}/{epochs}\]\[{within}/{per}\]\s", aliases={**_TIME, "tot_loss": LOSS}),
        _MEANS_OF_TEST,
        _accuracy(b"* "),
    ),
    logged=True,
)

SWAV = Format(
    name="swav",
    title="SwAV and other users of its logger",
    example="Epoch[2] - Iter: [40/900]\tTime 0.512 (0.520)\tLoss 2.1250 (2.2500)\tLR 0.125",
    matchers=(
        EpochLine(
            rb"Epoch(?:\[{epoch}\] - Iter: |: \[(?P<epoch_>\d+)\])"
            rb"\[ *{within}/{per}\]\s+(?:Elapsed [^()\r\n]{1,40}\(remain [^()\r\n]{1,40}\))?",
            aliases={**_TIME, "Err": LOSS},  # as fb.resnet.torch calls its loss
        ),
        training(  # SwAV itself does not show how many batches there are
            rb"Epoch: \[{epoch}\]\[{step_in_epoch}\]\s+(?=Time )", "train-batch", fields=True, aliases=_TIME
        ),
        EpochLine(  # of SupContrast and its kin
            rb"Train: \[{epoch}\]\[{within}/{per}\]\s(?=BT )", aliases={"BT": STEP_TIME, "DT": "data_time"}
        ),
        evaluation(rb"Test:\tTime {_}\tLoss {loss}\tAcc@1 {acc1}", "test", aliases=_MEANS),
        _MEANS_OF_TEST,
        _accuracy(b"* "),
        evaluation(
            rb"Epoch {epoch} - avg_train_loss: {mean} +avg_val_loss: {loss}",
            "means",
            aliases={"mean": "train/epoch_loss", "loss": "val/loss", "epoch": "epoch"},
        ),
    ),
    logged=True,
)

_ETA = rb" +eta: (?:\d+ days?, )?\d+:\d\d:\d\d"


def _epoch_line(prefix: bytes) -> EpochLine:
    return EpochLine(
        re.escape(prefix) + rb"{epoch}(?:/{epochs})?\] +\[ *{within}/{per}\]" + _ETA,
        aliases={**_TIME, "total_loss": LOSS},
    )


_MEAN = re.compile(rb"(?<![\w./@-])([A-Za-z][\w./@-]{0,80}): " + VALUE + rb" \((" + VALUE + rb")\)")
"""A value, and its mean over all batches."""


def _last_batches(prefix: bytes) -> tuple[LastBatch, LastBatch]:
    """Return what matches the last batch of an evaluation: its loss, or, if it has none, all its means."""
    head = prefix + rb" +(?:\[\d+\] +)?\[ *\d+/\d+\]" + _ETA  # some show the epoch, too
    loss = rb"[^\r\n]{0,400}?\bloss: "
    return (
        LastBatch("test", EVAL, head + rb"(?=" + loss + rb"{_} \({loss}\))", aliases=_MEANS),
        LastBatch("test", EVAL, head + rb"(?!" + loss + rb")", fields=_MEAN, aliases=HeldOut()),
    )


TORCHVISION = Format(
    name="torchvision",
    title="torchvision's reference scripts and users of their logger (DeiT, MAE, DINO, DETR, BLIP, LAVIS)",
    example="Epoch: [2]  [ 40/900]  eta: 0:07:20  lr: 0.00125  loss: 2.1250 (2.2500)  time: 0.5120  ...",
    matchers=(
        _epoch_line(b"Epoch: ["),
        _epoch_line(b"Train Epoch: ["),
        _epoch_line(b"Train: data epoch: ["),  # LAVIS
        training(  # DINOv2 counts iterations alone
            rb"Training +\[ *{step}/{total}\]" + _ETA,
            "train-iter",
            fields=True,
            aliases={**_TIME, "total_loss": LOSS},
        ),
        *_last_batches(b"Test:"),
        *_last_batches(b"Val:"),
        _MEANS_OF_TEST,
        _accuracy(b"* "),
        _accuracy(b"Test:  "),
    ),
    readers=(CocoReader,),
    logged=True,
)
