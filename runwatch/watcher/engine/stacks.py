"""Where processes are in their Python code, by one `py-spy dump` of each, for as long as nothing moves.

Off unless `[rules.hang] stack = true`: it reads another process's memory. With
--nonblocking the process is never paused, so a look can be torn, and says so
by failing. py-spy is a program of its own; it is not a dependency of ours.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from runwatch.alerts.incidents.incidents import Change
from runwatch.core import text
from runwatch.core.decoding import UNDECODABLE
from runwatch.core.errors import EngineError
from runwatch.core.sample import Process, Stack, Stacks
from runwatch.system.children import give_up
from runwatch.watcher.processes.waiting import within

if TYPE_CHECKING:
    from runwatch.watcher.engine.engine import Engine

PATIENCE = 10.0
"""Seconds after which a look is given up."""
TRIES = 3
"""Looks at one process: what runs while it is read can be torn."""
MOST = 64
"""Processes that are looked at."""
AT_ONCE = 4
DEPTH = 12
"""Frames that are kept, from the innermost."""
MISSING = "py-spy is not installed: pip install py-spy"


class _Frame(msgspec.Struct):
    name: str
    filename: str = ""
    line: int = 0


class _Thread(msgspec.Struct):
    frames: list[_Frame]
    thread_name: str | None = None
    os_thread_id: int | None = None


_decode = msgspec.json.Decoder(list[_Thread]).decode


def program() -> str | None:
    """Return where py-spy is: next to this Python, or on the path."""
    ours = os.path.join(os.path.dirname(sys.executable), "py-spy")
    if os.access(ours, os.X_OK):
        return ours
    import shutil  # here: rarely needed, and brings in compressors

    return shutil.which("py-spy")


def wanted(engine: Engine, change: Change) -> tuple[str, list[Process]] | None:
    """Return the group and the processes to look at because of a change, if its rule wants to know."""
    if change.kind not in {"pending", "firing"} or not change.run:
        return None
    found = engine.find(change.run)
    own = list(found[0].machine.own()) if found is not None else []
    if found is None or not own:  # asked first: rules of a run at rest are packed
        return None
    group, watched = found
    asks = any(rule.name == change.row.rule and getattr(rule, "stack", False) for rule in watched.rules)
    return (group.id, own) if asks else None


async def look(processes: Sequence[Process]) -> Stacks:
    """Return where these processes are. What cannot be looked at says why; nothing raises."""
    found = program()
    turn = asyncio.Semaphore(AT_ONCE)

    async def one(process: Process) -> Stack:
        async with turn:
            return Stack(process.pid, why=MISSING) if found is None else await _dump(found, process.pid)

    stacks = await asyncio.gather(*(one(process) for process in processes[:MOST]))
    return Stacks(time.time(), tuple(stacks))


async def _dump(program: str, pid: int) -> Stack:
    said = ""
    for _ in range(TRIES):
        try:
            child = await asyncio.create_subprocess_exec(
                program, "dump", "--nonblocking", "--json", "--pid", str(pid),
                stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
        except OSError as error:
            return Stack(pid, why=f"py-spy cannot be started: {error.strerror}")
        try:
            out, err = await within(child.communicate(), PATIENCE)
        except EngineError:
            return Stack(pid, why=f"py-spy did not answer for {PATIENCE:.0f} s")
        finally:
            await give_up(child)
        if child.returncode == 0:
            with contextlib.suppress(*UNDECODABLE):
                if frames := _frames(_decode(out), pid):
                    return Stack(pid, frames)
        said = err.decode("utf-8", "replace")
        if "ermission" in said:
            return Stack(pid, why=_NOT_PERMITTED)
    return Stack(pid, why=text.plain(" ".join(said.split()), 160) or "py-spy found no Python stack")


_NOT_PERMITTED = "not permitted (ptrace): sysctl kernel.yama.ptrace_scope=0, or give py-spy CAP_SYS_PTRACE"


def _is_main(thread: _Thread, pid: int) -> bool:
    """Name a thread by its beginning: of a running process, py-spy names threads from Python 3.11 on."""
    if thread.os_thread_id is not None:
        return thread.os_thread_id == pid
    if thread.thread_name is not None:
        return thread.thread_name == "MainThread"
    return bool(thread.frames) and thread.frames[-1].name in {"<module>", "_run_module_as_main"}


def _frames(threads: Sequence[_Thread], pid: int) -> tuple[str, ...]:
    """Return the main thread's frames, innermost first."""
    main = next((thread for thread in threads if _is_main(thread, pid)), None)
    frames = main.frames[:DEPTH] if main is not None else []
    return tuple(
        text.plain(f"{frame.name} ({os.path.basename(frame.filename)}:{frame.line})", 120) for frame in frames
    )
