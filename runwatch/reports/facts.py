"""What is known of a run besides its numbers, sorted: its settings, code, data, software and hardware."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

Texts = Mapping[str, str]

_KINDS = {
    "identity": r"name|display_name|id|run_id|entity|project|group|job_type|notes|tags|user(?:name)?|email"
    r"|started_?at|start_time|timestamp|heartbeat_?at|finished_?at",
    "summary": r"step|iteration|epoch"
    r"|(?:val|eval|valid|test|best|train|final|min)_(?:loss|bpb|ppl|acc\w*|score)",
    "code": r"git(?:_\w+)?|commit(?:_\w+)?|remote|repo(?:sitory)?|branch|dirty|root|program"
    r"|code_?path(?:_\w+)?|script|entry_?point|command|cmd(?:_?line)?|argv|code_?version|uncommitted\w*|sha|revision",
    "data": r"data|data_?sets?(?:_\w+)?|data_?path\w*|data_?dir\w*|data_?files?"
    r"|(?:train|val|valid|eval|test)_?(?:data|files?|path|set)\w*|data_?mix\w*|corpus|shards?|tokenizer\w*"
    r"|data_?seed|data_?version|\w+_data_?path",
    "software": r"python(?:_?version)?|cli_?version|wandb_?version|torch(?:_?version)?|pytorch(?:_?version)?"
    r"|transformers(?:_?version)?|(?:cuda|cudnn|nccl|numpy|jax|tensorflow|accelerate|deepspeed|triton)_?version"
    r"|os|platform|docker|image|container|framework\w*",
    "hardware": r"host(?:_?name)?|machine|gpus?(?:_\w+)?|gpu_?(?:count|type|name|memory)\w*|cpus?(?:_\w+)?"
    r"|cpu_?count\w*|memory|memory_?(?:total|gb)|disk|world_?size|num_?(?:gpus?|nodes?|devices?)|nnodes?"
    r"|nproc_per_node|devices?|accelerator\w*|vram\w*|ram\w*|peak_memory\w*",
}
_NAMED = {kind: re.compile(rf"(?i)(?:{words})") for kind, words in _KINDS.items()}
_CONFIGURES = re.compile(r"(?i)(?:\w+[_.-])?(?:config|args|params|hparams|settings)")
_WORD = re.compile(r"[/.]")


@dataclass(frozen=True, slots=True)
class Facts:
    """Name -> text, as trackers and files next to a log say it, sorted by what it is about."""

    identity: Texts = field(default_factory=dict)
    """Name, project, id, who started it and when."""
    settings: Texts = field(default_factory=dict)
    """Hyper-parameters and all else that was configured."""
    code: Texts = field(default_factory=dict)
    data: Texts = field(default_factory=dict)
    software: Texts = field(default_factory=dict)
    hardware: Texts = field(default_factory=dict)
    summary: Texts = field(default_factory=dict)
    """Last values, as a tracker or the program's own report sums them up."""


def sort_facts(about: Texts) -> Facts:
    """Sort facts by their names.

    A fact is about the first kind that any part of its name says, else it is a setting.
    Parts are divided by `/` and `.`; below a `config` everything is a setting unless its last part says more.
    """
    found: dict[str, dict[str, str]] = {}
    for name, value in about.items():
        found.setdefault(_kind(name), {})[name] = value
    return Facts(**found)


def _kind(name: str) -> str:
    parts = [part.strip().replace(" ", "_").replace("-", "_") for part in _WORD.split(name)]
    if parts[0].lower() == "summary":
        return "summary"
    configured = any(_CONFIGURES.fullmatch(part) for part in parts[:-1])
    for kind, named in _NAMED.items():
        if configured and kind in ("identity", "hardware"):
            continue
        if any(named.fullmatch(part) for part in (parts[-1:] if configured else parts)):
            return kind
    return "settings"
