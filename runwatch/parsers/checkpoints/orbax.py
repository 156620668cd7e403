"""Orbax (JAX): a directory per step that gets its name, or a commit file, when it is complete."""

import re

from runwatch.parsers.checkpoints.layout import Layout, Part

LAYOUT = Layout(
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
