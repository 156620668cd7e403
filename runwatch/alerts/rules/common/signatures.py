"""What the last words of a run mean: an ordered list of signatures with causal roles.

A root can begin a crash; a cascade only follows from one (a collective that
aborts because another rank died); a proof is written by the kernel or the
driver and outranks what the program believed.

Source: the roles are those of NVIDIA's restart-agent registry.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import IntEnum

from runwatch.core.batch import Event
from runwatch.core.ending import CUT_SHORT, End, phase_of
from runwatch.core.findings import Severity

CERTAIN_KINDS = frozenset({"host_oom", "killed", "segfault", "scheduler"})
"""Kinds after which a process cannot continue."""


LAUNCHER_ENDS = (
    "torch.distributed.elastic.multiprocessing.errors.ChildFailedError",
    "torch.distributed.elastic.multiprocessing.api.SignalException",
)
"""How the last words of a launcher begin, after which none of its ranks is left."""


class Role(IntEnum):
    """How good an explanation of a crash is; the greatest wins, then the earliest."""

    CASCADE = 0
    LATE_ROOT = 1
    """A root only if there is no other: a collective times out when any rank died first."""
    ROOT = 2
    PROOF = 3


@dataclass(frozen=True, slots=True)
class Signature:
    """One way in which runs end. Plain data: rules keep it across a restart."""

    name: str
    role: Role
    cause: str
    advice: str
    end: End
    severity: Severity
    said: str
    """What happened, in the words that begin a title."""

    def outranks(self, other: Signature) -> bool:
        """Return whether this explains better than the other, which was seen before.

        A program that receives a signal does not know the sender: the scheduler does.
        """
        by_scheduler = other.end is End.INTERRUPTED and self.end in (End.TIME_LIMIT, End.PREEMPTED)
        return self.role > other.role or by_scheduler


@dataclass(frozen=True, slots=True)
class Matcher:
    """What the events of one signature look like."""

    signature: Signature
    kinds: frozenset[str]
    """Kinds of events it applies to; empty for any."""
    pattern: re.Pattern[str] | None
    """What the title must contain; None for anything."""
    frames: re.Pattern[str] | None
    """What the frames of a traceback must contain too; None for anything."""

    def matches(self, event: Event) -> bool:
        """Return whether an event shows this signature."""
        if self.kinds and event.kind not in self.kinds:
            return False
        if self.frames is not None and self.frames.search(event.data.get("frames", "")) is None:
            return False
        return self.pattern is None or self.pattern.search(event.title) is not None


def _signature(
    name: str,
    role: Role,
    cause: str,
    advice: str,
    *,
    kinds: str = "",
    pattern: str = "",
    frames: str = "",
    end: End = End.CRASHED,
    severity: Severity | None = None,
    said: str = "",
) -> Matcher:
    """Return a matcher; severity and words are those of the kind of end unless others are given."""
    compiled = re.compile(pattern, re.IGNORECASE) if pattern else None
    usual, severe = CUT_SHORT[phase_of(end)]
    signature = Signature(name, role, cause, advice, end, severity or Severity(severe), said or usual)
    return Matcher(signature, frozenset(kinds.split()), compiled, re.compile(frames) if frames else None)


_MEMORY = "Lower the micro batch or sequence length, or shard or recompute more."
_HOST = "Lower data loader workers or what they cache, or ask for more host memory."
_GONE = "a data loader worker ended; the log does not say how"
_WHO = "See whether dmesg or the scheduler says who killed it; mostly it is for want of host memory."
_GO_ON = "Resume it from the last checkpoint, if it should continue."
_RELAUNCH = "Relaunch from the last complete checkpoint."
_HARDWARE = "Take the node out of the job and look at the kernel log; then relaunch from the last checkpoint."
_CODE = "Read the traceback of the first rank that failed; later ones follow from it."

SIGNATURES: tuple[Matcher, ...] = (
    _signature(
        "host_oom",
        Role.PROOF,
        "the kernel killed it for want of host memory",
        _HOST,
        kinds="host_oom",
        end=End.KILLED,
    ),
    _signature(
        "xid_of_application",
        Role.CASCADE,
        "the driver reset what the failing program held",
        _CODE,
        kinds="xid",
        pattern=r"Xid.*?(: ?|\bXid )(13|31|43|45)\b",
    ),
    _signature("xid", Role.PROOF, "the GPU driver reported a fault (Xid)", _HARDWARE, kinds="xid"),
    _signature(
        "time_limit",
        Role.ROOT,
        "the job's time was up",
        "Resume it from the last checkpoint; ask for more time, or save when the scheduler warns.",
        kinds="scheduler signal",
        pattern=r"time limit|TERM_RUNLIMIT|wall ?time",
        end=End.TIME_LIMIT,
    ),
    _signature(
        "preempted",
        Role.ROOT,
        "the scheduler or the provider took the machine for others",
        "It continues when the job is queued again; if not, resume it from the last checkpoint.",
        kinds="scheduler signal",
        pattern=r"preempt|\bspot (instance )?interruption|\brequeue",
        end=End.PREEMPTED,
    ),
    _signature(
        "node_failure",
        Role.PROOF,
        "a node of the job failed",
        _HARDWARE,
        kinds="scheduler",
        pattern=r"node failure",
    ),
    _signature(
        "host_oom",
        Role.PROOF,
        "the scheduler killed it for want of host memory",
        _HOST,
        kinds="scheduler",
        pattern=r"TERM_MEMLIMIT|\b[pv]*mem \d+\w{0,2} exceeded limit",
        end=End.KILLED,
    ),
    _signature(
        "cancelled",
        Role.LATE_ROOT,
        "somebody cancelled the job",
        _GO_ON,
        kinds="scheduler",
        pattern=r"CANCELLED AT|TERM_OWNER",
        end=End.INTERRUPTED,
        said="cancelled",
    ),
    _signature(
        "scheduler",
        Role.ROOT,
        "the scheduler ended the job",
        "Read what the scheduler says of the job; then resume it from the last checkpoint.",
        kinds="scheduler",
    ),
    _signature(
        "host_oom",
        Role.ROOT,
        "the host ran out of memory",
        _HOST,
        pattern=r"java\.lang\.OutOfMemoryError|ray\.exceptions\.OutOfMemoryError|\bOutOfMemoryError\(\)"
        r"|\bnode running low on memory|\bOpenCV\b.*:Insufficient memory\)",
    ),
    _signature("cuda_oom", Role.ROOT, "a GPU ran out of memory", _MEMORY, kinds="oom"),
    _signature(
        "cuda_oom",
        Role.ROOT,
        "a GPU ran out of memory",
        _MEMORY,
        pattern=r"(CUDA|HIP) out of memory|OutOfMemoryError|(CUBLAS|CUDNN)_STATUS_ALLOC_FAILED"
        r"|hipErrorOutOfMemory"
        r"|RESOURCE_EXHAUSTED|ResourceExhaustedError|cuda runtime error \(2\)|CUDA_ERROR_OUT_OF_MEMORY"
        r"|(cuda(Success|Malloc)|\bgpu_hist\b).*\bout of memory|\bout of GPU memory"
        r"|\bout of memory (error )?on (the )?(device|GPU)|\bDevice ?\(id: ?\d+\) memory isn't enough",
    ),
    _signature(
        "host_oom",
        Role.ROOT,
        "the host ran out of memory",
        _HOST,
        pattern=r"\bMemoryError|std::bad_alloc|\bcan(?:no|')t alloc|\bnot enough memory\b"
        r"|\berror code: <1455>|WinError 1455|paging file is too small",
    ),
    _signature(
        "worker_killed",
        Role.ROOT,
        "a data loader worker was killed, mostly for want of host memory",
        _HOST,
        pattern=r"DataLoader worker .* killed by signal: Killed",
    ),
    _signature(
        "gpu_hardware",
        Role.ROOT,
        "a GPU failed",
        _HARDWARE,
        pattern=r"uncorrectable ECC|GPU is lost|fallen off the bus|unspecified launch failure",
    ),
    _signature(
        "illegal_access",
        Role.ROOT,
        "a kernel accessed memory it should not",
        "Run it again with CUDA_LAUNCH_BLOCKING=1 to find the kernel; check index ranges and label values.",
        pattern=r"illegal memory access|device-side assert|misaligned address",
    ),
    _signature(
        "exit",
        Role.CASCADE,
        "the program ended itself with an error, and its log does not say why",
        "Look at the last lines of its log, and at what else it writes to.",
        kinds="elastic error",
        pattern=r"^runwatch: the command exited|^(?!rank ).* \(pid \d+\) ended with exit code \d+$",
    ),
    _signature(
        "user",
        Role.ROOT,
        "somebody interrupted it",
        _GO_ON,
        kinds="elastic",
        pattern=r"\bcode\W{1,3}(-1073741510|3221225786)\b",  # Windows' for Ctrl-C
        end=End.INTERRUPTED,
    ),
    _signature(
        "segfault",
        Role.LATE_ROOT,
        "native code crashed, as the exit code of Windows says",
        _CODE,
        kinds="elastic",
        pattern=r"\bcode\W{1,3}(-107[34]\d{6}|322122\d{4})\b",
    ),
    _signature("elastic", Role.CASCADE, "a worker process failed", _CODE, kinds="elastic"),
    _signature(
        "terminated",
        Role.LATE_ROOT,
        "its processes received SIGTERM; the log does not say who sent it",
        _RELAUNCH,
        kinds="worker",
        pattern=r"signal: Terminated",
        end=End.INTERRUPTED,
        severity=Severity.WARNING,
        said="terminated",
    ),
    _signature(
        "terminated",
        Role.CASCADE,
        "it received SIGTERM; the log does not say who sent it",
        _RELAUNCH,
        pattern=r"SIGTERM|signal:? 15\b|\b15 death signal|Termination signal|signal: Terminated|^Terminated$"
        r"|: line \d+: +\d+ Terminated",
        end=End.INTERRUPTED,
        severity=Severity.WARNING,
        said="terminated",
    ),
    _signature(
        "worker_gone",
        Role.LATE_ROOT,
        _GONE,
        _HOST,
        kinds="traceback",
        pattern=r"^(?:ConnectionResetError|ConnectionRefusedError|EOFError|BrokenPipeError|FileNotFoundError)\b",
        frames=r"\bresource_sharer\.py\b|\brebuild_storage_",  # what it had made was to be fetched from it
    ),
    _signature(
        "teardown",
        Role.CASCADE,
        "another process failed first",
        _CODE,
        pattern=r"Broken ?pipe|Connection (reset|refused|closed)|TCPStore|Rendezvous\w*Error|DistStoreError"
        r"|DistNetworkError|destroy_process_group|remote process (exited|has)|ncclRemoteError|NCCL.*\babort"
        r"|EOFError|ChildFailedError|Process(Raised|Exited)Exception|SignalException"
        r"|PythonFinalizationError|interpreter shutdown",
    ),
    _signature(
        "exit",
        Role.CASCADE,
        "a program that it started failed",
        "Look at what that program said before.",
        kinds="traceback",
        pattern=r"^subprocess\.CalledProcessError: .*(non-zero exit status|SIGTERM)",
    ),
    _signature(
        "nccl_timeout",
        Role.LATE_ROOT,
        "a collective timed out: some rank did not take part",
        _RELAUNCH,
        kinds="nccl",
        pattern=r"time(d )?out|watchdog",
    ),
    _signature("nccl", Role.CASCADE, "a collective failed", _RELAUNCH, kinds="nccl"),
    _signature(
        "disk_full",
        Role.ROOT,
        "a disk or quota is full",
        "Free space or raise the quota; check the newest checkpoint.",
        pattern=r"No space left on device|ENOSPC|EDQUOT|quota exceeded",
    ),
    _signature(
        "storage",
        Role.ROOT,
        "storage failed",
        "Check the mount; then relaunch from the last complete checkpoint.",
        pattern=r"Input/output error|Stale file handle|Read-only file system|Transport endpoint",
    ),
    _signature(
        "write",
        Role.ROOT,
        "a file could not be written, mostly because a disk or quota is full",
        "Free space or raise the quota; check the newest checkpoint.",
        pattern=r"PytorchStreamWriter failed|file write failed|iostream error|unexpected pos \d+ vs",
    ),
    _signature(
        "shared_memory",
        Role.ROOT,
        "shared memory ran out",
        "Enlarge /dev/shm or lower data loader workers.",
        pattern=r"\bbus error|SIGBUS|shared memory \(shm\)",
    ),
    _signature(
        "checkpoint",
        Role.ROOT,
        "a checkpoint could not be loaded",
        "Load the one before it; this one may be damaged.",
        pattern=r"loading state_dict|PytorchStreamReader|size mismatch for"
        r"|invalid header|(?<!loading files with )safetensors|UnpicklingError",
    ),
    _signature(
        "user",
        Role.ROOT,
        "somebody interrupted it",
        _GO_ON,
        pattern=r"KeyboardInterrupt|SIGINT|\^C$|signal:? 2\b|\b2 death signal|scancel|^Aborted!"
        r"|\bCtrl-c pressed|\binterrupted by (the )?user|\btraining (was )?interrupted"
        r"|(^|\] )(Test interrupted|Optimization stopped early)\."  # Caffe's, at Ctrl-C
        r"|^forrtl: .*(window-CLOSE|control-C)",  # numpy's on Windows
        end=End.INTERRUPTED,
    ),
    _signature(
        "terminated",
        Role.CASCADE,
        "it received a signal; the log does not say who sent it",
        _RELAUNCH,
        kinds="signal",
        end=End.INTERRUPTED,
        severity=Severity.WARNING,
        said="terminated",
    ),
    _signature(
        "aborted",
        Role.LATE_ROOT,
        "native code ended itself because of an error",
        "Look at the lines before it: they say why.",
        kinds="segfault",
        pattern=r"\bAborted\b|SIGABRT",
    ),
    _signature("segfault", Role.ROOT, "native code crashed", _CODE, kinds="segfault"),
    _signature(
        "killed",
        Role.LATE_ROOT,
        "it was killed; the log does not say by which process",
        _WHO,
        kinds="killed",
        end=End.KILLED,
    ),
    _signature(
        "worker_gone",
        Role.LATE_ROOT,
        _GONE,
        _HOST,
        kinds="worker",
        pattern=r"exited unexpectedly",
    ),
    _signature("worker", Role.ROOT, "a data loader worker died", _HOST, kinds="worker"),
    _signature("cuda_error", Role.ROOT, "a CUDA call failed", _RELAUNCH, kinds="cuda_error"),
    _signature(
        "cut_off",
        Role.LATE_ROOT,
        "the program raised an exception, whose last line is not there",
        _CODE,
        kinds="traceback",
        pattern=r"^Traceback without its last line",
    ),
    _signature(
        "exceptions",
        Role.LATE_ROOT,
        "several exceptions were raised at once",
        "Read the exceptions of the group, which are below its line.",
        kinds="traceback",
        pattern=r"^(Base)?ExceptionGroup: ",
    ),
    _signature(
        "not_finite",
        Role.ROOT,
        "a value was NaN or infinite",
        "Go back to a checkpoint from before it began; lower the learning rate or clip the gradient.",
        kinds="traceback error",
        pattern=r"found invalid values|\b(?:contains|returned|is|are) (?:either )?[`'\"]?(?:nan|inf)"
        r"|\bnot finite\b|\bnon-?finite\b|\bnan (?:loss|detected|encountered)|\bloss is (?:nan|-?inf)"
        r"|\binvalid loss\b|\binfinite or NaN\b|\bNaN or infinite\b|\bMinimum loss scale reached\b",
    ),
    _signature(
        "not_started",
        Role.ROOT,
        "the program could not be started",
        "Correct the command or its settings; the words of the error say which.",
        kinds="traceback",
        pattern=r"^\S+: error: |: can't open |^\S*python[\d.]*: No module named |: command not found"
        r"|^(?:slurmstepd: error: )?execve\(\): |^FATAL:   |^Could not override|: Could not find '"
        r"|^[\w./~+-]+: (?:line )?\d+: |^\S*(?:sh|env): |^nohup: |^docker: |^Error: \w"
        r"|^ERROR: Could not consume arg: |: error while loading |: Error while finding module spec",
    ),
    _signature("exception", Role.ROOT, "the program raised an exception", _CODE, kinds="traceback"),
    _signature("error", Role.LATE_ROOT, "the program reported a fatal error", _CODE, kinds="error"),
)
"""In the order in which they are tried; the last ones take what is left of each kind."""


def classify(event: Event) -> Signature:
    """Return the signature of an event whose kind is in CRASH_KINDS.

    An exception that says nothing more explains less if it was caught and printed, or was raised because
    of another one; least does what Python ignored as it destroyed objects.
    """
    found = next(matcher.signature for matcher in SIGNATURES if matcher.matches(event))
    if "ignored" in event.data:
        return replace(found, role=Role.CASCADE)
    late = found.name == "exception" and (is_caught(event) or "chained" in event.data)
    return replace(found, role=Role.LATE_ROOT) if late else found


_OF_TRACKER = re.compile(
    r"No module named '(?:wandb|tensorboardX?|comet_ml|mlflow|neptune|clearml|swanlab|aim|visdom)\b"
    r"|^(?:wandb|comet_ml|mlflow|neptune|clearml|swanlab|aim)\."
)
"""Exceptions of trackers, which programs catch, to train without."""


def is_caught(event: Event) -> bool:
    """Return whether an event is an exception that the program itself caught and printed, as far as known."""
    return "caught" in event.data or _OF_TRACKER.search(event.title) is not None


_UNREADABLE = ("SyntaxError: ", "IndentationError: ", "TabError: ")
"""Errors of files that are compiled: installers of packages continue with the next one."""


def may_be_caught(event: Event) -> bool:
    """Return whether an event is an error that the program itself may have caught and printed."""
    plain = "frames" not in event.data and (event.kind == "oom" or event.title.startswith(_UNREADABLE))
    return "inner" in event.data or plain
