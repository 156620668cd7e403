"""What runwatch can and cannot see here, judged from facts alone; `doctor` gathers them.

A check that is not well says what is missed by it and, where there is one, the
command that helps.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec

from runwatch.core import text
from runwatch.core.sample import Gpus, Job, Processes, Space
from runwatch.core.text import shell_word
from runwatch.render import numbers
from runwatch.watcher.sources.mounts import Mount, events_reliable

State = Literal["ok", "note", "blind", "bad"]
"""In order; something to know, something that cannot be seen, something that must be repaired."""

KNOWS_EXITS = (6, 15)
"""The first Linux that reports how any process ended."""
FEW_WATCHES = 8192
FEW_INSTANCES = 4
"""Inotify instances of a user below which others may leave none for us."""
FEW_FILES = 1024
FLUSH = "WANDB_X_TRANSACTION_LOG_FLUSH_INTERVAL"
"""Environment variable of a job: seconds after which W&B writes what it holds."""
FULL = 0.05
"""Share of bytes or file entries left below which a file system is almost full."""
SLOW_ANSWER = 1.0
"""Seconds a file system may take to say how much room it has."""


class Check(msgspec.Struct, frozen=True):
    """One thing looked at."""

    name: str
    state: State
    says: str
    fix: str = ""
    """A command or a setting that helps; "" if none is needed or known."""


class Path(msgspec.Struct, frozen=True):
    """What was found out about one path; None where nothing answered in time."""

    path: str
    mount: Mount
    space: Space | None = None
    processes: Processes | None = None
    answered: bool = True
    wandb: bool = False
    """Whether W&B writes it, or below it."""
    missing: bool = False
    """Whether there is no such file or directory."""


class Channel(msgspec.Struct, frozen=True):
    """A way to reach people."""

    name: str
    kind: str
    problem: str = ""
    """Why it cannot work; "" if nothing is known against it."""
    unreached: str = ""
    """Why no connection could be made; "" if one could, or none is needed."""
    unseen: str = ""
    """What was not looked at because that would run a command; "" if all was."""
    scopes: tuple[str, ...] = ()
    """The permissions that it needs at the service."""


class Facts(msgspec.Struct, frozen=True):
    """What was found out about this machine. None: not to be had, or no answer in time."""

    system: str = "Linux"
    kernel: tuple[int, int] = (0, 0)
    proc: bool = True
    hidden_processes: bool = False
    """Whether /proc shows a user only his own (hidepid)."""
    own: int = 0
    """Processes of this user."""
    unreadable: int = 0
    """Those of them whose environment and I/O may not be read."""
    pressure: bool = True
    cgroup: int | None = None
    """Version of the control groups that limit memory."""
    watches: int | None = None
    """fs.inotify.max_user_watches."""
    instances: int | None = None
    """fs.inotify.max_user_instances."""
    instances_used: int = 0
    open_files: int | None = None
    """Soft limit on open files."""
    nvidia_devices: bool = False
    """Whether there are device files of NVIDIA GPUs."""
    in_container: bool = False
    gpus: Gpus | None = None
    job: Job | None = None
    scontrol: bool = False
    config: str = ""
    """The configuration file in use."""
    config_error: str = ""
    config_remarks: tuple[str, ...] = ()
    """What people should know about the configuration's file, such as why one is not read."""
    channels: tuple[Channel, ...] = ()
    unpushed: str = ""
    """Why metrics cannot be pushed to the collector; "" if they can, or there is none."""
    given_up: int = 0
    """Messages that could not be delivered."""
    state_error: str = ""
    """Why the state directory cannot be read."""
    paths: tuple[Path, ...] = ()
    flush: str = ""
    """What the environment says of the seconds after which W&B writes its file."""


def judge(facts: Facts) -> tuple[Check, ...]:
    """Return what to think of the facts."""
    return (
        *_paths(facts),
        _gpus(facts),
        *_processes(facts),
        _pressure(facts),
        _limits(facts),
        *_events(facts),
        _files(facts),
        _scheduler(facts),
        *_config(facts),
        *_alerts(facts),
    )


def _paths(facts: Facts) -> Iterator[Check]:
    for item in facts.paths:
        where = f"{text.path(item.path)} on {item.mount.fstype or 'an unknown file system'}"
        if not item.answered:
            advice = f"timeout 5 stat {shell_word(item.path)}; mount | grep {shell_word(item.mount.point)}"
            yield Check("path", "bad", f"{where}: the file system does not answer", advice)
        elif item.missing:
            says = f"{text.path(item.path)}: no such file or directory"
            yield Check("path", "bad", says, f"ls -d {shell_word(item.path)}*")
        elif events_reliable(item.mount.fstype):
            yield Check("path", "ok", f"{where}: changes are seen as they happen")
        else:
            says = f"{where}: changes from other hosts cause no event, so it is checked at intervals"
            yield Check("path", "note", says)
        yield from _space(item)
        yield from _writers(item)
        if item.wandb:
            yield _wandb(item, facts.flush)


def _wandb(item: Path, flush: str) -> Check:
    where = text.path(item.path)
    if flush:
        return Check(
            "wandb", "ok", f"jobs started from here have W&B write {where} every {text.plain(flush, 20)} s"
        )
    says = f"W&B writes {where} every 15 s; before its version 0.31 even less often"
    return Check("wandb", "note", says, f"export {FLUSH}=1  # in the job's environment, to see each second")


def _space(item: Path) -> Iterator[Check]:
    room = item.space
    if room is None or not room.total:
        return
    says = f"{numbers.size(room.free)} of {numbers.size(room.total)} free on {room.mount}"
    if room.inodes_total:
        says += f", {room.inodes_free / room.inodes_total:.0%} of its file entries"
    look = f"df -h {shell_word(room.mount)}; df -i {shell_word(room.mount)}"
    full = room.free < FULL * room.total or (
        room.inodes_total and room.inodes_free < FULL * room.inodes_total
    )
    if room.read_only:
        yield Check(
            "space", "bad", f"{room.mount} is mounted read-only", f"mount | grep {shell_word(room.mount)}"
        )
    elif full:
        yield Check("space", "bad", f"almost full: {says}", look)
    elif room.seconds > SLOW_ANSWER:
        yield Check("space", "note", f"{says}; it took {room.seconds:.1f} s to say so", look)
    else:
        yield Check("space", "ok", says)


def _writers(item: Path) -> Iterator[Check]:
    found = item.processes
    if found is None:
        return
    if not found.processes:
        fix = f"sudo fuser -v {shell_word(item.path)}"
        yield Check("writers", "note", found.note or "no process writes it", fix)
        return
    ranks = [process for process in found.processes if process.role == "rank"]
    first = found.processes[0]
    who = f"{len(ranks)} ranks" if ranks else f"{first.command} (pid {first.pid})"
    yield Check("writers", "ok", f"written by {who}, {len(found.processes)} processes in all")


def _gpus(facts: Facts) -> Check:
    gpus = facts.gpus
    if gpus is None:
        says = "the NVIDIA driver did not answer in time: GPUs cannot be watched"
        return Check("gpus", "bad", says, "timeout 10 nvidia-smi; sudo dmesg | grep -i nvrm")
    if not gpus.gpus:
        if not facts.nvidia_devices:
            return Check("gpus", "ok", gpus.note or "no NVIDIA GPU")
        says = f"there are NVIDIA devices, but: {gpus.note}"
        fix = "nvidia-smi"
        if facts.in_container:
            fix = "start the container with: --gpus all -e NVIDIA_DRIVER_CAPABILITIES=compute,utility"
        return Check("gpus", "blind", says, fix)
    seen = [gpu for gpu in gpus.gpus if gpu.state == "ok" and ":" not in gpu.index]
    lost = [gpu.index for gpu in gpus.gpus if gpu.state == "lost"]
    names = ", ".join(sorted({gpu.name for gpu in seen if gpu.name}))
    says = f"{len(seen)} x {names or 'GPU'}, driver {gpus.driver or 'unknown'}"
    if lost:
        fix = "nvidia-smi; sudo dmesg | grep -i xid"
        return Check("gpus", "bad", f"{says}; GPU {', '.join(lost)} does not answer", fix)
    if gpus.note:
        return Check("gpus", "note", f"{says}; {gpus.note}")
    measures = {gpu.measure for gpu in gpus.gpus}
    if "sm_activity" not in measures:
        says += "; utilization only means that some kernel ran, so power is shown too"
    return Check("gpus", "ok", says)


def _processes(facts: Facts) -> Iterator[Check]:
    if facts.system != "Linux" or not facts.proc:
        says = f"processes cannot be found by their logs on {facts.system}: that needs Linux's /proc"
        yield Check("processes", "blind", says)
        return
    if facts.unreadable > facts.own / 2:
        says = f"{facts.unreadable} of your own {facts.own} processes cannot be inspected: no ranks, no I/O"
        fix = "run runwatch outside of the sandbox (systemd: no ProtectSystem, ProtectHome or PrivateTmp)"
        yield Check("processes", "blind", says, fix)
    elif facts.hidden_processes:
        yield Check(
            "processes", "note", "only your own processes can be seen (/proc is mounted with hidepid)"
        )
    else:
        yield Check("processes", "ok", "the processes that write a log are found, with their ranks")
    if facts.kernel >= KNOWS_EXITS:
        yield Check("exits", "ok", "the kernel reports how a process ended")
    else:
        version = ".".join(map(str, facts.kernel))
        says = f"Linux {version} does not always report how a process ended (6.15 does): it may be unknown"
        yield Check("exits", "note", says)


def _pressure(facts: Facts) -> Check:
    if facts.pressure:
        return Check("pressure", "ok", "the kernel reports waiting for processors, memory and disks")
    says = "the kernel does not report waiting for disks or memory (no PSI): stalls are seen later"
    fix = "add psi=1 to the kernel's command line and reboot" if facts.system == "Linux" else ""
    return Check("pressure", "blind", says, fix)


def _limits(facts: Facts) -> Check:
    if facts.cgroup is None:
        return Check("limits", "note", "no control group limits this session's memory, or it cannot be read")
    return Check(
        "limits", "ok", f"memory limits and kills are read from control groups, version {facts.cgroup}"
    )


def _events(facts: Facts) -> Iterator[Check]:
    if facts.watches is not None and facts.watches < FEW_WATCHES:
        says = f"only {facts.watches:,} files can be watched by all programs together"
        yield Check("inotify", "note", says, f"sudo sysctl fs.inotify.max_user_watches={FEW_WATCHES * 8}")
    if facts.instances is None:
        return
    left = facts.instances - facts.instances_used
    if left < FEW_INSTANCES:
        says = (
            f"{facts.instances_used} of {facts.instances} inotify instances are taken: logs would be polled"
        )
        yield Check("inotify", "bad", says, "sudo sysctl fs.inotify.max_user_instances=1024")
    elif facts.watches is None or facts.watches >= FEW_WATCHES:
        yield Check("inotify", "ok", f"{left} of {facts.instances} inotify instances are free")


def _files(facts: Facts) -> Check:
    if facts.open_files is not None and facts.open_files < FEW_FILES:
        return Check("files", "note", f"only {facts.open_files} files may be open at once", "ulimit -n 4096")
    return Check("files", "ok", "enough files may be open")


def _scheduler(facts: Facts) -> Check:
    if facts.job is None:
        return Check("scheduler", "ok", "not in a SLURM job")
    if facts.job.deadline is not None:
        return Check("scheduler", "ok", f"SLURM job {facts.job.id}, its end is known")
    says = f"SLURM job {facts.job.id}, but not when it ends"
    if facts.scontrol:
        return Check("scheduler", "note", says)
    return Check("scheduler", "note", f"{says}: there is no scontrol here", "add SLURM's commands to PATH")


def _config(facts: Facts) -> Iterator[Check]:
    for remark in facts.config_remarks:
        yield Check("config", "note", text.plain(remark))
    if facts.config_error:
        yield Check("config", "bad", text.plain(facts.config_error, 300))
    elif facts.config or not facts.config_remarks:
        says = text.path(facts.config) if facts.config else "no runwatch.toml; none is needed"
        yield Check("config", "ok", says)


def _alerts(facts: Facts) -> Iterator[Check]:
    if not facts.channels and not facts.config_error:
        fix = "export RUNWATCH_SLACK_WEBHOOK=https://hooks.slack.com/services/..."
        yield Check("channel", "note", "no channel is configured: alerts are only shown on screen", fix)
    for channel in facts.channels:
        who = f"{channel.name} ({channel.kind})"
        if channel.problem:
            yield Check("channel", "bad", f"{who}: {channel.problem}")
        elif channel.unseen:
            fix = f"runwatch notify test {shell_word(channel.name)}"
            yield Check("channel", "note", f"{who}: {channel.unseen}", fix)
        elif channel.unreached:
            says, fix = f"{who} cannot be reached: {channel.unreached}", "check its address and the network"
            proxy = "" if channel.kind == "email" else "; set HTTPS_PROXY if there is a proxy"
            yield Check("channel", "bad", says, f"{fix}{proxy}")
        else:
            scopes = f"; its app needs the scopes {', '.join(channel.scopes)}" if channel.scopes else ""
            yield Check("channel", "ok", f"{who} can be used (nothing was sent{scopes})")
    if facts.unpushed:
        says = f"metrics cannot be pushed: {text.plain(facts.unpushed)}"
        yield Check("metrics", "bad", says, "check [metrics] otlp")
    if facts.state_error:
        says = f"the state directory cannot be read: {text.path(facts.state_error)}"
        yield Check("alerts", "bad", says, "set RUNWATCH_STATE to another")
    if facts.given_up:
        says = f"{facts.given_up:,} messages were given up"
        yield Check("alerts", "note", says, "runwatch notify dead; runwatch notify retry")
