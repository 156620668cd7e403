"""picoLLM, nanochat: three kinds of files that share a step; each rank saves its own optimizer state."""

import re

from runwatch.parsers.checkpoints.layout import Layout, Part

LAYOUT = Layout(
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
"""The model is written first, then meta, then every rank's optimizer state: nothing marks the end."""
