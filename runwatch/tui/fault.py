"""What an internal error of the screen leaves behind: one line for the person, a traceback in a file."""

from __future__ import annotations

import time
import traceback
from pathlib import Path

from runwatch import __version__
from runwatch.core.errors import ScreenError
from runwatch.core.redaction import redact
from runwatch.core.text import path, plain
from runwatch.system import private_files

FILE = "screen-error.txt"
"""Name of the file in the state directory; it has the newest error."""
_PACKAGE = Path(__file__).parent.parent
_MOST = 200
"""Characters of an error's own words: they may quote a line of the log."""


def report(error: Exception, directory: Path, effect: str) -> ScreenError:
    """Write the traceback of `error` to a file in `directory`; return what to report, which names the file.

    `effect` says what the error means for the run.
    """
    file = directory / FILE
    try:
        private_files.directory(directory)
        private_files.write(file, _page(error))
    except OSError as trouble:
        why = trouble.strerror
        advice = f"cannot write the traceback ({why}); set RUNWATCH_DEBUG=1 and report what it prints"
    else:
        advice = f"report what is in {path(str(file))}"
    words = plain(" ".join(f"{type(error).__name__}: {error}".split()), _MOST)
    return ScreenError("internal error in the screen", f"{words}{_place(error)}", f"{effect}; {advice}")


def _place(error: Exception) -> str:
    """Return the innermost line of runwatch that the error came through; "" if it came through none."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if _PACKAGE in Path(frame.filename).parents:
            return f" ({Path(frame.filename).relative_to(_PACKAGE.parent)}, line {frame.lineno})"
    return ""


def _page(error: Exception) -> str:
    """Return what to report: version, time and traceback, without the values of variables."""
    lines = "".join(traceback.format_exception(error)).splitlines()
    when = time.strftime("%Y-%m-%d %H:%M:%S")
    return "\n".join([f"runwatch {__version__}, {when}", *(plain(redact(line)) for line in lines), ""])
