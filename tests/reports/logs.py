"""Small logs of our own making, in the forms of real programs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

START = 1_772_360_000


def stamped(rows: Iterable[tuple[float, str]]) -> str:
    """Return lines dated so many seconds after the start."""
    import time

    lines = []
    for seconds, text in rows:
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(START + seconds))
        lines.append(f"{stamp},{int(seconds * 1000) % 1000:03d} - INFO - {text}\n")
    return "".join(lines)


def trained(
    steps: int,
    rate: Callable[[int], float] = lambda step: 1e-3,
    loss: Callable[[int], float] = lambda step: 2 + 3 / (1 + step / 20),
    pauses: dict[int, float] | None = None,
    evaluate: int = 0,
) -> str:
    """Return a dated log with a second between records; `pauses` are seconds before a step."""
    rows: list[tuple[float, str]] = []
    now = 0.0
    for step in range(1, steps + 1):
        now += 1.0 + (pauses or {}).get(step, 0.0)
        noise = 0.01 * math.sin(step * 12.9898)
        rows.append((now, f"step {step}/{steps} loss {loss(step) + noise:.5f} lr {rate(step):.6e}"))
        if evaluate and step % evaluate == 0:
            rows.append((now + 0.1, f"step {step} val_loss {loss(step) + 0.2:.5f}"))
    return stamped(rows)


def cosine(steps: int, warm: int, floor: float = 0.1) -> Callable[[int], float]:
    """Return a rate with a linear warm-up and a cosine decay."""

    def rate(step: int) -> float:
        if step <= warm:
            return 1e-3 * step / warm
        along = (step - warm) / (steps - warm)
        return 1e-3 * (floor + (1 - floor) * (1 + math.cos(math.pi * along)) / 2)

    return rate
