"""Kaldi's nnet3: the objective of each hundred minibatches, which training maximizes."""

from runwatch.parsers.api import Format, Sample
from runwatch.parsers.body.matchers import training

_SAMPLE = (
    "LOG (nnet3-chain-train[5.5.1]:PrintStatsForThisPhase():nnet-training.cc:340) Average objective function"
    " for 'output' for minibatches {0}00-{0}99 is -0.{0}25 over 12800 frames.\n"
)

FORMAT = Format(
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
