"""Numbers as people read them: short, with units, never wider than they must be.

Takes seconds, bytes and fractions, as everything inside runwatch does.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable

from runwatch.core import metrics

MISSING = "-"
_SI = ("", "k", "M", "G", "T", "P", "E")
_BINARY = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")

_LONG = re.compile(r"-?\d+\.\d{9,}(?:e[+-]?\d{1,3})?", re.ASCII)
_WHOLE = 1e6
"""Size from which all digits of a number count, such as those of a time."""


def odd(x: float | None) -> str:
    """Return how to write a value that is no finite number."""
    if x is None:
        return MISSING
    if math.isnan(x):
        return "NaN"
    return "Inf" if x > 0 else "-Inf"


def significant(x: float, digits: int) -> str:
    """Return a number below about 10^digits with that many significant digits, without an exponent."""
    if x == 0:
        return "0"
    exponent = math.floor(math.log10(abs(x)))
    text = f"{x:.{max(0, digits - 1 - exponent)}f}"
    whole = text.lstrip("-").partition(".")[0]
    if exponent >= 0 and len(whole) > exponent + 1 and "." in text:
        text = text[:-1].rstrip(".")  # rounding went up to the next power of ten
    return text


def scientific(x: float | None, digits: int = 2) -> str:
    """`2.1e-4`: mantissa with `digits` digits, exponent without padding."""
    if x is None or not math.isfinite(x):
        return odd(x)
    if x == 0:
        return "0"
    mantissa, _, exponent = f"{x:.{digits - 1}e}".partition("e")
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    return f"{mantissa}e{int(exponent)}"


def si(x: float | None, digits: int = 3) -> str:
    """`12.3k`, `0.612`, `412`, `2.1e-4`: about `digits` significant digits, at most 8 characters."""
    if x is None or not math.isfinite(x):
        return odd(x)
    size = abs(x)
    if size == 0:
        return "0"
    if size < 1e-3 or size >= 1e21:
        return scientific(x, digits - 1)
    power = 0
    while power < len(_SI) - 1 and float(significant(size, digits)) >= 1000:
        size /= 1000
        power += 1
    if float(significant(size, digits)) >= 1000:
        return scientific(x, digits - 1)
    sign = "-" if x < 0 else ""
    text = significant(size, digits)
    if power and "." in text:
        text = text.rstrip("0").rstrip(".")
    return f"{sign}{text}{_SI[power]}"


def loss(x: float | None) -> str:
    """`2.318`: four significant digits, because the third decimal is what people watch."""
    return si(x, digits=4)


def known_loss(x: float | None, text: str) -> str:
    """Return a loss, or the word for one that is not finite; "" where neither is known."""
    return spelled(text) if x is None else loss(x)


def step(n: float | None) -> str:
    """`41,230`."""
    if n is None or not math.isfinite(n):
        return odd(n)
    return f"{int(n):,}" if abs(n) < 1e15 else scientific(n)


def percent(fraction: float | None, digits: int = 1) -> str:
    """`34.4%` of a fraction in [0, 1]; 100% only when it is complete."""
    if fraction is None or not math.isfinite(fraction):
        return odd(fraction)
    scaled = fraction * 100
    if abs(scaled) >= 1e4:
        return f"{si(scaled)}%"
    text = f"{scaled:.{digits}f}"
    if fraction < 1 and float(text) >= 100:
        text = f"{100 - 10.0**-digits:.{digits}f}"
    return (text.rstrip("0").rstrip(".") if "." in text and abs(scaled) >= 100 else text) + "%"


def rise(by: float) -> str:
    """`+60%` of a value that is higher by that fraction; `2.4x` from twice on, where per cent say little."""
    if not math.isfinite(by):
        return odd(by)
    if by >= 1:
        return f"{1 + by:.1f}x" if by < 1e3 else f"{si(1 + by)}x"
    return f"{by:+.0%}" if abs(by) >= 0.005 else "0%"


def size(n: float | None) -> str:
    """`71.2 GiB` of a number of bytes."""
    if n is None or not math.isfinite(n):
        return odd(n)
    amount, power = abs(n), 0
    while amount >= 999.5 and power < len(_BINARY) - 1:
        amount /= 1024
        power += 1
    if amount >= 1e5:
        return f"{scientific(n)} B"
    text = significant(amount, 3) if power else f"{amount:.0f}"
    return f"{'-' if n < 0 else ''}{text} {_BINARY[power]}"


def duration(seconds: float | None) -> str:
    """`997 ms`, `2.03 s`, `41 s`, `12m 05s`, `3h 10m`, `2d 14h`."""
    if seconds is None or not math.isfinite(seconds):
        return odd(seconds)
    sign, s = ("-", -seconds) if seconds < 0 else ("", seconds)
    if s == 0:
        return "0 s"
    if s < 0.9995:
        if s < 1e-6:
            return f"{sign}{scientific(s)} s"
        text = f"{significant(s * 1e3, 3)} ms" if s >= 9.995e-4 else f"{significant(s * 1e6, 3)} us"
    elif s < 9.995:
        text = f"{s:.2f} s"
    elif s < 59.5:
        text = f"{s:.3g} s" if s < 30 else f"{s:.0f} s"
    elif s < 3599.5:
        text = "{}m {:02}s".format(*divmod(round(s), 60))
    elif s < 86400 - 30:
        text = "{}h {:02}m".format(*divmod(round(s / 60), 60))
    elif s < 86400 * 1000:
        text = "{}d {:02}h".format(*divmod(round(s / 3600), 24))
    else:
        text = f"{si(s / 86400)}d"
    return sign + text


def celsius(degrees: float) -> str:
    """`71 C`: no sensor has more digits."""
    return f"{step(degrees)} C"


def watts(power: float) -> str:
    """`412 W`."""
    return f"{si(power)} W"


def legible(text: str) -> str:
    """Return a text as it is, but a number with more digits than mean anything with seven of them.

    `2.6605119308678002` is `2.660512`, `0.00030000000000000003` is `0.0003`.
    """
    if _LONG.fullmatch(text) is None or abs(value := float(text)) >= _WHOLE:
        return text
    return f"{value:.7g}"


def left(seconds: float | None) -> str:
    """`3 s`, `12m 05s`: a time that is left, as `duration`, but no finer than whole seconds."""
    return f"{math.ceil(seconds)} s" if seconds is not None and 0 < seconds <= 59 else duration(seconds)


def brief(seconds: float | None) -> str:
    """`2s`, `18m`, `3h`, `2d`, `4y`: an age or a rough length, one unit."""
    if seconds is None or not math.isfinite(seconds):
        return odd(seconds)
    sign, s = ("-", -seconds) if seconds < 0 else ("", seconds)
    for limit, unit, letter in ((60, 1, "s"), (3600, 60, "m"), (2 * 86400, 3600, "h")):
        if s < limit:
            return f"{sign}{int(s // unit)}{letter}"
    days = s / 86400
    if days < 1000:
        return f"{sign}{int(days)}d"
    years = days / 365.25
    return f"{sign}{int(years)}y" if years < 1000 else f"{sign}{si(years)}y"


def value(metric: str, x: float | None) -> str:
    """Return the value of a metric with the unit that metric has."""
    if x is None or not math.isfinite(x):
        return odd(x)
    return _writer(metric)(x)


def _writer(metric: str) -> Callable[[float], str]:
    if metric in _BY_METRIC:
        return _BY_METRIC[metric]
    name = metric.rpartition("/")[2].lower()
    return next((write for endings, write in _BY_ENDING if name.endswith(endings)), _number)


def _number(x: float) -> str:
    return f"{x:,.0f}" if float(x).is_integer() and abs(x) < 10_000 else si(x)


_BY_METRIC: dict[str, Callable[[float], str]] = {
    metrics.MFU: percent,
    metrics.STEP_TIME: duration,
    metrics.REMAINING: duration,
    metrics.LEARNING_RATE: lambda x: scientific(x, 3),
    metrics.VAL_BPB: loss,
    "host/cpu": percent,
}
_BY_ENDING: tuple[tuple[tuple[str, ...], Callable[[float], str]], ...] = (
    (("util", "utilization", "mfu"), percent),
    (("_seconds", "_time", " time"), duration),
    (("loss",), loss),
    (("memory", "memory_used", "memory_total", "_bytes", "rss"), size),
    (("power",), watts),
    (("temperature",), celsius),
)


def unit(metric: str) -> tuple[float, str]:
    """Return what a metric is multiplied by on an axis, and the unit that is written there."""
    return {percent: (100.0, "%"), duration: (1.0, "s")}.get(_writer(metric), (1.0, ""))


def latest(metric: str, x: float | None, text: str) -> str:
    """Return a newest value, or the word for it when it is not finite."""
    return spelled(text or MISSING) if x is None else value(metric, x)


def spelled(text: str) -> str:
    """Return how a log writes a value, with NaN and Inf written as everywhere else."""
    try:
        x = float(text)
    except ValueError:
        return text
    return text if math.isfinite(x) else odd(x)
