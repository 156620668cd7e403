"""Steps counted within an epoch (`Epoch [3][50/271]`) made into steps of the whole run."""

from __future__ import annotations

import numpy as np

from runwatch.metrics import EPOCH

EPOCHS = "epochs"
"""Column: how many epochs there will be, where a line tells."""


def whole(names: tuple[str, ...], rows: int, data: bytes, base: float) -> tuple[tuple[str, ...], bytes]:
    """Return a table's names and data with `step` and `total` counted over all epochs.

    `total` comes in as the steps of one epoch, and goes if the epochs are not told.
    `base` is the number of the first epoch: 0 or 1.
    """
    table = dict(zip(names, np.frombuffer(data, "<f8").reshape(len(names), rows), strict=True))
    per_epoch, epochs = table.pop("total"), table.pop(EPOCHS, None)
    table["step"] = (table[EPOCH] - base) * per_epoch + table["step"]
    if epochs is not None:
        table["total"] = per_epoch * epochs
    return tuple(table), np.concatenate(list(table.values())).tobytes()
