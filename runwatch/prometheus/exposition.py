"""Samples as text, in the two formats that Prometheus scrapes: OpenMetrics 1.0 and the classic one, 0.0.4.

prometheus-client is not used: it takes about four times the CPU (`python -m benchmarks.exporter`).
Its strict parser is what the tests read this text with.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from enum import Enum

from runwatch.prometheus.table import Kind, Metric

OPEN = "application/openmetrics-text; version=1.0.0; charset=utf-8"
CLASSIC = "text/plain; version=0.0.4; charset=utf-8"
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


class Form(Enum):
    """A text format, by its content type."""

    OPEN = OPEN
    CLASSIC = CLASSIC


def negotiated(accept: str) -> Form:
    """Return the format that an `Accept` header prefers; the classic one where it does not matter."""
    best = {Form.OPEN: 0.0, Form.CLASSIC: 0.0}
    for part in accept.split(","):
        name, *options = (word.strip() for word in part.lower().split(";"))
        quality = next((_number(word[2:]) for word in options if word.startswith("q=")), 1.0)
        version = next((word[8:] for word in options if word.startswith("version=")), "")
        if name == "application/openmetrics-text" and version in ("", "1.0.0", "0.0.1"):
            best[Form.OPEN] = max(best[Form.OPEN], quality)
        elif name in ("text/plain", "text/*", "*/*"):
            best[Form.CLASSIC] = max(best[Form.CLASSIC], quality)
    return Form.OPEN if best[Form.OPEN] > best[Form.CLASSIC] else Form.CLASSIC


def _number(text: str) -> float:
    try:
        return min(1.0, max(0.0, float(text)))
    except ValueError:
        return 0.0


def labels(names: Sequence[str], values: Sequence[str]) -> str:
    """Return labels as they are between the braces; an empty one is left out."""
    if len(names) == 1:  # most of all: one for each rank
        return f'{names[0]}="{values[0].translate(_ESCAPES)}"'
    return ",".join(
        f'{name}="{value.translate(_ESCAPES)}"' for name, value in zip(names, values, strict=True) if value
    )


def value(number: float) -> str:
    """Return a value as both formats write it."""
    if not math.isfinite(number):
        return "NaN" if math.isnan(number) else "+Inf" if number > 0 else "-Inf"
    return str(int(number)) if number == int(number) and abs(number) < 1e15 else repr(float(number))


class Families:
    """Samples on their way into a text: those of one metric have to be together."""

    def __init__(self) -> None:
        self._lines: dict[Metric, list[str]] = {}

    def add(
        self, metrics: Iterable[Metric], subject: object, names: Sequence[str], values: Sequence[str]
    ) -> int:
        """Add the samples of a subject, which all have these labels. Return how many."""
        count, head = 0, labels(names, values)
        for metric in metrics:
            start, own = f"{metric.sample}{{{head}", metric.labels
            comma = "," if head and own else ""
            lines = [
                f"{start}{comma}{labels(own, words) if own else ''}}} {value(number)}\n"
                for words, number in metric.samples(subject)
                if number is not None
            ]
            if lines:
                self._lines.setdefault(metric, []).append("".join(lines))
                count += len(lines)
        return count

    def text(self, form: Form) -> bytes:
        """Return all of them in a format."""
        parts: list[str] = []
        for metric, lines in self._lines.items():
            name, kind = metric.sample, metric.kind.value
            if form is Form.OPEN:
                name = metric.name
            elif metric.kind is Kind.INFO:
                kind = "gauge"
            parts += [f"# HELP {name} {metric.help}\n# TYPE {name} {kind}\n", *lines]
        if form is Form.OPEN:
            parts.append("# EOF\n")
        return "".join(parts).encode()
