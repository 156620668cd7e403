"""A machine with its processes and GPUs, watched for some time: what rules about it look at."""

from __future__ import annotations

import numpy as np

from runwatch.core.block import Status
from runwatch.core.machine import Machine
from runwatch.core.sample import Gpu, GpuProcesses, Gpus, Process, Processes, Sample, Space

T0 = 1_000_000.0
GB = 1e9


def process(state="running"):
    return Process(100, T0, "rank", "python train.py", state, 1, rank=0, local_rank=0)


def machine(gpus=1, state="running"):
    found = Machine()
    found.fold(Processes(T0, (process(state),)))
    found.fold(Gpus(T0, tuple(Gpu(str(i), measure="util") for i in range(gpus))))
    found.fold(GpuProcesses(T0, {str(i): {100: GB} for i in range(gpus)}))
    return found


def watch(rule, values, seconds, every=10.0, space=None, event=None, **more):
    """Sample and look every few seconds up to and with `seconds`; `values` and `space` are functions of time."""
    under, found = machine(), []
    for t in np.arange(0, seconds + every / 2, every).tolist():
        if values:
            under.fold(Sample(T0 + t, values(t)))
        if space:
            under.fold(Space(T0 + t, "/runs", "/runs", "ext4", **space(t)))
        if event and (message := event(t)):
            under.fold(message)
        if seconds > 1200 and t < seconds - 60 and t % 60:
            continue  # it looks each minute, to be quick
        fields = {"phase": "training", "silent_for": 1.0, "last_step": 7, **more}
        fields = {name: value(t) if callable(value) else value for name, value in fields.items()}
        found += rule.tick(Status(now=T0 + t, machine=under, **fields))
    return found
