"""One real program, watched from before it begins, from its middle, and after its end."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..cli.live import Follower

SCRIPTS = Path(__file__).parent / "scripts"
SLOW = 180.0
"""Seconds that importing a training library and running it may take on a busy machine."""
IMPATIENT = """
[rules.hang]  # that a run was killed is told within seconds
least = 8.0
unfamiliar = 8.0
pause = 8.0
"""

Object = dict[str, Any]


@dataclass(frozen=True)
class Watched:
    """What each watching told of the runs, by the name of the run."""

    before: dict[str, Object]
    during: dict[str, Object]
    after: dict[str, Object]
    checked: dict[str, Object]
    """What `runwatch check --json` said."""
    seen: list[Object]
    """All that the one from before printed."""
    code: int
    """The program's exit code."""

    def agree(self) -> Object:
        """Return the one run of the directory; every watching must have told the same of it."""
        assert list(self.checked) == list(self.after) == list(self.during) == list(self.before)
        ((name, run),) = self.checked.items()
        expected = facts(run)
        for when, reported in (("after", self.after), ("during", self.during), ("before", self.before)):
            found = facts(reported[name])
            differing = [
                f"{key}: {found.get(key)} {when}, {expected.get(key)} checked"
                for key in sorted(expected.keys() | found.keys())
                if found.get(key) != expected.get(key)
            ]
            assert not differing, "\n".join(differing)
        return run


def facts(run: Object) -> Object:
    """Return what must not depend on when runwatch was started."""
    metrics = {
        f"metric {name}": [metric[key] for key in ("first", "last", "min", "max", "count", "nonfinite")]
        for name, metric in run["metrics"].items()
    }
    incidents = sorted(
        # which step a rank had told when another one crashed depends on which file was read first
        (i["rule"], i["metric"] or "", i["rank"], None if i["rule"] == "crash" else i["step"])
        for i in run["incidents"]
        if i["rule"] != "finished"  # a notice, of a run that was seen to finish
    )
    kept = ("format", "state", "steps", "ranks", "checkpoints")
    return {**{key: run[key] for key in kept}, **metrics, "incidents": incidents}


def torchrun(*options: str) -> list[str]:
    return [sys.executable, "-m", "torch.distributed.run", "--standalone", *options]


def watch(
    top: Path,
    script: str,
    *arguments: object,
    launcher: Sequence[str] = (sys.executable,),
    log: str | None = None,
    kill: bool = False,
    ending: str = "finished",
) -> Watched:
    """Run a script that watches `top` being written; kill it at its gate with `kill`.

    The script opens the pipe named in GATE in its middle and reads it to its end: so it
    waits there for the second watching. `log` is the file in `top` that it prints to,
    `ending` the state in which runwatch must tell every run to have ended.
    """
    top.mkdir()
    gate, config = top.parent / "gate", top.parent / "runwatch.toml"
    config.write_text(IMPATIENT if kill else "")
    os.mkfifo(gate)
    options = ("--config", config, "--wait", "--interval", "0.2")
    environment = environment_of(top, GATE=str(gate))
    with ExitStack() as stack:
        before = stack.enter_context(Follower(top, *options))
        out = stack.enter_context(open(top / log if log else os.devnull, "wb"))
        command = [*launcher, str(SCRIPTS / script), *map(str, arguments)]
        program = stack.enter_context(
            subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env=environment, cwd=top.parent)
        )
        stack.callback(lambda: program.poll() is None and program.kill())
        opened = reach(gate, program)
        during = stack.enter_context(Follower(top, *options))
        for follower in (before, during):
            until(follower, lambda o: o["type"] == "progress" and bool(o["step"]))
        if kill:
            program.kill()
            program.wait()
        os.close(opened)
        code = program.wait(SLOW)
        reported = [ends(follower, ending) for follower in (before, during)]
        if kill:
            grow_old(top)
        after = stack.enter_context(Follower(top, "--config", config))
        reported.append(ends(after, ending))
    checked, _ = check(top, "--config", config)
    return Watched(*reported, checked=checked, seen=before.seen, code=code)


def environment_of(top: Path, **more: str) -> dict[str, str]:
    """Return what a program is started with."""
    offline = {"WANDB_MODE": "offline", "WANDB_SILENT": "true", "WANDB_DIR": str(top), "HF_HUB_OFFLINE": "1"}
    quick = {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    return {**os.environ, **offline, **quick, **more}


def check(top: Path, *options: str | Path) -> tuple[dict[str, Object], int]:
    """Return the runs that `runwatch check --json` finds, by name, and its exit code."""
    command = [sys.executable, "-m", "runwatch", "check", str(top), "--json", *map(str, options)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.stdout, done.stderr
    return {run["name"]: run for run in json.loads(done.stdout)["runs"]}, done.returncode


def reach(gate: Path, program: subprocess.Popen[bytes]) -> int:
    """Wait until the program opens its gate; return what holds it there until it is closed."""
    deadline = time.monotonic() + SLOW
    while time.monotonic() < deadline:
        try:
            return os.open(gate, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno != errno.ENXIO:  # nobody reads it yet
                raise
        try:
            program.wait(0.05)
        except subprocess.TimeoutExpired:
            continue
        raise AssertionError(f"the program ended with {program.returncode}")
    raise AssertionError("the program never came to its gate")


def grow_old(top: Path) -> None:
    """Date all files back, so that a run that just ends is not taken for one that goes on."""
    then = time.time() - 3600
    for path in top.rglob("*"):
        os.utime(path, (then, then), follow_symlinks=False)


def until(follower: Follower, wanted: Callable[[Object], bool]) -> Object:
    return next((o for o in follower.seen if wanted(o)), None) or follower.until(wanted, SLOW)


def ends(follower: Follower, state: str) -> dict[str, Object]:
    """Wait until every run it reported has ended in `state`; return their summaries."""

    def over(_: Object) -> bool:
        runs = {o["id"]: "" for o in follower.seen if o["type"] == "run"}
        runs |= {o["id"]: o["state"] for o in follower.seen if o["type"] == "end"}
        return set(runs.values()) == {state}

    if not over({}):
        follower.until(over, SLOW)
    return {o["run"]: o["summary"] for o in follower.seen if o["type"] == "end"}
