"""What the screen costs: its own process, in a terminal of 120x40, twice a second.

The engine is scripted and lives in this process, so that only the screen is
measured: 4 charts, 64 ranks, log lines, a new step every 50 ms. Then the same
with 4,096 ranks, and with a history of 10,000,000 steps. The baseline is a
small Textual app that shows the same with textual-plot and a DataTable. `wandb leet` is
measured on a live run, next to ours (benchmarks/screen_leet.py).

The screens are run in turn, three times each, and the medians are shown: what a process costs that works for
some milliseconds and sleeps depends on the clock and the caches of a processor that is idle in between. The
row of fixed work shows how much on this machine.

Cases: usual, ranks, history, first, long, leet.
"""

from __future__ import annotations

import contextlib
import math
import os
import select
import signal
import socket
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import psutil

from benchmarks import rows, screen_first, screen_leet, terminals
from benchmarks.rows import Row, limit
from runwatch.core.snapshot import (
    Columns,
    Latest,
    Mark,
    Progress,
    RankPlace,
    RankRow,
    RunRow,
    RunView,
    Snapshot,
)
from runwatch.watcher import protocol

HZ = 2
SIZE = (120, 40)
STEPS_PER_SECOND = 20
TIMES = 3
_SCREEN = (
    "import socket, sys; from runwatch.tui.start import run; "
    "sys.exit(run(socket.socket(fileno=int(sys.argv[1])), title='train.log'))"
)


def _noise(i: float) -> float:
    return math.sin(i * 12.9898) * 0.5 + math.sin(i * 78.233) * 0.5


def _value(metric: str, x: float) -> float:
    """Return a made-up value at a step: the same whenever it is asked for."""
    return {
        "train/loss": 2.2 + 8.5 * math.exp(-x / 8_000) + 0.06 * _noise(x),
        "train/grad_norm": 0.6 + 0.1 * _noise(x) + (4.0 if int(x) % 977 == 7 else 0.0),
        "perf/tokens_per_sec": 412_000 + 2_000 * _noise(x),
        "perf/step_time": 2.03 + 0.02 * _noise(x),
    }[metric]


METRICS = ("train/loss", "train/grad_norm", "perf/tokens_per_sec", "perf/step_time")


def _columns(chart: protocol.Chart, step: int) -> Columns:
    """Return what an engine sends: buckets that are a power of two wide and begin at multiples of that."""
    if chart.metric not in METRICS:
        return Columns(chart.metric)
    first = int(chart.first or 0)
    last = step if chart.last is None else min(step, int(chart.last))
    wide = 1 << max(0, math.ceil(math.log2(max(1, last - first) / max(1, 2 * chart.width))))
    xs = range(first // wide * wide, last + 1, wide)
    mean = tuple(_value(chart.metric, min(x + wide - 1, last)) for x in xs)
    return Columns(
        chart.metric,
        tuple(float(x) for x in xs),
        tuple(y * 0.98 for y in mean),
        tuple(y * 1.02 for y in mean),
        mean,
        mean,
        (0,) * len(mean),
    )


def _place(rank: int, step: int) -> RankPlace:
    """Return a process and a GPU that work, a little differently at each step."""
    busy, memory = 0.95 + 0.04 * _noise(rank + step), 7.1e10 + 1e8 * (rank % 8)
    return RankPlace(4000 + rank, "running", "", (str(rank % 8),), "ok", "util", busy, memory, 8e10)


class Engine:
    """Answers a screen with pictures of a run that does not end."""

    def __init__(self, sock: socket.socket, ranks: int, first: int, placed: bool = False) -> None:
        self._sock, self._ranks, self._first, self._placed = sock, ranks, first, placed
        self._begin = time.monotonic()
        self._view: protocol.View | None = None
        self._rest = b""
        self._sock.setblocking(False)
        self._due = 0.0
        self.frames = 0
        self._send(protocol.Hello(software="bench"))

    def work(self) -> None:
        """Read what the screen wants, and send a picture when one is due."""
        with contextlib.suppress(BlockingIOError, ConnectionError):
            self._rest += self._sock.recv(1 << 16)
        *lines, self._rest = self._rest.split(b"\n")
        for line in lines:
            request = protocol.decode_request(line)
            if isinstance(request, protocol.Subscribe):
                self._view, self._due = request.view, 0.0
        now = time.monotonic()
        if self._view is not None and now >= self._due:
            self._due = now + 1 / HZ
            self.frames += 1
            self._send(protocol.Frame(self._picture(self._view, now)))

    def _send(self, message: protocol.Reply) -> None:
        self._sock.setblocking(True)
        with contextlib.suppress(ConnectionError):
            self._sock.sendall(protocol.encode(message))
        self._sock.setblocking(False)

    def _picture(self, view: protocol.View, now: float) -> Snapshot:
        step = self._first + int((now - self._begin) * STEPS_PER_SECOND)
        total = self._first * 3
        left = (total - step) * 0.05
        progress = Progress(step, total, step / total, left, left / 20, float(STEPS_PER_SECOND))
        log = tuple(
            (n, f"12:41:07 iteration {n}/{total} | loss {_value('train/loss', n):.4f} | grad norm 0.61")
            for n in range(step - view.log_lines + 1, step + 1)
        )
        run = RunView(
            "r1", "llama-7b-r3", "training", progress, "megatron", ("/runs/llama/train.log",),
            age=0.05, elapsed=104_000.0 + now - self._begin, records=step,
            latest=tuple(Latest(m, _value(m, step), "", step, step + 1) for m in METRICS),
            charts=tuple(_columns(chart, step) for chart in view.charts),
            marks=(Mark("checkpoint", self._first // 2),),
            ranks=tuple(
                RankRow(
                    i, step - (i % 11 == 0), None, 0.05, 2.03 + 0.02 * _noise(i + step) + (i == 37),
                    place=_place(i, step) if self._placed else None,
                )
                for i in range(self._ranks)
            ),
            log=log, log_source="/runs/llama/train.log",
        )  # fmt: skip
        row = RunRow("r1", "llama-7b-r3", "training", progress, loss=_value("train/loss", step))
        return Snapshot(time.time(), (row,), run)


class Cost:
    """What a process in a terminal used over some seconds."""

    def __init__(self, cpu: float, kilobytes: float, resident: float, frames: float) -> None:
        self.cpu, self.kilobytes, self.resident, self.frames = cpu, kilobytes, resident, frames


def measure_cost(
    command: list[str], seconds: float, ranks: int = 64, first: int = 41_230, keys: bytes = b""
) -> Cost:
    """Run a screen on a terminal, with a scripted engine at its descriptor; return what it used.

    Five seconds pass before anything is counted; then `keys` are typed, and two more.
    With keys ranks have processes and GPUs.
    """
    ours, theirs = socket.socketpair()
    os.set_inheritable(theirs.fileno(), True)
    pid, screen = terminals.start([*command, str(theirs.fileno())], *SIZE, COLORTERM="truecolor")
    theirs.close()
    engine = Engine(ours, ranks, first, bool(keys))
    written: list[bytes] = []
    try:
        _attend(engine, screen, 5.0, written)
        if keys:
            os.write(screen, keys)
            _attend(engine, screen, 2.0, written)
        written.clear()
        before, frames, begin = _cpu(pid), engine.frames, time.monotonic()
        _attend(engine, screen, seconds, written)
        if not written:
            raise RuntimeError("the screen showed nothing")
        spent, used = time.monotonic() - begin, _cpu(pid) - before
        data = b"".join(written)
        return Cost(
            used / spent,
            len(data) / spent / 1e3,
            psutil.Process(pid).memory_info().rss / 1e6,
            (engine.frames - frames) / spent,
        )
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(screen)
        ours.close()


def _cpu(pid: int) -> float:
    """Return the seconds of CPU of all threads of a process; Linux knows them to a nanosecond."""
    if tasks := list(Path(f"/proc/{pid}/task").glob("*/schedstat")):
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


def _attend(engine: Engine, screen: int, seconds: float, written: list[bytes]) -> None:
    """Serve the screen and take what it writes, for so long."""
    end = time.monotonic() + seconds
    asked = b"\x1b[?2026$p"
    while time.monotonic() < end:
        engine.work()
        if select.select([screen], [], [], 0.02)[0]:
            with contextlib.suppress(OSError):
                written.append(os.read(screen, 1 << 16))
                if asked in written[-1]:  # terminals that can hold a frame together say so
                    os.write(screen, b"\x1b[?2026;2$y")


OURS = [sys.executable, "-c", _SCREEN]
PLOTS = [sys.executable, str(Path(__file__).with_name("screen_baseline.py"))]


def in_turn(screens: Mapping[str, Callable[[], Cost]], times: int) -> dict[str, Cost]:
    """Run each screen so many times, one after the other; return the medians of each."""
    found: dict[str, list[Cost]] = {name: [] for name in screens}
    for _ in range(times):
        for name, run in screens.items():
            found[name].append(run())
    return {
        name: Cost(*(statistics.median(vars(cost)[key] for cost in costs) for key in vars(costs[0])))
        for name, costs in found.items()
    }


def fixed_work(pieces: int) -> Row:
    """Return what a piece of work costs after half a second of sleep, next to the same without sleep."""

    def cost(pause: float, times: int) -> float:
        begin = time.process_time()
        for _ in range(times):
            time.sleep(pause)
            dict.fromkeys(map(str, range(20_000)))
        return (time.process_time() - begin) / times * 1e3

    cost(0.0, 10)
    return Row("fixed work twice a second, CPU", cost(1 / HZ, pieces), "without sleep", cost(0.0, 50), "ms")


def compared(name: str, cost: Cost, usual: Cost, bar: float = 2.0) -> Iterator[Row]:
    """Yield a larger screen next to the usual one."""
    base = "64 ranks, 41,230 steps"
    yield Row(f"screen, {name}, CPU of a core", 100 * cost.cpu, base, 100 * usual.cpu, "%", bar)
    yield Row(f"screen, {name}, output", cost.kilobytes, base, usual.kilobytes, "kB/s", bar)


def against_plots(usual: Cost, plots: Cost) -> Iterator[Row]:
    """Yield the usual screen next to limits and to an app of textual-plot."""
    yield limit("screen, CPU of a core", 100 * usual.cpu, 4.0, "%")
    yield limit("screen, output", usual.kilobytes, 5.0, "kB/s")
    yield limit("screen, memory", usual.resident, 45.0, "MB")
    for what, ours, theirs, unit in (
        ("CPU", 100 * usual.cpu, 100 * plots.cpu, "%"),
        ("output", usual.kilobytes, plots.kilobytes, "kB/s"),
    ):
        yield Row(f"screen, 4 charts and a table, {what}", ours, "textual-plot", theirs, unit, 0.5)


def measure(names: list[str], quick: bool) -> Iterator[Row]:
    """Measure the cases."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package is compiled
    seconds = 1.0 if quick else 10.0
    names = names or (["usual"] if quick else ["usual", "ranks", "history", "first", "long", "leet"])
    screens = {"usual": partial(measure_cost, OURS, seconds)}
    if "usual" in names:
        screens["plots"] = partial(measure_cost, PLOTS, seconds)
    larger = {}
    if "ranks" in names:
        larger["4,096 ranks"] = partial(measure_cost, OURS, seconds, 4096)
        larger["table of 4,096 ranks and GPUs"] = partial(measure_cost, OURS, seconds, 4096, keys=b"3")
    if "history" in names:
        larger["10,000,000 steps"] = partial(measure_cost, OURS, seconds, 64, 10_000_000)
    costs = in_turn({**screens, **larger}, 1 if quick else TIMES)
    usual = costs["usual"]
    if "usual" in names:
        yield from against_plots(usual, costs["plots"])
        yield fixed_work(4 if quick else 20)
    for name in larger:
        yield from compared(name, costs[name], usual)
    if "first" in names:
        yield from screen_first.soon(1_000_000)
    if "long" in names:
        yield from compared("a log of 10,000,000 steps", Cost(*screen_first.long_history(seconds), HZ), usual)
    if "leet" in names:
        yield from screen_leet.compare(seconds)


if __name__ == "__main__":
    rows.main(measure)
