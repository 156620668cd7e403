"""Gathers what `checks` judges. What could hang or crash is asked by a sampler's process, with a deadline."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import select
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from runwatch.alerts.channels.probe import needs
from runwatch.alerts.delivery.dead_letters import dead
from runwatch.alerts.settings import Mode
from runwatch.core.errors import ConfigError
from runwatch.core.sample import Gpus, Message, Processes, SamplerNote, Space
from runwatch.watcher.daemon import checks
from runwatch.watcher.processes.handover import handed
from runwatch.watcher.processes.pipe import split
from runwatch.watcher.samplers import sampler, slurm
from runwatch.watcher.samplers.cgroup import Cgroups
from runwatch.watcher.samplers.procfs import Proc
from runwatch.watcher.service.sockets import state_directory
from runwatch.watcher.sources.mounts import mount_of

if TYPE_CHECKING:
    from runwatch.config.loader import Config
    from runwatch.config.sections import MetricsConfig

DEADLINE = 15.0
"""Seconds a driver or file system has to answer."""
KNOCK = 5.0
"""Seconds a channel's host has to answer."""


def look(paths: Sequence[str], environ: Mapping[str, str] = os.environ) -> checks.Facts:
    """Return the facts about this machine and some paths."""
    proc = Proc()
    remarks: list[str] = []
    config, config_error = _config(environ, remarks.append)
    uname = platform.uname()
    version = re.match(r"(\d+)\.(\d+)", uname.release)
    own = [pid for pid in proc.pids() if proc.owner(pid) == os.geteuid()]
    job = slurm.from_environment(environ, time.time())
    given_up, state_error = _given_up()
    return checks.Facts(
        system=uname.system,
        kernel=(int(version[1]), int(version[2])) if version else (0, 0),
        proc=proc.read("stat") is not None,
        hidden_processes=_hidepid(),
        own=len(own),
        unreadable=sum(proc.read(pid, "io") is None for pid in own),
        pressure=proc.read("pressure", "io") is not None,
        cgroup=_cgroup(proc),
        watches=_setting(proc, "max_user_watches"),
        instances=_setting(proc, "max_user_instances"),
        instances_used=sum(list(proc.descriptors(pid).values()).count("anon_inode:inotify") for pid in own),
        open_files=_open_files(),
        nvidia_devices=os.path.exists("/dev/nvidiactl") or os.path.exists("/dev/nvidia0"),
        in_container=os.path.exists("/.dockerenv") or os.path.exists("/run/.containerenv"),
        gpus=_gpus(),
        job=slurm.ask(job) if job is not None else None,
        scontrol=shutil.which("scontrol") is not None,
        config=str(config.path) if config is not None and config.path is not None else "",
        config_error=config_error,
        config_remarks=tuple(remarks),
        channels=_channels(config, environ),
        unpushed=_unpushed(config.metrics, environ) if config is not None else "",
        given_up=given_up,
        state_error=state_error,
        paths=tuple(map(_path, paths)),
        flush=environ.get(checks.FLUSH, ""),
    )


def ask(
    setup: sampler.Setup, *wanted: type[Message] | tuple[type[Message], ...], deadline: float = DEADLINE
) -> list[Message]:
    """Run a sampler until it sent one of each `wanted`, ended, or the deadline (seconds) is over."""
    found: list[Message] = []
    until = time.monotonic() + deadline
    with handed(setup) as descriptor:
        process = subprocess.Popen(
            [sys.executable, "-m", "runwatch.watcher.samplers.sampler", str(descriptor)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=(descriptor,),
        )
    assert process.stdout is not None
    data = b""
    try:
        while not all(any(isinstance(message, kind) for message in found) for kind in wanted):
            left = until - time.monotonic()
            if left <= 0 or not select.select([process.stdout], [], [], left)[0]:
                break
            piece = os.read(process.stdout.fileno(), 1 << 16)
            if not piece:
                break
            bodies, data = split(data + piece)
            found += map(sampler.decode, bodies)
    finally:
        process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):  # one that is stuck in the kernel is left behind
            process.wait(1.0)
        process.stdout.close()
    return found


def knock(address: str, environ: Mapping[str, str]) -> str:
    """Return "" if the host of an address, or the proxy before it, takes a connection, else why not."""
    mail = address.startswith("smtp:")  # goes through no proxy
    proxy = "" if mail else environ.get("HTTPS_PROXY") or environ.get("https_proxy") or ""
    first = proxy or address
    target = urlsplit(first if "//" in first else f"//{first}")
    try:
        port = target.port or (80 if target.scheme == "http" else 443)
        with socket.create_connection((target.hostname or "", port), timeout=KNOCK):
            return ""
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else ""  # in other words it may repeat the address
        return f"{'the proxy ' if proxy else ''}{target.hostname}: {why or type(error).__name__}"


def _gpus() -> Gpus | None:
    found = ask(sampler.Setup("gpu", interval=60.0), Gpus)
    return next((message for message in found if isinstance(message, Gpus)), None)


def _path(path: str) -> checks.Path:
    full = os.path.abspath(path)
    raw = (os.fsencode(full),)
    mount = mount_of(full)
    answers = ask(sampler.Setup("space", raw, interval=60.0), (Space, SamplerNote))  # or why it cannot say
    space = next((message for message in answers if isinstance(message, Space)), None)
    answered = space is not None or any(isinstance(message, SamplerNote) for message in answers)
    processes = None
    if answered and os.path.isfile(full):
        seen = ask(sampler.Setup("machine", raw, interval=60.0), Processes)
        processes = next((message for message in seen if isinstance(message, Processes)), None)
    missing = answered and not os.path.exists(full)
    wandb = answered and (full.endswith((".wandb", "/wandb")) or os.path.isdir(os.path.join(full, "wandb")))
    return checks.Path(path, mount, space, processes, answered, wandb, missing)


def _hidepid() -> bool:
    text = Proc().read("self", "mounts") or ""
    lines = [line.split() for line in text.splitlines()]
    options = [line[3] for line in lines if len(line) > 3 and line[1] == "/proc"]
    return any(re.search(r"hidepid=(?!0|off)", option) for option in options)


def _setting(proc: Proc, name: str) -> int | None:
    text = (proc.read("sys", "fs", "inotify", name) or "").strip()
    return int(text) if text.isdecimal() else None


def _cgroup(proc: Proc) -> int | None:
    groups = Cgroups(proc)
    group = groups.of(os.getpid())
    if group is None or groups.limits(group).memory_used is None:
        return None
    return group.version


def _open_files() -> int | None:
    try:
        import resource
    except ImportError:
        return None
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return None if soft == resource.RLIM_INFINITY else soft


def _given_up() -> tuple[int, str]:
    """Return how many messages were given up, and why that cannot be seen."""
    state = state_directory()
    try:
        return len(dead(state / "outbox")), ""
    except OSError as error:
        return 0, f"{state}: {error.strerror or error}"


def _config(environ: Mapping[str, str], on_problem: Callable[[str], object]) -> tuple[Config | None, str]:
    from runwatch.config.loader import load

    try:
        return load(None, environ, report=on_problem), ""
    except ConfigError as error:
        return None, str(error)


def _unpushed(metrics: MetricsConfig, environ: Mapping[str, str]) -> str:
    """Return why the collector cannot get metrics; "" if nothing is known against it, or there is none."""
    return metrics.lacks() or (knock(metrics.otlp, environ) if metrics.otlp else "")


def _channels(config: Config | None, environ: Mapping[str, str]) -> tuple[checks.Channel, ...]:
    """Return the configured channels, and the Alertmanager's peers where they page. Runs no command."""
    found = []
    for name, given in config.everyone().items() if config is not None else ():
        need = needs(name, given)
        unreached = knock(need.address, environ) if need.address else ""
        found.append(checks.Channel(name, need.kind, need.problem, unreached, need.unseen, need.scopes))
    if config is not None and config.alerts.mode is Mode.ALERTMANAGER:
        for peer in config.alerts.peers:
            host = urlsplit(peer).hostname or ""
            found.append(checks.Channel(host, "alertmanager", unreached=knock(peer, environ)))
    return tuple(found)
