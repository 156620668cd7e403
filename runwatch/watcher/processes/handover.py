"""What a child process is started with: read from a descriptor it inherits.

An argument may hold 128 KiB, which some hundred paths fill. A pipe may hold
less and would make a parent wait for a child that hangs. So it is a file
without a name: in memory where the system has such files.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, TypeVar

if TYPE_CHECKING:
    import msgspec  # below where it is needed: what only makes room for a setup does without

T = TypeVar("T", bound="msgspec.Struct")


@contextmanager
def handed(setup: msgspec.Struct) -> Iterator[int]:
    """Yield the descriptor from which a child reads `setup`: its only argument, to be inherited.

    Once the child was started, ours may be closed. Raises OSError.
    """
    with nameless() as file:
        put(setup, file)
        yield file.fileno()


def put(setup: msgspec.Struct, file: BinaryIO) -> None:
    """Write `setup` to a file that a child shares, for it to read from the beginning. Raises OSError."""
    import msgspec

    file.write(msgspec.json.encode(setup))
    file.flush()
    file.seek(0)


def taken(argument: str, kind: type[T]) -> T:
    """Return what the parent handed over, read from the descriptor that `argument` names."""
    import msgspec

    with open(int(argument), "rb") as file:
        return msgspec.json.decode(file.read(), type=kind)


def called(gate: str) -> bool:
    """Wait at the pipe whose descriptor is named; return whether there is a setup, or nobody to bring one."""
    with open(int(gate), "rb", buffering=0) as pipe:
        return bool(pipe.read(1))


def nameless() -> BinaryIO:
    """Return a file without a name. Raises OSError."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("runwatch"), "w+b")
    import tempfile  # here: rarely needed, and costs 2 MB

    return tempfile.TemporaryFile()
