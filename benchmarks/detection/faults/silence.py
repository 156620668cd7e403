"""Runs that stand still."""

from __future__ import annotations

from benchmarks.detection.faults.base import fault, stop
from benchmarks.detection.trace import Trace

_SILENCE = "hang"


@fault("hang", r"no progress", needs="total", group="hang", also=_SILENCE)
def hangs(t: Trace, at: int) -> None:
    stop(t, at)


@fault("hang", r"no progress", needs="loss", group="hang", also=_SILENCE, rows=60)
def hangs_without_a_total(t: Trace, at: int) -> None:
    t.style = "torchtitan"
    stop(t, at)


@fault("hang", r"no progress .*evaluating", needs="total", group="hang", also=_SILENCE)
def hangs_in_evaluation(t: Trace, at: int) -> None:
    stop(t, at, "***** Running Evaluation *****")


@fault("hang", r"no progress .*checkpoint", needs="total", group="hang", also=_SILENCE)
def hangs_in_a_checkpoint(t: Trace, at: int) -> None:
    stop(t, at, f"Saving checkpoint to out/step_{t.step(at - 1):07d}/model.pt")


@fault("hang", r"no progress", needs="total", group="hang", also=_SILENCE)
def hangs_while_others_talk(t: Trace, at: int) -> None:
    stop(t, at)
    t.chatter = 30.0


@fault("hang", r"no progress", needs="total", group="hang", least=4, also=_SILENCE)
def hangs_after_a_few_steps(t: Trace, at: int) -> None:
    stop(t, 4)


@fault("crash", r"nccl|collective", needs="total", group="hang", also=_SILENCE)
def collective_times_out(t: Trace, at: int) -> None:
    stop(
        t,
        at,
        "[rank3]:[E ProcessGroupNCCL.cpp:616] [Rank 3] Watchdog caught collective operation timeout: "
        "WorkNCCL(SeqNum=1833, OpType=ALLREDUCE, Timeout(ms)=600000) ran for 600029 milliseconds",
        "[rank0]:[E ProcessGroupNCCL.cpp:616] [Rank 0] Watchdog caught collective operation timeout: "
        "WorkNCCL(SeqNum=1833, OpType=ALLREDUCE, Timeout(ms)=600000) ran for 600031 milliseconds",
    )
    t.silence = 900.0
