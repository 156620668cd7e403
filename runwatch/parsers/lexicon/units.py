"""Units: how a printed number becomes the stored one, by the unit behind the value or inside the name.

Stored are seconds, bytes, fractions in [0, 1] and rates a second.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TypeVar

from runwatch.core.metrics import SAMPLES_PER_SEC, STEP_TIME, TOKENS_PER_SEC, Unit

_T = TypeVar("_T")


def _each(words: str, meaning: _T) -> dict[str, _T]:
    return dict.fromkeys(words.split(), meaning)


SECONDS = {
    **_each("s sec secs second seconds", 1.0),
    **_each("ms msec msecs millis millisecond milliseconds", 1e-3),
    **_each("us usec usecs microsecond microseconds", 1e-6),
    **_each("min mins minute minutes", 60.0),
}
"""Words for a time, and the seconds it takes."""
STEP = frozenset(["step", "iter", "iteration", "it", "itr", "batch", "minibatch", "update", "updt"])
STEPS = STEP | frozenset(["steps", "iters", "iterations", "its", "batches", "updates"])
_COUNTED = {
    **dict.fromkeys(STEPS, STEP_TIME),
    **_each("tok toks token tokens word words", TOKENS_PER_SEC),
    **_each("sample samples smpl example examples ex graph graphs", SAMPLES_PER_SEC),
    **_each("im img imgs image images", SAMPLES_PER_SEC),
    **_each(
        "seq seqs sequence sequences sent sents sentence sentences ins instance instances clip clips",
        SAMPLES_PER_SEC,
    ),
}
"""Words for what is counted, and the metric of how many a second there are."""
MANY = frozenset(word for word in _COUNTED if word.endswith("s") or word in ("tok", "im", "img"))
"""Words for many of them: before a unit of time these are a rate, `samples_s`."""
_PARTS = rb"h|hrs?|hours?|m|mins?|minutes?"
DURATION = (
    rb"(?<![\w.])\d{1,9}(?:\.\d{1,9})? ?(?:d|days?|" + _PARTS + rb"),?"
    rb"(?: {1,2}(?:and )?\d{1,9}(?:\.\d{1,9})? ?(?:" + _PARTS + rb"|s|secs?|seconds?|ms),?)+(?<!,)(?!\w)"
)
"""A time in several units: `15h 56min 54s 632ms`, `1 hour, 2 minutes and 3.5 seconds`."""
IN_NAMES = frozenset(word for word, seconds in SECONDS.items() if seconds <= 1.0)
"""Units that end names; a `min` there is a minimum."""
_SHORT: dict[tuple[str, ...], tuple[str, ...]] = {("ups",): ("updates", "per", "s")}
"""Rates by their letters."""
_THOUSANDS = {"k": 1e3, "m": 1e6}
_PER = re.compile(r"/| per ")
DEVICE = frozenset(["gpu", "gpus", "device", "chip", "rank", "card", "tpu", "npu"])
"""Words for one of the processors, of which each has its own rate."""

_BEHIND = {
    "steps": ("it", "iter", "iters", "its", "step", "steps", "batch", "batches"),
    "tokens": ("tok", "toks", "token", "tokens"),
    "samples": (
        *("samples", "im", "img", "imgs", "images", "examples", "graphs", "clips", "seq", "seqs"),
        *("sequences", "ins", "instance", "instances"),
    ),
}
"""What rates count that follow values; other words there belong to the text."""
_SPELLED = ("steps", "iterations", "batches", "samples", "images", "examples", "sequences", "tokens")
"""The same where a sentence spells a rate out: `120 samples per second`."""
RATES = tuple(
    unit.encode()
    for unit in (
        *(f"{time}/{one}" for time in ("s", "ms", "sec") for one in ("it", "iter", "step", "batch")),
        *(f"{many}/{time}" for kind in _BEHIND.values() for many in kind for time in ("s", "sec")),
        *(f"{many} per {time}" for many in _SPELLED for time in ("second", "sec")),
        *(f"{scale}{of}" for of in ("wps", "words/s") for scale in ("", "K ", "k ")),
        *(f"{scale} {of}/{time}" for of in _BEHIND["tokens"] for scale in "kKM" for time in ("s", "sec")),
    )
)
"""Units that say what a number is, even where no name precedes it."""
SCALES = {
    b"k": 1e3, b"K": 1e3, b"M": 1e6, b"B": 1e9, b"Mb": 2.0**20, b"G": 2.0**30,
    b"KB": 2.0**10, b"MB": 2.0**20, b"GB": 2.0**30, b"TB": 2.0**40,
    b"KiB": 2.0**10, b"MiB": 2.0**20, b"GiB": 2.0**30, b"TiB": 2.0**40,
}  # fmt: skip
"""Units behind a value that multiply it: thousands, and bytes."""
LARGE = (b"k", b"K", b"M", b"B")
"""Those of them that count: thousands, millions, billions."""
SUCH_AS = "such as ms, s, %, it/s, tok/s, MB, k"
"""Advice where a unit is unknown."""
SUFFIXES = {
    "ms": Unit(divide=1e3),
    "us": Unit(divide=1e6),
    "%": Unit(divide=1e2),
    "s": Unit(),
    "m": Unit(multiply=60.0),
    "min": Unit(multiply=60.0),
    "h": Unit(multiply=3600.0),
    **{unit.decode(): Unit(multiply=scale) for unit, scale in SCALES.items()},
}


def of_seconds(word: str) -> Unit:
    """Return the unit of a time printed in `word`."""
    seconds = SECONDS[word]
    return Unit(divide=float(round(1 / seconds))) if seconds < 1.0 else Unit(multiply=seconds)


def rate(words: tuple[str, ...]) -> tuple[str, Unit] | None:
    """Return the metric and unit of a rate: `ms per step`, `k tok per s per gpu`; None if it is no rate."""
    words = _SHORT.get(words, words)
    if len(words) > 3 and words[-2] == "per" and words[-1] in DEVICE:
        words = words[:-2]
    scale = 1.0
    if len(words) == 4 and words[0] in _THOUSANDS:
        scale, words = _THOUSANDS[words[0]], words[1:]
    if len(words) != 3 or words[1] != "per":
        return None
    what, _, of = words
    if what in SECONDS and of in STEPS:
        return STEP_TIME, of_seconds(what)
    if what[:1] in _THOUSANDS and what[1:] in _COUNTED:
        scale, what = scale * _THOUSANDS[what[0]], what[1:]
    metric = _COUNTED.get(what)
    if metric is None or SECONDS.get(of) != 1.0 or (metric == STEP_TIME and scale != 1.0):
        return None
    return metric, Unit(multiply=scale, invert=metric == STEP_TIME)


@lru_cache(1024)
def rate_suffix(suffix: str) -> tuple[str, Unit] | None:
    """Return what a unit behind a value says by itself, as `tok/s` does; None if it is no rate."""
    return rate(tuple(suffix.lower().replace("/", " per ").split())) if _PER.search(suffix) else None


def of_suffix(suffix: str) -> Unit | None:
    """Return the unit of a value printed with `suffix`; None if it is unknown."""
    reported = rate_suffix(suffix)
    return reported[1] if reported else SUFFIXES.get(suffix)


def is_per(before: list[str], behind: str) -> bool:
    """Whether the slash between words is that of a rate, as in `tok/s/gpu` and `ms/iter`."""
    word = before[-1] if before else ""
    if behind in DEVICE:
        return "per" in before or word == "tflops"
    if behind in STEP:
        return word in SECONDS or word == "time"
    counted = (
        word in _COUNTED or (word[:1] in _THOUSANDS and word[1:] in _COUNTED) or word in ("tflop", "tflops")
    )
    return counted and SECONDS.get(behind) == 1.0


def by_metric() -> dict[str, list[str]]:
    """Return the words for what is counted, by the metric of how many a second there are."""
    found: dict[str, list[str]] = {}
    for word, metric in _COUNTED.items():
        found.setdefault(metric, []).append(word)
    return found
