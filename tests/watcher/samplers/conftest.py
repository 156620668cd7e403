"""Stand-ins for what a test machine lacks: a driver with GPUs, a fake /proc, and runs of real processes."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from runwatch.watcher.processes.handover import handed
from runwatch.watcher.processes.pipe import split
from runwatch.watcher.samplers import sampler

NVML = Path(__file__).parents[2] / "nvml" / "fake_nvml.c"
DEADLINE = 120.0
MOUNTABLE = pytest.mark.skipif(
    not os.access("/dev/fuse", os.W_OK) or os.geteuid() != 0, reason="needs to mount: root and /dev/fuse"
)


def build(source: Path, library: Path, *options: str) -> None:
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("no C compiler here (cc): the stand-in for the NVIDIA driver cannot be built")
    library.parent.mkdir(parents=True, exist_ok=True)
    command = [compiler, "-shared", "-fPIC", "-fvisibility=hidden", f"-Wl,-soname,{library.name}", *options]
    subprocess.run([*command, "-o", str(library), str(source)], check=True)


class Driver:
    """A driver library that says what its scenario says."""

    def __init__(self, directory: Path, scenario: Path) -> None:
        self.scenario = scenario
        scenario.write_text("")
        self.environ = {"LD_LIBRARY_PATH": str(directory), "FAKE_NVML": str(scenario)}

    def say(self, *lines: str) -> None:
        with self.scenario.open("a") as file:
            file.write("".join(line + "\n" for line in lines))


@pytest.fixture(scope="session")
def library(tmp_path_factory):
    directory = tmp_path_factory.mktemp("nvml")
    build(NVML, directory / "libnvidia-ml.so.1", "-Wall", "-Wextra", "-Werror")
    return directory


@pytest.fixture(scope="session")
def old_library(tmp_path_factory):
    directory = tmp_path_factory.mktemp("nvml_old")
    build(NVML, directory / "libnvidia-ml.so.1", "-DOLD_DRIVER", "-Wall", "-Wextra", "-Werror")
    return directory


@pytest.fixture
def driver(library, tmp_path):
    return Driver(library, tmp_path / "scenario")


@pytest.fixture
def old_driver(old_library, tmp_path):
    return Driver(old_library, tmp_path / "scenario")


class Sampling:
    """A real sampler process and what it sends."""

    def __init__(self, setup: sampler.Setup, environ: dict[str, str]) -> None:
        self.seen: list[object] = []
        with handed(setup) as descriptor:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "runwatch.watcher.samplers.sampler", str(descriptor)],
                stdout=subprocess.PIPE,
                pass_fds=(descriptor,),
                env={**os.environ, **environ},
            )
        self._bodies, self._rest = [], b""

    def expect(self, kind, wanted=lambda message: True):
        """Return the next message of a kind that is wanted; fails after a deadline or at the end."""
        until = time.monotonic() + DEADLINE
        while True:
            message = self._next(until)
            assert message is not None, f"no {kind.__name__}: {self.seen[-5:]}"
            self.seen.append(message)
            if isinstance(message, kind) and wanted(message):
                return message

    def ended(self) -> int:
        while self._next(time.monotonic() + DEADLINE) is not None:
            pass
        return self.process.wait(DEADLINE)

    def _next(self, until):
        while not self._bodies:
            if not select.select([self.process.stdout], [], [], max(0.0, until - time.monotonic()))[0]:
                return None
            piece = os.read(self.process.stdout.fileno(), 1 << 16)
            if not piece:
                return None
            self._bodies, self._rest = split(self._rest + piece)
        return sampler.decode(self._bodies.pop(0))


@pytest.fixture
def sampling():
    started = []

    def start(setup, environ=None):
        started.append(Sampling(setup, environ or {}))
        return started[-1]

    yield start
    for item in started:
        item.process.kill()
        item.process.wait()
        item.process.stdout.close()


class Runs:
    """Starts real processes in sessions of their own, and ends them all."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._started: list[subprocess.Popen[bytes]] = []

    def start(self, command, **environ):
        process = subprocess.Popen(
            command,
            cwd=self.directory,
            env={**os.environ, **environ},
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._started.append(process)
        return process

    def end(self) -> None:
        for process in self._started:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture
def runs(tmp_path):
    runs = Runs(tmp_path)
    yield runs
    runs.end()


def eventually(question, wanted=bool):
    """Return the answer once it is wanted; fails after a deadline."""
    until = time.monotonic() + DEADLINE
    while True:
        answer = question()
        if wanted(answer):
            return answer
        assert time.monotonic() < until, f"not in time; last: {answer}"
        time.sleep(0.02)


class FakeProc:
    """A /proc in a directory."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "stat").write_text("cpu  100 0 100 800 0 0 0 0 0 0\nbtime 1000\n")

    def add(
        self,
        pid,
        name="python",
        *,
        parent=1,
        group=None,
        session=None,
        fds=None,
        environ=None,
        command=None,
        state="S",
        start=None,
    ):
        """Add a process; `fds` is number -> (target, writable)."""
        at = self.root / str(pid)
        (at / "fd").mkdir(parents=True, exist_ok=True)
        (at / "fdinfo").mkdir(exist_ok=True)
        fields = [state, parent, group or pid, session or 1, 0, 0, 0, 0, 0, 7, 0, 30, 20, 0, 0, 20, 0, 3, 0]
        fields += [start or pid * 100, 0, 250] + [0] * 30
        (at / "stat").write_text(f"{pid} ({name}) " + " ".join(map(str, fields)) + "\n")
        (at / "cmdline").write_text("\0".join(command or [name]) + "\0")
        (at / "environ").write_text("".join(f"{key}={value}\0" for key, value in (environ or {}).items()))
        for number, (target, writable) in (fds or {}).items():
            link = at / "fd" / str(number)
            link.unlink(missing_ok=True)
            link.symlink_to(target)
            (at / "fdinfo" / str(number)).write_text(f"pos:\t0\nflags:\t0{100001 if writable else 100000}\n")

    def write(self, path, text):
        at = self.root / path
        at.parent.mkdir(parents=True, exist_ok=True)
        at.write_text(text)

    def remove(self, pid):
        shutil.rmtree(self.root / str(pid))


@pytest.fixture
def fake_proc(tmp_path):
    root = tmp_path / "proc"
    root.mkdir()
    return FakeProc(root)


class StallingMount:
    """The file system and the flag that stalls it."""

    def __init__(self, directory: Path) -> None:
        self.point = directory / "mnt"
        self.point.mkdir()
        self._flag = directory / "flag"
        script = Path(__file__).with_name("stalling_fuse.py")
        self._server = subprocess.Popen(
            [sys.executable, str(script), str(self.point), str(self._flag)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self._server.stdout is not None
        if self._server.stdout.readline() != b"mounted\n":
            self.close()
            pytest.skip("no permission to mount")

    def stall(self) -> None:
        self._flag.touch()

    def go_on(self) -> None:
        self._flag.unlink(missing_ok=True)

    def close(self) -> None:
        self._server.kill()  # the kernel gives up on all its requests
        self._server.wait()
        self._server.stdout.close()
        subprocess.run(["umount", "-l", str(self.point)], check=False, stderr=subprocess.DEVNULL)


@pytest.fixture
def mount(tmp_path):
    mount = StallingMount(tmp_path)
    yield mount
    mount.close()
