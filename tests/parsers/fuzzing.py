"""Mutated logs, and an oracle that knows which numbers a text holds without the parser's help."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from hypothesis import strategies as st

from runwatch.core.batch import META_COLUMNS
from runwatch.core.metrics import LOSS
from runwatch.parsers.formats import builtin

from .logs import hf, nanochat
from .structured import metrics_csv, trainer_log, trainer_state
from .test_formats import CASES
from .test_learner import LOGS, log

# -- texts that look real ----------------------------------------------------------------------------

EXAMPLES = [known.example.encode() + b"\n" for known in builtin()]
TEXTS = [
    *(case.text.encode() for case in CASES),
    *(log(LOGS[name], 24, preamble=3) for name in LOGS),
    nanochat(12, seed=1),
    hf(6),
    hf(4, strings=True, bars=False),
    trainer_log(12),
    metrics_csv(12),
    trainer_state(6),
    trainer_state(6, indent=None),
    b'{"steps": [10, 20], "train_loss": [3.1, 2.9], "val_loss": [null, 3.0]}\n',
]
LINES = sorted({line for text in (*TEXTS, *EXAMPLES) for line in text.splitlines(keepends=True)})
NASTY = [
    b"\r", b"\n", b"\r\n", b"\0", b"\0" * 9, b"\x1b[31m", b"\x1b[2K", b"\x1b]0;t\x07", b"\x1b", b"\xff\xfe", b"\xc3",
    "٣".encode(), "１２".encode(), "²".encode(), "−5".encode(), "\u2028".encode(), "\ufeff".encode(),
    b"9" * 25, b"9" * 400, b"0" * 40, b"1e999", b"1e-999", b"1E+5", b"-0", b"--5", b"+7", b".", b",", b"..", b"1,2", b"1.2.3",
    b"1,234,567", b"12,34", b"1_000", b"0x1F", b"5e", b"e5", b"nan", b"-inf", b"NaN", b"Infinity", b"1.#QNAN", b"None",
    b"null", b"%", b"ms", b" us", b"k", b"M", b"B", b"GiB", b"s/it", b"it/s", b"/0", b"0/0", b"1:02", b"1:02:03", b"2 days, ",
    b"{", b"}", b"[", b"]", b"{'", b'"', b"'", b"|", b" | ", b"%|", b": ", b"=", b" ", b"\t", b" " * 300, b"loss", b"step ",
    b"epoch ", b"[rank3]: ", b"3: ", b"^[[B", b"Traceback (most recent call last):\n", b"-" * 30, b"A" * 3000,
]  # fmt: skip

_place = st.floats(0, 1, exclude_max=True)
_change = st.tuples(
    st.sampled_from(["delete", "double", "replace", "insert", "splice", "cut", "repeat"]),
    _place,
    _place,
    st.sampled_from(NASTY) | st.binary(min_size=1, max_size=4),
)


@st.composite
def logs(draw: st.DrawFn, changes: int = 8) -> bytes:
    """A text that looks real but for some changes, or several of them in a row."""
    parts = draw(st.lists(st.sampled_from(TEXTS) | st.sampled_from(EXAMPLES), min_size=1, max_size=3))
    text = b"".join(part[:4000] for part in parts)
    for change in draw(st.lists(_change, max_size=changes)):
        text = _changed(text, *change)
    return text[:20_000]


def _changed(text: bytes, how: str, one: float, other: float, piece: bytes) -> bytes:
    """Return `text` with one change at a place, given as shares of its length."""
    at = int(one * len(text))
    end = min(len(text), at + 1 + int(40 * other * other))
    if how == "delete":
        return text[:at] + text[end:]
    if how == "double":
        return text[:end] + text[at:]
    if how == "replace":
        return text[:at] + piece + text[end:]
    if how == "insert":
        return text[:at] + piece + text[at:]
    if how == "splice":
        line = LINES[int(other * len(LINES))]
        return text[:at] + line[int(one * len(line)) :] + text[at:]
    if how == "cut":
        return text[:at] if one > 0.5 else text[at:]
    begin = text.rfind(b"\n", 0, at) + 1  # repeat a line
    line = text[begin : text.find(b"\n", at) + 1]
    return text[:begin] + line * (2 + int(30 * other)) + text[begin + len(line) :]


# -- which numbers a text holds ----------------------------------------------------------------------

_UNSEEN = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)|\x00+")
"""What a terminal does not show."""
_NUMBER = re.compile(
    rb"(?<![\d.])(?<!\d[eE][-+])(?:(?:\d{1,3}(?:,\d{3})+(?!\d|,\d)|\d+)(?:\.\d*)?|(?<!\d)\.\d+)(?:[eE][-+]?\d+)?(?!\.*\d)"
)
_CELLS = re.compile(rb"^[^\s:=]*,", re.MULTILINE)
"""A row of a CSV, where a comma separates."""
_ODD = re.compile(
    rb"(?<![A-Za-z])(nan|inf(?:inity)?)(?:[mu]?s|m|z)?(?![A-Za-z])|1\.#(QNAN|IND|INF)", re.IGNORECASE
)
_CLOCK = re.compile(rb"(?:(\d+)[:h] ?)?(\d+)[:m] ?(\d+(?:\.\d+)?)")
_SCALES: list[tuple[re.Pattern[bytes], Callable[[float], Iterable[float]]]] = [
    (re.compile(rb"(?<![A-Za-z])(?:" + unit + rb")(?![A-Za-z])"), scale)
    for unit, scale in (
        (rb"ms|msec|lr\(1e-3\)", lambda x: (x / 1e3,)),
        (rb"us", lambda x: (x / 1e6,)),
        (rb"%|(?i:mfu)|percent|pct", lambda x: (x / 1e2,)),
        (rb"m|min", lambda x: (x * 60.0,)),
        (rb"h", lambda x: (x * 3600.0,)),
        (rb"[kK](?:i?B)?", lambda x: (x * 1e3, x * 2.0**10)),
        (rb"M(?:i?[Bb])?", lambda x: (x * 1e6, x * 2.0**20)),
        (rb"B|G(?:i?B)?", lambda x: (x * 1e9, x * 2.0**30)),
        (rb"T(?:i?B)?", lambda x: (x * 2.0**40,)),
        (rb"(?:[a-z]{1,12})/s(?:ec(?:ond)?)?|ups", lambda x: (1.0 / x,) if x else (float("inf"), 0.0)),
    )
]
"""Where a unit is printed anywhere in the text, its numbers may have been scaled by it."""


def numbers(text: bytes) -> set[float]:
    """Return every value that may be read from a text, NaN as None, whole numbers only."""
    text = _UNSEEN.sub(b"", text)
    printed: set[float] = set()
    for found in _NUMBER.finditer(text):
        value = float(found[0].replace(b",", b""))
        before = text[max(0, found.start() - 2) : found.start()]
        if not before.endswith(b"-"):
            printed.add(value)
        else:
            printed.add(-value)
            if before != b"-" and not before[:1].isspace() and before[:1] not in b"=:,([|{\"'":
                printed.add(value)  # 3-5 is a range, and a-5 a name
        if b"," in found[0] and _CELLS.search(text):
            printed.update(float(part) for part in found[0].split(b",") if part[:1].isdigit())
    for found in _ODD.finditer(text):
        if re.search(rb"nan|ind", found[0], re.IGNORECASE):
            printed.add(NAN)
        else:
            printed.update((float("inf"), float("-inf")) if b"-" in text else (float("inf"),))
    for found in _CLOCK.finditer(text):
        hours, minutes, seconds = (float(part or 0) for part in found.groups())
        printed.add(hours * 3600 + minutes * 60 + seconds)
    scaled = set(printed)
    for unit, scale in _SCALES:
        if unit.search(text):
            scaled.update(value for number in printed for value in scale(number))
    return scaled


NAN = 1e-300
"""Stands for NaN, which is not equal to itself."""
_SPREAD = frozenset(
    (
        "allennlp",
        "box",
        "coqui",
        "rvc",
        "rich",
        "step-block",
        "result",
        "keras by fit",
        "hapi",
        "tfod",
        "yolo",
        "spacy",
        "stats",
    )
).union(("trainer-state", "arrays", "json"))
"""Patterns whose records take numbers from several lines."""
_COMPUTED = frozenset(
    ("tqdm", f"{of}") for of in ("train/epoch", "perf/step_time", "perf/samples_per_sec")
).union({("deepxde", LOSS), ("deepxde", "val/loss"), ("cuda-convnet", "train/epoch")})
"""Of bars: an epoch that they do not show is counted, and a time may be that between two redraws. Of
DeepXDE: a loss is the sum of the terms that are printed. Of cuda-convnet: `3.20` is an epoch and a batch."""


def _summed(names: tuple[str, ...], row: list[float]) -> float | None:
    """Return the sum of the losses of a detector, in the order of their columns."""
    if not {"train/box_loss", "train/giou_loss", "train/box_om", "train/box_om_loss"} & {*names}:
        return None
    parts = (
        n.startswith("train/loss_") or (n[:6] == "train/" and n.endswith(("_loss", "_om", "_oo")))
        for n in names
    )
    return sum(value for value, part in zip(row, parts, strict=True) if part)


def invented(data: bytes, tables: dict[tuple[str, str, tuple[str, ...]], object]) -> list[tuple[object, ...]]:
    """Return (pattern, line, metric, value) of every metric that no number of its record's text explains."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        data = data.decode("utf-16", "replace").encode()
    lines = data.split(b"\n")
    whole: set[float] = set()
    known: dict[int, set[float]] = {}
    found = []
    for (_, pattern, names), matrix in tables.items():
        for row in matrix.T.tolist():
            line = int(row[names.index("line")])
            if pattern in _SPREAD:
                whole = held = whole or numbers(data)
            else:
                held = known.setdefault(line, numbers(lines[line - 1]))
            for name, value in zip(names, row, strict=True):
                if (pattern, name) in _COMPUTED or (
                    name == LOSS and repr(value) == repr(_summed(names, row))
                ):
                    continue
                if name not in META_COLUMNS and (NAN if value != value else value) not in held:
                    found.append((pattern, line, name, value, lines[line - 1][:300]))
    return found
