"""A byte-level language model with gradients written by hand, and AdamW to train it.

The model embeds the last few bytes, mixes them in one hidden layer and
predicts the next byte. It is small enough to learn words in half a minute on
one CPU core, and real enough to diverge.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from runwatch.demo.corpus import VOCABULARY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

Array: TypeAlias = "NDArray[np.floating[Any]]"
Tokens: TypeAlias = "NDArray[np.uint8]"


@dataclass(frozen=True, slots=True)
class ModelShape:
    """Sizes of the model."""

    context: int = 16
    """Bytes it sees before the one it predicts."""
    width: int = 16
    """Numbers that represent one byte."""
    hidden: int = 128
    vocabulary: int = VOCABULARY

    def as_dict(self) -> dict[str, int]:
        """Return the sizes by name."""
        return asdict(self)


class Model:
    """next byte = out · tanh(mix · embeddings of the context)."""

    def __init__(
        self, shape: ModelShape, rng: np.random.Generator, dtype: type[np.floating[Any]] = np.float32
    ) -> None:
        def normal(rows: int, columns: int, scale: float) -> Array:
            return (rng.standard_normal((rows, columns)) * scale).astype(dtype)

        inputs = shape.context * shape.width
        self.shape = shape
        self.parameters: dict[str, Array] = {
            "embed": normal(shape.vocabulary, shape.width, 1.0),
            "mix": normal(inputs, shape.hidden, 1 / math.sqrt(inputs)),
            "mix_bias": np.zeros(shape.hidden, dtype),
            "out": normal(shape.hidden, shape.vocabulary, 0.1 / math.sqrt(shape.hidden)),
            "out_bias": np.zeros(shape.vocabulary, dtype),
        }

    @property
    def size(self) -> int:
        """How many numbers training may change."""
        return sum(parameter.size for parameter in self.parameters.values())

    @property
    def flops_per_token(self) -> float:
        """Floating-point operations to train on one token: forward once, backward twice."""
        return 6.0 * (self.parameters["mix"].size + self.parameters["out"].size)

    def _forward(self, context: Tokens) -> tuple[Array, Array, Array]:
        p = self.parameters
        inputs = p["embed"][context].reshape(len(context), -1)
        hidden = np.tanh(inputs @ p["mix"] + p["mix_bias"])
        logits = hidden @ p["out"] + p["out_bias"]
        return inputs, hidden, logits

    def predict(self, context: Tokens) -> NDArray[np.intp]:
        """Return the likeliest next byte of each row of `context`, shape (rows, context)."""
        likeliest: NDArray[np.intp] = self._forward(context)[2].argmax(axis=1)
        return likeliest

    def loss(self, windows: Tokens) -> float:
        """Return the mean surprise, in nats per byte, at the last column of (rows, context + 1) windows."""
        logits = self._forward(windows[:, :-1])[2]
        return float(-_log_softmax(logits)[np.arange(len(windows)), windows[:, -1]].mean())

    def gradient(self, windows: Tokens) -> tuple[float, dict[str, Array]]:
        """Return the loss and its derivative by every parameter. Raises IndexError on a byte >= 128."""
        p, rows = self.parameters, np.arange(len(windows))
        context, target = windows[:, :-1], windows[:, -1]
        inputs, hidden, logits = self._forward(context)
        scores = _log_softmax(logits)
        loss = float(-scores[rows, target].mean())

        d_logits = np.exp(scores)
        d_logits[rows, target] -= 1
        d_logits /= len(windows)
        d_hidden = (d_logits @ p["out"].T) * (1 - hidden**2)
        d_inputs = (d_hidden @ p["mix"].T).reshape(*context.shape, -1)
        d_embed = np.zeros_like(p["embed"])
        np.add.at(d_embed, context, d_inputs)
        return loss, {
            "embed": d_embed,
            "mix": inputs.T @ d_hidden,
            "mix_bias": d_hidden.sum(axis=0),
            "out": hidden.T @ d_logits,
            "out_bias": d_logits.sum(axis=0),
        }


class AdamW:
    """Adam with decoupled weight decay on the matrices."""

    def __init__(self, parameters: dict[str, Array], rate: float = 3e-3, decay: float = 0.01) -> None:
        self.parameters, self.rate, self.decay = parameters, rate, decay
        self.beta1, self.beta2, self.steps = 0.9, 0.95, 0
        self._mean = {name: np.zeros_like(value) for name, value in parameters.items()}
        self._square = {name: np.zeros_like(value) for name, value in parameters.items()}

    def step(self, gradient: Mapping[str, Array], multiplier: float) -> None:
        """Move the parameters in place, at `multiplier` times the base learning rate."""
        self.steps += 1
        rate = self.rate * multiplier
        for name, parameter in self.parameters.items():
            mean, square = self._mean[name], self._square[name]
            mean += (1 - self.beta1) * (gradient[name] - mean)
            square += (1 - self.beta2) * (gradient[name] ** 2 - square)
            spread = np.sqrt(square / (1 - self.beta2**self.steps)) + 1e-8
            change = rate * mean / (1 - self.beta1**self.steps) / spread
            if parameter.ndim == 2:
                change += rate * self.decay * parameter
            np.subtract(parameter, change, out=parameter)


def norm(gradient: Mapping[str, Array]) -> float:
    """Return the length of the whole gradient."""
    return math.sqrt(sum(float((value.astype(np.float64) ** 2).sum()) for value in gradient.values()))


def _log_softmax(logits: Array) -> Array:
    shifted: Array = logits - logits.max(axis=1, keepdims=True)
    result: Array = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return result
