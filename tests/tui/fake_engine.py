"""A scripted engine: the real protocol over a real socket, pictures as the test wants them."""

from __future__ import annotations

import asyncio
import contextlib
import math
import socket

from runwatch.core.snapshot import (
    CheckpointRow,
    Columns,
    EventRow,
    IncidentRow,
    Latest,
    Mark,
    Progress,
    RankRow,
    RunRow,
    RunView,
    Saving,
    Snapshot,
)
from runwatch.watcher import protocol
from runwatch.watcher.protocol import Failure, Frame, Hello, Shutdown, Subscribe, View

CHECKPOINTS = (
    CheckpointRow("step_40000", 40_000, "dcp", "complete", "", 3 << 30, 2_400.0, 31.0),
    CheckpointRow(
        "step_30000", 30_000, "dcp", "damaged", "__0_0.distcp is cut short", 1 << 30, 22_000.0, 30.0
    ),
)
EVENTS = (
    EventRow("checkpoint", "saved step_40000", 40_000, 49_000),
    EventRow("nccl", "slow allreduce", 39_990, 48_990, 37),
)
ABOUT = {f"model/layer_{i}": f"value {i}" for i in range(60)}
SOURCES = ("/runs/llama/train.log", "/runs/llama/train.err")


class FakeEngine:
    """Answers each view with a picture made by `picture(view)`; remembers what it was asked."""

    def __init__(self, picture) -> None:
        self.picture = picture
        self.requests: list[protocol.Request] = []
        self.view: View | None = None
        self.frames = 0
        self._server: asyncio.StreamWriter | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> socket.socket:
        """Return the client's end of a connected pair."""
        ours, theirs = socket.socketpair()
        self._task = asyncio.create_task(self._serve(ours))
        return theirs

    async def _serve(self, sock: socket.socket) -> None:
        reader, self._server = await asyncio.open_connection(sock=sock)
        self.send(Hello(software="fake engine"))
        while line := await reader.readline():
            request = protocol.decode_request(line)
            self.requests.append(request)
            if isinstance(request, Subscribe):
                self.view = request.view
                self.push()
            elif isinstance(request, protocol.Query):
                self.send(protocol.Series(request.id, columns(request.metric, 200, 41_230, request.first)))
            elif isinstance(request, Shutdown):
                break
        self.hang_up()

    def send(self, reply: protocol.Reply) -> None:
        if self._server is not None and not self._server.is_closing():
            self._server.write(protocol.encode(reply))

    def push(self, snapshot: Snapshot | None = None) -> None:
        """Send a picture now."""
        if self.view is None:
            return
        self.frames += 1
        answer = snapshot if snapshot is not None else self.picture(self.view)
        self.send(answer if isinstance(answer, Failure) else Frame(answer))

    def hang_up(self) -> None:
        if self._server is not None:
            self._server.close()

    async def stop(self) -> None:
        self.hang_up()
        if self._server is not None:
            with contextlib.suppress(OSError):
                await self._server.wait_closed()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)


def wave(metric: str, i: int, total: int) -> float:
    """A value of a made-up run at part i/total: deterministic, with a little noise."""
    noise = math.sin(i * 12.9898) * 0.5 + math.sin(i * 78.233) * 0.5
    t = i / total
    if metric == "train/loss":
        return 2.2 + 8.5 * math.exp(-t * 12) + 0.06 * noise + (1.8 if abs(t - 0.77) < 0.004 else 0)
    if metric == "val/loss":
        return 2.35 + 8 * math.exp(-t * 12)
    if metric == "train/grad_norm":
        return 0.6 + 0.1 * noise + (4.0 if i % 61 == 7 else 0)
    if metric == "perf/tokens_per_sec":
        return 412_000 + 2_000 * noise - (110_000 if abs(t - 0.77) < 0.01 else 0)
    if metric == "perf/step_time":
        return 2.03 + 0.02 * noise
    if metric == "train/learning_rate":
        return 3e-4 * min(1, t * 20) * (1 - 0.5 * t)
    if metric == "perf/mfu":
        return 0.412 + 0.002 * noise
    return 1 + noise


METRICS = (
    "train/loss",
    "train/grad_norm",
    "train/learning_rate",
    "perf/step_time",
    "perf/tokens_per_sec",
    "perf/mfu",
    "val/loss",
)


def columns(
    metric: str, width: int, step: int, first: float | None = None, bad: tuple[int, ...] = ()
) -> Columns:
    """Plot-ready columns as an engine sends them: two points a column."""
    start = first or 0.0
    count = max(2, 2 * width if metric != "val/loss" else 12)
    xs, low, high, mean, nonfinite = [], [], [], [], []
    for i in range(count):
        x = start + (step - start) * i / (count - 1)
        value = wave(metric, int(400 * x / step), 400)
        xs.append(x)
        broken = i in bad
        mean.append(None if broken else value)
        low.append(None if broken else value * 0.98)
        high.append(None if broken else value * 1.03)
        nonfinite.append(3 if broken else 0)
    return Columns(metric, tuple(xs), tuple(low), tuple(high), tuple(mean), tuple(mean), tuple(nonfinite))


SPIKE = IncidentRow(
    "i1", "r1", "loss_spike", "critical", "firing", "loss spiked to 5.13, 4.1 sigma over 50 steps",
    cause="bad batch: grad norm rose in the same step", advice="Restart from step_31000 and skip the batch.",
    metric="train/loss", step=31_800, line=40_112, since=998_920.0,
    evidence={"value": 5.13, "median": 2.31, "window_steps": 512},
)  # fmt: skip
SLOW = IncidentRow(
    "i2", "r1", "straggler", "warning", "firing", "rank 37 is 41% slower than the median", rank=37, since=999_640.0
)  # fmt: skip
OLD = IncidentRow(
    "i3", "r1", "throughput", "warning", "resolved", "tok/s fell by 27%", metric="perf/tokens_per_sec", step=31_800,
    resolved_step=32_100,
)  # fmt: skip
ALERTS = (SPIKE, SLOW, OLD)


def picture(
    view: View,
    *,
    step: int = 41_230,
    metrics: tuple[str, ...] = METRICS,
    ranks: int = 0,
    incidents: tuple[IncidentRow, ...] = (),
    bad: tuple[int, ...] = (),
    **changes,
) -> Snapshot:
    """A run in full flight, as the view asked for it."""
    latest = tuple(
        Latest(m, wave(m, 400, 400), "", step, count=0 if step is None else step + 1)
        if not (bad and m == "train/loss")
        else Latest(m, None, "nan", step, count=0 if step is None else step + 1)
        for m in metrics
    )
    charts = tuple(
        columns(c.metric, c.width, step, c.first, bad if c.metric == "train/loss" else ())
        for c in view.charts
        if c.metric in metrics
    )
    last = 50_000 if view.log_before is None else min(50_000, view.log_before)
    log = tuple((n, log_line(n)) for n in range(max(1, last - view.log_lines + 1), last + 1))
    progress = Progress(step, 120_000, step / 120_000, 223_200.0, 10_800.0, 0.49)
    chosen = view.run or "r1"
    fields = {
        "id": chosen, "name": {"r1": "llama-7b-r3", "r2": "abl-17-wd"}.get(chosen, chosen), "phase": "training",
        "progress": progress, "format": "megatron", "sources": SOURCES,
        "log_source": view.log_source or SOURCES[0], "age": 2.0,
        "elapsed": 104_000.0, "records": step, "latest": latest, "charts": charts,
        "marks": (Mark("incident", 31_800), Mark("checkpoint", 30_000), Mark("checkpoint", 40_000)),
        "ranks": tuple(
            RankRow(i, 31 if i == 37 else 50, 50, 240.0 if i == 12 else 1.5) for i in range(ranks)
        ),
        "incidents": incidents, "checkpoints": CHECKPOINTS, "saving": Saving(40_000, 10_000.0, 20_000.0, 16_000.0, 3 << 30, 14),
        "events": EVENTS if view.details else (), "about": ABOUT if view.details else {}, "log": log,
        "facts": {"host": "login03", "gpus": "64"},
    }  # fmt: skip
    fields.update(changes)
    run = RunView(**fields)
    firing = [i for i in incidents if i.state == "firing"]
    rows = (
        RunRow("r1", "llama-7b-r3", "training", progress, sum(i.severity == "critical" for i in firing),
               sum(i.severity == "warning" for i in firing), 2.318),
        RunRow("r2", "abl-17-wd", "finished", Progress(1000, 1000, 1.0), loss=2.201),
    )  # fmt: skip
    return Snapshot(1_000_000.0, rows, run)


def log_line(n: int) -> str:
    if n % 40 == 17:
        return f"12:41:09 [r37] WARNING NCCL: slow allreduce 812 ms ({n})"
    if n == 49_900:
        return "RuntimeError: CUDA error: [bold]not markup[/bold] \\[x]"
    return f"12:41:07 iteration {n}/120000 | loss 2.3191E+00 | grad norm 0.611 | lr 2.12E-04 | 2.03 s"
