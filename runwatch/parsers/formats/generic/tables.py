"""CSV and TSV logs: what each framework's columns mean."""

from __future__ import annotations

import re

from runwatch.core.metrics import LEARNING_RATE, STEP_TIME
from runwatch.parsers.api import Format
from runwatch.parsers.lexicon.counters import ANY
from runwatch.parsers.structured.keyed_records import Schema
from runwatch.parsers.tables.delimited import Columns

_LOSS = re.compile(
    r"(?:^|(?:train\w*|total|avg|mean|policy|value|actor|critic|gen\w*|disc\w*|[dg])[/_ .])loss\b"
    r"|^(?:(?:mean|avg|average|ep|episode|\d{1,6})[/_ .])*(?:reward|return)s?(?:[/_ .]mean)?$"
    r"|^(?:average|mean)?ep(?:isode)?(?:ret(?:urn)?|rew(?:ard)?)(?:mean)?$|^(?:average|mean)(?:return|reward)$"
    r"|^(?:[a-z]+[/_ .]){0,3}(?:rewards?|fitness(?:[/_ .](?:max|best|mean|avg))?)$|^epsilon$"
    r"|^loss[/_ ]|^(?:train[/_])?(?:ppl|perplexity|bpb)$"
    r"|^train(?:ing)?[/_ .](?!time|dur|sec|hours|size|samples)",
    re.IGNORECASE,
)
"""What only a table of training has: a weight loss or a profit and loss is none."""


def _format(name: str, title: str, example: str, schema: Schema, separator: bytes = b",") -> Format:
    """Return a format of tables whose columns have the meaning that a schema says."""
    return Format(name, title, example, (Columns(schema, separator),))


LIGHTNING = _format(
    "lightning-metrics-csv",
    "PyTorch Lightning's metrics.csv",
    "epoch,step,train_loss_step,val_loss",
    Schema(
        "lightning",
        steps=("step",),
        needs=frozenset({"epoch", "step"}),
        lacks=frozenset({"global_step"}),  # next to it, the step is that of an epoch
        train=re.compile(r"loss|acc|train|val|lr", re.IGNORECASE),
        held_out=False,
        mixed=True,  # each callback writes rows of its own
    ),
)

HF_HISTORY = _format(
    "hf-history-csv",
    "Hugging Face Trainer's log history as a table",
    "loss,grad_norm,learning_rate,epoch,step,eval_loss,train_runtime,train_loss",
    Schema(
        "hf-history",
        steps=("step", "epoch"),
        needs=frozenset({"loss", "epoch", "train_runtime"}),
        ends=frozenset({"train_runtime"}),
        train=re.compile(r"^loss$"),
        skip=re.compile(r"^total_flos$"),
        mixed=True,
    ),
)

SB3_PROGRESS = _format(
    "sb3-progress-csv",
    "progress.csv of Stable-Baselines3 and OpenAI Baselines",
    "time/iterations,time/total_timesteps,rollout/ep_rew_mean,train/loss",
    Schema(
        "sb3",
        steps=("time/total_timesteps", "time/total timesteps", "total/steps", "misc/total_timesteps"),
        train=re.compile(r"^(?:train|rollout|time|loss)/"),
    ),
)

RLLIB = _format(
    "rllib-progress-csv",
    "RLlib and Ray Tune: progress.csv",
    "episode_reward_mean,timesteps_total,training_iteration,time_this_iter_s",
    Schema(
        "rllib-csv",
        steps=("training_iteration",),
        needs=frozenset({"training_iteration", "time_this_iter_s"}),
        train=re.compile("^training_iteration$"),
        aliases={"time_this_iter_s": STEP_TIME},
        skip=re.compile(r"^(?:config|hist_stats|pid|timestamp)\b|/num_(?:non_)?trainable_parameters$"),
    ),
)

SB3_MONITOR = _format(
    "sb3-monitor-csv",
    "Stable-Baselines3's monitor.csv, one episode a row",
    '#{"t_start": 1637082108.19, "env_id": "Hopper-v3"}',
    Schema(
        "monitor",
        steps=("step",),
        needs=frozenset("rlt"),
        train=re.compile("^r$"),
        aliases={"r": "episode_reward", "l": "episode_len"},
        counts=True,
    ),
)

YOLO = _format(
    "yolo-results-csv",
    "Ultralytics YOLO's results.csv",
    "epoch,time,train/box_loss,train/cls_loss,metrics/mAP50(B),val/box_loss,lr/pg0",
    Schema(
        "yolo",
        steps=("epoch",),
        needs=frozenset({"epoch"}),
        lacks=frozenset(ANY) - {"epoch"},
        train=re.compile(r"^train/.*loss"),
        aliases={"time": "time/elapsed", "x/lr0": LEARNING_RATE},
    ),
)

CATBOOST = _format(
    "catboost-tsv",
    "CatBoost's learn_error.tsv and test_error.tsv",
    "iter\tRMSE\tMAE",
    Schema(
        "catboost",
        steps=("iter",),
        needs=frozenset({"iter"}),
        lacks=frozenset({"epoch", "Epoch"}),
        train=re.compile(r"^(?!iter$|Passed$|Remaining$)"),  # time_left.tsv holds nothing learned
        held_out=False,
        functions=True,
    ),
    b"\t",
)

GENERIC = Format(
    name="csv",
    title="CSV or TSV with a step and a training loss or reward",
    example="step,loss,lr,grad_norm",
    matchers=(
        Columns(Schema("csv", steps=ANY, train=_LOSS, guesses=True, nested=True, mixed=True)),
        Columns(Schema("tsv", steps=ANY, train=_LOSS, guesses=True, nested=True, mixed=True), b"\t"),
    ),
)

FORMATS = (HF_HISTORY, LIGHTNING, SB3_PROGRESS, RLLIB, SB3_MONITOR, YOLO, CATBOOST, GENERIC)
