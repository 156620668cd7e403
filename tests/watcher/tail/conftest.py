"""A log, a tail that looks only when it is told to, and a clock that the test moves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from runwatch.watcher.sources.tail import Tail

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "run.log"


@pytest.fixture
def tail(log: Path, clock: Clock) -> Iterator[Tail]:
    made = Tail(str(log), clock=clock)
    yield made
    made.close()
