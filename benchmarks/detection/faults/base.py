"""What a fault is, and how one is registered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.detection.trace import Trace

Inject = Callable[[Trace, int], None]


@dataclass(frozen=True)
class Fault:
    """One kind of fault."""

    name: str
    inject: Inject
    rules: frozenset[str]
    """Rules whose finding is a detection."""
    cause: str
    """Regular expression that the headline, cause or symptoms of the incident must match."""
    needs: frozenset[str]
    """What the format must tell."""
    rows: int
    """Rows from the onset within which it must be found."""
    also: frozenset[str]
    """Rules whose findings follow from it, and are no false alarms."""
    group: str
    least: int
    """Rows before the onset."""
    info: bool
    """Whether a note is enough: not all that is worth knowing is worth waking somebody."""
    room: int
    """Rows after the onset."""
    lr: str | None


BEGIN = 1_700_000_000.0
"""Unix time at which every run begins."""

FAULTS: dict[str, Fault] = {}


def fault(
    rules: str,
    cause: str = "",
    *,
    needs: str = "loss",
    rows: int = 60,
    also: str = "",
    group: str,
    least: int = 120,
    info: bool = False,
    room: int = 120,
    lr: str | None = None,
) -> Callable[[Inject], Inject]:
    def register(inject: Inject) -> Inject:
        name = inject.__name__
        words = frozenset(rules.split())
        FAULTS[name] = Fault(
            name,
            inject,
            words,
            cause,
            frozenset(needs.split()),
            rows,
            words | frozenset(also.split()),
            group,
            least,
            info,
            room,
            lr,
        )
        return inject

    return register


OPTIMISER = (
    "above_start nonfinite masked_nan loss_spike grad_spike divergence lr_anomaly loss_scale grad_vanish"
)

SPEED = "step_time throughput jitter stalls hang"

FRAMES = (
    "Traceback (most recent call last):",
    '  File "/home/me/train.py", line 412, in <module>',
    "    main(config)",
    '  File "/home/me/train.py", line 233, in main',
    "    loss = step(batch)",
)


def slower(t: Trace, rows: slice, factor: float | np.ndarray) -> None:
    t.wait[rows] += t.columns["seconds"][rows] * t.every * (factor - 1)
    t.columns["seconds"][rows] *= factor
    t.columns["tokens"][rows] /= factor


def stop(t: Trace, at: int, *lines: str) -> None:
    t.cut(at)
    t.end += lines
    usual = float(np.median(t.wait))
    t.silence = max(3600.0, 40 * usual, 10 * float(t.wait[1:].max(initial=0)))
