"""The file that a person names with `-o`: it gets its name when it is complete."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO

from runwatch.core.errors import UsageError


@contextmanager
def output_file(path: str) -> Iterator[IO[bytes]]:
    """Yield a file to write; until the block ends without an error, its name ends in `.part`.

    A device or a pipe is written as it is; of a link, the file that it names is written.
    Raises UsageError where nothing can be written, BrokenPipeError.
    """
    try:
        if _is_stream(path):
            with open(path, "wb") as stream:
                yield stream
            return
        whole = os.path.realpath(path)
        part = f"{whole}.part"
        try:
            with suppress(FileNotFoundError):
                os.unlink(part)
            with open(part, "xb") as file:  # never what a link that somebody put there leads to
                yield file
            os.replace(part, whole)
        except BaseException:
            with suppress(OSError):
                os.unlink(part)
            raise
    except BrokenPipeError:
        raise  # who read it has left: that is no error
    except OSError as error:
        raise UsageError(
            "cannot write", path, f"{error.strerror or error}: choose another file for -o"
        ) from error


def _is_stream(path: str) -> bool:
    """Return whether something is there already that keeps no bytes, such as a terminal."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)
