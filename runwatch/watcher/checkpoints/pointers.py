"""The files next to checkpoints that name the newest one (`latest` of DeepSpeed): what they say."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from runwatch.watcher.layouts.layout import Size
from runwatch.watcher.sources import files


class Pointers:
    """Remembers which step each pointer file names."""

    def __init__(self) -> None:
        self._said: dict[str, tuple[int | None, float]] = {}
        """By file name: the step, and when the file was changed."""

    def read(self, directory: str, names: Iterable[str]) -> None:
        """Read files as they are now; what is not there, or cannot be read, says nothing."""
        for name in names:
            path = os.path.join(directory, name)
            size = files.size_of(path)
            self._said.pop(name, None)
            if size is None:
                continue
            try:
                said = files.contents(path, 64).decode("ascii", "replace")
            except OSError:
                continue
            digits = "".join(filter(str.isdigit, said))
            self._said[name] = (int(digits) if digits else None, size.changed)

    def names(self, pointer: str, own: int | None, held: Mapping[str, Size]) -> bool | None:
        """Return whether a pointer file names step `own` or a newer one; None if it shows nothing.

        `held` are the files of that step's checkpoint.
        """
        step, changed = self._said.get(pointer, (None, 0.0))
        if step is None or own is None:
            return None
        if step >= own:
            return True
        newest = max((size.changed for size in held.values()), default=0.0)
        return False if changed < newest else None  # set back by hand since then
