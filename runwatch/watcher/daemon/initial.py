"""A first configuration, and a service unit, from what is found on this machine."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from heapq import nlargest
from pathlib import Path

import msgspec

from runwatch.core import text
from runwatch.core.errors import ConfigError, SourceError
from runwatch.core.plural import counted
from runwatch.core.text import plain
from runwatch.watcher.daemon.nearby import MOST, is_run, written
from runwatch.watcher.samplers.procfs import Proc
from runwatch.watcher.sources import discover
from runwatch.watcher.sources.discover import Found
from runwatch.watcher.sources.member import LOG
from runwatch.watcher.sources.patterns import covers

_SHARED = ("/tmp", "/var/tmp", "/var/log")  # noqa: S108  only compared with
"""Directories of everyone, in which one log says nothing about the others."""


class RunPlace(msgspec.Struct, frozen=True):
    """Somewhere to watch."""

    path: str
    why: str


class Proposal(msgspec.Struct, frozen=True):
    """What a first configuration watches."""

    places: list[RunPlace]
    left_out: list[RunPlace]
    """Logs of processes without a training step so far."""


def look(
    directories: Sequence[str],
    proc: Proc | None = None,
    *,
    named: bool = True,
    whole: Callable[[str], bool] = lambda path: False,
) -> Proposal:
    """Return where runs are: in these directories, and where our processes write logs of training.

    A directory that a person `named` must exist; it is watched even if no run is in it yet. `whole` decides
    whether a home directory, or one above it, is watched as a whole; otherwise only what holds runs in it is.
    """
    places: dict[str, RunPlace] = {}
    for path in map(os.path.abspath, directories):
        if named and not os.path.exists(path):
            raise ConfigError("no such file or directory", text.path(path), "correct it, or create it first")
        found = _runs(path)
        if _is_broad(path) and not whole(path):
            places |= _narrowed(path, found)
        elif found or named:
            places[path] = RunPlace(path, _counted(found))
    left_out: list[RunPlace] = []
    for log, pid in written(proc or Proc()):
        if any(covers(known, log) for known in places):
            continue
        why = f"process {pid} writes {os.path.basename(log)}"
        if not is_run(log):
            left_out.append(RunPlace(log, why))
            continue
        directory = os.path.dirname(log)
        narrow = _is_broad(directory) or any(covers(directory, known) for known in places)
        path = log if narrow else directory
        places[path] = RunPlace(path, why)
    return Proposal(list(places.values()), left_out)


def _runs(path: str) -> list[Found]:
    """Return the files of training runs at a path; of many, only the newest are read."""
    try:
        found = discover.find([path])
    except SourceError:
        return []
    newest = nlargest(MOST, (each for each in found if each.member.kind == LOG), key=_written_at)
    others = {each.path for each in newest if not is_run(each.path)}
    return [] if len(others) == len(found) else [each for each in found if each.path not in others]


def _written_at(found: Found) -> float:
    try:
        return os.stat(found.path).st_mtime
    except OSError:  # removed meanwhile
        return 0.0


def _counted(found: Sequence[Found]) -> str:
    if not found:
        return "no training in it yet"
    return f"{counted(len({each.name for each in found}), 'run')} in {counted(len(found), 'file')}"


def _is_broad(path: str) -> bool:
    """Return whether a directory holds far more than runs: a home directory, one above it, a shared one."""
    home = os.path.expanduser("~")
    return path in _SHARED or path == os.path.dirname(home) or covers(path, home)


def _narrowed(top: str, found: Sequence[Found]) -> dict[str, RunPlace]:
    """Return the directories in `top` that hold these files, one for each branch below it."""
    branches: dict[str, list[Found]] = {}
    for each in found:
        own = os.path.relpath(os.path.abspath(each.path), top).split(os.sep)
        branches.setdefault(own[0], []).append(each)
    places = {}
    for within in branches.values():
        common = os.path.commonpath([os.path.dirname(os.path.abspath(each.path)) for each in within])
        for path in [common] if common != top else [os.path.abspath(each.path) for each in within]:
            places[path] = RunPlace(path, _counted(within))
    return places


def configuration(places: Sequence[RunPlace], environ: Mapping[str, str] = os.environ) -> str:
    """Return the text of a runwatch.toml with comments."""
    listed = "".join(f"    {_text(place.path)},  # {plain(place.why)}\n" for place in places)
    if places:
        paths = f"paths = [\n{listed}]"
    else:
        paths = '# No training was found.\n# paths = ["~/runs", "/scratch/me/*/train.log"]'
    slack = (
        "# $RUNWATCH_SLACK_WEBHOOK is set here and overrides this file; the daemon needs it too."
        if environ.get("RUNWATCH_SLACK_WEBHOOK")
        else "# Address of an incoming webhook. A secret: prefer $RUNWATCH_SLACK_WEBHOOK."
    )
    return f"""\
# runwatch.toml, written by `runwatch init`. Every key is optional; docs/configuration.md lists all of them.
# Start with `runwatch watch -d`, see it with `runwatch status` and `runwatch attach`;
# after a change: `runwatch reload`.

[watch]
# Log files, directories (searched for runs, now and later) and patterns.
{paths}
# Files and directories that are not read.
# exclude = ["*.debug.log", "old"]

[slack]
{slack}
# webhook = "https://hooks.slack.com/services/..."
# Lowest severity that is sent: "info", "warning" or "critical".
min_severity = "warning"

# Other channels, as many as you like; test one with: runwatch notify test phone
# [channels.phone]
# type = "ntfy"
# topic = {{ env = "NTFY_TOPIC" }}

# [routing]
# In these hours only critical alerts are sent; the others wait until the hours end.
# quiet_hours = "22:00-07:00"

# Rules and their thresholds: runwatch rules
# [rules.plateau]
# enabled = false
"""


def unit(command: Iterable[str], config: Path, environ: Mapping[str, str] = os.environ) -> str:
    """Return the text of a systemd user unit that runs `command` with a configuration."""
    start = " ".join(map(_word, [*command, "watch", "--config", str(config)]))
    state = environ.get("RUNWATCH_STATE")
    where = f"Environment={_word(f'RUNWATCH_STATE={os.path.abspath(state)}')}\n" if state else ""
    return f"""\
# Written by `runwatch init --systemd`.
[Unit]
Description=runwatch, watches training runs
StartLimitIntervalSec=300
StartLimitBurst=10

[Service]
Type=notify
NotifyAccess=main
ExecStart={start}
ExecReload=/bin/kill -HUP $MAINPID
WatchdogSec=60
Restart=on-failure
RestartSec=5
TimeoutStopSec=30
KillMode=mixed
# Secrets such as RUNWATCH_SLACK_WEBHOOK=..., one per line, readable only by you.
EnvironmentFile=-{_word(str(config.parent / "environment"))}
{where}
# Training has priority: for CPU time, and when memory runs out.
Nice=5
OOMScoreAdjust=500
MemoryMax=2G
TasksMax=512
LimitNOFILE=65536

UMask=0077
NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictNamespaces=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
SystemCallArchitectures=native
# None of Protect... or Private...: for a user they mean a user namespace, from which the
# processes of a run, their state and their environment cannot be seen.

[Install]
WantedBy=default.target
"""


def _text(value: str) -> str:
    """Return a TOML string."""
    return json.dumps(plain(value, 4096), ensure_ascii=False)


def _word(value: str) -> str:
    """Return one word of a unit's command line, with what systemd would expand left alone."""
    value = value.replace("\\", "\\\\").replace("%", "%%").replace("$", "$$")
    if not re.search(r"[\s\"']", value):
        return value
    return '"' + value.replace('"', '\\"') + '"'
