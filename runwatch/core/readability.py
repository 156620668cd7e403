"""What keeps a source from being read: the fact, and the words for it.

It is found where files are opened, travels with the source, and is kept with it. A run
whose leading source cannot be read is *blind*: nothing is known of it, so nothing about it
is well, and no rule judges its silence.
"""

from __future__ import annotations

import errno
import os

import msgspec

from runwatch.core import text

GRACE = 60.0
"""Seconds without sight before it is reported; a log that is rotated is gone for a moment."""
GONE = os.strerror(errno.ENOENT)
LAYOUT = 100
"""Lines in a row that look like records of training, of which none is read: the layout has changed."""
FEWER = 5
"""So many times the usual lines to a record are asked for, where records are few."""
KNOWN = 20
"""Training records from which a layout counts as one that was read."""


class Lost(msgspec.Struct, frozen=True):
    """Why a source cannot be read, and since when."""

    says: str
    """One line: what cannot be read, and why."""
    advice: str
    since: float
    """Unix time; 0 is not known."""
    gone: bool = False
    """It is not there any more, which after the end of a run is usual."""
    brief: bool = False
    """It may be over in a moment: no state of the run before GRACE."""
    grows: bool = False
    """It continues, whatever was read last: also what had finished."""
    always: bool = False
    """It counts also in a log that nobody has seen grow."""

    @property
    def reason(self) -> str:
        """Return what cannot be read, why, and what to do, on one line."""
        return f"{self.says}: {self.advice}"

    def counts(self, now: float) -> bool:
        """Return whether at Unix time `now` it is more than a moment."""
        return not self.brief or now - self.since >= GRACE


def unread(path: str, why: str, since: float, *, brief: bool = False, always: bool = False) -> Lost:
    """Return that the file at `path` cannot be read, for a reason in the system's words."""
    name, gone = text.path(path), why == GONE
    if gone:
        word = text.quoted_path(name)
        advice = f"if it was moved, watch its new place; if its run is over: runwatch drop {word}"
        return Lost(f"{name} is gone", advice, since, gone=True, brief=brief, always=always)
    says = f"cannot read {name}: {text.plain(why, 200)}"
    return Lost(says, _advice(name, why), since, brief=brief, always=always)


def unheard(path: str, why: str, since: float) -> Lost:
    """Return that the process that reads `path` does not work, and `why`."""
    name = text.path(path)
    advice = f"see whether its file system answers: timeout 5 stat {text.quoted_path(name)}"
    return Lost(f"cannot read {name}: its reader {text.plain(why, 200)}", advice, since)


def misread(path: str, line: int, since: float) -> Lost:
    """Return that the log at `path` grows, but is no longer understood since `line`."""
    name = text.path(path)
    says = f"{name} grows, but its lines are no longer understood since line {line}"
    word = text.quoted_path(name)
    advice = f"see what is read: runwatch formats {word}; describe new lines in runwatch.toml"
    return Lost(says, advice, since, grows=True, always=True)


def _advice(name: str, why: str) -> str:
    word = text.quoted_path(name)
    if why in (os.strerror(errno.EACCES), os.strerror(errno.EPERM)):
        return f"let this user read it and enter the directories above it: namei -l {word}"
    if why in (os.strerror(errno.EMFILE), os.strerror(errno.ENFILE)):
        return "let more files be open: ulimit -n 65536"
    return f"see what it is: ls -ld {word}"
