"""Figures and timelines as SVG: no script; their classes get colors from the style sheet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

import numpy as np

from runwatch.render import numbers
from runwatch.reports.document import Figure, Floats, Line, Timeline

WIDTH, HEIGHT = 760.0, 240.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 64.0, 14.0, 12.0, 34.0
_TICKS = 5
_FEW_POWERS = 2.5
"""Powers of ten below which a logarithmic axis has labels between them too."""
_STRIP = 26.0
_PHASES = {
    "training": "train",
    "evaluation": "eval",
    "checkpointing": "save",
    "warm-up": "warm",
    "change of epoch": "turn",
    "restart": "lost",
    "steps done again": "again",
}
_PARTS = 600
"""Parts of a timeline that are drawn; shorter ones are below a pixel."""


def figure(drawn: Figure, caption: str) -> str:
    """Return a chart; `caption` is what it says in words, for those who cannot see it."""
    lines = [line for line in drawn.lines if len(line.x)]
    if not lines:
        return ""
    scale = _Scale(lines, log=drawn.log)
    parts = [
        f'<svg class="chart" viewBox="0 0 {WIDTH:g} {HEIGHT:g}" role="img" aria-label="{escape(caption)}">',
        *_grid(scale, drawn),
        *(
            _pin(scale, pin.x, pin.kind, pin.label)
            for pin in drawn.pins
            if scale.left <= pin.x <= scale.right
        ),
        *(_curve(scale, line, at) for at, line in enumerate(lines)),
        "</svg>",
    ]
    return "\n".join(part for part in parts if part)


def timeline(drawn: Timeline) -> str:
    """Return a strip of phases."""
    length = drawn.length or 1.0
    parts = sorted(drawn.parts, key=lambda part: part.begin - part.end)[:_PARTS]
    rows = [f'<svg class="strip" viewBox="0 0 {WIDTH:g} {_STRIP:g}" preserveAspectRatio="none" role="img" '
            'aria-label="phases along time">']  # fmt: skip
    for part in sorted(parts, key=lambda part: part.begin):
        x, width = WIDTH * part.begin / length, WIDTH * (part.end - part.begin) / length
        said = escape(f"{part.phase} for {numbers.duration(part.end - part.begin)}")
        rows.append(
            f'<rect class="phase-{phase_class(part.phase)}" x="{x:.2f}" y="0" width="{max(width, 0.4):.2f}" '
            f'height="{_STRIP:g}"><title>{said}</title></rect>'
        )
    return "\n".join([*rows, "</svg>"])


def phase_class(phase: str) -> str:
    """Return the last part of the class of a phase."""
    return next((name for begin, name in _PHASES.items() if phase.startswith(begin)), "pause")


class _Scale:
    """Where values are on the picture."""

    def __init__(self, lines: Sequence[Line], *, log: bool) -> None:
        self.log = log
        self.left = min(float(line.x[0]) for line in lines)
        self.right = max(float(line.x[-1]) for line in lines)
        low = min(float(np.min(line.low)) for line in lines)
        high = max(float(np.max(line.high)) for line in lines)
        if log:
            low, high = math.log10(low), math.log10(high)
        if not high > low:
            apart = abs(high) * 0.05 or 1.0
            low, high = low - apart, high + apart
        self.low, self.high = low, high

    def x(self, value: Floats) -> Floats:
        """Return places from left to right."""
        span = self.right - self.left
        share = (value - self.left) / span if span > 0 else np.full(len(value), 0.5)
        return _LEFT + share * (WIDTH - _LEFT - _RIGHT)

    def y(self, value: Floats) -> Floats:
        """Return places from top to bottom."""
        value = np.log10(np.maximum(value, 1e-300)) if self.log else value
        share = (value - self.low) / (self.high - self.low)
        return HEIGHT - _BOTTOM - np.clip(share, 0, 1) * (HEIGHT - _TOP - _BOTTOM)

    def ticks(self) -> list[float]:
        """Return the values at which the y axis has labels."""
        if not self.log:
            return _nice(self.low, self.high)
        powers = range(math.floor(self.low), math.ceil(self.high) + 1)
        factors = (1, 2, 5) if self.high - self.low < _FEW_POWERS else (1,)
        found = [factor * 10.0**power for power in powers for factor in factors]
        return [each for each in found if self.low <= math.log10(each) <= self.high]


def _nice(low: float, high: float) -> list[float]:
    """Return about five round numbers from low to high."""
    raw = (high - low) / _TICKS
    size = 10 ** math.floor(math.log10(raw))
    step = size * next(factor for factor in (1, 2, 5, 10) if factor * size >= raw)
    first = math.ceil(low / step)
    return [at * step for at in range(first, math.floor(high / step) + 1)]


def _grid(scale: _Scale, drawn: Figure) -> list[str]:
    rows = []
    for tick in scale.ticks():
        y = float(scale.y(np.array([tick]))[0])
        rows.append(f'<path class="grid" d="M{_LEFT:g} {y:.1f}H{WIDTH - _RIGHT:g}"/>')
        text = escape(numbers.value(drawn.metric, tick))
        rows.append(f'<text class="tick" x="{_LEFT - 6:g}" y="{y + 4:.1f}" text-anchor="end">{text}</text>')
    for tick in _nice(scale.left, scale.right) if scale.right > scale.left else [scale.left]:
        x = float(scale.x(np.array([tick]))[0])
        text = escape(numbers.si(tick))
        rows.append(f'<text class="tick" x="{x:.1f}" y="{HEIGHT - 18:g}" text-anchor="middle">{text}</text>')
    middle = (_LEFT + WIDTH - _RIGHT) / 2
    place = f'x="{middle:g}" y="{HEIGHT - 3:g}" text-anchor="middle"'
    return [*rows, f'<text class="tick" {place}>{escape(drawn.x_label)}</text>']


def _curve(scale: _Scale, line: Line, number: int) -> str:
    x, mean = scale.x(line.x), scale.y(line.mean)
    band = ""
    if np.any(line.high > line.low):
        edge = [
            *zip(x, scale.y(line.high), strict=True),
            *reversed([*zip(x, scale.y(line.low), strict=True)]),
        ]
        band = f'<polygon class="band line-{number}" points="{_points(edge)}"/>'
    points = _points(zip(x, mean, strict=True))
    if len(x) == 1:
        return f'<circle class="dot line-{number}" cx="{x[0]:.1f}" cy="{mean[0]:.1f}" r="3"/>'
    return f'{band}<polyline class="line line-{number}" points="{points}"/>'


def _points(pairs: object) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in pairs)  # type: ignore[attr-defined]


def _pin(scale: _Scale, at: float, kind: str, label: str) -> str:
    x = float(scale.x(np.array([at]))[0])
    return (
        f'<path class="pin pin-{escape(kind)}" d="M{x:.1f} {_TOP:g}V{HEIGHT - _BOTTOM:g}">'
        f"<title>{escape(label)} (step {numbers.step(at)})</title></path>"
    )
