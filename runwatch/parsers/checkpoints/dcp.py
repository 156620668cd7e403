"""torch.distributed.checkpoint: `__3_0.distcp` of a rank, and `.metadata`, written last."""

import re

from runwatch.parsers.checkpoints.layout import Layout, Part

LAYOUT = Layout(
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
