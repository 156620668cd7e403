"""Every error a user can meet, and the exit code each one ends with.

RunwatchError
├── UsageError          2  an invalid option or argument
├── ConfigError         2  runwatch.toml: unknown key, bad value, not TOML
├── SourceError         3  PATH, or a part of it, cannot be read
│   └── AbsentError     3  nothing is there; `tail --wait` may wait for it
├── EngineError         3  the engine process could not be started or was lost
│   └── DaemonError     3  no daemon is running
└── ScreenError        70  an internal error ended the screen

A message says what happened, where, and what to do, on one line.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of every command; a contract with scripts."""

    OK = 0
    FINDINGS = 1
    USAGE = 2
    UNREADABLE = 3
    INTERNAL = 70
    INTERRUPTED = 130


class RunwatchError(Exception):
    """An error with a one-line message for people and an exit code for scripts."""

    exit_code = ExitCode.USAGE

    def __init__(self, what: str, where: str = "", advice: str = "") -> None:
        super().__init__(": ".join(part for part in (what, where, advice) if part))


class UsageError(RunwatchError):
    """An invalid option or argument."""


class ConfigError(RunwatchError):
    """A configuration file that cannot be used as it is."""


class SourceError(RunwatchError):
    """Nothing readable where a source should be."""

    exit_code = ExitCode.UNREADABLE


class AbsentError(SourceError):
    """Nothing is at a path yet: a command that waits may find something there later."""


class EngineError(RunwatchError):
    """The engine process could not be started or was lost."""

    exit_code = ExitCode.UNREADABLE


class DaemonError(EngineError):
    """No daemon is running."""


class ScreenError(RunwatchError):
    """An internal error ended the screen; what it showed continues."""

    exit_code = ExitCode.INTERNAL
