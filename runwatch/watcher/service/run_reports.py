"""Reports of runs that have ended, each written by a child process: the fold never waits for one."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import sys
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from runwatch.alerts.routing.notification import digest
from runwatch.core.ending import ENDED
from runwatch.core.errors import ExitCode
from runwatch.system.children import give_up
from runwatch.watcher.engine.group import Group
from runwatch.watcher.engine.pipelines import pipeline_of

if TYPE_CHECKING:
    from runwatch.config.sections import ReportsConfig

CALM = 15.0
"""Seconds after a run's last line before its report is written: something may follow its end."""
SILENT = 600.0
"""The same for a run that did all its steps without a word about its end: it may still evaluate."""
RECENT = 3600.0
"""Seconds after its last line for which a run still gets a report: runwatch was not running when it ended."""
PATIENCE = 900.0
"""Seconds after which a child that has not written its report is ended."""
MOST_WAITING = 256
MOST_ENDS = 4096
_NICE = 10
_UNSAFE = re.compile(r"[^\w.+-]+")
_OURS = re.compile(r".*-([0-9a-f]{12})\.(?:html|md|json)")


def directory_of(config: ReportsConfig, state: Path) -> Path:
    """Return where reports are written; `state` is the daemon's directory."""
    named = os.path.expanduser(config.directory)
    return Path(named) if named else state / "reports"


def written(directory: Path) -> dict[str, str]:
    """Return the reports in a directory: the key of a run -> path."""
    try:
        names = os.listdir(directory)
    except OSError:
        return {}
    return {found[1]: str(directory / name) for name in sorted(names) if (found := _OURS.fullmatch(name))}


def key_of(run_id: str) -> str:
    """Return what the name of a run's report ends in."""
    return digest(run_id)[:12]


class _Due(NamedTuple):
    """A report to be written."""

    run_id: str
    name: str
    paths: tuple[str, ...]
    file: Path
    key: str
    """Key of the run's end."""


def _end(group: Group, now: float) -> str:
    """Return a key of the end of a group's newest run; "" if it has not ended, or not long enough ago."""
    newest, silent = group.runs[-1], now - (group.written or 0.0)
    phase, run = group.shown_phase(newest, now), newest.run
    last, planned = run.last_step, run.planned
    all_done = last is not None and planned is not None and last + 1 >= planned
    over = phase in ENDED or (all_done and silent > SILENT and not any(group.machine.own()))
    records = sum(stage.run.records for stage in pipeline_of(group, run.id).stages)
    if not over or not records or not CALM < silent < RECENT:
        return ""
    return f"{records}.{phase}"


def _version(file: Path) -> tuple[int, int]:
    """Return what differs once a file was written again; zeros if there is none."""
    try:
        found = file.stat()
    except OSError:
        return 0, 0
    return found.st_ino, found.st_mtime_ns


class RunReports:
    """Writes a report of each run that was seen running and then ended, one after the other."""

    def __init__(
        self,
        config: ReportsConfig,
        state: Path,
        settings: Path | None,
        notice: Callable[[str], object],
        done: Callable[[str, str, str, str], object] = lambda run_id, name, file, key: None,
    ) -> None:
        """`state` is the daemon's directory, `settings` the configuration file that a child is to read.

        `done` gets the id and name of a run whose report is written, the file, and a key of the run's end:
        without further records it is the same end.
        """
        self._state, self._notice, self._done = state, notice, done
        self.use(config, settings)
        self._ends: dict[str, str] = {}
        """Id of a run -> key of its end of which a report was begun; the same after any restart."""
        self._waiting: deque[_Due] = deque(maxlen=MOST_WAITING)
        self._writing: asyncio.Task[None] | None = None

    def use(self, config: ReportsConfig, settings: Path | None) -> None:
        """Write as another configuration says from now on."""
        self._config, self._settings = config, settings
        self._directory = directory_of(config, self._state)

    def place(self, run_id: str, name: str) -> str:
        """Return where the report of a run is for people, a path or an address; "" if none is written."""
        if not self._config.enabled:
            return ""
        file = self._file(run_id, name)
        return f"{self._config.url.rstrip('/')}/{quote(file.name)}" if self._config.url else str(file)

    def _file(self, run_id: str, name: str) -> Path:
        safe = _UNSAFE.sub("_", name).strip("._")[-80:] or "run"
        ending = {"markdown": "md"}.get(self._config.form, self._config.form)
        return self._directory / f"{safe}-{key_of(run_id)}.{ending}"

    def tick(self, groups: Iterable[Group], now: float) -> None:
        """Look at runs at Unix time `now`; begin a report if one is due and none is being written."""
        if not self._config.enabled:
            return
        for group in groups:
            if not group.runs or not group.lived:
                continue
            newest = group.runs[-1]
            key = _end(group, now)
            run_id = pipeline_of(group, newest.run.id).id
            if key and self._ends.get(run_id) != key:
                self._ends[run_id] = key
                name = newest.run.name
                self._waiting.append(_Due(run_id, name, group.paths, self._file(run_id, name), key))
        while len(self._ends) > MOST_ENDS:
            del self._ends[next(iter(self._ends))]
        if self._waiting and (self._writing is None or self._writing.done()):
            self._writing = asyncio.ensure_future(self._write(self._waiting.popleft()))

    async def stop(self) -> None:
        """End what is being written."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)

    async def _write(self, due: _Due) -> None:
        """Have a child write one report, then remove the oldest of too many."""
        try:
            await asyncio.to_thread(self._directory.mkdir, 0o700, True, True)
            failed = await self._child(due.paths, due.file)
        except OSError as error:
            failed = error.strerror or str(error)
        if failed:
            self._notice(f"the report of {due.name} was not written: {failed}")
        else:
            self._done(due.run_id, due.name, str(due.file), due.key.partition(".")[0])
            await asyncio.to_thread(self._prune)

    async def _child(self, paths: tuple[str, ...], place: Path) -> str:
        """Return why there is no report; "" if there is one."""
        command = [sys.executable, "-m", "runwatch", "report", f"--{self._config.form}", "-o", str(place)]
        if self._settings is not None:
            command += ["--config", str(self._settings)]
        for option in ("price_per_gpu_hour", "gpus"):
            if (value := getattr(self._config, option)) is not None:
                command += [f"--{option.replace('_', '-')}", f"{value:g}"]
        before = _version(place)
        child = await asyncio.create_subprocess_exec(
            *command, "--", *paths,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, child.pid, _NICE)
        saying = asyncio.ensure_future(child.communicate())
        try:
            done, _ = await asyncio.wait({saying}, timeout=PATIENCE)
            if not done:
                return f"it took longer than {PATIENCE:.0f} s"
            if _version(place) != before and child.returncode in (ExitCode.OK, ExitCode.UNREADABLE):
                return ""
            said = saying.result()[1].decode("utf-8", "replace").strip().splitlines()
            return said[-1].removeprefix("runwatch: ") if said else f"exit code {child.returncode}"
        finally:
            saying.cancel()
            await give_up(child)

    def _prune(self) -> None:
        """Remove the oldest reports; files that are not ours stay."""
        found = [each for each in self._directory.iterdir() if _OURS.fullmatch(each.name)]
        found.sort(key=lambda each: each.stat().st_mtime, reverse=True)
        for each in found[self._config.keep :]:
            with contextlib.suppress(OSError):
                each.unlink()
