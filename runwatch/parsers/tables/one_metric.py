"""Tables with one metric a row, as trackers export them: `metric,step,timestamp,value`."""

from __future__ import annotations

from collections.abc import Sequence

from runwatch.parsers.lexicon.counters import TIMES
from runwatch.parsers.lexicon.words import is_val
from runwatch.parsers.structured.keyed_records import NEARBY, Schema

_NAMES = frozenset(("metric", "metric_name", "name", "tag", "key", "variable"))
_VALUES = frozenset(("value", "metric_value"))
_OTHER = "other"


class OneMetric:
    """What the rows say: those of the first metric of training, which it remembers, are records."""

    def __init__(self, schema: Schema, keys: Sequence[str], named: int, value: int) -> None:
        self._schema, self._keys, self._named, self._value = schema, keys, named, value
        self._first = ""

    @classmethod
    def of(cls, schema: Schema, keys: Sequence[str]) -> OneMetric | None:
        """Return what reads the rows below these columns; None if these are of another table."""
        lower = [key.lower() for key in keys]
        named, value = ([i for i, key in enumerate(lower) if key in known] for known in (_NAMES, _VALUES))
        return cls(schema, keys, named[0], value[0]) if len(named) == len(value) == 1 else None

    def read(self, cells: Sequence[bytes], numbers: dict[str, float]) -> tuple[dict[str, float], str | None]:
        """Return the numbers of a row under their own names, and what it is of (see _part)."""
        metric = cells[self._named].decode("utf-8", "replace").strip()
        value, part = numbers.get(self._keys[self._value]), self._part(metric)
        if value is None or part == _OTHER:
            return {}, None
        step = self._schema.step_key(numbers)
        places = {key: n for key, n in numbers.items() if key == step}
        times = {key.lower(): n for key, n in numbers.items() if key.lower() in TIMES}
        return {metric: value, **places, **times}, part

    def _part(self, metric: str) -> str | None:
        """Return what rows of a metric are of: the records (None), what is next to them, or no training."""
        if is_val(metric.encode()):
            return "val"
        if self._schema.is_training(metric):
            self._first = self._first or metric
        return None if metric and metric == self._first else NEARBY if metric and self._first else _OTHER
