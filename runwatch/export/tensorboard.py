"""Values as TensorBoard event files: one directory for each run, source and rank (`events` has the bytes)."""

from __future__ import annotations

import os
from hashlib import blake2b

import numpy as np

from runwatch.export.events import event, framed, record
from runwatch.export.values import Floats, Ints, Values, folder
from runwatch.parsers.framing.protobuf import delimited

_DAY = 86_400.0


class EventFiles:
    """A directory of event files."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._files: dict[tuple[object, ...], _File] = {}
        self._taken: dict[str, tuple[object, ...]] = {}

    def write(self, values: Values) -> None:
        """Append values."""
        key = values.run, values.stage, values.source, values.rank, values.node
        if key not in self._files:
            self._files[key] = _File(os.path.join(self._directory, self._place(key)))
        self._files[key].write(values)

    def close(self) -> None:
        """End: every file is complete after each write."""

    def _place(self, key: tuple[object, ...]) -> str:
        """Return the directory of a run, stage, source and rank; the first source needs none of its own."""
        run, stage, source, rank, node = key
        parts = [str(run), *([f"stage{stage}"] if stage != 1 else [])]
        others = {known[2] for known in self._files if known[:2] == key[:2]}
        if others - {source}:
            parts.append(os.path.basename(str(source)))
        parts += [f"node{node}"] if node is not None else []
        parts += [f"rank{rank}"] if rank is not None else []
        place = folder("/".join(parts))
        if self._taken.setdefault(place, key) != key:
            place = f"{place}-{blake2b(repr(key).encode(), digest_size=4).hexdigest()}"
        return place


class _File:
    """One event file; opened for each write, so that any number of them is no burden."""

    def __init__(self, directory: str) -> None:
        self._directory, self._path = directory, ""
        self._time = 0.0
        self._counts: dict[str, int] = {}
        """Tag -> how many values it has."""

    def write(self, values: Values) -> None:
        """Append values."""
        begin = b"" if self._path else self._begin(values)
        with open(self._path, "ab") as file:
            file.write(begin)
            file.write(framed(values.names, *self._columns(values), values.first))

    def _begin(self, values: Values) -> bytes:
        os.makedirs(self._directory, exist_ok=True)
        dated = values.time[values.time >= _DAY]
        self._time = float(dated[0]) if len(dated) else 0.0
        self._path = os.path.join(self._directory, f"events.out.tfevents.{int(self._time):010d}.runwatch")
        return record(event(self._time) + delimited(3, b"brain.Event:2"))

    def _columns(self, values: Values) -> tuple[Ints, Ints, Floats, Floats]:
        """Return tag and whether it is the tag's first, step, time and value of each event.

        A value without a step gets the number of values of its tag before it.
        """
        tag, step = 2 * values.metric, values.step.copy()
        for metric, name in enumerate(values.names):
            here = np.flatnonzero(values.metric == metric)
            before = self._counts.get(name, 0)
            if not before:
                tag[here[:1]] += 1
            self._counts[name] = before + len(here)
            missing = here[~np.isfinite(step[here])]
            step[missing] = before + np.searchsorted(here, missing)
        known = values.time >= _DAY
        newest = np.maximum.accumulate(np.where(known, np.arange(len(values)), -1))
        time = np.where(newest >= 0, values.time[newest], self._time)
        self._time = float(time[-1])
        return tag, step.astype(np.int64), time, values.value
