"""insightface's ArcFace in PyTorch: a line with the step, and verifications of pairs of faces in between."""

from runwatch.parsers.api import Format, Sample
from runwatch.parsers.body.matchers import evaluation, training

_PREFIX = rb"Training: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}-"

FORMAT = Format(
    name="insightface",
    title="insightface (ArcFace in PyTorch)",
    example="Training: 2026-03-14 10:40:26,125-Speed 2500.50 samples/sec   Loss 2.1250   LearningRate 0.0125 "
    "  Epoch: 2   Global Step: 1840   Fp16 Grad Scale: 65536   Required: 3 hours",
    matchers=(
        training(
            _PREFIX + rb"Speed {rate} samples/sec +Loss {loss} +(?:LearningRate {lr} +)?Epoch: {epoch} +"
            rb"Global Step: {step}(?!\d)",
            aliases={"rate": "perf/samples_per_sec"},
        ),
        *(
            evaluation(
                _PREFIX + rb"\[" + of + rb"\]\[{step}\]Accuracy-Flip: {acc}\+-",
                of.decode(),
                aliases={"acc": f"val/{of.decode()} accuracy"},
            )
            for of in (b"lfw", b"cfp_fp", b"agedb_30")
        ),
    ),
    samples=(
        Sample(
            "Training: 2026-03-14 10:40:26,125-Speed 2500.50 samples/sec   Loss 2.5000   LearningRate 0.0125 "
            "  Epoch: 0   Global Step: 50   Fp16 Grad Scale: 65536   Required: 3 hours\n"
            "Training: 2026-03-14 10:41:26,125-Speed 2500.50 samples/sec   Loss 2.2500   LearningRate 0.0125 "
            "  Epoch: 0   Global Step: 100   Fp16 Grad Scale: 65536   Required: 3 hours\n"
            "Training: 2026-03-14 10:41:36,125-[lfw][100]XNorm: 21.125000\n"
            "Training: 2026-03-14 10:41:36,126-[lfw][100]Accuracy-Flip: 0.87500+-0.00250\n"
            "Training: 2026-03-14 10:41:36,126-[lfw][100]Accuracy-Highest: 0.87500\n"
            "Training: 2026-03-14 10:42:26,125-Speed 2500.50 samples/sec   Loss 1.7500   LearningRate 0.0125 "
            "  Epoch: 1   Global Step: 150   Fp16 Grad Scale: 65536   Required: 2 hours\n",
            {"train/loss": [2.5, 2.25, 1.75], "step": [50, 100, 150], "train/epoch": [0, 0, 1]},
            {"val/lfw accuracy": [0.875], "step": [100]},
        ),
    ),
)
