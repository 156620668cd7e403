"""Reads /proc; everything that is gone or not allowed is None, never an error.

No file is followed through its descriptor: a stat of /proc/PID/fd/N asks the
file's own file system and would hang with it. Link targets come from the
kernel alone.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass

TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
_MOST = 1 << 22
"""Bytes after which a file in /proc is no longer small."""
_INLINE = dict.fromkeys(("python", "pypy", "bash", "sh", "zsh", "dash"), "c") | dict.fromkeys(
    ("perl", "ruby", "node"), "e"
)
"""Interpreter -> the option whose value is a program, not the name of one."""
_LAUNCHERS = frozenset({"torchrun", "accelerate", "deepspeed", "srun", "mpirun", "mpiexec", "env", "nohup"})
_TAKE_A_VALUE = frozenset({"-X", "-W", "--check-hash-based-pycs"})


@dataclass(frozen=True, slots=True)
class Stat:
    """One line of /proc/PID/stat, as far as it is used."""

    pid: int
    name: str
    """Name of the main thread (comm), at most 15 bytes."""
    state: str
    parent: int
    group: int
    session: int
    cpu: int
    """User and system time in clock ticks."""
    start: int
    """Clock ticks from boot to its start; with the pid this is its identity."""
    rss: int
    """Bytes."""
    exit_code: int
    """Wait status, if it is a zombie and we may know."""


class Proc:
    """One /proc, by default this machine's."""

    def __init__(self, root: str = "/proc") -> None:
        self.root = root
        self._boot: float | None = None

    def read(self, *parts: str | int) -> str | None:
        """Return a small file as text; None if it is gone or not for us."""
        try:
            descriptor = os.open(self._at(*parts), os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            data = b""
            while len(data) < _MOST and (piece := os.read(descriptor, 1 << 16)):
                data += piece
            return data.decode("utf-8", "surrogateescape")
        except OSError:
            return None
        finally:
            os.close(descriptor)

    def pids(self) -> list[int]:
        """Return the ids of all processes that can be seen."""
        try:
            return [int(name) for name in os.listdir(self.root) if name.isdecimal()]
        except OSError:
            return []

    def owner(self, pid: int) -> int | None:
        """Return the user id a process belongs to."""
        try:
            return os.stat(self._at(pid)).st_uid
        except OSError:
            return None

    def stat(self, pid: int) -> Stat | None:
        """Return the process's state, parentage and counters."""
        text = self.read(pid, "stat")
        return None if text is None else parse_stat(text)

    def descriptors(self, pid: int) -> dict[int, str]:
        """Return descriptor -> what it is open on; empty if we may not know."""
        found: dict[int, str] = {}
        directory = self._at(pid, "fd")
        try:
            names = os.listdir(directory)
        except OSError:
            return found
        for name in names:
            try:
                found[int(name)] = os.readlink(directory + "/" + name)
            except (OSError, ValueError):
                continue
        return found

    def open_on(self, pid: int, descriptor: int) -> str:
        """Return what one descriptor is open on, "" if we may not know."""
        try:
            return os.readlink(self._at(pid, "fd", descriptor))
        except OSError:
            return ""

    def count_open(self, pid: int) -> int | None:
        """Return how many descriptors a process has open."""
        try:
            return len(os.listdir(self._at(pid, "fd")))
        except OSError:
            return None

    def writes(self, pid: int, descriptor: int) -> bool:
        """Whether a descriptor is open for writing."""
        text = self.read(pid, "fdinfo", descriptor) or ""
        for line in text.splitlines():
            if line.startswith("flags:"):
                return int(line.split()[1], 8) & os.O_ACCMODE != os.O_RDONLY
        return False

    def environ(self, pid: int, names: Collection[str]) -> dict[str, str]:
        """Return those variables the process was started with that are asked for, and no other."""
        found = {}
        for item in (self.read(pid, "environ") or "").split("\0"):
            name, _, value = item.partition("=")
            if name in names:
                found[name] = value
        return found

    def command(self, pid: int) -> str:
        """Return program and script, without arguments: they may hold secrets."""
        arguments = (self.read(pid, "cmdline") or "").rstrip("\0").split("\0")
        word = command_word(arguments)
        if word:
            return word
        stat = self.stat(pid)
        return stat.name if stat is not None else ""

    def started(self, stat: Stat) -> float:
        """Return the Unix time at which a process began."""
        if self._boot is None:
            text = self.read("stat") or ""
            line = next((line for line in text.splitlines() if line.startswith("btime ")), "btime 0")
            self._boot = float(line.split()[1])
        return self._boot + stat.start / TICKS

    def fields(self, *parts: str | int) -> dict[str, int]:
        """Return a file of `name value` or `name: value` lines (io, status, memory.events) as integers."""
        found = {}
        for line in (self.read(*parts) or "").splitlines():
            name, *values = line.replace(":", " ", 1).split()[:2] or [""]
            if values and values[0].lstrip("-").isdecimal():
                found[name] = int(values[0])
        return found

    def _at(self, *parts: str | int) -> str:
        return "/".join([self.root, *map(str, parts)])


def parse_stat(text: str) -> Stat | None:
    """Return what a line of /proc/PID/stat says; the name in it may hold spaces and brackets."""
    head, closed, tail = text.rpartition(")")
    pid, opened, name = head.partition("(")
    rest = tail.split()
    if not closed or not opened or len(rest) < 22:
        return None
    try:
        return Stat(
            pid=int(pid),
            name=name,
            state=rest[0],
            parent=int(rest[1]),
            group=int(rest[2]),
            session=int(rest[3]),
            cpu=int(rest[11]) + int(rest[12]),
            start=int(rest[19]),
            rss=int(rest[21]) * PAGE,
            exit_code=int(rest[49]) if len(rest) > 49 else 0,
        )
    except ValueError:
        return None


def command_word(arguments: list[str]) -> str:
    """Return the program's name and, of an interpreter or launcher, the script's or module's.

    Anything else on a command line is left out. A program that rewrote its own
    title (one argument with spaces in it) gives "".
    """
    if not arguments or not arguments[0] or " " in arguments[0]:
        return ""
    program = os.path.basename(arguments[0].lstrip("-"))
    rest = arguments[1:]
    inline = _INLINE.get(program.rstrip("0123456789."))
    if inline is not None:
        while rest:
            word = rest.pop(0)
            if word == "-m" and rest:
                return f"{program} -m {rest[0]}"
            if word.startswith("-") and not word.startswith("--") and word.endswith(inline):
                return f"{program} -{inline}"
            if word in _TAKE_A_VALUE and rest:
                rest.pop(0)
            elif not word.startswith("-"):
                return f"{program} {os.path.basename(word)}"
    elif program in _LAUNCHERS:
        script = next((os.path.basename(word) for word in rest if word.endswith((".py", ".sh"))), "")
        return f"{program} {script}".rstrip()
    return program
