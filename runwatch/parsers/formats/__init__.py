"""One declarative file per log format, and the catalogue of all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

from runwatch.parsers.api import Format

_troubles: list[str] = []


def troubles() -> tuple[str, ...]:
    """Return what went wrong with formats of other packages and of the user so far, a line each."""
    return tuple(_troubles)


def report(trouble: str) -> None:
    """Take note of what went wrong with a format, once."""
    if trouble not in _troubles:
        _troubles.append(trouble)


def restricted(formats: Sequence[Format], name: str | None) -> tuple[Format, ...]:
    """Return the formats of that name; all of them for None."""
    return tuple(fmt for fmt in formats if name in (None, fmt.name))


@cache
def catalogue() -> tuple[Format, ...]:
    """Return every known format, the most telling first; those of other packages go before ours."""
    from runwatch.parsers.formats import plugins

    ours = builtin()
    return (*plugins.load((fmt.name for fmt in ours), _troubles.append), *ours)


@cache
def builtin() -> tuple[Format, ...]:
    """Return the formats that come with runwatch."""
    from runwatch.parsers.formats.classic import boosting, dl4j, sklearn
    from runwatch.parsers.formats.generic import (
        bars,
        documents,
        epochs,
        jsonl,
        scripts,
        tables,
    )
    from runwatch.parsers.formats.language import (
        allennlp,
        fairseq,
        icefall,
        toolkits,
    )
    from runwatch.parsers.formats.llm import (
        build_nanogpt,
        deepspeed,
        hf_trainer,
        litgpt,
        llmc,
        maxtext,
        megatron,
        modded_nanogpt,
        nanochat,
        nanogpt,
        nanogpt_seis,
        nemo,
        torchtitan,
    )
    from runwatch.parsers.formats.rl import console, verl
    from runwatch.parsers.formats.vision import (
        basicsr,
        caffe,
        classification,
        darknet,
        detectron2,
        gan,
        openmmlab,
        paddle,
        slowfast,
        yolo,
    )

    return (
        nanochat.FORMAT,
        llmc.FORMAT,
        build_nanogpt.FORMAT,
        nanogpt.FORMAT,
        build_nanogpt.LOG_TXT,
        llmc.MAIN_LOG,
        modded_nanogpt.FORMAT,
        nanogpt_seis.FORMAT,
        litgpt.FORMAT,
        hf_trainer.FORMAT,
        scripts.LOGGED_LOSS,
        torchtitan.FORMAT,
        megatron.FORMAT,
        maxtext.FORMAT,
        nemo.FORMAT,
        verl.FORMAT,
        fairseq.FORMAT,
        fairseq.EPOCHS,
        icefall.FORMAT,
        classification.TIMM,
        classification.SWIN,
        classification.SWAV,
        classification.TORCHVISION,
        classification.OPENPCDET,
        openmmlab.FORMAT,
        detectron2.FORMAT,
        slowfast.FORMAT,
        paddle.SEG,
        paddle.DETECTION,
        paddle.OCR,
        paddle.CLAS,
        paddle.GAN,
        paddle.CYCLEGAN,
        paddle.VIT,
        yolo.ULTRALYTICS,
        yolo.RESULTS,
        yolo.YOLOX,
        boosting.XGBOOST,
        boosting.LIGHTGBM,
        boosting.CATBOOST,
        sklearn.FORMAT,
        caffe.FORMAT,
        darknet.FORMAT,
        basicsr.FORMAT,
        dl4j.FORMAT,
        gan.STYLEGAN,
        gan.PIX2PIX,
        toolkits.FLAIR,
        toolkits.SPACY,
        allennlp.FORMAT,
        epochs.EPOCH_TABLE,
        console.SB3,
        console.CLEANRL,
        scripts.BATCH_LOSS,
        scripts.EPOCH_BLOCK,
        bars.KERAS,
        bars.CIFAR,
        deepspeed.PIPELINE,
        deepspeed.FORMAT,
        console.CLEANRL_EVAL,
        bars.PCDET,
        bars.TQDM,
        bars.RICH,
        *(replace(fmt, alone=True) for fmt in (*jsonl.FORMATS, *tables.FORMATS, *documents.FORMATS)),
    )
