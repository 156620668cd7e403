"""What the words of an error are taken for: their signature, and whether it begins a crash or follows one."""

from __future__ import annotations

import pytest

from runwatch.alerts.rules.common.signatures import Role, classify
from runwatch.core.batch import CRASH_KINDS, Event


@pytest.mark.parametrize(
    ("kind", "title", "name", "role"),
    [
        ("traceback", "torch.cuda.OutOfMemoryError: CUDA out of memory. Tried", "cuda_oom", Role.ROOT),
        (
            "traceback",
            "RuntimeError: cuda runtime error (2) : out of memory at x.cu:58",
            "cuda_oom",
            Role.ROOT,
        ),
        ("traceback", "tf.errors.ResourceExhaustedError: OOM on gpu", "cuda_oom", Role.ROOT),
        ("traceback", "RuntimeError: can't alloc", "host_oom", Role.ROOT),
        (
            "traceback",
            "cv2.error: OpenCV(4.8) alloc.cpp:73: error: (-4:Insufficient memory) Failed to allocate 9 bytes"
            " in function 'cv::OutOfMemoryError'",
            "host_oom",
            Role.ROOT,
        ),
        ("traceback", "OSError: [Errno 12] Cannot allocate memory", "host_oom", Role.ROOT),
        (
            "traceback",
            "RuntimeError: not enough memory: you tried to allocate 9 bytes.",
            "host_oom",
            Role.ROOT,
        ),
        ("error", "Loss is NAN: Mini-Batch Index: 74", "not_finite", Role.ROOT),
        ("traceback", "RuntimeError: CUDA error: an illegal memory access", "illegal_access", Role.ROOT),
        ("traceback", "OSError: [Errno 28] No space left on device", "disk_full", Role.ROOT),
        ("traceback", "BrokenPipeError: [Errno 32] Broken pipe", "teardown", Role.CASCADE),
        ("elastic", "runwatch: the command exited with code 3 after 3 s", "exit", Role.CASCADE),
        ("elastic", "main_worker exits with code 1", "elastic", Role.CASCADE),
        ("error", "python train.py (pid 7) ended with exit code 1", "exit", Role.CASCADE),
        ("error", "rank 1 (pid 7) ended with exit code 1", "error", Role.LATE_ROOT),
        (
            "traceback",
            "torch.distributed.DistNetworkError: Connection reset by peer",
            "teardown",
            Role.CASCADE,
        ),
        ("traceback", "KeyError: 'x'", "exception", Role.ROOT),
        ("worker", "DataLoader worker (pid 7) is killed by signal: Killed.", "worker_killed", Role.ROOT),
        (
            "worker",
            "DataLoader worker (pid 7) is killed by signal: Terminated.",
            "terminated",
            Role.LATE_ROOT,
        ),
        ("worker", "DataLoader worker (pid(s) 7) exited unexpectedly", "worker_gone", Role.LATE_ROOT),
        ("segfault", "Aborted (core dumped)", "aborted", Role.LATE_ROOT),
        (
            "traceback",
            "slurmstepd: error: execve(): python: No such file or directory",
            "not_started",
            Role.ROOT,
        ),
        ("nccl", "Watchdog caught collective operation timeout: WorkNCCL", "nccl_timeout", Role.LATE_ROOT),
        ("nccl", "NCCL error in: x.cpp, unhandled system error", "nccl", Role.CASCADE),
        ("signal", "Optimization stopped early.", "user", Role.ROOT),
        ("xid", "NVRM: Xid (PCI:0000:81:00): 79, pid=1, GPU has fallen off the bus.", "xid", Role.PROOF),
        ("xid", "NVRM: Xid (PCI:0000:81:00): 31, pid=1", "xid_of_application", Role.CASCADE),
        (
            "scheduler",
            "slurmstepd: error: *** JOB 1 CANCELLED AT x DUE TO TIME LIMIT ***",
            "time_limit",
            Role.ROOT,
        ),
        (
            "elastic",
            "torch.distributed.elastic.multiprocessing.errors.ChildFailedError:",
            "elastic",
            Role.CASCADE,
        ),
        ("traceback", "RuntimeError: no shared file, error code: <1455>", "host_oom", Role.ROOT),
        ("error", "forrtl: error (200): program aborting due to control-C event", "user", Role.ROOT),
        ("error", "forrtl: severe (24): end-of-file during read", "error", Role.LATE_ROOT),
        ("traceback", "run.sh: 7: run.sh: Bad substitution", "not_started", Role.ROOT),
        ("traceback", "bash: go.sh: No such file or directory", "not_started", Role.ROOT),
        ("traceback", "Error: No such option: --lrr", "not_started", Role.ROOT),
        ("signal", "Received SIGTERM", "terminated", Role.CASCADE),
        ("signal", "KeyboardInterrupt", "user", Role.ROOT),
        ("signal", "^C", "user", Role.ROOT),
        ("oom", "java.lang.OutOfMemoryError: Metaspace", "host_oom", Role.ROOT),
        ("oom", "ray.exceptions.OutOfMemoryError: Task was killed", "host_oom", Role.ROOT),
        ("oom", "ERROR: LoadError: OutOfMemoryError()", "host_oom", Role.ROOT),
        ("oom", "torch.OutOfMemoryError: HIP out of memory", "cuda_oom", Role.ROOT),
        ("error", "ERROR: LoadError: Out of GPU memory trying to allocate 3 GiB", "cuda_oom", Role.ROOT),
        (
            "error",
            "F a.cpp:5] Check failed: e == cudaSuccess (2 vs. 0)  out of memory",
            "cuda_oom",
            Role.ROOT,
        ),
        ("traceback", "MXNetError: a.h:16: cudaMalloc retry failed: out of memory", "cuda_oom", Role.ROOT),
        ("traceback", "XGBoostError: Exception in gpu_hist: e: out of memory", "cuda_oom", Role.ROOT),
        ("error", "Error using acme Out of memory on device.", "cuda_oom", Role.ROOT),
        (
            "traceback",
            "RuntimeError: Device(id:3) memory isn't enough and alloc failed",
            "cuda_oom",
            Role.ROOT,
        ),
        (
            "error",
            "Error Message Summary: ResourceExhaustedError: Out of memory error on GPU 3.",
            "cuda_oom",
            Role.ROOT,
        ),
        ("scheduler", "=>> PBS: job killed: vmem 9kb exceeded limit 8kb", "host_oom", Role.PROOF),
        ("scheduler", "=>> PBS: job killed: walltime 9 exceeded limit 8", "time_limit", Role.ROOT),
        (
            "traceback",
            "FloatingPointError: Loss became infinite or NaN at iteration=3!",
            "not_finite",
            Role.ROOT,
        ),
        ("traceback", "OSError: model.safetensors: invalid header", "checkpoint", Role.ROOT),
        (
            "traceback",
            "ValueError: we now require torch 9. This does not apply when loading files with safetensors.",
            "exception",
            Role.ROOT,
        ),
        ("traceback", "FloatingPointError: Minimum loss scale reached (0.1).", "not_finite", Role.ROOT),
        ("elastic", "Process finished with exit code -1073741819 (0xC0000005)", "segfault", Role.LATE_ROOT),
        ("elastic", "Process finished with exit code -1073741510 (0xC000013A)", "user", Role.ROOT),
        ("elastic", "Process finished with exit code -1", "elastic", Role.CASCADE),
    ],
)
def test_signatures(kind, title, name, role):
    signature = classify(Event(kind, 0, 1, title))
    assert (signature.name, signature.role) == (name, role)


@pytest.mark.parametrize(
    ("title", "frames", "name"),
    [
        ("ConnectionResetError: [Errno 104] Connection reset by peer", "resource_sharer.py", "worker_gone"),
        ("EOFError", "reductions.py, line 541, in rebuild_storage_filename", "worker_gone"),
        ("ConnectionResetError: [Errno 104] Connection reset by peer", "distributed/rpc/api.py", "teardown"),
        ("EOFError", "", "teardown"),
        ("ValueError: bad batch", "resource_sharer.py", "exception"),
    ],
)
def test_what_a_worker_had_made_and_no_longer_hands_over_says_that_it_is_gone(title, frames, name):
    assert classify(Event("traceback", 0, 1, title, data={"frames": frames})).name == name


def test_every_kind_has_a_signature():
    assert {classify(Event(kind, 0, 1, "")).name for kind in CRASH_KINDS}
