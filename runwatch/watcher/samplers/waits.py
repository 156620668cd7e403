"""What a process that does not run is waiting for, as far as an ordinary user may know."""

from __future__ import annotations

import platform

from runwatch.core import text
from runwatch.watcher.samplers.procfs import Proc, Stat

_CALLS = {
    "x86_64": {
        0: "read",
        1: "write",
        17: "read",
        18: "write",
        19: "read",
        20: "write",
        74: "fsync",
        75: "fsync",
        257: "open",
        262: "stat",
        6: "stat",
        4: "stat",
        2: "open",
        332: "stat",
    },
    "aarch64": {
        63: "read",
        64: "write",
        67: "read",
        68: "write",
        65: "read",
        66: "write",
        82: "fsync",
        83: "fsync",
        56: "open",
        79: "stat",
        291: "stat",
    },
}
"""Numbers of the system calls that wait for a file."""
_ON_A_FILE = frozenset({"read", "write", "fsync"})
_PLACES = {
    "wait_for_partner": "the other end of a FIFO",
    "fifo_open": "the other end of a FIFO",
    "pipe_read": "data from a pipe",
    "anon_pipe_read": "data from a pipe",
    "fifo_pipe_read": "data from a FIFO",
    "pipe_write": "room in a pipe",
    "anon_pipe_write": "room in a pipe",
    "fifo_pipe_write": "room in a FIFO",
    "folio_wait_bit_common": "a page of a file",
    "request_wait_answer": "a FUSE file system",
    "rpc_wait_bit_killable": "an NFS server",
    "nfs_wait_bit_killable": "an NFS server",
}
"""Kernel functions a process sleeps in -> what that means."""


def waits_for(proc: Proc, stat: Stat) -> str:
    """Return what a process waits for: "read of /data/x.tar (an NFS server)", or ""."""
    if stat.state not in {"S", "D"}:
        return ""
    place = (proc.read(stat.pid, "wchan") or "").strip()
    call, where = _call(proc, stat.pid)
    meaning = _PLACES.get(place, "")
    if call in _ON_A_FILE and where.startswith("/"):
        return f"{call} of {where}" + (f" ({meaning})" if meaning else "")
    if meaning:
        return meaning + (f" ({call})" if call == "open" else "")
    if call in {"open", "stat"}:
        return f"{call} of a file"
    return f"the kernel ({text.plain(place, 60)})" if stat.state == "D" and place not in {"", "0"} else ""


def _call(proc: Proc, pid: int) -> tuple[str, str]:
    """Return the system call the main thread is in and what its descriptor is open on."""
    words = (proc.read(pid, "syscall") or "").split()
    if len(words) < 2 or not words[0].isdecimal():
        return "", ""
    call = _CALLS.get(platform.machine(), {}).get(int(words[0]), "")
    where = proc.open_on(pid, int(words[1], 16)) if call in _ON_A_FILE else ""
    return call, text.path(where)
