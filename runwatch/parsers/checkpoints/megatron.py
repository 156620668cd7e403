"""Megatron-LM: `iter_0001000/mp_rank_00_001/model_optim_rng.pt`, one directory per model-parallel rank."""

import re

from runwatch.parsers.checkpoints.layout import Layout, Part

_RANK = r"mp_rank_(?P<tp>\d{1,6})(?:_(?P<pp>\d{1,6}))?(?:_(?P<ep>\d{1,6}))?"

LAYOUT = Layout(
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
