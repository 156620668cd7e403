"""Whether a silent process waits for a processor.

On a machine whose cores are all taken, a process of low priority may need a minute for what takes it a
second. It is not stuck: it can run, and has used less CPU time than its work takes.
"""

from __future__ import annotations

ENOUGH = 10.0
"""Seconds of CPU time without a message after which a process that runs counts as stuck in a loop."""


class Starved:
    """The processor time of one process since it fell silent."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._began: float | None = None

    def waits(self) -> bool:
        """Return whether it could run now, and got less than `ENOUGH` since the first call."""
        import psutil

        try:
            process = psutil.Process(self._pid)
            with process.oneshot():
                runs, times = process.status() == psutil.STATUS_RUNNING, process.cpu_times()
        except psutil.Error:
            return False
        used = times.user + times.system
        self._began = used if self._began is None else self._began
        return bool(runs and used - self._began < ENOUGH)
