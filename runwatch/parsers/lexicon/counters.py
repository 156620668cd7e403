"""What the numbers are called that place a record in its run: its step, what it consumed, its epoch."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

EPOCHS = ("epoch", "epochs")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
_AROUND = re.compile(
    r"(?:(?:current|curr?|this|the|train|training|global)[ _./-]?|(?:trainer|optimizer|optim|opt|g)[ _./-])*"
    r"(?P<what>[a-z][a-z_]*?[a-rt-z])(?:[ _.-]?(?:number|num|no|nr|idx|index|id|count|#))?"
)
"""A counter in the singular among words that change nothing; `num_epoch` is how many are planned."""
_USED = re.compile(
    r"(?:(?:total|num|n|trained|consumed)_)?(?P<what>step|iteration|iter|update|sample|token|example|epoch)s"
    r"_(?:done|seen|so_far|taken|processed|consumed|trained)"
)
"""How many there were up to now."""
_OF_ALL = re.compile(r"[ _]?[(\[] ?(?:/|of |x)? ?\d+[)\]]\Z")
"""How many there are in all, behind a name: `Epochs (/10)`."""
_SHORT = {"ep": "epoch", "it": "iteration", "itr": "iteration", "mb": "minibatch", "gstep": "step"}
EPISODE = "episode"
"""Next to one, `steps` are how long it was; next to `episodes`, they are those of all."""
FRAMES = (
    *("frame", "frames", "num_frames", "total_frames", "timestep", "timesteps", "Timesteps", "env_steps"),
    *("TotalEnvInteracts", "TimestepsSoFar", "TotalEnvSteps"),
)
"""What reinforcement learning counts: Spinning Up, Baselines, rllab, and scripts."""
_UPDATES = (
    *("global_step", "global_steps", "step", "current_steps", "iteration", "iter", "num_updates"),
    *("num_update", "training_iteration", "trainer/global_step", "train/global_step", "steps", "iters"),
    *("iterations", "update", "_step", "total_timesteps", "timesteps_total"),
)
_SHORTENED = ("it", "itr", "n_iter", "update_step", "train_step", "NumIters", "updates")
_SEEN = (
    *("consumed_samples", "samples_seen", "examples_seen", "consumed_tokens", "tokens_seen"),
    "num_input_tokens_seen",
)
_AMOUNTS = ("n_samples", "n_tokens", "samples", "tokens", "examples", "total_tokens")
_WITHIN = ("batch", "batch_idx", "minibatch")
STEPS = (*_UPDATES, *_SHORTENED, *_SEEN, *_WITHIN, *FRAMES, "i", *EPOCHS)
"""Keys that place a record: updates before what they consume, an epoch only where there is nothing finer."""
ANY = (
    *(*_UPDATES, *_SHORTENED, "batches"),
    *(*_SEEN, *_WITHIN, *FRAMES, "round", "generation"),
    *("i", "ep", *EPOCHS, EPISODE, "episodes", "num episodes", "num_episodes", *_AMOUNTS),
    *("sample", "token", "example"),
)
"""The same in what scripts write in any way: tables, documents."""
OF_RUN = ("global_step", "global_steps", "total_timesteps", "num_updates", "nupdates", "current_steps")
"""Names of the run's step, whatever else counts next to it."""
WITHIN_EPOCH = ("batch", "batch_idx", "iter", "iteration")
"""Names of what counts within the epoch next to it, where nothing else shows the step."""
TOTALS = (
    *("total_steps", "max_steps", "total_iters", "max_iters", "num_steps", "total_iterations"),
    "total_timesteps",
)
"""How many steps are planned, next to the step."""
TIMES = ("_timestamp", "timestamp", "wall_time", "unix_time")
"""Keys whose number says when a record was written, in Unix seconds."""

_COUNT = re.compile(
    r"(?:.*[/ ])?(?:(?:num|n|consumed|processed|trained|global|train|cumulative"
    r"|total(?=_[a-z]+_(?:seen|consumed|processed)))_)*"
    r"(?P<what>[a-z]+?)s?(?:_(?:seen|consumed|processed|trained|done|so_far|idx|num))?"
)
_PLANNED = re.compile(
    r"(?:.*[/ ])?(?:(?:total|max|maximum|planned|target)_(?:num_|train_|training_)?"
    r"|(?:num|n|nb)_(?:train_|training_)?(?=epoch|step|iter|batch)|(?=epochs))(?P<what>[a-z]+?)s?"
)
_KINDS = {
    "sample": "image example sequence graph clip",
    "step": "iteration iter it itr update gstep batche batch",
    "epoch": "ep",
}
_SAME = {word: kind for kind, words in _KINDS.items() for word in words.split()}
CONSUMED = frozenset(("sample", "token"))
"""What training consumes."""
ITERATION, EPOCH, TRAINED = 2, 7, 8
_RANKED = {
    1: "step steps gstep updates timesteps",
    ITERATION: "iteration iterations iter iters it itr",
    3: "update batch minibatch tick round episode episodes generation gen count",
    EPOCH: "epoch epochs ep eps",
    TRAINED: "train training trained",
}
RANKS = {word: rank for rank, words in _RANKED.items() for word in words.split()}
"""How likely the last word of a name makes its number the step: 1 is likeliest."""


def counter_of(name: str) -> str:
    """Return what the number of a name counts, in one spelling: `Current Epoch`, `epoch_num` -> epoch."""
    lower = _HUMP.sub("_", _OF_ALL.sub("", name.strip())).lower()
    found = _USED.fullmatch(lower) or _AROUND.fullmatch(lower)
    what = found["what"] if found else lower
    return _SHORT.get(what, what)


def kind_of(name: str) -> str:
    """Return what kind of thing a name counts: `consumed_tokens` -> token, `images_seen` -> sample."""
    found = _COUNT.fullmatch(_HUMP.sub("_", name.strip()).lower())
    return _SAME.get(found["what"], found["what"]) if found else ""


def _consumed(name: str) -> str:
    return kind if (kind := kind_of(name)) in CONSUMED else ""


def planned_of(name: str) -> str:
    """Return how many of what are planned, as a name says: `total_samples` -> sample; "" of other names."""
    found = _PLANNED.fullmatch(_HUMP.sub("_", name.strip()).lower())
    return _SAME.get(found["what"], found["what"]) if found else ""


@lru_cache(64)
def _ranks(known: tuple[str, ...]) -> dict[str, int]:
    return {name.lower(): rank for rank, name in reversed([*enumerate(known)])}


def place_of(names: Iterable[str], known: Sequence[str] = ANY) -> str | None:
    """Return the name whose number places a record best: as it is spelled in `known`, or means the same."""
    ranks = _ranks(tuple(known))
    last = len(ranks) + len(known)
    ranked = [
        (
            min(ranks.get(way, last) for way in (spelled, counter_of(name), _consumed(name))),
            spelled not in ranks,
            at,
            name,
        )
        for at, name in enumerate(names)
        for spelled in [name.strip().lower().replace(" ", "_")]
    ]
    best = min(ranked, default=None)
    return best[3] if best and best[0] < last else None
