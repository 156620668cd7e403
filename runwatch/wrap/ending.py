"""How a command ended, in words for people and in words that the rules know."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass

from runwatch.render.numbers import duration
from runwatch.watcher.samplers.cgroup import Cgroups, OomKills
from runwatch.watcher.samplers.procfs import Proc
from runwatch.wrap.signals import ENDING

_HOST = "host"


@dataclass(frozen=True)
class Ending:
    """The end of a command: by itself with a code, or by a signal."""

    code: int | None
    signal: int | None
    seconds: float
    oom: bool = False
    """Whether the kernel's out-of-memory killer was active just before."""

    @property
    def exit_code(self) -> int:
        """The code as shells give it: 128 + N for signal N."""
        return 128 + self.signal if self.signal is not None else self.code or 0

    @property
    def interrupted(self) -> bool:
        """Whether someone pressed Ctrl-C, as far as the end shows."""
        return self.exit_code == 128 + signal.SIGINT

    def __str__(self) -> str:
        words = f"exit code {self.code}" if self.signal is None else f"killed by {_name(self.signal)}"
        if self.oom:
            words += " (out of memory)"
        return f"{words} after {duration(self.seconds)}"

    def line(self) -> str:
        """Return the log's last line, in words that the rules about crashes know."""
        after = f"after {duration(self.seconds)}"
        if self.exit_code == 0:
            return f"runwatch: exit code 0 {after}: training done"
        if self.signal in ENDING:
            return f"runwatch: the command received {_name(self.signal or 0)} and ended {after}"
        if self.signal is not None:
            words = f"the command was killed by {_name(self.signal)} and exits with code {self.exit_code}"
        else:
            words = f"the command exited with code {self.code}"
        oom = "; the kernel detected 1 oom_kill event" if self.oom else ""
        return f"runwatch: {words} {after}{oom}"


class Memory:
    """Counts out-of-memory kills in our control group, which the command shares."""

    def __init__(self, proc: Proc | None = None, cgroups: Cgroups | None = None) -> None:
        self._proc = proc or Proc()
        self._cgroups = cgroups or Cgroups(self._proc)
        self._kills = OomKills()

    def note(self) -> None:
        """Read the counts; call this every few seconds."""
        now = time.monotonic()
        self._kills.note(_HOST, now, self._proc.fields("vmstat").get("oom_kill"))
        group = self._cgroups.of(os.getpid())
        if group is not None:
            self._kills.note("group", now, self._cgroups.limits(group).oom_kills)

    def struck(self) -> bool:
        """Whether a process was killed for memory in the last seconds."""
        self.note()
        now = time.monotonic()
        rose = self._kills.rose("group", now)
        return bool(self._kills.rose(_HOST, now) if rose is None else rose)


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
