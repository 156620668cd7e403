"""What goes wrong: each kind of fault, how it shows in a log, and what should be said about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.detection.trace import Trace, heavy, log_uniform

Inject = Callable[[Trace, int], None]


@dataclass(frozen=True)
class Fault:
    """One kind of fault."""

    name: str
    inject: Inject
    rules: frozenset[str]
    """Rules whose finding is a detection."""
    cause: str
    """Regular expression that the headline, cause or symptoms of the incident must match."""
    needs: frozenset[str]
    """What the format must tell."""
    rows: int
    """Rows from the onset within which it must be found."""
    also: frozenset[str]
    """Rules whose findings follow from it, and are no false alarms."""
    group: str
    least: int
    """Rows before the onset."""
    info: bool
    """Whether a note is enough: not all that is worth knowing is worth waking somebody."""
    room: int
    """Rows after the onset."""
    lr: str | None


FAULTS: dict[str, Fault] = {}


def fault(
    rules: str,
    cause: str = "",
    *,
    needs: str = "loss",
    rows: int = 60,
    also: str = "",
    group: str,
    least: int = 120,
    info: bool = False,
    room: int = 120,
    lr: str | None = None,
) -> Callable[[Inject], Inject]:
    def register(inject: Inject) -> Inject:
        name = inject.__name__
        words = frozenset(rules.split())
        FAULTS[name] = Fault(
            name,
            inject,
            words,
            cause,
            frozenset(needs.split()),
            rows,
            words | frozenset(also.split()),
            group,
            least,
            info,
            room,
            lr,
        )
        return inject

    return register


_OPTIMISER = "nonfinite masked_nan loss_spike grad_spike divergence lr_anomaly loss_scale grad_vanish"

# -- not a number ----------------------------------------------------------------------------------


@fault("nonfinite", r"loss is NaN|grad_norm is NaN", group="non-finite", rows=5, also=_OPTIMISER)
def nan_from_a_step_on(t: Trace, at: int) -> None:
    t.columns["loss"][at:] = np.nan
    t.columns["grad"][at:] = np.nan


@fault("nonfinite", r"loss is infinite", group="non-finite", rows=5, also=_OPTIMISER)
def infinite_loss(t: Trace, at: int) -> None:
    t.columns["loss"][at : at + 5] = np.inf
    t.columns["loss"][at + 5 :] = np.nan


@fault("nonfinite", r"grad_norm is infinite", needs="grad", group="non-finite", rows=5, also=_OPTIMISER)
def gradient_overflows_then_nan(t: Trace, at: int) -> None:
    t.columns["grad"][at] = np.inf
    t.columns["grad"][at + 1 :] = np.nan
    t.columns["loss"][at + 1 :] = np.nan


@fault("nonfinite", r"loss is NaN", group="non-finite", rows=5, also=_OPTIMISER)
def nan_for_a_few_rows(t: Trace, at: int) -> None:
    t.columns["loss"][at : at + int(t.rng.integers(1, 6))] = np.nan


@fault("nonfinite", r"val/\w+ is NaN", needs="val", group="non-finite", rows=5, also=_OPTIMISER)
def nan_in_validation(t: Trace, at: int) -> None:
    t.val = {row: value for row, value in t.val.items() if row < at or row > at + 5}
    t.val[at] = np.nan


@fault("nonfinite", r"grad_norm is NaN", needs="grad", group="non-finite", rows=5, also=_OPTIMISER)
def nan_gradients_only(t: Trace, at: int) -> None:
    t.columns["grad"][at:] = np.nan


@fault("nonfinite", r"since (step|line) \d+", group="non-finite", rows=5, least=0, also=_OPTIMISER)
def nan_from_the_first_step(t: Trace, at: int) -> None:
    t.columns["loss"][:] = np.nan
    t.columns["grad"][:] = np.nan


@fault("masked_nan", r"exactly 0", needs="grad", group="non-finite", rows=8, also=_OPTIMISER)
def masked_nan(t: Trace, at: int) -> None:
    t.columns["loss"][at:] = 0.0
    t.columns["grad"][at:] = np.nan


@fault("masked_nan", r"exactly 0", group="non-finite", rows=8, also=_OPTIMISER)
def loss_printed_as_zero(t: Trace, at: int) -> None:
    t.columns["loss"][at:] = 0.0
    t.columns["grad"][at:] = 0.0


@fault("masked_nan", r"same value", group="non-finite", rows=40, also=_OPTIMISER)
def loss_frozen(t: Trace, at: int) -> None:
    t.columns["loss"][at:] = t.columns["loss"][at]


@fault(
    "loss_scale nonfinite",
    r"loss scale|infinite",
    needs="scale",
    group="non-finite",
    rows=60,
    also=_OPTIMISER,
)
def loss_scale_collapses(t: Trace, at: int) -> None:
    t.columns["scale"][:] = 65536.0
    fall = np.minimum(np.arange(t.rows - at) // 3, 16)
    t.columns["scale"][at:] = 65536.0 / 2.0**fall
    t.columns["grad"][at : at + 48] = np.where(np.arange(min(48, t.rows - at)) % 3 == 2, np.inf, 1.0)


# -- optimisation ----------------------------------------------------------------------------------


@fault("loss_spike", r"rose", group="optimisation", rows=40, also=_OPTIMISER, info=True)
def bad_batch(t: Trace, at: int) -> None:
    t.columns["loss"][at] *= t.rng.uniform(1.6, 3)
    t.columns["grad"][at] *= t.rng.uniform(3, 30)


@fault("loss_spike divergence", r"rose|above its best", group="optimisation", rows=60, also=_OPTIMISER)
def spike_that_recovers_slowly(t: Trace, at: int) -> None:
    length = int(t.rng.integers(15, 60))
    shape = 1 + t.rng.uniform(0.6, 2.5) * np.exp(-np.arange(t.rows - at) / (length / 3))
    t.lift("loss", slice(at, None), shape)
    t.columns["grad"][at : at + length] *= t.rng.uniform(3, 12)


@fault("loss_spike divergence", r"rose|above its best", group="optimisation", rows=60, also=_OPTIMISER)
def loss_jumps_and_stays(t: Trace, at: int) -> None:
    t.lift("loss", slice(at, None), t.rng.uniform(1.4, 2.5))


@fault("divergence loss_spike", r"above its best|rose", group="optimisation", rows=120, also=_OPTIMISER)
def diverges_fast(t: Trace, at: int) -> None:
    rise = np.minimum(np.exp(np.arange(t.rows - at) / t.rng.uniform(10, 40)), t.rng.uniform(3, 10))
    t.lift("loss", slice(at, None), rise)
    t.lift("grad", slice(at, None), rise**2)


@fault(
    "divergence loss_spike",
    r"above its best|rose",
    group="optimisation",
    rows=300,
    room=320,
    also=_OPTIMISER,
)
def diverges_slowly(t: Trace, at: int) -> None:
    rise = 1 + t.rng.uniform(0.3, 0.6) * np.minimum(1, np.arange(t.rows - at) / 200)
    t.lift("loss", slice(at, None), rise)


@fault(
    "divergence loss_spike never_learns nonfinite",
    r"above its best|rose",
    group="optimisation",
    rows=150,
    least=40,
    also=_OPTIMISER,
)
def hot_start(t: Trace, at: int) -> None:
    """Diverge when the warm-up ends."""
    flat = t.columns["loss"][at]
    after = np.arange(t.rows - at)
    t.columns["loss"][at:] = flat * (1 + np.minimum(after / 30, 1.5))
    t.columns["loss"][at:] *= np.exp(0.03 * heavy(t.rng, len(after)))
    t.columns["grad"][at:] *= 1 + np.minimum(after / 5, 20)


@fault("loss_spike divergence", r"rose|above its best", needs="grad", group="optimisation", also=_OPTIMISER)
def corrupt_data(t: Trace, at: int) -> None:
    t.lift("loss", slice(at, None), t.rng.uniform(1.6, 4))
    t.lift("grad", slice(at, None), t.rng.uniform(2, 8))


@fault(
    "divergence loss_spike",
    r"above its best|rose",
    group="optimisation",
    rows=150,
    room=150,
    also=_OPTIMISER,
)
def partly_corrupt_data(t: Trace, at: int) -> None:
    t.lift("loss", slice(at, None), t.rng.uniform(1.22, 1.35))


@fault("grad_spike", r"x its median", needs="grad", group="optimisation", rows=10, also=_OPTIMISER)
def gradient_explodes_once(t: Trace, at: int) -> None:
    t.columns["grad"][at] *= t.rng.uniform(150, 3000)


@fault("grad_spike", r"x its median", needs="grad", group="optimisation", rows=40, also=_OPTIMISER)
def gradients_explode(t: Trace, at: int) -> None:
    t.columns["grad"][at:] *= t.rng.uniform(15, 60)


@fault("grad_vanish", r"fell|vanish|0", needs="grad", group="optimisation", rows=40, also=_OPTIMISER)
def gradients_vanish(t: Trace, at: int) -> None:
    t.columns["grad"][at:] *= t.rng.uniform(1e-3, 0.02)


@fault("grad_vanish", r"exactly 0", needs="grad", group="optimisation", rows=10, also=_OPTIMISER)
def gradients_are_zero(t: Trace, at: int) -> None:
    t.columns["grad"][at:] = 0.0


@fault(
    "lr_anomaly", r"learning rate|lr", needs="lr", group="optimisation", rows=30, also=_OPTIMISER + " plateau"
)
def learning_rate_is_zero(t: Trace, at: int) -> None:
    t.columns["lr"][at:] = 0.0
    t.columns["loss"][at:] = t.columns["loss"][at] * np.exp(0.01 * heavy(t.rng, t.rows - at))


@fault(
    "lr_anomaly loss_spike divergence",
    r"learning rate|lr",
    needs="lr",
    group="optimisation",
    rows=40,
    also=_OPTIMISER,
)
def learning_rate_jumps(t: Trace, at: int) -> None:
    t.columns["lr"][at:] *= t.rng.uniform(8, 40)
    t.lift("loss", slice(at, None), 1 + 0.8 * np.minimum(1, np.arange(t.rows - at) / 20))
    t.lift("grad", slice(at, None), 4.0)


@fault(
    "lr_anomaly",
    r"restart|resum|learning rate|lr",
    needs="lr",
    group="resume",
    rows=40,
    also=_OPTIMISER,
    lr="cosine",
)
def schedule_restarts_on_resume(t: Trace, at: int) -> None:
    back = at - int(t.rng.integers(5, 30))
    warm = t.columns["lr"][: t.rows - back].copy()
    t.resume(at, back)
    t.columns["lr"][at:] = warm


@fault("never_learns", r"not fallen|never", group="optimisation", rows=600, least=0, room=700, also="plateau")
def never_learns(t: Trace, at: int) -> None:
    level = np.log(t.rng.choice([10, 100, 1000, 32000, 50257]))
    t.columns["loss"][:] = level * np.exp(log_uniform(t.rng, 0.002, 0.02) * heavy(t.rng, t.rows))


@fault("plateau", r"not improved", group="optimisation", rows=700, least=150, room=720, info=True)
def plateau(t: Trace, at: int) -> None:
    level = np.median(t.columns["loss"][at - 5 : at + 5])
    t.columns["loss"][at:] = level * np.exp(0.01 * heavy(t.rng, t.rows - at))
    t.val = {row: value for row, value in t.val.items() if row < at}
    t.columns["lr"][:] = t.columns["lr"].max()
    t.total *= 3


@fault("validation", r"best", needs="val", group="optimisation", rows=600, least=150, room=620)
def overfits(t: Trace, at: int) -> None:
    t.val = {row: value for row, value in t.val.items() if row < at}
    start = list(t.val.values())[-1] if t.val else float(t.columns["loss"][at])
    for number, row in enumerate(range(at, t.rows, 60)):
        t.val[row] = start * (1 + 0.05 * number) * float(np.exp(0.004 * t.rng.normal()))


@fault(
    "validation",
    r"validation|val",
    needs="val",
    group="optimisation",
    rows=80,
    least=600,
    room=80,
    also=_OPTIMISER,
)
def validation_jumps(t: Trace, at: int) -> None:
    level = [value for row, value in t.val.items() if row < at][-1]
    t.val = {row: value for row, value in t.val.items() if row < at}
    for row in range(at, t.rows, 60):
        t.val[row] = level * 1.9


@fault("loss_drop", r"fell", group="optimisation", least=250, rows=30, also="validation " + _OPTIMISER)
def labels_leak(t: Trace, at: int) -> None:
    t.lift("loss", slice(at, None), t.rng.uniform(0.15, 0.5))


# -- speed -----------------------------------------------------------------------------------------


def _slower(t: Trace, rows: slice, factor: float | np.ndarray) -> None:
    t.wait[rows] += t.columns["seconds"][rows] * t.every * (factor - 1)
    t.columns["seconds"][rows] *= factor
    t.columns["tokens"][rows] /= factor


_SPEED = "step_time throughput jitter hang"


@fault(
    "step_time", r"longer|fell", needs="seconds", group="speed", rows=100, also=_SPEED, least=200, room=150
)
def steps_slow_down(t: Trace, at: int) -> None:
    _slower(t, slice(at, None), t.rng.uniform(1.25, 1.6))


@fault("step_time", r"longer|fell", needs="tokens", group="speed", rows=100, also=_SPEED, least=200, room=150)
def tokens_per_second_fall(t: Trace, at: int) -> None:
    _slower(t, slice(at, None), t.rng.uniform(1.3, 1.9))


@fault(
    "step_time",
    r"longer|fell",
    needs="seconds",
    group="speed",
    rows=400,
    also=_SPEED,
    least=150,
    room=450,
)
def steps_creep_up(t: Trace, at: int) -> None:
    _slower(t, slice(at, None), 1 + 0.4 * np.minimum(1, np.arange(t.rows - at) / 250))


@fault(
    "jitter step_time",
    r"stall|slow|longer",
    needs="seconds",
    group="speed",
    rows=200,
    also=_SPEED,
    room=250,
    least=200,
)
def steps_stutter(t: Trace, at: int) -> None:
    hit = np.arange(at, t.rows)[t.rng.random(t.rows - at) < 0.15]
    for row in hit:
        _slower(t, slice(row, row + 1), t.rng.uniform(2.2, 5))


@fault("jitter", r"every", needs="seconds", group="speed", rows=200, also=_SPEED, room=250, info=True)
def every_nth_step_is_slow(t: Trace, at: int) -> None:
    period = int(t.rng.integers(8, 20))
    for row in range(at, t.rows, period):
        _slower(t, slice(row, row + 1), 4.0)


@fault(
    "throughput step_time",
    r"longer|fell|slower",
    needs="seconds",
    group="speed",
    rows=40,
    also=_SPEED,
    least=200,
)
def throughput_collapses(t: Trace, at: int) -> None:
    _slower(t, slice(at, None), t.rng.uniform(4.5, 10))


# -- silence ---------------------------------------------------------------------------------------


def _stop(t: Trace, at: int, *lines: str) -> None:
    t.cut(at)
    t.end += lines
    usual = float(np.median(t.wait))
    t.silence = max(3600.0, 40 * usual, 10 * float(t.wait[1:].max(initial=0)))


_SILENCE = "hang"


@fault("hang", r"no progress", needs="total", group="hang", also=_SILENCE)
def hangs(t: Trace, at: int) -> None:
    _stop(t, at)


@fault("hang", r"no progress", needs="loss", group="hang", also=_SILENCE, rows=60)
def hangs_without_a_total(t: Trace, at: int) -> None:
    t.style = "torchtitan"
    _stop(t, at)


@fault("hang", r"no progress .*evaluating", needs="total", group="hang", also=_SILENCE)
def hangs_in_evaluation(t: Trace, at: int) -> None:
    _stop(t, at, "***** Running Evaluation *****")


@fault("hang", r"no progress .*checkpoint", needs="total", group="hang", also=_SILENCE)
def hangs_in_a_checkpoint(t: Trace, at: int) -> None:
    _stop(t, at, f"Saving checkpoint to out/step_{t.step(at - 1):07d}/model.pt")


@fault("hang", r"no progress", needs="total", group="hang", also=_SILENCE)
def hangs_while_others_talk(t: Trace, at: int) -> None:
    _stop(t, at)
    t.chatter = 30.0


@fault("hang", r"no progress", needs="total", group="hang", least=4, also=_SILENCE)
def hangs_after_a_few_steps(t: Trace, at: int) -> None:
    _stop(t, 4)


@fault("crash", r"nccl|collective", needs="total", group="hang", also=_SILENCE)
def collective_times_out(t: Trace, at: int) -> None:
    _stop(
        t,
        at,
        "[rank3]:[E ProcessGroupNCCL.cpp:616] [Rank 3] Watchdog caught collective operation timeout: "
        "WorkNCCL(SeqNum=1833, OpType=ALLREDUCE, Timeout(ms)=600000) ran for 600029 milliseconds",
        "[rank0]:[E ProcessGroupNCCL.cpp:616] [Rank 0] Watchdog caught collective operation timeout: "
        "WorkNCCL(SeqNum=1833, OpType=ALLREDUCE, Timeout(ms)=600000) ran for 600031 milliseconds",
    )
    t.silence = 900.0


# -- death -----------------------------------------------------------------------------------------

_FRAMES = (
    "Traceback (most recent call last):",
    '  File "/home/me/train.py", line 412, in <module>',
    "    main(config)",
    '  File "/home/me/train.py", line 233, in main',
    "    loss = step(batch)",
)
_ELASTIC = (
    "torch.distributed.elastic.multiprocessing.errors.ChildFailedError: ",
    "Root Cause (first observed failure):",
)


def _dies(name: str, cause: str, *lines: str) -> None:
    def inject(t: Trace, at: int) -> None:
        _stop(t, at, *lines)
        t.silence = 900.0

    inject.__name__ = name
    fault("crash", cause, group="crash", needs="loss", also="hang")(inject)


_dies("exception", r"exception", *_FRAMES, "ValueError: not enough values to unpack (expected 2, got 1)")
_dies(
    "gpu_out_of_memory",
    r"GPU ran out of memory",
    *_FRAMES,
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 1.96 GiB. GPU 0 has 31 GiB",
    *_ELASTIC,
)
_dies(
    "host_out_of_memory",
    r"host memory",
    "kernel: oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),task=python,pid=4711",
    "Killed",
)
_dies("killed", r"killed", "Killed")
_dies(
    "segmentation_fault",
    r"native code",
    "Fatal Python error: Segmentation fault",
    "Segmentation fault (core dumped)",
)
_dies(
    "time_limit",
    r"scheduler",
    "slurmstepd: error: *** JOB 1809579 ON r8i3n1 CANCELLED AT 2026-05-23T08:45:57 DUE TO TIME LIMIT ***",
)
_dies(
    "disk_full",
    r"disk|quota",
    *_FRAMES,
    "OSError: [Errno 28] No space left on device: 'out/step_100/model.pt'",
)
_dies(
    "cuda_error",
    r"CUDA call|kernel accessed",
    *_FRAMES,
    "RuntimeError: CUDA error: an illegal memory access was encountered",
)
_dies(
    "gpu_fault",
    r"Xid",
    "[1234.5] NVRM: Xid (PCI:0000:9b:00): 79, pid=2024380, name=python, GPU has fallen off the bus.",
    *_FRAMES,
    "RuntimeError: CUDA error: unspecified launch failure",
)
_dies(
    "data_loader_dies",
    r"memory",
    *_FRAMES,
    "RuntimeError: DataLoader worker (pid 4711) is killed by signal: Killed. ",
)
_dies(
    "dead_mount",
    r"storage",
    *_FRAMES,
    "OSError: [Errno 116] Stale file handle: '/data/shards/000123.bin'",
)
_dies(
    "checkpoint_does_not_load",
    r"checkpoint could not be loaded",
    *_FRAMES,
    "RuntimeError: PytorchStreamReader failed reading zip archive: failed finding central directory",
)
_dies(
    "cascade_of_ranks",
    r"GPU ran out of memory",
    "[rank5]: Traceback (most recent call last):",
    '[rank5]:   File "/home/me/train.py", line 412, in <module>',
    "[rank5]:     main(config)",
    "[rank5]: torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.",
    *(
        line
        for rank in (0, 1, 2, 3)
        for line in (
            f"[rank{rank}]: Traceback (most recent call last):",
            f'[rank{rank}]:   File "/home/me/train.py", line 412, in <module>',
            f"[rank{rank}]: torch.distributed.DistBackendError: NCCL error, remote process exited",
        )
    ),
)


# -- storage, restarts -----------------------------------------------------------------------------


@fault("retries", r"retr|connection|storage|network", needs="loss", group="storage", rows=60)
def retry_storm(t: Trace, at: int) -> None:
    for row in range(at, min(at + 60, t.rows)):
        if t.rng.random() < 0.6:
            t.say(
                row,
                "urllib3: Retrying in 1.6 s after: HTTPSConnectionPool: Read timed out. (read timeout=10)",
            )


@fault("checkpoint_overdue", r"checkpoint", needs="loss", group="storage", rows=600, least=850, room=650)
def checkpoints_stop(t: Trace, at: int) -> None:
    """Stop saving; the gap is learned from those before."""
    t.before = {
        row: [line for line in lines if row < at or "checkpoint" not in line]
        for row, lines in t.before.items()
    }


@fault("resume", r"resum|restart", needs="loss", group="resume", rows=60, least=200, also=_OPTIMISER)
def resumes_from_bad_weights(t: Trace, at: int) -> None:
    back = at - int(t.rng.integers(5, 40))
    t.resume(at, back)
    t.lift("loss", slice(at, None), 1 + t.rng.uniform(0.2, 1.0) * np.exp(-np.arange(t.rows - at) / 150))


@fault("restart_loop", r"restart", needs="loss", group="resume", rows=130, also="crash resume " + _OPTIMISER)
def restarts_again_and_again(t: Trace, at: int) -> None:
    back = at - 20
    for number in range(5):
        t.resume(at + 20 * number, back)
        t.before[at + 20 * number][:0] = [
            *_FRAMES,
            "RuntimeError: DataLoader worker (pid 7) exited unexpectedly",
        ]
