"""Layouts of frameworks, one declaration each. What is common to all is in `layout`."""

import re

from runwatch.watcher.layouts.layout import Layout, Part

_RANK = r"mp_rank_(?P<tp>\d{1,6})(?:_(?P<pp>\d{1,6}))?(?:_(?P<ep>\d{1,6}))?"
MEGATRON = Layout(
    kind="megatron",
    pattern=re.compile(r"mp_rank_\d+(?:_\d+)*/"),
    named=re.compile(r"iter_(?P<step>\d{7,15})"),
    parts=(
        Part("model", re.compile(rf"{_RANK}/model(?:_optim)?(?:_rng)?\.pt"), piece="mp_rank {}", ranked=True),
        Part("optim", re.compile(rf"{_RANK}/distrib_optim\.pt"), piece="optimizer of mp_rank {}"),
        Part("sharded", re.compile(r"__\d+_\d+\.distcp")),
        Part("metadata", re.compile(r"\.metadata")),
    ),
    needs=(frozenset({"model", "sharded"}),),
    pointer="latest_checkpointed_iteration.txt",
)
"""Megatron-LM: `iter_0001000/mp_rank_00_001/model_optim_rng.pt`, one directory per model-parallel rank."""

_STATES = r"(?:\w+?_)?zero_pp_rank_(?P<rank>\d{1,6})_mp_rank_(?P<mp>\d{1,6})"
DEEPSPEED = Layout(
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
"""DeepSpeed: `global_step1000/` with one ZeRO shard per data-parallel rank; `latest` names the newest."""

ORBAX = Layout(
    kind="orbax",
    pattern=re.compile(
        r"_CHECKPOINT_METADATA|_METADATA|_sharding|manifest\.ocdbt|commit_success\.txt|orbax\.checkpoint"
        r"|ocdbt\.process_\d+/"
    ),
    named=re.compile(r"(?P<step>\d{1,15})\.orbax-checkpoint-tmp.*"),
    parts=(
        Part("commit", re.compile(r"commit_success\.txt")),
        Part(
            "shards",
            re.compile(r"(?:.*/)?ocdbt\.process_(?P<rank>\d{1,6})/.*"),
            ranked=True,
            sparse=True,
        ),
    ),
    atomic=True,
)
"""Orbax (JAX): a directory per step that gets its name, or a commit file, when it is complete."""

_STEM = r"(?:.*/)?(?:model|pytorch_model|adapter_model|diffusion_pytorch_model|tf_model|flax_model)"
HUGGING_FACE = Layout(
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
            re.compile(rf"(?:.*/)?{_STATES}_optim_states\.pt"),
            piece="optimizer shard of rank {}",
            ranked=True,
        ),
        Part(
            "random",
            re.compile(r"(?:rng_state|random_states)_(?P<rank>\d{1,6})\.(?:pth|pkl)"),
            piece="state of rank {}",
            ranked=True,
        ),
        Part("trainer_state.json", re.compile(r"trainer_state\.json")),
    ),
    needs=(frozenset({"weights", "shards", "sharded"}),),
    seal="trainer_state.json",
)
"""Hugging Face Trainer, Accelerate, PEFT: `checkpoint-500/`, with weights of DeepSpeed or FSDP too."""

DCP = Layout(
    kind="dcp",
    pattern=re.compile(r"__\d+_\d+\.distcp|\.metadata"),
    named=re.compile(r"step-(?P<step>\d{1,15})"),
    parts=(
        Part("shards", re.compile(r"(?:.*/)?__(?P<rank>\d{1,6})_\d+\.distcp"), ranked=True, sparse=True),
        Part(".metadata", re.compile(r"(?:.*/)?\.metadata")),
    ),
    needs=(frozenset({"shards"}),),
    seal=".metadata",
)
"""torch.distributed.checkpoint: `__3_0.distcp` of a rank, and `.metadata`, written last."""

NANOCHAT = Layout(
    kind="nanochat",
    pattern=re.compile(r"(?:meta_\d{4,}\.json|optim_\d{4,}(?:_rank\d+)?\.pt)"),
    parts=(
        Part("model", re.compile(r"model_\d+\.pt")),
        Part("meta", re.compile(r"meta_\d+\.json")),
        Part(
            "optim",
            re.compile(r"optim_\d+(?:_rank(?P<rank>\d{1,6}))?\.pt"),
            piece="optim of rank {}",
            ranked=True,
        ),
    ),
    needs=(frozenset({"model"}), frozenset({"meta"})),
)
"""picoLLM, nanochat: three kinds of files that share a step; each rank saves its own optimizer state.

The model is written first, then meta, then every rank's optimizer state: nothing marks the end.
"""

FOLDERS = (MEGATRON, DEEPSPEED, ORBAX, HUGGING_FACE, DCP)
"""The layouts that are a directory each, the most specific first."""
