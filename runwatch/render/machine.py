"""The machine under a run as rows of text: GPUs, processes, host, and what cannot be seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from runwatch.core.snapshot import GpuRow, MachineView, ProcessRow
from runwatch.render import cells, numbers
from runwatch.render.cells import Row
from runwatch.render.charts.sparkline import sparkline
from runwatch.render.glyphs import UNICODE, Glyphs

STATES = {"blocked": "warn", "stopped": "crit", "zombie": "warn", "running": "good"}
"""How the state of a process is shown."""
BUSY = {"sm_activity": "SM", "util": "util", "power": "power"}
"""How busy a GPU is, by what that is measured as."""
UNSEEN = {"lost": "does not answer", "denied": "no permission to see it"}
"""What is said of a GPU that cannot be read, by its state."""
_ORDER = ("rank", "main", "launcher", "filter", "shell", "worker")
_TREND = 20
_NOTE = 3
"""Rows of a note about what cannot be seen."""
_BEFORE_DOING = 53
"""Cells before what a process does."""
_LEAST_DOING = 12
"""Cells in which that says something."""
_RATES = (("read", "disk_read"), ("write", "disk_write"), ("in", "net_receive"), ("out", "net_send"))


def lines(view: MachineView, width: int, height: int, glyphs: Glyphs = UNICODE) -> list[Row]:
    """Return at most `height` rows: the host, then GPUs, processes and notes as far as they fit."""
    rows = host(view, width, glyphs)
    gpus, processes = gpu_rows(view.gpus, width, glyphs), process_rows(view.processes, width, glyphs)
    notes: list[Row] = [
        [(line, "dim")] for note in view.notes for line in cells.wrapped(note, width, _NOTE, glyphs.ellipsis)
    ]
    room = max(0, height - len(rows) - len(notes))
    if len(gpus) + len(processes) > room:
        share = max(room - len(processes), room // 2)
        gpus, processes = _cut(gpus, share), _cut(processes, room - min(len(gpus), share))
    return [*rows, *gpus, *processes, *notes][: max(0, height)]


def _cut(rows: list[Row], room: int) -> list[Row]:
    """Return `room` rows, the last of which says how many are missing."""
    if len(rows) <= room:
        return rows
    return [*rows[: max(0, room - 1)], [(f"  and {len(rows) - room + 1} more", "dim")]][: max(0, room)]


def host(view: MachineView, width: int, glyphs: Glyphs = UNICODE) -> list[Row]:
    """Return one row about the host and its job."""
    has = view.host
    parts: list[str] = []
    if "cpu" in has:
        parts.append(f"CPU {numbers.percent(has['cpu'], 0)}")
    if "cgroup_memory_limit" in has and "cgroup_memory_used" in has:
        used, limit = has["cgroup_memory_used"], has["cgroup_memory_limit"]
        parts.append(f"memory {numbers.size(used)} of {numbers.size(limit)}")
    elif "memory_available" in has and "memory_total" in has:
        left, total = has["memory_available"], has["memory_total"]
        parts.append(f"memory {numbers.size(left)} of {numbers.size(total)} free")
    if "io_pressure" in has:
        parts.append(f"I/O wait {numbers.percent(has['io_pressure'], 0)}")
    if view.job:
        parts.append(view.job)
    if view.deadline is not None:
        left = view.deadline
        parts.append(f"deadline in {numbers.duration(left)}" if left > 0 else "past its deadline")
    parts += [f"{word} {numbers.size(has[name])}/s" for word, name in _RATES if has.get(name, 0.0) >= 1e3]
    between = f" {glyphs.dot} "
    while len(parts) > 1 and cells.width(cells.settled(between.join(parts))) > width:
        parts.pop()
    return [[(cells.clip(between.join(parts), width, glyphs.ellipsis), "")]] if parts else []


def gpu_rows(gpus: Sequence[GpuRow], width: int, glyphs: Glyphs = UNICODE) -> list[Row]:
    """Return a heading and one row per GPU; those of the run first."""
    if not gpus:
        return []
    words = dict.fromkeys(BUSY[gpu.measure] for gpu in gpus if gpu.measure)
    heading = _gpu_columns("GPU", "/".join(words) or "busy", "memory", "power", "temp", "dim")
    out: list[Row] = [_fitting(heading, width)]
    for gpu in sorted(gpus, key=lambda gpu: not gpu.own):
        out.append(_fitting(_gpu(gpu, glyphs), width))
    return out


def _gpu_columns(index: str, busy: str, memory: str, power: str, temperature: str, role: str) -> Row:
    """Return one row of the GPUs, a part for each column."""
    texts = (f"{index:>5}", f" {busy:>6}", f" {memory:>19}", f" {power:>11}", f" {temperature:>5}")
    return [(text, role) for text in texts]


def _fitting(parts: Row, width: int) -> Row:
    """Return the parts of a row that fit: half a number would be another one."""
    out: Row = []
    for part in parts:
        if cells.row_width(out) + cells.width(part[0]) > width:
            break
        out.append(part)
    return out


def _gpu(gpu: GpuRow, glyphs: Glyphs) -> Row:
    role = "" if gpu.own else "dim"
    if gpu.state != "ok":
        return [(f"{gpu.index:>5} ", role), (UNSEEN[gpu.state], "crit" if gpu.state == "lost" else "dim")]
    memory = _pair(numbers.size, gpu.memory_used, gpu.memory_total)
    power = _pair(lambda watts: f"{watts:.0f}", gpu.power, gpu.power_limit) + (" W" if gpu.power else "")
    busy = "-" if gpu.busy is None else numbers.percent(gpu.busy, 0)
    heat = "-" if gpu.temperature is None else numbers.celsius(gpu.temperature)
    row = _gpu_columns(str(gpu.index), busy, memory, power, heat, role)
    if gpu.trend:
        row.append((f"  {sparkline(gpu.trend, _TREND, glyphs)}", "smooth"))
    if gpu.slowed:
        row.append((f" {gpu.slowed}", "warn"))
    return row


def process_rows(processes: Sequence[ProcessRow], width: int, glyphs: Glyphs = UNICODE) -> list[Row]:
    """Return a heading and one row per process, ranks first; data workers are counted."""
    if not processes:
        return []
    heading = (
        f"{'pid':>9}",
        f" {'role':<9}",
        f"{'state':<10}",
        f"{'cores':>6}",
        f" {'memory':>9}",
        f" {'GPU':>5}",
        "  command" if width >= _BEFORE_DOING + _LEAST_DOING else "",
    )
    out: list[Row] = [_fitting([(text, "dim") for text in heading], width)]
    shown = [process for process in processes if process.role != "worker"]
    for process in sorted(shown, key=lambda p: (_ORDER.index(p.role), p.rank or 0)):
        name = f"rank {process.rank}" if process.role == "rank" else process.role
        cores = "-" if process.cores is None else f"{process.cores:.2f}"
        memory = "-" if process.rss is None else numbers.size(process.rss)
        doing = f"waits: {process.waits}" if process.waits else process.command
        room = width - _BEFORE_DOING
        doing = cells.clip(doing, room, glyphs.ellipsis) if room >= _LEAST_DOING else ""
        row: Row = [
            (f"{process.pid:>9}", ""),
            (f" {name:<9}", ""),
            (f"{process.state:<10}", STATES.get(process.state, "dim")),
            (f"{cores:>6}", ""),
            (f" {memory:>9}", ""),
            (f" {','.join(process.gpus) or '-':>5}", ""),
            (f"  {doing}", "warn" if process.waits and process.state == "blocked" else "dim"),
        ]
        out.append(cells.fit(_fitting(row, width), width, glyphs.ascii))
    if helpers := len(processes) - len(shown):
        out.append([(f"{'':>9} {helpers} helper processes", "dim")])
    return out


def _pair(write: Callable[[float], str], one: float | None, other: float | None) -> str:
    if one is None:
        return "-"
    return f"{write(one)}/{write(other)}" if other is not None else write(one)
