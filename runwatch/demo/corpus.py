"""Text to learn from, found on every machine: the documentation inside Python itself."""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

VOCABULARY = 128
"""Token values: a token is one ASCII byte."""


def text() -> bytes:
    """Return the language reference that `help()` shows, as ASCII; the same bytes on every call."""
    try:
        from pydoc_data.topics import topics
    except ImportError:  # stripped-down Pythons leave it out; built-in docstrings are always there
        owners = [builtins, *(value for value in vars(builtins).values() if isinstance(value, type))]
        found = (getattr(value, "__doc__", None) for owner in owners for value in vars(owner).values())
        pieces = sorted({doc for doc in found if isinstance(doc, str)})
    else:
        pieces = [topics[name] for name in sorted(topics)]
    return "\n".join(pieces).encode("ascii", "replace")


def split(held_out: float = 0.05) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return (training tokens, held-out tokens): the last `held_out` fraction is never trained on."""
    tokens = np.frombuffer(text(), np.uint8)
    border = int(len(tokens) * (1 - held_out))
    return tokens[:border], tokens[border:]
