"""Every metric that is exported: its name, kind and labels, what it means, and where its samples come from.

The exporter writes what is in this table, docs/metrics.md describes it, and rules, dashboards and the fleet
screen name metrics by it. Values are in base units. All series have the label `host`; those of a run have
the label `run` too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from statistics import median
from typing import Any, TypeVar

from runwatch.core import metrics as names
from runwatch.core.batch import NODE
from runwatch.core.snapshot import GpuRow, IncidentRow, RankRow, RunRow, Saving
from runwatch.render.ranks import ranks

PREFIX = "runwatch_"
_UNITS = {"seconds": "s", "bytes": "By", "ratio": "1", "watts": "W", "celsius": "Cel"}
Sample = tuple[Sequence[str], float | None]
S = TypeVar("S")


class Kind(Enum):
    """A kind of metric, in the words of both text formats."""

    GAUGE = "gauge"
    COUNTER = "counter"
    INFO = "info"


@dataclass(frozen=True, slots=True, eq=False)
class Metric:
    """One metric."""

    name: str
    """Its family's name, without the suffix that its samples have."""
    kind: Kind
    help: str
    samples: Callable[[Any], Iterable[Sample]]
    labels: tuple[str, ...] = ()
    """Its own labels, next to those that all series of its subject have."""

    @property
    def sample(self) -> str:
        """The name that its samples have."""
        return self.name + {Kind.COUNTER: "_total", Kind.INFO: "_info"}.get(self.kind, "")

    @property
    def unit(self) -> str:
        """Its unit in the words of UCUM, which its name ends with; "" if it has none."""
        return _UNITS.get(self.name.rpartition("_")[2], "")


@dataclass(frozen=True, slots=True)
class ExportedRun:
    """What is exported of a run: parts of a snapshot, at Unix time `now`."""

    row: RunRow
    now: float
    ranks: Sequence[RankRow] = ()
    """All of them."""
    listed: Sequence[RankRow] = ()
    """Those that have series of their own."""
    incidents: Sequence[IncidentRow] = ()
    """Those that are open."""
    saving: Saving = field(default_factory=Saving)
    values: dict[str, float | None] = field(default_factory=dict)
    """Newest value by metric."""
    format: str = ""
    job: str = ""
    """What the run is called across nodes."""
    world_size: int | None = None


@dataclass(frozen=True, slots=True)
class Own:
    """What is exported of the daemon itself."""

    version: str = ""
    started: float = 0.0
    now: float = 0.0
    runs: int = 0
    left_out: int = 0
    """Runs without series: there are too many, or they ended long ago."""
    sources: int = 0
    unreadable: int = 0
    lines: int = 0
    unrecognized: int = 0
    batches: int = 0
    errors: int = 0
    fold_seconds: float = 0.0
    lag: float = 0.0
    queued: int = 0
    notices: int = 0
    clients: int = 0
    build_seconds: float = 0.0
    cpu_seconds: float = 0.0
    resident: float | None = None
    open_files: float | None = None
    most_files: float | None = None


def _one(value: Callable[[S], float | None]) -> Callable[[S], Iterable[Sample]]:
    return lambda subject: (((), value(subject)),)


def _gauge(name: str, meaning: str, value: Callable[[Any], float | None]) -> Metric:
    return Metric(PREFIX + name, Kind.GAUGE, meaning, _one(value))


def _value(name: str, meaning: str, metric: str) -> Metric:
    return _gauge(name, meaning, lambda run: run.values.get(metric))


def _of_ranks(name: str, meaning: str, value: Callable[[RankRow, float], float | None]) -> Metric:
    def samples(run: ExportedRun) -> Iterable[Sample]:
        return [((rank_name(row.rank),), value(row, run.now)) for row in run.listed]

    return Metric(PREFIX + name, Kind.GAUGE, meaning, samples, ("rank",))


def _spread(name: str, meaning: str, value: Callable[[RankRow, float], float | None]) -> Metric:
    def samples(run: ExportedRun) -> Iterable[Sample]:
        known = [found for row in run.ranks if (found := value(row, run.now)) is not None]
        if not known:
            return ()
        return ((("min",), min(known)), (("median",), median(known)), (("max",), max(known)))

    return Metric(PREFIX + name, Kind.GAUGE, meaning, samples, ("stat",))


def _of_gpus(name: str, meaning: str, value: Callable[[GpuRow], float | None]) -> Metric:
    return Metric(PREFIX + name, Kind.GAUGE, meaning, lambda row: (((row.index,), value(row)),), ("gpu",))


def _counter(name: str, meaning: str, value: Callable[[Own], float | None]) -> Metric:
    return Metric(PREFIX + name, Kind.COUNTER, meaning, _one(value))


def rank_name(rank: int) -> str:
    """Return what a rank is called; where a log numbers ranks within nodes, with its node."""
    return ranks.label(rank) if rank >= NODE else str(rank)


def _seen(row: RankRow, now: float) -> float | None:
    return None if row.age is None else now - row.age


def _loss(run: ExportedRun) -> float | None:
    return float(run.row.loss_text) if run.row.loss_text else run.row.loss


def _due(run: ExportedRun) -> float | None:
    return None if run.saving.next_in is None else run.now + run.saving.next_in


def _incident(row: IncidentRow) -> tuple[str, ...]:
    rank = "" if row.rank is None else rank_name(row.rank)
    return (row.id[:16], row.rule, row.severity, row.state, row.metric or "", rank)


RUN: tuple[Metric, ...] = (
    Metric(
        PREFIX + "run",
        Kind.INFO,
        "1 for each run, with what does not change about it; job_id is the same on all nodes of a run",
        lambda run: (
            (
                (
                    run.row.id,
                    run.job,
                    run.format,
                    run.row.folder,
                    "" if run.world_size is None else str(run.world_size),
                ),
                1.0,
            ),
        ),
        ("id", "job_id", "format", "folder", "world_size"),
    ),
    Metric(
        PREFIX + "run_phase",
        Kind.GAUGE,
        "1 for the phase that a run is in, such as training, stalled, crashed or finished",
        lambda run: (((run.row.phase,), 1.0),),
        ("phase",),
    ),
    _gauge("run_step", "newest training step", lambda run: run.row.progress.step),
    _gauge("run_planned_steps", "steps that a run is to make", lambda run: run.row.progress.total),
    _gauge(
        "run_progress_ratio", "part of a run that is done, from 0 to 1", lambda run: run.row.progress.fraction
    ),
    _gauge("run_remaining_seconds", "estimated time until the end", lambda run: run.row.progress.eta_seconds),
    _gauge("run_steps_per_second", "recent speed in steps", lambda run: run.row.progress.rate),
    _gauge("run_epoch", "newest epoch", lambda run: run.values.get(names.EPOCH)),
    _gauge(
        "run_last_line_timestamp_seconds",
        "Unix time at which the newest line of a run was written",
        lambda run: None if run.row.age is None else run.now - run.row.age,
    ),
    _gauge("train_loss", "newest training loss; NaN and Inf as they are", _loss),
    _value("train_grad_norm", "newest gradient norm", names.GRAD_NORM),
    _value("train_learning_rate", "newest learning rate", names.LEARNING_RATE),
    _value("validation_loss", "newest validation loss", names.VAL_LOSS),
    _value("step_seconds", "newest time of a training step, as printed", names.STEP_TIME),
    _value("tokens_per_second", "newest throughput in tokens", names.TOKENS_PER_SEC),
    _value("samples_per_second", "newest throughput in samples", names.SAMPLES_PER_SEC),
    _value("mfu_ratio", "newest model FLOPs utilization, from 0 to 1", names.MFU),
    _gauge(
        "run_gpu_utilization_ratio", "how busy the GPUs of a run are: their mean", lambda run: run.row.gpu
    ),
    _gauge(
        "checkpoint_last_good_step",
        "step of the newest good checkpoint",
        lambda run: run.saving.last_good,
    ),
    _gauge("checkpoint_due_timestamp_seconds", "Unix time at which the next checkpoint is due", _due),
    Metric(
        PREFIX + "incident",
        Kind.GAUGE,
        "1 for each open incident; rules are described in docs/rules.md",
        lambda run: [(_incident(row), 1.0) for row in run.incidents],
        ("incident", "rule", "severity", "state", "metric", "rank"),
    ),
    Metric(
        PREFIX + "incident_title",
        Kind.INFO,
        "1 for each open incident, with its title; join by the label incident",
        lambda run: [((row.id[:16], row.title), 1.0) for row in run.incidents],
        ("incident", "title"),
    ),
    _gauge("ranks", "how many ranks are known", lambda run: len(run.ranks) or None),
    _spread("ranks_step", "newest step over all ranks", lambda row, now: row.done),
    _spread("ranks_step_seconds", "time of a step over all ranks", lambda row, now: row.step_time),
    _spread("ranks_seen_timestamp_seconds", "Unix time of the newest line of a rank, over all ranks", _seen),
    _of_ranks("rank_step", "newest step of a rank", lambda row, now: row.done),
    _of_ranks("rank_step_seconds", "time of a step of a rank", lambda row, now: row.step_time),
    _of_ranks("rank_seen_timestamp_seconds", "Unix time of the newest line of a rank", _seen),
)
"""Of each run."""

GPU: tuple[Metric, ...] = (
    _of_gpus(
        "gpu_utilization_ratio", "how busy a GPU is, by the best measure that it has", lambda row: row.busy
    ),
    _of_gpus("gpu_memory_used_bytes", "memory in use", lambda row: row.memory_used),
    _of_gpus("gpu_memory_bytes", "memory that there is", lambda row: row.memory_total),
    _of_gpus("gpu_power_watts", "power", lambda row: row.power),
    _of_gpus("gpu_power_limit_watts", "limit of the power", lambda row: row.power_limit),
    _of_gpus("gpu_temperature_celsius", "temperature", lambda row: row.temperature),
    _of_gpus("gpu_lost", "1 for a GPU that the driver has lost", lambda row: float(row.state == "lost")),
    _of_gpus(
        "gpu_throttled",
        "1 for a GPU with low clocks for a reason that is not normal",
        lambda row: float(bool(row.slowed)),
    ),
)
"""Of each GPU of the host."""

DAEMON: tuple[Metric, ...] = (
    Metric(
        PREFIX + "build", Kind.INFO, "1, with the version", lambda own: (((own.version,), 1.0),), ("version",)
    ),
    _gauge("start_timestamp_seconds", "Unix time at which the daemon started", lambda own: own.started),
    _gauge("time_seconds", "the daemon's clock, in Unix time", lambda own: own.now),
    _gauge("runs", "runs that have series here", lambda own: own.runs),
    _gauge("runs_left_out", "runs without series: too many, or over for long", lambda own: own.left_out),
    _gauge("sources", "logs and directories that are read", lambda own: own.sources),
    _gauge("sources_unreadable", "sources that cannot be read or understood", lambda own: own.unreadable),
    _counter("lines", "lines read since the start", lambda own: own.lines),
    _counter("lines_unrecognized", "lines read without a known meaning", lambda own: own.unrecognized),
    _counter("batches", "batches folded since the start", lambda own: own.batches),
    _counter("fold_errors", "batches and clock checks that failed", lambda own: own.errors),
    _counter("fold_seconds", "CPU time of the fold", lambda own: own.fold_seconds),
    _gauge(
        "loop_lag_seconds", "how late the daemon's clock was at worst in the last minute", lambda own: own.lag
    ),
    _gauge("messages_queued", "alerts that wait to be delivered", lambda own: own.queued),
    _gauge("notices", "what people should know about runwatch itself", lambda own: own.notices),
    _gauge("clients", "screens and commands that are connected", lambda own: own.clients),
    _gauge(
        "exposition_seconds",
        "how long it took to collect the answer before this one",
        lambda own: own.build_seconds,
    ),
    Metric("process_cpu_seconds", Kind.COUNTER, "CPU time of the daemon", _one(lambda own: own.cpu_seconds)),
    Metric(
        "process_resident_memory_bytes", Kind.GAUGE, "memory of the daemon", _one(lambda own: own.resident)
    ),
    Metric("process_open_fds", Kind.GAUGE, "open files of the daemon", _one(lambda own: own.open_files)),
    Metric("process_max_fds", Kind.GAUGE, "files that the daemon may open", _one(lambda own: own.most_files)),
)
"""Of the daemon."""

PARTS: tuple[tuple[str, str, tuple[Metric, ...]], ...] = (
    ("Runs", "host, run", RUN),
    ("GPUs", "host", GPU),
    ("The daemon", "host", DAEMON),
)
"""What there are metrics of, the labels that all series of it have, and the metrics."""
