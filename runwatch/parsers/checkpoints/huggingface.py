"""Hugging Face Trainer, Accelerate, PEFT: `checkpoint-500/`, with weights of DeepSpeed or FSDP too."""

import re

from runwatch.parsers.checkpoints.layout import Layout, Part

_STEM = r"(?:.*/)?(?:model|pytorch_model|adapter_model|diffusion_pytorch_model|tf_model|flax_model)"

LAYOUT = Layout(
    kind="hf",
    pattern=re.compile(
        r"trainer_state\.json|training_args\.bin|(?:pytorch_model_fsdp|optimizer)_\d+/"
        r"|(?:pytorch_model|adapter_model|model)(?:-\d+-of-\d+)?\.(?:safetensors|bin)"
        r"|(?:model\.safetensors|pytorch_model\.bin)\.index\.json|random_states_\d+\.pkl|global_step\d+/"
    ),
    named=re.compile(r"checkpoint-(?P<step>\d{1,15})"),
    parts=(
        Part(
            "shards",
            re.compile(rf"{_STEM}-(?P<part>\d{{1,6}})-of-(?P<of>\d{{1,6}})\.(?:safetensors|bin)"),
            piece="weights, shard {}",
        ),
        Part("weights", re.compile(rf"{_STEM}\.(?:safetensors|bin|msgpack|h5)")),
        Part("index", re.compile(r"(?:.*/)?[\w.]+\.index\.json")),
        Part("sharded", re.compile(r"(?:.*/)?(?:__\d+_\d+\.distcp|mp_rank_\d+_model_states\.pt)")),
        Part(
            "zero",
            re.compile(
                r"(?:.*/)?(?:\w+?_)?zero_pp_rank_(?P<rank>\d{1,6})_mp_rank_(?P<mp>\d{1,6})_optim_states\.pt"
            ),
            piece="optimizer shard of rank {}",
            ranked=True,
        ),
        Part(
            "random", re.compile(r"rng_state_(?P<rank>\d{1,6})\.pth"), piece="state of rank {}", ranked=True
        ),
        Part(
            "random",
            re.compile(r"random_states_(?P<rank>\d{1,6})\.pkl"),
            piece="state of rank {}",
            ranked=True,
        ),
        Part("trainer_state.json", re.compile(r"trainer_state\.json")),
    ),
    needs=(frozenset({"weights", "shards", "sharded"}),),
    seal="trainer_state.json",
)
