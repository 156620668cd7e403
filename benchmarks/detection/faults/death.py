"""Runs that die, with the last words that programs print."""

from __future__ import annotations

from benchmarks.detection.faults.base import FRAMES, fault, stop
from benchmarks.detection.trace import Trace

_ELASTIC = (
    "torch.distributed.elastic.multiprocessing.errors.ChildFailedError: ",
    "Root Cause (first observed failure):",
)


def _dies(name: str, cause: str, *lines: str) -> None:
    def inject(t: Trace, at: int) -> None:
        stop(t, at, *lines)
        t.silence = 900.0

    inject.__name__ = name
    fault("crash", cause, group="crash", needs="loss", also="hang")(inject)


_dies("exception", r"exception", *FRAMES, "ValueError: not enough values to unpack (expected 2, got 1)")
_dies(
    "gpu_out_of_memory",
    r"GPU ran out of memory",
    *FRAMES,
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
    r"time limit|scheduler",
    "slurmstepd: error: *** JOB 1809579 ON r8i3n1 CANCELLED AT 2026-05-23T08:45:57 DUE TO TIME LIMIT ***",
)
_dies(
    "disk_full",
    r"disk|quota",
    *FRAMES,
    "OSError: [Errno 28] No space left on device: 'out/step_100/model.pt'",
)
_dies(
    "cuda_error",
    r"CUDA call|kernel accessed",
    *FRAMES,
    "RuntimeError: CUDA error: an illegal memory access was encountered",
)
_dies(
    "gpu_fault",
    r"Xid",
    "[1234.5] NVRM: Xid (PCI:0000:9b:00): 79, pid=2024380, name=python, GPU has fallen off the bus.",
    *FRAMES,
    "RuntimeError: CUDA error: unspecified launch failure",
)
_dies(
    "data_loader_dies",
    r"memory",
    *FRAMES,
    "RuntimeError: DataLoader worker (pid 4711) is killed by signal: Killed. ",
)
_dies(
    "dead_mount",
    r"storage",
    *FRAMES,
    "OSError: [Errno 116] Stale file handle: '/data/shards/000123.bin'",
)
_dies(
    "checkpoint_does_not_load",
    r"checkpoint could not be loaded",
    *FRAMES,
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
