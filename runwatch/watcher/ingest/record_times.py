"""How old records are, by the times in them."""

from __future__ import annotations

import struct
import time

from runwatch.core.batch import SYSTEM, Batch

DAY = 86_400.0


def newest(batch: Batch) -> float | None:
    """Return the greatest Unix time that records of a batch contain, or None.

    What is measured of the machine does not count: that continues when the training hangs.
    """
    times: list[float] = []
    for table in batch.tables:
        if table.kind != SYSTEM and "time" in table.names:
            at = table.names.index("time") * table.rows * 8
            times += struct.unpack_from("<d", table.data, at + 8 * (table.rows - 1))
    return max((t for t in times if 0 < t < time.time() + DAY), default=None)
