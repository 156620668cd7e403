"""A first configuration, and a service unit, from what is found on this machine."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from runwatch.core.errors import SourceError
from runwatch.core.text import plain
from runwatch.watcher.daemon.logs import NAME as OWN_LOG
from runwatch.watcher.samplers.procfs import Proc
from runwatch.watcher.sources import discover
from runwatch.watcher.sources.patterns import covers

_WRITING = re.compile(r"^flags:\s*\d*[12367]$", re.MULTILINE)
"""Of /proc/PID/fdinfo: opened for writing."""
_LOGS = (".log", ".out", ".err")
_BROAD = ("/", "/tmp", "/var/tmp", "/var/log", os.path.expanduser("~"))  # noqa: S108  only compared with
"""Directories that hold too much to be searched for one log."""


class RunPlace(msgspec.Struct, frozen=True):
    """Somewhere to watch."""

    path: str
    why: str


def look(directories: Sequence[str], proc: Proc | None = None) -> list[RunPlace]:
    """Return the directories that hold runs, of those given and of those our processes write logs to."""
    places: dict[str, RunPlace] = {}
    for path in map(os.path.abspath, directories):
        try:
            found = discover.find([path])
        except SourceError:
            continue
        runs = len({each.name for each in found})
        places[path] = RunPlace(path, f"{_count(runs, 'run')} in {_count(len(found), 'file')}")
    for log, pid in written(proc or Proc()):
        directory = os.path.dirname(log)
        if not any(covers(known, log) for known in places):
            narrow = directory in _BROAD or any(covers(directory, known) for known in places)
            path = log if narrow else directory
            places[path] = RunPlace(path, f"process {pid} writes {os.path.basename(log)}")
    return list(places.values())


def written(proc: Proc) -> list[tuple[str, int]]:
    """Return logs that processes of ours hold open for writing, each with one of them. No log is touched."""
    found: dict[str, int] = {}
    for pid in proc.pids():
        if proc.owner(pid) != os.geteuid():
            continue
        for descriptor, path in proc.descriptors(pid).items():
            new = path.endswith(_LOGS) and path not in found and not path.endswith("/" + OWN_LOG)
            if new and _WRITING.search(proc.read(pid, "fdinfo", descriptor) or ""):
                found[path] = pid
    return list(found.items())


def configuration(places: Sequence[RunPlace], environ: Mapping[str, str] = os.environ) -> str:
    """Return the text of a runwatch.toml with comments."""
    listed = "".join(f"    {_text(place.path)},  # {plain(place.why)}\n" for place in places)
    if places:
        paths = f"paths = [\n{listed}]"
    else:
        paths = '# No log was found.\n# paths = ["~/runs", "/scratch/me/*/train.log"]'
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


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


def _text(value: str) -> str:
    """Return a TOML string."""
    return json.dumps(plain(value, 4096), ensure_ascii=False)


def _word(value: str) -> str:
    """Return one word of a unit's command line, with what systemd would expand left alone."""
    value = value.replace("\\", "\\\\").replace("%", "%%").replace("$", "$$")
    if not re.search(r"[\s\"']", value):
        return value
    return '"' + value.replace('"', '\\"') + '"'
