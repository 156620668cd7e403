"""DeepSpeed: `global_step1000/` with one ZeRO shard per data-parallel rank; `latest` names the newest."""

import re

from runwatch.parsers.checkpoints.layout import Layout, Part

_STATES = r"(?:\w+?_)?zero_pp_rank_(?P<rank>\d{1,6})_mp_rank_(?P<mp>\d{1,6})"

LAYOUT = Layout(
    kind="deepspeed",
    pattern=re.compile(
        r"(?:\w+?_)?zero_pp_rank_\d+_mp_rank_\d+_\w+_states\.pt|mp_rank_\d+_model_states\.pt"
        r"|layer_\d+-model_\d+-model_states\.pt"
    ),
    named=re.compile(r"global_step(?P<step>\d{1,15})"),
    parts=(
        Part("optim", re.compile(rf"{_STATES}_optim_states\.pt"), piece="ZeRO shard of rank {}", ranked=True),
        Part("zero3", re.compile(rf"{_STATES}_model_states\.pt"), piece="weights of rank {}"),
        Part(
            "model",
            re.compile(r"mp_rank_(?P<mp>\d{1,6})_model_states\.pt"),
            piece="model states of mp_rank {}",
        ),
        Part("layer", re.compile(r"layer_\d+-model_(?P<mp>\d{1,6})-model_states\.pt"), piece="layers of {}"),
    ),
    needs=(frozenset({"model", "zero3"}),),
    pointer="latest",
)
