"""Values as a Parquet file, by pyarrow."""

from __future__ import annotations

from typing import IO, Any

import numpy as np

from runwatch.core.errors import UsageError
from runwatch.export.values import COLUMNS, KINDS, Floats, Values

GROUP = 1 << 17
"""Rows written at once: many small groups make a large and slow file."""


class Parquet:
    """A table with the columns of the schema; numbers keep their bits, what is not known is null."""

    def __init__(self, file: IO[bytes]) -> None:
        """Begin the file. Raises UsageError without pyarrow."""
        try:
            import pyarrow as pa
            import pyarrow.parquet as pq
        except ImportError as error:
            raise UsageError("Parquet needs pyarrow", "", "pip install 'runwatch[parquet]'") from error
        self._pa: Any = pa
        text, whole, number = pa.string(), pa.int32(), pa.float64()
        types = (text, whole, text, whole, whole, text, text, number, number, number, pa.int64(), number)
        self._schema = pa.schema(list(zip(COLUMNS, types, strict=True)))
        self._writer = pq.ParquetWriter(file, self._schema, compression="zstd")
        self._parts: list[Any] = []
        self._rows = 0

    def write(self, values: Values) -> None:
        """Append values."""
        pa, rows = self._pa, len(values)
        constant = (values.run, values.stage, values.source, values.rank, values.node)
        types = self._schema.types
        arrays = [pa.repeat(pa.scalar(each, types[at]), rows) for at, each in enumerate(constant)]
        arrays += [pa.array(KINDS).take(pa.array(values.kind))]
        arrays += [pa.array(values.names, types[6]).take(pa.array(values.metric))]
        arrays += [self._known(column) for column in (values.step, values.epoch, values.time)]
        arrays += [pa.array(values.line.astype(np.int64)), pa.array(values.value)]
        self._parts.append(pa.Table.from_arrays(arrays, schema=self._schema))
        self._rows += rows
        if self._rows >= GROUP:
            self._put()

    def close(self) -> None:
        """Write the rest, and the end of the file."""
        self._put()
        self._writer.close()

    def _known(self, column: Floats) -> Any:
        return self._pa.array(column, mask=np.isnan(column))

    def _put(self) -> None:
        if self._parts:
            self._writer.write_table(self._pa.concat_tables(self._parts))
        self._parts, self._rows = [], 0
