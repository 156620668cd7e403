"""Kaldi's nnet3, and icefall (k2), which followed it.

Kaldi prints the objective of each hundred minibatches, which training maximizes. icefall does not print the
length of an epoch: it is what the first epoch shows.
"""

from runwatch.core.metrics import LOSS
from runwatch.parsers.api import Format, Sample
from runwatch.parsers.body.matchers import evaluation, training

_LOSSES = ("", "simple_", "pruned_", "ctc_", "att_", "attention_decoder_", "cr_", "mmi_")
_EVALUATED = (*(f"{name}loss" for name in _LOSSES), "over", "WER")

ICEFALL = Format(
    name="icefall",
    title="icefall (k2 speech recognition)",
    example="2030-01-02 03:04:05,678 INFO [train.py:123] Epoch 1, batch 40, loss[loss=0.625, ...",
    matchers=(
        training(
            rb"Epoch {epoch}, batch {step_in_epoch}, (?:global_batch_idx: \d+, )?"
            rb"(?:batch size: \d+, )?(?:[a-z]\w{0,30}_)?loss\[(?=[^\r\n]{0,2000}\], )",
            fields=True,
        ),
        training(  # of 2021
            rb"Epoch {epoch}, batch {step_in_epoch}, (?=batch avg )",
            "train-older",
            fields=True,
            aliases={"batch avg loss": LOSS, "total avg loss": "total avg loss"},
        ),
        evaluation(rb"Epoch {epoch}, (?=valid (?:\w+ )?loss )", "validation-older", fields=True),
        evaluation(
            rb"Epoch {epoch}, validation:? (?=\w*loss=)",
            "validation",
            fields=True,
            aliases={name: f"val/{name}" for name in _EVALUATED},
        ),
    ),
)

_SAMPLE = (
    "LOG (nnet3-chain-train[5.5.1]:PrintStatsForThisPhase():nnet-training.cc:340) Average objective function"
    " for 'output' for minibatches {0}00-{0}99 is -0.{0}25 over 12800 frames.\n"
)

KALDI = Format(
    name="kaldi",
    title="Kaldi (nnet3)",
    example="LOG (nnet3-train:...) Average objective function for 'output' for minibatches 0-99 is -1.25 ...",
    matchers=(
        training(
            rb"LOG \(nnet3-[^\r\n)]{1,60}\(\):[^\r\n)]{1,60}\) Average objective function for 'output' for "
            rb"minibatches \d+-{step} is {objf}",
            "minibatches",
        ),
    ),
    samples=(Sample(_SAMPLE.format(1) + _SAMPLE.format(2), {"step": [199, 299], "objf": [-0.125, -0.225]}),),
)
