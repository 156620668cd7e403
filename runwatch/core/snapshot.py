"""An immutable view of runs and incidents at one moment: all that a screen may know.

Screens, status and headless mode render these and nothing else. Every text
field has been through runwatch.core.text; every number is in seconds, bytes or
fractions. Non-finite floats cannot cross JSON, so series carry them apart.
"""

from __future__ import annotations

import math

import msgspec

from runwatch.core.gap import Gap


class Progress(msgspec.Struct, frozen=True):
    """How far a run is, and when it will end."""

    step: int | None = None
    total: int | None = None
    fraction: float | None = None
    eta_seconds: float | None = None
    eta_spread: float | None = None
    """Half width of the likely range around eta_seconds."""
    rate: float | None = None
    """Steps per second, recent."""
    epoch: float | None = None
    """Newest epoch, if the log has no step."""
    records: int = 0
    """Records of training, if the log has neither."""
    eta_source: str = ""
    """What the ETA goes by, in words."""
    total_source: str = ""
    """The setting with the total, if step lines do not have it."""
    stage: str = ""
    """The stage of a pipeline that it is in, where it has several."""

    @property
    def begun(self) -> bool:
        """Whether anything is known of it."""
        return self.step is not None or self.epoch is not None or self.records > 0


def finite(value: float | None) -> float | None:
    """Return the value, or None where JSON has no word for it."""
    return value if value is not None and math.isfinite(value) else None


def not_finite(value: float | None) -> str:
    """Return `nan`, `inf` or `-inf` where a value is one of these, else ""."""
    return "" if value is None or math.isfinite(value) else str(value)


class Latest(msgspec.Struct, frozen=True):
    """The newest value of one metric."""

    metric: str
    value: float | None
    """None when it is not finite; `text` says which."""
    text: str = ""
    """"nan", "inf" or "-inf" when value is None."""
    step: int | None = None
    count: int = 0
    """How many values there are; where several sources report the metric, of the one with most."""
    nonfinite: int = 0
    minimum: float | None = None
    maximum: float | None = None
    printed: str = ""
    """Its name as the log prints it."""
    minimum_at: float | None = None
    """Step of the minimum, the first of several; None where it is not known."""
    maximum_at: float | None = None
    """The same of the maximum."""


class Columns(msgspec.Struct, frozen=True):
    """One metric, ready to plot: at most two points per column of the asked width.

    Parallel lists; x ascending. A column whose points are all non-finite has
    None in low, high, mean and last, and `nonfinite` is their number.
    """

    metric: str
    x: tuple[float, ...] = ()
    low: tuple[float | None, ...] = ()
    high: tuple[float | None, ...] = ()
    mean: tuple[float | None, ...] = ()
    last: tuple[float | None, ...] = ()
    nonfinite: tuple[int, ...] = ()


class Mark(msgspec.Struct, frozen=True):
    """Something worth a mark on the x axis."""

    kind: str
    """incident or resolved, restart, eval, checkpoint, or spoilt: a checkpoint that is not good."""
    step: int
    label: str = ""
    severity: str = ""
    """Of an incident: warning or critical."""


class RankPlace(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Where a rank runs on the machine that is watched; None is not known."""

    pid: int
    state: str
    """running, sleeping, blocked, stopped or zombie."""
    waits: str = ""
    """What it waits for where it does not run."""
    gpus: tuple[str, ...] = ()
    """Indices of its GPUs."""
    gpu_state: str = "ok"
    """ok, denied or lost: that of the worst of its GPUs."""
    measure: str = ""
    """What `busy` is: sm_activity, util, or power as a part of its limit; "" where its GPUs differ."""
    busy: float | None = None
    """Mean of its GPUs."""
    memory_used: float | None = None
    """Bytes on all its GPUs, of whatever process."""
    memory_total: float | None = None
    temperature: float | None = None
    """Degrees Celsius of the hottest."""
    power: float | None = None
    """Watts of all."""


class RankRow(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Progress of one rank: its newest training step, or how far it is in an evaluation."""

    rank: int
    done: int | None
    """None if it never reported progress."""
    total: int | None = None
    age: float | None = None
    """Seconds since the rank last reported."""
    step_time: float | None = None
    """Seconds per step."""
    loss: float | None = None
    place: RankPlace | None = None
    """Its process and its GPUs, if it runs on the machine that is watched."""
    loss_text: str = ""
    """`nan` or `inf`, where its loss is no number."""
    host: str = ""
    """Name of its node, where ranks of several are shown together."""


OPEN = frozenset({"firing", "acknowledged"})
"""States of an incident that is not over."""


class IncidentRow(msgspec.Struct, frozen=True):
    """One incident, as people read it."""

    id: str
    run: str
    rule: str
    severity: str
    state: str
    """pending, firing, acknowledged or resolved."""
    title: str
    cause: str = ""
    advice: str = ""
    metric: str | None = None
    rank: int | None = None
    step: int | None = None
    line: int | None = None
    since: float | None = None
    """Unix time at which it began to fire, if seen live."""
    resolved_step: int | None = None
    evidence: dict[str, float | int | str | None] = {}
    lead: str = ""
    """Id of the incident that this is a symptom of, if it is one."""
    symptoms: tuple[str, ...] = ()
    """Titles of the incidents that follow from this one."""
    stage: str = ""
    """The stage of a pipeline in which it arose, where the run has several."""
    former: tuple[str, ...] = ()
    """Names that the run had before: silences and routes that say one of them hold."""


class CheckpointRow(msgspec.Struct, frozen=True):
    """One checkpoint."""

    name: str
    """The last part of its path; if only the log reports it, the place in the log."""
    at: int | None = None
    """Step, or epoch where no step is known."""
    kind: str = ""
    state: str = "logged"
    """complete, writing, incomplete, damaged, unknown, deleted, or `logged`: only the log reports it."""
    reason: str = ""
    bytes: int | None = None
    age: float | None = None
    """Seconds since it was last written to."""
    seconds: float | None = None
    """How long writing it took, at least."""
    ranks: int = 0
    """Ranks whose shards are there; 0 where the layout has none."""
    ranks_expected: int | None = None
    spoilt: str = ""
    """What its weights are though its files may be complete: `after NaN` or `diverged`; "" if good."""


class Saving(msgspec.Struct, frozen=True):
    """What a run's checkpoints say together; None is not known."""

    last_good: int | None = None
    """Step of the newest good checkpoint."""
    interval: float | None = None
    """Usual distance, in steps."""
    interval_seconds: float | None = None
    next_in: float | None = None
    """Seconds until the next one is due; negative when it is late."""
    usual_bytes: int | None = None
    room: int | None = None
    """How many more fit into the free space."""
    full_in: float | None = None
    """Seconds until the first one that does not fit is due."""
    next_at: int | None = None
    """Step of the next one, going by the usual distance."""
    present: int = 0
    deleted: int = 0
    rotates: bool = False
    """Old ones are deleted as new ones come."""
    size_ratio: float | None = None
    """The newest complete one's size over what was usual before it, where that was steady."""


class EventRow(msgspec.Struct, frozen=True):
    """Something that happened in a run."""

    kind: str
    title: str
    step: int | None = None
    line: int | None = None
    rank: int | None = None
    source: str = ""
    """Path of the log that `line` is in."""


class ProcessRow(msgspec.Struct, frozen=True):
    """One process of a run; None is not known."""

    pid: int
    role: str
    """rank, main, launcher, shell, worker or filter."""
    state: str
    """running, sleeping, blocked, stopped or zombie."""
    rank: int | None = None
    command: str = ""
    waits: str = ""
    cores: float | None = None
    """CPU seconds per second."""
    rss: float | None = None
    """Resident bytes."""
    gpus: tuple[str, ...] = ()


class GpuRow(msgspec.Struct, frozen=True):
    """One GPU; None is not known."""

    index: str
    name: str = ""
    state: str = "ok"
    """ok, denied or lost."""
    own: bool = False
    """The run computes on it."""
    measure: str = ""
    """What `busy` is: sm_activity, util, or power as a part of its limit."""
    busy: float | None = None
    memory_used: float | None = None
    memory_total: float | None = None
    power: float | None = None
    """Watts."""
    power_limit: float | None = None
    temperature: float | None = None
    """Degrees Celsius."""
    slowed: str = ""
    """Why its clocks are low, where that is not normal."""
    trend: tuple[float, ...] = ()
    """`busy` over the last hour at most, newest last."""


class MachineView(msgspec.Struct, frozen=True):
    """The machine under the run that is shown."""

    processes: tuple[ProcessRow, ...] = ()
    gpus: tuple[GpuRow, ...] = ()
    host: dict[str, float] = {}
    """Newest values of the host by the last part of their names, as in runwatch.core.sample."""
    job: str = ""
    """The scheduler's job, in words."""
    deadline: float | None = None
    """Seconds until the job is ended."""
    notes: tuple[str, ...] = ()
    """What cannot be seen, and why."""


class RunRow(msgspec.Struct, frozen=True):
    """One line of the list of runs."""

    id: str
    name: str
    phase: str
    """reading, starting, warmup, training, evaluating, checkpointing, finished, crashed, interrupted,
    preempted, time_limit, vanished, stalled, blind or unknown."""
    progress: Progress
    critical: int = 0
    warning: int = 0
    loss: float | None = None
    """None when it is not finite; `loss_text` says which."""
    loss_text: str = ""
    host: str = ""
    """Name of the machine it is watched on, where runs of several are shown together."""
    age: float | None = None
    """Seconds since its newest line was written, as far as known."""
    reason: str = ""
    """Why it is blind and what to do, or what is wrong with it though it has finished; one line, else ""."""
    worst: str = ""
    """Title of its most severe firing alert, else ""."""
    worst_severity: str = ""
    """critical or warning."""
    speed: float | None = None
    """Newest throughput, of the metric `speed_metric`; None is not known."""
    speed_metric: str = ""
    gpu: float | None = None
    """How busy its GPUs are: the mean of them."""
    folder: str = ""
    """Directory above that of the run."""
    trend: tuple[float | None, ...] = ()
    """Its loss from the beginning to now; only for views that show it. None is not finite."""
    job: str = ""
    """What the scheduler or the launcher calls it on all its nodes; "" if they do not say."""


class PastRun(msgspec.Struct, frozen=True):
    """A run that is or was watched, as of the newest commit; None is not known."""

    id: str
    name: str
    phase: str
    """As in RunRow."""
    sources: tuple[str, ...] = ()
    format: str | None = None
    step: int | None = None
    total: int | None = None
    loss: float | None = None
    best_metric: str = ""
    best: float | None = None
    best_at: int | None = None
    seconds: float | None = None
    """Length of its training."""
    health: str = "ok"
    reason: str = ""
    written: float | None = None
    """Unix time of the newest line."""
    watched: float = 0.0
    """Unix time of the commit."""
    report: str = ""
    """Path of the report that was written at its end."""


class StageRow(msgspec.Struct, frozen=True):
    """One stage of a pipeline."""

    id: str
    """That of a run: what a view asks for to show it."""
    name: str
    phase: str
    progress: Progress
    records: int = 0
    loss: float | None = None
    loss_text: str = ""
    critical: int = 0
    warning: int = 0
    results: dict[str, float | None] = {}
    """Metric -> its value in the evaluation behind the end of its training; None is not finite."""


class RunView(msgspec.Struct, frozen=True):
    """The run that is shown, at the width the client asked for."""

    id: str
    name: str
    phase: str
    progress: Progress
    format: str | None = None
    sources: tuple[str, ...] = ()
    whys: tuple[str, ...] = ()
    """What each of them is to the run, and why it was taken for a part of it; empty if there is only one."""
    age: float | None = None
    """Seconds since the newest line was read."""
    elapsed: float | None = None
    """Seconds of training, if the log has them."""
    history: float | None = None
    """Fraction of the backlog read so far; None once all is read."""
    records: int = 0
    latest: tuple[Latest, ...] = ()
    charts: tuple[Columns, ...] = ()
    marks: tuple[Mark, ...] = ()
    ranks: tuple[RankRow, ...] = ()
    incidents: tuple[IncidentRow, ...] = ()
    checkpoints: tuple[CheckpointRow, ...] = ()
    """Newest first."""
    saving: Saving = Saving()
    events: tuple[EventRow, ...] = ()
    """Newest first; only for views that show them."""
    log: tuple[tuple[int, str], ...] = ()
    log_source: str = ""
    """Path of the source that these lines are from."""
    log_read: tuple[tuple[int, float], ...] = ()
    """(line, Unix time): this and the following lines were read then, as they came; 0 is not known."""
    link: str = ""
    """Address of its page on W&B, if known."""
    facts: dict[str, str] = {}
    about: dict[str, str] = {}
    """The run's configuration and where it runs, from files next to it; only for views that show it."""
    parallel: dict[str, int] = {}
    """Sizes of `tp`, `cp` and `pp`, if the configuration has them."""
    has_machine: bool = False
    """Whether processes or GPUs of it are known, so that there is something to show."""
    machine: MachineView | None = None
    """Only for views that show it."""
    stages: tuple[StageRow, ...] = ()
    """The stages of a pipeline, oldest first; empty where there is but one without results."""
    reason: str = ""
    """Why it is blind and what to do, or what is wrong with it though it has finished; one line, else ""."""
    story: str = ""
    """How it ended, or that it makes no progress, on one line; "" while it continues."""


class Compared(msgspec.Struct, frozen=True):
    """Another run, laid over the charts of the one that is shown."""

    id: str
    charts: tuple[Columns, ...] = ()
    about: dict[str, str] = {}
    """Its configuration and where it runs."""
    metric: str = ""
    """What both are compared by; "" if they have nothing in common."""
    gap: Gap | None = None
    """How far it is above the run that is shown; None if they have too few steps in common."""


class Replay(msgspec.Struct, frozen=True):
    """How far a replay is; times are Unix times of what is played."""

    first: float
    last: float
    now: float
    speed: float | None
    """Seconds of the run in one second; None: as fast as possible."""
    state: str
    """playing, paused, seeking, searching (for the next incident), reading (what comes next), or ended."""
    basis: str
    """What its times are from."""
    incidents: tuple[float, ...] = ()
    """When incidents began, as far as it was played at any time."""
    share: float = 1.0
    """How much of it was read: below 1.0 its end is not known, and its times are not certain."""


class Silenced(msgspec.Struct, frozen=True):
    """Of what nothing is sent for a while, because a person said so."""

    ends: float
    """Unix time."""
    ids: tuple[str, ...]
    """The silences that are about it."""


class Snapshot(msgspec.Struct, frozen=True):
    """Everything one frame of a screen needs."""

    time: float
    """Unix time of the engine when this was true."""
    runs: tuple[RunRow, ...] = ()
    run: RunView | None = None
    notices: tuple[str, ...] = ()
    """What the user should know about runwatch itself: blind sources, failed deliveries."""
    compared: tuple[Compared, ...] = ()
    lost: str = ""
    """What became of the daemon of the run that is shown, in two words; "" if it is within reach."""
    advice: str = ""
    """What else is known of that, and what to do."""
    late: float = 0.0
    """Seconds since this was true, if it is out of reach."""
    replay: Replay | None = None
    """Where a finished run is played, not watched."""
    silenced: dict[str, Silenced] = {}
    """By the id of an incident or a run; of runs those that are silenced as a whole."""
