"""Which schedule a learning rate followed, fitted against its values; "unclear" where several would fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from runwatch.core.plural import counted, listed
from runwatch.core.series import Floats
from runwatch.reports.evidence import Curve, last_pass

FEWEST = 8
"""Values from which a schedule is named."""
FITS = 0.012
"""Root mean square of the residual, as a share of the peak, up to which a schedule fits."""
_APART = 2.5
"""Times the residual of the best by which that of another kind must be larger."""
_MOST = 1500
"""Values that are fitted."""
_HELD = 1e-3
"""Change as a share of the peak that counts as none."""
_ROUNDS = 0.6
"""Digits in which a rate is printed, as a share of their last one, that a fit may be off."""
_COARSE = 0.05
"""Size of that last digit, as a share of the peak, from which a stretch at the peak says nothing."""
_SAME = 1e-6
"""Residual of a fit that is exact."""
_SHORT = 6
"""Values of a warm-up whose form is not judged."""
_LEAP = 0.5
"""Rise from one value to the next, as a share of the peak, that is no warm-up."""
_CUT = 0.1
"""Share of the peak above which a decay that would end later was cut off."""
_SIMPLE = ("linear", "cosine", "inverse square root", "exponential", "polynomial")
"""Kinds of decay; of those that fit alike the first is named."""
_SOME = 0.05
"""Fall from the peak, as a share of it, from which a decay can be recognized."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """What a learning rate did."""

    kind: str
    """constant, linear, cosine, inverse square root, exponential, polynomial, step, warm restarts,
    irregular or unclear; `warm-up` alone while nothing follows it."""
    residual: float = float("nan")
    """Root mean square of the differences to the fit, as a share of the peak."""
    peak: float = float("nan")
    peak_step: float = float("nan")
    """Where it was first that high."""
    warmup: str = ""
    """`linear` or `cosine`, or `rising` where neither fits; "" without a warm-up."""
    held_until: float = float("nan")
    """Step up to which it stayed at the peak before it decayed, if for long."""
    floor: float = float("nan")
    """Where the fit ends."""
    end: float = float("nan")
    """Step at which the fitted schedule ends, where its kind has an end."""
    last: float = float("nan")
    detail: str = ""
    """What else to say: steps of a staircase, distances of restarts, the kinds that would fit."""

    @property
    def name(self) -> str:
        """The kind in words, with its warm-up."""
        if self.kind in ("irregular", "unclear", "warm-up"):
            return f"warm-up, then {self.kind}" if self.kind == "unclear" and self.warmup else self.kind
        parts = ["warm-up"] if self.warmup else []
        if self.held_until == self.held_until and self.kind not in ("constant", "step", "warm restarts"):
            parts += ["stable"]
            return " + ".join([*parts, f"{self.kind} decay"]) + " (WSD)"
        decays = self.kind in ("linear", "exponential", "polynomial", "cosine", "inverse square root")
        return " + ".join([*parts, f"{self.kind} decay" if decays else self.kind])


def recognize(curve: Curve) -> Schedule | None:
    """Return the schedule of a learning rate, or None where it has too few values.

    Each stretch of a long series is its last sample, which is exact.
    """
    steps = np.concatenate((curve.points.first_x[:1], curve.steps))
    values = np.concatenate(([curve.summary.first], curve.points.last))
    keep = np.isfinite(values) & np.isfinite(steps)
    steps, values = steps[keep], values[keep]
    kept = last_pass(steps)
    steps, values = steps[kept], values[kept]
    if len(steps) > _MOST:
        chosen = np.unique(np.linspace(0, len(steps) - 1, _MOST).astype(np.int64))
        steps, values = steps[chosen], values[chosen]
    found = _of(steps, values) if len(steps) >= FEWEST else None
    exact = curve.summary.maximum_step
    if found is None or not abs(found.peak_step - exact) <= 2 * (steps[-1] - steps[0]) / len(steps):
        return found
    return replace(found, peak_step=exact)


def _of(steps: Floats, values: Floats) -> Schedule:
    peak, last = float(values.max()), float(values[-1])
    base = Schedule("constant", 0.0, peak, float(steps[0]), last=last)
    y = values / peak if peak > 0 else np.zeros(len(values))
    if y.max() - y.min() <= _HELD:
        return base
    if (restarts := _restarts(steps, y)) is not None:
        return replace(base, kind="warm restarts", residual=float("nan"), detail=restarts)
    quantum = _quantum(y)
    top = int(np.argmax(y >= 1 - max(_HELD, quantum / 2)))
    rising = y[: top + 1]
    base = replace(base, peak_step=float(steps[top]), residual=float("nan"))
    if not top or rising[0] >= 0.98:
        return _after_peak(steps, y, quantum, base)
    warm, warm_fit = _warmup(steps[: top + 1], rising)
    jumps = warm == "rising" and len(rising) > _SHORT and np.diff(rising).max() > _LEAP
    if jumps or np.any(np.diff(rising) < -max(_HELD, 1.5 * quantum)):
        return replace(base, kind="irregular")
    base = replace(base, warmup=warm)
    if len(steps) - top < FEWEST // 2:
        return replace(base, kind="warm-up", residual=warm_fit, detail=warm)
    return _after_peak(steps[top:], y[top:], quantum, base)


def _after_peak(t: Floats, z: Floats, quantum: float, base: Schedule) -> Schedule:
    if z.max() - z.min() <= max(_HELD, quantum / 2):
        return replace(base, kind="constant", residual=_rms(z - z.mean()))
    if (stairs := _stairs(t, z)) is not None:
        return replace(base, kind="step", residual=0.0, floor=base.last, detail=stairs)
    if np.any(np.diff(z) > max(2 * quantum, 0.01)):
        return replace(base, kind="irregular")
    if 1 - z.min() < _SOME:
        detail = f"it fell by {1 - z.min():.1%} from its peak so far, too little to name its decay"
        return replace(base, kind="unclear", detail=detail)
    return _decay(t, z, quantum, base)


def _decay(t: Floats, z: Floats, quantum: float, base: Schedule) -> Schedule:
    """Fit all kinds of decay from the peak, and from the end of a stretch at the peak."""
    held = int(np.flatnonzero(z >= 1 - max(_HELD, quantum / 2))[-1])
    long = t[held] - t[0] > 0.1 * (t[-1] - t[0]) and quantum < _COARSE
    fits = sorted(
        (
            (_rms_of(fit, z, begin), fit, begin)
            for begin in ([0, held] if long else [0])
            for fit in _fits(t[begin:], z[begin:])
        ),
        key=lambda each: each[0],
    )
    alike = [each for each in fits if each[0] <= max(1.5 * fits[0][0], 0.35 * quantum)]
    residual, best, begin = min(alike, key=lambda each: (_SIMPLE.index(each[1].kind), each[0]))
    fitting = max(FITS, _ROUNDS * quantum)
    if residual > fitting:
        return replace(base, kind="irregular", residual=residual, detail=f"the nearest is {best.kind}")
    cut = (best.end > 1.02 * t[-1] and z[-1] > _CUT) or best.end != best.end
    apart = min(fitting, max(_APART * (4 if cut else 1) * residual, 0.35 * quantum))
    rivals = [each for each in fits if each[1].kind not in (best.kind, "polynomial") and each[0] <= apart]
    if rivals and residual > _SAME and (cut or residual > 0.35 * quantum):
        detail = f"{best.kind} and {rivals[0][1].kind} decay fit about as well"
        return replace(base, kind="unclear", residual=residual, detail=detail)
    return replace(
        base,
        kind=best.kind,
        residual=residual,
        held_until=float(t[begin]) if begin else float("nan"),
        floor=best.floor * base.peak,
        end=float("nan") if cut else best.end,
        detail=best.detail,
    )


@dataclass(frozen=True, slots=True)
class _Fit:
    kind: str
    fitted: Floats
    end: float = float("nan")
    floor: float = float("nan")
    detail: str = ""


def _fits(t: Floats, z: Floats) -> Iterator[_Fit]:
    """Yield the best fit of each kind to a decay that begins at its first value."""
    span = float(t[-1] - t[0])
    x = (t - t[0]) / span
    reached = _flat_end(z)
    linear, end = _until(x, z, lambda u: 1 - u, reached, free=False)
    yield _Fit("linear", linear, t[0] + end * span, float(linear[-1]))
    cosine, end = _until(x, z, lambda u: (1 + np.cos(np.pi * u)) / 2, reached, free=True)
    yield _Fit("cosine", cosine, t[0] + end * span, float(cosine.min()))
    for power in (0.5, 0.9, 1.5, 2.0, 3.0):
        bent, end = _until(x, z, lambda u, p=power: (1 - u) ** p, reached, free=True)  # type: ignore[misc]
        detail = f"power {power:g}"
        yield _Fit("polynomial", bent, t[0] + end * span, float(bent.min()), detail)
    positive = z > 0
    if positive.all():
        inverse = np.polyfit(x, 1 / z**2, 1)
        fitted = np.maximum(np.polyval(inverse, x), 1e-9) ** -0.5
        yield _Fit("inverse square root", fitted)
        falls = np.polyfit(x, np.log(z), 1)
        yield _Fit("exponential", np.exp(np.polyval(falls, x)))


def _until(
    x: Floats, z: Floats, form: Callable[[Floats], Floats], reached: int, *, free: bool
) -> tuple[Floats, float]:
    """Fit `low + (high - low) * form(x / end)`; the end is searched, the levels follow by least squares.

    Past its end the form stays at its last value. `free`: the end may lie behind the data.
    """
    here, width = float(x[reached]), 0.5
    ends = [1.0, here] if not free else [here, 1.0, *np.geomspace(1.0, 8.0, 60)[1:].tolist()]
    if reached < len(x) - 1:
        ends += np.linspace(max(0.02, 0.8 * here), 1.0, 40).tolist()
    tried = [(here, _levels(form(np.clip(x / here, 0.0, 1.0)), z))] if here > 0 else []
    for _ in range(3):
        tried += [(end, _levels(form(np.clip(x / end, 0.0, 1.0)), z)) for end in ends]
        end, fitted = min(tried, key=lambda each: _rms(each[1] - z))
        tried, width = [(end, fitted)], width / 5
        ends = np.linspace(end - width, end + width, 21).tolist()
        ends = [each for each in ends if 0.01 < each <= (np.inf if free else 1.0)]
    return tried[0][1], tried[0][0]


def _levels(basis: Floats, z: Floats) -> Floats:
    both = np.stack((basis, np.ones_like(basis)), axis=1)
    solution, *_ = np.linalg.lstsq(both, z, rcond=None)
    fitted: Floats = both @ solution
    return fitted


def _flat_end(z: Floats) -> int:
    """Return the index at which values reach the level at which they stay to the end."""
    away = np.flatnonzero(np.abs(z - z[-1]) > _HELD)
    return min(len(z) - 1, int(away[-1]) + 1) if len(away) else 0


def _warmup(t: Floats, y: Floats) -> tuple[str, float]:
    if len(t) < 3:
        return "rising", 0.0
    u = (t - t[0]) / (t[-1] - t[0])
    errors = {
        "linear": _rms(_levels(u, y) - y),
        "cosine": _rms(_levels((1 - np.cos(np.pi * u)) / 2, y) - y),
    }
    kind = min(errors, key=lambda each: errors[each])
    return (kind if errors[kind] <= FITS else "rising"), errors[kind]


def _stairs(t: Floats, z: Floats) -> str | None:
    """Return the steps of a staircase: few levels, each held for long, each below the one before."""
    changes = np.flatnonzero(np.abs(np.diff(z)) > _HELD * np.maximum(z[:-1], 1e-12))
    runs = np.diff(np.concatenate(([0], changes + 1, [len(z)])))
    if not 1 <= len(changes) <= 24 or np.median(runs) < 3 or len(changes) > 0.25 * len(z):
        return None
    if np.any(np.diff(z) > _HELD):
        return None
    falls = z[changes] - z[changes + 1]
    if len(falls) > 2 and np.ptp(falls) < 0.1 * falls.mean():
        return None  # a decay that is printed with few digits
    factors = z[changes + 1] / z[changes]
    same = factors.max() - factors.min() < 0.02
    places = listed([f"{step:,.0f}" for step in t[changes + 1].tolist()], 6)
    by = f"times {factors[0]:.3g}" if same else "by different factors"
    return f"{counted(len(changes), 'step')} {by} at {places}"


def _restarts(t: Floats, y: Floats) -> str | None:
    """Return how often it restarted: several falls, with a jump up between each two."""
    jumps = np.flatnonzero(np.diff(y) > 0.2)
    jumps = jumps[y[jumps] < 0.7 * y[jumps + 1]]
    jumps = jumps[jumps > 2]
    if len(jumps) < 2 and not (len(jumps) and len(y) - jumps[0] > _SHORT):
        return None
    edges = [0, *(jumps + 1).tolist(), len(y)]
    falls = [y[a:b] for a, b in pairwise(edges) if b - a > 3]
    rises = (np.any(np.diff(part) > 0.02) or part[-1] > 0.8 * part[0] for part in falls[:-1])
    if len(falls) < 2 or any(rises):
        return None
    apart = np.diff(t[np.array([0, *(jumps + 1).tolist()])])
    if len(apart) > 1 and np.ptp(apart) <= 0.1 * apart.mean():
        return f"every {apart.mean():,.0f} steps"
    if len(apart) > 2 and np.ptp(apart[1:] / apart[:-1]) < 0.2:
        return f"each cycle {float(np.mean(apart[1:] / apart[:-1])):.2g} times as long as the one before"
    return "at steps " + ", ".join(f"{step:,.0f}" for step in t[jumps + 1][:6].tolist())


def _quantum(y: Floats) -> float:
    """Return the size of the steps in which a rate is printed, as a share of its peak."""
    apart = np.abs(np.diff(np.unique(y)))
    apart = apart[apart > 1e-9]
    if not len(apart) or len(apart) > 400:
        return 0.0
    least = float(apart.min())
    return least if np.all(np.abs(apart / least - np.rint(apart / least)) < 0.05) else 0.0


def _rms_of(fit: _Fit, z: Floats, begin: int) -> float:
    """Return the residual of a fit of what follows `begin`; before it, the peak was held."""
    rest = np.concatenate((z[:begin] - 1, fit.fitted - z[begin:]))
    return _rms(rest)


def _rms(rest: Floats) -> float:
    return float(np.sqrt(np.mean(rest**2))) if len(rest) else 0.0
