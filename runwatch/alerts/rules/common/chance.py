"""Losses that are known beforehand: of guessing, ln(k) among k classes or tokens; of being always wrong."""

from __future__ import annotations

import numpy as np

_CLASSES = (2, 10, 100, 256, 1000, 10000, 21841)
_VOCABULARIES = (30522, 32000, 32128, 49152, 50257, 50304, 65024, 65536, 100277, 128000, 128256, 131072)
_VOCABULARIES_OF_LATE = (151643, 151936, 152064, 200064, 256000, 262144)
_USUAL = np.array(_CLASSES + _VOCABULARIES + _VOCABULARIES_OF_LATE)
_FEW = np.arange(3, 10)
"""Numbers of classes whose levels are so close to each other that a loss must be nearer."""
_NEARER = 0.2


NEAR = 0.01
"""How far a loss may usually be from ln(k), as a fraction."""


def guessing(loss: float, within: float = NEAR) -> int:
    """Return the usual number of classes or tokens that a loss is the guess among; 0 if there is none.

    `within` is how far the loss may be from ln(k), as a fraction.
    """
    for counts, part in ((_USUAL, 1.0), (_FEW, _NEARER)):
        away = np.abs(loss / np.log(counts) - 1)
        nearest = int(away.argmin())
        if away[nearest] <= within * part:
            return int(counts[nearest])
    return 0


_MOST = 100
"""Most classes for which printed digits distinguish the loss of guessing among them from others."""


def is_telling(loss: float) -> bool:
    """Return whether a loss has four digits or more: that many come again by no chance."""
    return f"{loss:.3g}" != f"{loss:.6g}"


def uniform(loss: float, step: float) -> int:
    """Return the number of classes that a loss, printed in steps of `step`, is the guess among, or 0."""
    classes = round(float(np.exp(min(loss, 10.0))))
    return classes if 2 <= classes <= _MOST and abs(loss - np.log(classes)) <= 0.51 * step else 0


_LEAST = np.array([1.17549435e-38, 2.220446e-16, 1.1920929e-7, *(10.0**-power for power in range(6, 17))])
"""The least probabilities that programs admit: the smallest float, the spacing of floats, and round ones."""
_AS_PRINTED = 1e-5


def least_likely(loss: float) -> float:
    """Return the least probability that a program admits, if a loss is that of it as printed; else 0."""
    away = np.abs(loss / -np.log(_LEAST) - 1)
    nearest = int(away.argmin())
    return float(_LEAST[nearest]) if away[nearest] <= _AS_PRINTED else 0.0
