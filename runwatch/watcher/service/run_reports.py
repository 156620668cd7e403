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
from typing import TYPE_CHECKING

from runwatch.alerts.routing.notification import digest
from runwatch.core.ending import ENDED
from runwatch.watcher.engine.group import Group
from runwatch.watcher.engine.pipelines import pipeline_of

if TYPE_CHECKING:
    from runwatch.config.sections import ReportsConfig

CALM = 15.0
"""Seconds after a run's last line before its report is written: something may follow its end."""
PATIENCE = 900.0
"""Seconds after which a child that has not written its report is ended."""
MOST_WAITING = 256
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


class RunReports:
    """Writes a report of each run that was seen running and then ended, one after the other."""

    def __init__(
        self, config: ReportsConfig, state: Path, settings: Path | None, notice: Callable[[str], object]
    ) -> None:
        """`state` is the daemon's directory, `settings` the configuration file that a child is to read."""
        self._state, self._notice = state, notice
        self.use(config, settings)
        self._running: set[str] = set()
        """Ids of runs that were seen running and have no report since."""
        self._waiting: deque[tuple[str, tuple[str, ...], Path]] = deque(maxlen=MOST_WAITING)
        self._writing: asyncio.Task[None] | None = None

    def use(self, config: ReportsConfig, settings: Path | None) -> None:
        """Write as another configuration says from now on."""
        self._config, self._settings = config, settings
        self._directory = directory_of(config, self._state)

    def place(self, run_id: str, name: str) -> str:
        """Return where the report of a run is written; "" if none is."""
        if not self._config.enabled:
            return ""
        safe = _UNSAFE.sub("_", name).strip("._")[-80:] or "run"
        ending = {"markdown": "md"}.get(self._config.form, self._config.form)
        return str(self._directory / f"{safe}-{key_of(run_id)}.{ending}")

    def tick(self, groups: Iterable[Group], now: float) -> None:
        """Look at runs at Unix time `now`; begin a report if one is due and none is being written."""
        if not self._config.enabled:
            return
        for group in groups:
            if not group.runs:
                continue
            newest = group.runs[-1]
            first = pipeline_of(group, newest.run.id).stages[0].run.id
            if group.shown_phase(newest, now) not in ENDED:
                if group.lived and newest.run.records:
                    self._running.add(first)
            elif first in self._running and now - (group.written or 0.0) > CALM:
                self._running.discard(first)
                name = newest.run.name
                self._waiting.append((name, group.paths, Path(self.place(first, name))))
        if self._waiting and (self._writing is None or self._writing.done()):
            self._writing = asyncio.ensure_future(self._write(*self._waiting.popleft()))

    async def stop(self) -> None:
        """End what is being written."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)

    async def _write(self, name: str, paths: tuple[str, ...], place: Path) -> None:
        """Have a child write one report, then remove the oldest of too many."""
        try:
            await asyncio.to_thread(self._directory.mkdir, 0o700, True, True)
            failed = await self._child(paths, place)
        except OSError as error:
            failed = error.strerror or str(error)
        if failed:
            self._notice(f"the report of {name} was not written: {failed}")
        else:
            await asyncio.to_thread(self._prune)

    async def _child(self, paths: tuple[str, ...], place: Path) -> str:
        """Return why there is no report; "" if there is one."""
        command = [sys.executable, "-m", "runwatch", "report", f"--{self._config.form}", "-o", str(place)]
        if self._settings is not None:
            command += ["--config", str(self._settings)]
        for option in ("price_per_gpu_hour", "gpus"):
            if (value := getattr(self._config, option)) is not None:
                command += [f"--{option.replace('_', '-')}", f"{value:g}"]
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
            if os.path.exists(place) and child.returncode in (0, 3):
                return ""
            said = saying.result()[1].decode("utf-8", "replace").strip().splitlines()
            return said[-1].removeprefix("runwatch: ") if said else f"exit code {child.returncode}"
        finally:
            if child.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    child.kill()
            saying.cancel()

    def _prune(self) -> None:
        """Remove the oldest reports; files that are not ours stay."""
        found = [each for each in self._directory.iterdir() if _OURS.fullmatch(each.name)]
        found.sort(key=lambda each: each.stat().st_mtime, reverse=True)
        for each in found[self._config.keep :]:
            with contextlib.suppress(OSError):
                each.unlink()
