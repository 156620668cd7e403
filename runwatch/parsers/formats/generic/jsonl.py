"""Logs of one JSON object a line: what each framework's keys mean."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from runwatch.core.batch import BY_LAUNCH, EVAL
from runwatch.core.metrics import GRAD_NORM, LOSS, SAMPLES_PER_SEC, STEP_TIME, TOKENS_PER_SEC, VAL_LOSS
from runwatch.parsers.api import Format, Matcher
from runwatch.parsers.body.matchers import training
from runwatch.parsers.structured.json_lines import JsonLine, Record
from runwatch.parsers.structured.keyed_records import ANYTHING, LOSSES, Schema


def _format(name: str, title: str, example: str, schema: Schema, *more: Matcher, **line: Any) -> Format:
    """Return a format of lines whose keys have the meaning that a schema says; `line` is for JsonLine."""
    return Format(name, title, example, (JsonLine(schema, **line), *more))


LLAMAFACTORY = _format(
    "llamafactory-jsonl",
    "LLaMA-Factory's trainer_log.jsonl",
    '{"current_steps": 10, "total_steps": 500, "loss": 1.2, "lr": 5e-05, "epoch": 0.1}',
    Schema(  # a line without a loss only shows the progress
        "llamafactory",
        steps=("current_steps",),
        needs=frozenset({"current_steps", "total_steps"}),
        train=LOSSES,
        aliases={"throughput": TOKENS_PER_SEC},
    ),
)

# The validation line of both counts other things than the training lines (its own batches, or epochs).
_OPENMMLAB = {"time": STEP_TIME}
MMLOG = _format(
    "mm-log-json",
    "OpenMMLab 1.x (mmcv) .log.json",
    '{"mode": "train", "epoch": 1, "iter": 50, "lr": 0.01, "time": 0.41, "loss": 0.61}',
    Schema(
        "mmcv",
        steps=("iter", "epoch"),
        needs=frozenset({"epoch", "iter"}),
        train=ANYTHING,
        modes=("mode",),
        aliases=_OPENMMLAB,
        eval_step=False,
    ),
    prefix=b'{"mode": "',
)
MMENGINE = _format(
    "mmengine-scalars",
    "OpenMMLab 2.x (mmengine) scalars.json",
    '{"lr": 0.001, "loss": 0.41, "time": 1.2, "epoch": 1, "iter": 50, "memory": 5700, "step": 50}',
    Schema(
        "mmengine",
        steps=("iter", "step"),
        needs=frozenset({"step", "time"}),
        train=re.compile(r"^(?:iter|base_lr)$"),
        otherwise=EVAL,
        aliases=_OPENMMLAB,
        eval_step=False,
    ),
)

DETECTRON2 = _format(
    "detectron2-metrics-json",
    "Detectron2's metrics.json",
    '{"iteration": 19, "total_loss": 2.08, "lr": 0.00025, "time": 0.33, "data_time": 0.002}',
    Schema(
        "detectron2" + BY_LAUNCH,
        steps=("iteration",),
        needs=frozenset({"iteration"}),
        train=re.compile("^total_loss$"),
        otherwise=EVAL,
        evals=re.compile(r"^(?:bbox|segm|keypoints|box_proposals|sem_seg|panoptic_seg)/"),
        aliases={"time": STEP_TIME},
    ),
)

_AN_EPOCH_A_LINE = Schema(
    "deit",
    steps=("epoch",),
    needs=frozenset({"epoch", "train_loss", "train_lr"}),
    lacks=frozenset({"step", "iter", "batch"}),
    train=re.compile(r"^train_"),
    aliases={"test_loss": VAL_LOSS},  # its "test" loader is the validation set
    skip=re.compile("n_parameters"),
)
DEIT = _format(
    "deit-mae-jsonl",
    "DeiT, MAE, ConvNeXt: log.txt, one epoch a line",
    '{"train_lr": 0.0005, "train_loss": 5.48, "test_loss": 5.46, "test_acc1": 1.83, "epoch": 0}',
    _AN_EPOCH_A_LINE,
    JsonLine(
        replace(  # the first DETR's
            _AN_EPOCH_A_LINE,
            steps=(),
            needs=frozenset({"train_loss", "train_lr", "test_loss"}),
            lacks=_AN_EPOCH_A_LINE.lacks | {"epoch"},
        )
    ),
)

RLLIB = _format(
    "rllib-result-json",
    "RLlib and Ray Tune: result.json",
    '{"training_iteration": 1, "episode_reward_mean": 12.5, "time_this_iter_s": 9.8}',
    Schema(
        "rllib",
        steps=("training_iteration",),
        needs=frozenset({"training_iteration", "time_this_iter_s"}),
        train=ANYTHING,
        held_out=False,
        modes=(),
        aliases={
            "time_this_iter_s": STEP_TIME,
            "info/learner/grad_gnorm": GRAD_NORM,
            "info/learner/default_policy/learner_stats/grad_gnorm": GRAD_NORM,
        },
        skip=re.compile(  # counts of parameters are NaN from the second iteration on
            r"^(?:config|hist_stats|sampler_results|pid|timestamp)$"
            r"|/(?:hist_stats|num_(?:non_)?trainable_parameters)$"
        ),
    ),
)

SB3 = _format(
    "sb3-progress-json",
    "Stable-Baselines3's progress.json",
    '{"time/iterations": 2, "time/total_timesteps": 4096, "rollout/ep_rew_mean": 12.5}',
    Schema(
        "sb3",
        steps=("time/total_timesteps",),
        needs=frozenset({"time/total_timesteps"}),
        train=re.compile(r"^(?:train|rollout|time)/"),
        modes=(),
    ),
)

JSON_STATS = _format(
    "json-stats",
    "Torch scripts that print json_stats: {...} an epoch",
    'json_stats: {"epoch":12,"loss":0.21,"lr":0.1,"train_time":34.6,"test_acc":88.1}',
    Schema(
        "json-stats",
        steps=("epoch",),
        needs=frozenset({"epoch"}),
        lacks=frozenset({"step", "global_step", "iter", "iteration", "batch"}),
        train=re.compile(r"^(?:train_|loss$|lr$)"),
        keep=re.compile(r"^(?:train|test|val)_|loss|^lr$|acc"),  # among the whole configuration
        totals=("max_epoch",),
    ),
    prefix=b"json_stats: {",
)


_MLLOG_STEPS = ("epoch_num", "step_num", "samples_count", "epoch_count")


def _mllog(record: Record) -> Record:
    """Return {key: value} of an MLLOG entry, with the step its metadata shows."""
    key, value, about = record.get("key"), record.get("value"), record.get("metadata")
    if not isinstance(key, str) or not isinstance(about, dict):
        return {}
    step = next((about[k] for k in _MLLOG_STEPS if k in about), None)
    if key in ("eval_accuracy", "train_loss", "eval_loss"):
        return {"step": step, key: value}
    if key == "tracked_stats" and isinstance(value, dict):
        return {"step": step, **{f"tracked_{name}": number for name, number in value.items()}}
    return {"step": 0, "run_stop": 1} if key == "run_stop" else {}


MLPERF = _format(
    "mlperf-mllog",
    "MLPerf training results",
    ':::MLLOG {"key": "eval_accuracy", "value": 0.37, "metadata": {"epoch_num": 150110}}',
    Schema(  # the evaluations are what every submission prints: they show the progress
        "mllog",
        steps=("step",),
        train=re.compile("^eval_accuracy$"),
        held_out=False,
        otherwise=EVAL,
        modes=(),
        eval_aliases={"tracked_throughput": SAMPLES_PER_SEC, "train_loss": LOSS},
        skip=re.compile("run_stop"),
        eval_step=False,
        ends=frozenset({"run_stop"}),
    ),
    training(  # rounds 0.5 and 0.6
        rb":::MLPv[\d.]+ \w+ [\d.]+ \([^()\r\n]{1,300}\) eval_accuracy: "
        rb"\{(?=[^{}\r\n]{0,80}\"epoch\": {step})(?=[^{}\r\n]{0,80}\"value\": {accuracy})",
        "mlp",
        aliases={"accuracy": "val/accuracy"},
    ),
    prefix=b":::MLLOG {",
    anywhere=True,  # launchers put the rank before it
    reshape=_mllog,
    words=("key",),
)


def _ticked(record: Record) -> Record:
    """Return {name: mean} of the moments that StyleGAN keeps of each quantity."""
    return {
        name: moments["mean"]
        for name, moments in record.items()
        if isinstance(moments, dict) and "mean" in moments
    }


STYLEGAN = _format(
    "stylegan-stats-jsonl",
    "StyleGAN 2 and 3: stats.jsonl",
    '{"Loss/G/loss": {"mean": 0.7}, "Progress/tick": {"mean": 2}, "Progress/kimg": {"mean": 8}}',
    Schema(  # the console counts ticks too
        "stylegan-stats",
        steps=("Progress/tick",),
        needs=frozenset({"Progress/tick", "Progress/kimg"}),
        train=re.compile("^Progress/tick$"),
        held_out=False,
        modes=(),
    ),
    reshape=_ticked,
)

GENERIC = _format(
    "jsonl",
    "JSON lines with a step and a loss",
    '{"step": 100, "loss": 2.31, "lr": 0.0003, "grad_norm": 0.8}',
    Schema("jsonl", nested=True, ends=frozenset({"train_runtime"})),
)

FORMATS = (LLAMAFACTORY, MMLOG, DETECTRON2, RLLIB, SB3, DEIT, JSON_STATS, MLPERF, MMENGINE, STYLEGAN, GENERIC)
