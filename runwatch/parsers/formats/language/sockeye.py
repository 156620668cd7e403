"""Sockeye: `E=2 B=4000  s/sec=512.50 tok/sec=9876.50 u/sec=2.50  ppl=12.5`; B counts through all epochs."""

from runwatch.parsers.api import Format, Sample
from runwatch.parsers.body.matchers import evaluation, training

_LOGGED = rb"(?:\[[^\]\s]{1,90}\] )?"
_LOG = "[2030-01-02:03:04:05:INFO:sockeye.training:__call__] "

FORMAT = Format(
    name="sockeye",
    title="Sockeye",
    example="[INFO:sockeye.training:__call__] E=2 B=4000\ts/sec=512.50 tok/sec=9876.50 u/sec=2.50 ...",
    matchers=(
        training(_LOGGED + rb"E={epoch} B={step}\s+(?=s/sec=)", fields=True),
        training(  # of version 1
            _LOGGED + rb"Epoch\[{epoch}\] Batch \[{step}\]\s+"
            rb"Speed: [\d.]+ samples/sec {tokens_per_sec} tokens/sec(?: [\d.]+ updates/sec)?\s+",
            fields=True,
        ),
        evaluation(_LOGGED + rb"Checkpoint \[\d+\]\s+(?=Validation-)", "validation", fields=True),
    ),
    samples=(
        Sample(
            _LOG + "E=0 B=50\ts/sec=512.50 tok/sec=9876.50 u/sec=2.50"
            "\tppl=12.50 cross-entropy=2.50\n" + _LOG + "E=1 B=100\ts/sec=512.50 tok/sec=9876.50 u/sec=2.50"
            "\tppl=10.50 cross-entropy=2.25\n" + _LOG + "Checkpoint [1]\tValidation-perplexity=11.50\n",
            {"step": [50, 100], "train/loss": [2.5, 2.25], "perf/tokens_per_sec": [9876.5, 9876.5]},
            {"val/perplexity": [11.5]},
        ),
        Sample(
            "[INFO:sockeye.training] Epoch[0] Batch [50]\tSpeed: 512.50 samples/sec 9876.50 tokens/sec "
            "2.50 updates/sec\tperplexity=12.50\n"
            "[INFO:sockeye.training] Checkpoint [1]\tValidation-perplexity=11.50\n",
            {"step": [50], "perplexity": [12.5], "perf/tokens_per_sec": [9876.5]},
            {"val/perplexity": [11.5]},
        ),
    ),
)
