"""Marian and Sockeye, which translate; Sockeye's `B=4000` counts through all epochs."""

from runwatch.core.metrics import TOKENS_PER_SEC, VAL_LOSS
from runwatch.parsers.api import Format, Sample
from runwatch.parsers.body.matchers import NUMBER, evaluation, training

_PLACE = rb"Ep\. (?P<epoch>%s) : Up\. (?P<step>%s) : " % (NUMBER, NUMBER)
_SCORES = {
    VAL_LOSS: rb"(?:ce-mean-words|cross-entropy)",
    "val/perplexity": rb"perplexity",
    "val/bleu": rb"bleu[a-z-]{0,12}",
    "val/chrf": rb"chrf",
}
_LINE = (
    "[2030-01-02 03:04:05] Ep. 1 : Up. {}000 : Sen. 12,345 : Cost {}.5{} : Time 12.50s : 43210.50 words/s{}\n"
)

MARIAN = Format(
    name="marian",
    title="Marian",
    example="[2030-01-02 03:04:05] Ep. 2 : Up. 4000 : Sen. 123,456 : Cost 4.125 : Time 12.50s : ...",
    matchers=(
        training(
            _PLACE + rb"Sen\. [\d,]{1,20} : Cost {loss}"
            rb"(?:(?=[^\r\n]{0,200} : {words} words/s))?(?:(?=[^\r\n]{0,300} : gNorm {norm}))?"
            rb"(?:(?=[^\r\n]{0,300} : L\.r\. {lr}))?",
            aliases={"words": TOKENS_PER_SEC},
        ),
        *(
            evaluation(
                rb"(?:\[valid\] )?" + _PLACE + score + rb" : {valid} : ", "valid", aliases={"valid": metric}
            )
            for metric, score in _SCORES.items()
        ),
    ),
    samples=(
        Sample(
            _LINE.format(1, 9, "", "")
            + _LINE.format(2, 8, " * 98,765 @ 9,876 after 1,234,567", " : gNorm 0.5 : L.r. 3.0000e-04")
            + "[2030-01-02 03:04:05] [valid] Ep. 1 : Up. 2000 : cross-entropy : 45.5 : new best\n"
            + "[2030-01-02 03:04:05] [valid] Ep. 1 : Up. 2000 : bleu-detok : 12.5 : stalled 1 times\n",
            {"step": [1000, 2000], "train/loss": [9.5, 8.5], "perf/tokens_per_sec": [43210.5, 43210.5]},
            {"step": [2000, 2000], "val/loss": [45.5], "val/bleu": [12.5]},
        ),
    ),
)

_LOGGED = rb"(?:\[[^\]\s]{1,90}\] )?"
_LOG = "[2030-01-02:03:04:05:INFO:sockeye.training:__call__] "

SOCKEYE = Format(
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
