"""What the processes and GPUs of a run that makes no progress are doing: evidence for a hang.

Source: a collective that waits for a rank spins, at full utilisation and little
power; BLOOM's 3 hours at 100 % and the same on NVIDIA's clusters.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from runwatch.core.machine import Machine
from runwatch.core.sample import Process, Stack, process_key

WINDOW = 60.0
"""Seconds over which use of processors and GPUs is judged."""
_IDLE = 0.02
_SPIN_UTIL = 0.95
_SPIN_POWER = 0.5
_NAMED = 4


class Testimony(NamedTuple):
    """What was seen."""

    evidence: dict[str, float | int | str | None]
    cause: str = ""
    advice: str = ""


def witness(machine: Machine | None, now: float, since: float = math.inf) -> Testimony:
    """Return what the machine shows of why nothing moves; the clearest cause wins.

    Where processes are in their code counts if it was seen after `since` (Unix time).
    """
    if machine is None:
        return Testimony({})
    own = list(machine.own())
    seen: dict[str, float | int | str | None] = {}
    causes: list[tuple[str, str]] = []
    if stopped := [process for process in machine.processes if process.state == "stopped"]:
        seen["stopped"] = _names(stopped)
        pids = " ".join(str(process.pid) for process in stopped[:_NAMED])
        causes.append(
            (f"{_names(stopped)}: stopped by a signal (SIGSTOP, ctrl-z or a debugger)", f"kill -CONT {pids}")
        )
    if blocked := [process for process in machine.processes if process.state == "blocked"]:
        seen["blocked"] = _names(blocked, waits=True)
        causes.append(
            (
                f"the kernel holds {_names(blocked, waits=True)}",
                "See whether the mount or device answers (df, dmesg).",
            )
        )
    causes += _unanswered(machine, seen)
    if lost := [gpu.index for gpu in machine.gpus if gpu.state == "lost" and gpu.index in machine.owned()]:
        seen["lost_gpus"] = ", ".join(lost)
        causes.append((f"GPU {', '.join(lost)} is lost", "Reset it or take the node out of the job."))
    if machine.stacks is not None and machine.stacks.time >= since:
        standing, cause = _standing(machine.stacks.stacks, own)
        seen |= standing
        causes += [(cause, "Find out why that rank went another way.")] if cause else []
    if spinning := [index for index in machine.owned() if _spins(machine, index, now)]:
        seen["spinning_gpus"] = ", ".join(spinning)
        causes.append(
            (
                f"GPU {', '.join(spinning)} reads busy but draws little power: a collective waits for a rank",
                "Find the rank that is elsewhere: py-spy dump of each.",
            )
        )
    if waiting := [process for process in own if process.waits and process.state == "sleeping"]:
        seen["waits"] = _names(waiting, waits=True)
        causes.append((f"{_names(waiting, waits=True)}", ""))
    cores = [machine.window(f"proc/{process_key(process)}/cores", now, WINDOW) for process in own]
    if own and all(cores):
        most = max(sum(means) / len(means) for means in cores)
        seen["cores"] = round(most, 3)
        if most < _IDLE:
            causes.append(("no process of the run uses the processor", ""))
    if not own and machine.note:
        seen["processes"] = machine.note
    cause, advice = causes[0] if causes else ("", "")
    return Testimony(seen, cause, advice)


def _unanswered(machine: Machine, seen: dict[str, float | int | str | None]) -> Iterator[tuple[str, str]]:
    """Yield cause and advice of what no longer answers; what cannot be seen goes into `seen`."""
    for sampler, blind in machine.blind.items():
        seen["blind"] = blind.message
        if sampler.startswith("space") and blind.cause == "silent":
            yield f"{sampler.removeprefix('space ')} does not answer", "Check the mount."
        if sampler == "gpu" and blind.cause == "silent":
            yield "the NVIDIA driver does not answer", "Look at dmesg for Xid errors."


def _standing(
    stacks: Iterable[Stack], own: Iterable[Process]
) -> tuple[dict[str, float | int | str | None], str]:
    """Return where processes are, those in the same place together, and which are elsewhere."""
    processes = {process.pid: process for process in own}
    places: dict[tuple[str, ...], list[Process]] = {}
    unknown: dict[str, list[Process]] = {}
    for stack in stacks:
        if (process := processes.get(stack.pid)) is not None:
            if stack.why:
                unknown.setdefault(stack.why, []).append(process)
            else:
                places.setdefault(stack.frames, []).append(process)
    ordered = sorted(places.items(), key=lambda place: -len(place[1]))
    seen: dict[str, float | int | str | None] = {}
    for number, (frames, there) in enumerate(ordered[:_NAMED], 1):
        seen[f"stack_{number}"] = f"{_names(there)}: {' < '.join(frames)}"
    for why, there in list(unknown.items())[:1]:
        seen["no_stack"] = f"{_names(there)}: {why}"
    if len(ordered) == 1:
        return seen, f"{_names(ordered[0][1])}: stuck in {ordered[0][0][0]}"
    if not ordered or 2 * len(ordered[0][1]) <= sum(len(there) for _, there in ordered):
        return seen, ""
    (usual, _), (odd, few) = ordered[:2]
    here, elsewhere = next(((a, b) for a, b in zip(odd, usual, strict=False) if a != b), (odd[0], usual[0]))
    return seen, f"{_names(few)} is in {here}, the others in {elsewhere}"


def _spins(machine: Machine, index: str, now: float) -> bool:
    util = machine.window(f"gpu/{index}/util", now, WINDOW)
    power = machine.window(f"gpu/{index}/power", now, WINDOW)
    limit = machine.value(f"gpu/{index}/power_limit", now)
    return bool(util and power and limit and min(util) >= _SPIN_UTIL and max(power) <= _SPIN_POWER * limit)


def _names(processes: Iterable[Process], *, waits: bool = False) -> str:
    listed = [
        name_of(process) + (f" in {process.waits}" if waits and process.waits else "")
        for process in processes
    ]
    more = f" and {len(listed) - _NAMED} more" if len(listed) > _NAMED else ""
    return ", ".join(listed[:_NAMED]) + more


def name_of(process: Process) -> str:
    """Return what a process is called in a sentence."""
    if process.role == "rank":
        return f"rank {process.rank} (pid {process.pid})"
    return f"{process.command or process.role} (pid {process.pid})"
