"""Events: what a log says that is not a number. Tracebacks, OOM, NCCL, saves, ends.

The scanner sees the lines that gave no record, in order. A traceback is joined
into one event that carries its last line; where signatures compete, the order
of SIGNATURES decides (a root cause before what it drags along).
"""

from __future__ import annotations

import re

from runwatch.batch import Event
from runwatch.text import decode

SIGNATURES: tuple[tuple[str, re.Pattern[bytes]], ...] = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        ("host_oom", rb"oom-kill:|Out of memory: Killed process|[Dd]etected \d+ oom.kill event"),
        (
            "oom",
            rb"CUDA out of memory|OutOfMemoryError|CUBLAS_STATUS_ALLOC_FAILED|RESOURCE_EXHAUSTED: Out of mem",
        ),
        ("xid", rb"NVRM: Xid \("),
        ("nccl", rb"Watchdog caught collective operation timeout|Process group watchdog thread terminated"),
        (
            "cuda_error",
            rb"CUDA ERROR|CUDA error: |uncorrectable ECC error encountered|device-side assert triggered",
        ),
        ("scheduler", rb"slurmstepd: error: .*CANCELLED AT|DUE TO (?:TIME LIMIT|PREEMPTION|NODE FAILURE)"),
        ("segfault", rb"Segmentation fault|SIGSEGV|Fatal Python error|\(core dumped\)"),
        ("killed", rb"^\s*Killed\s*$|killed by signal: Killed|\bSIGKILL\b"),
        ("elastic", rb"ChildFailedError|Root Cause \(first observed failure\)"),
        ("nccl", rb"NCCL error|ncclRemoteError|ncclInternalError|ncclSystemError"),
        ("signal", rb"^KeyboardInterrupt|received SIG(?:INT|TERM)|got signal: (?:2|15)\b|Received SIGTERM"),
        ("error", rb"No space left on device|Disk quota exceeded|Stale file handle|std::bad_alloc"),
    )
)
MARKERS: tuple[tuple[str, re.Pattern[bytes]], ...] = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        (
            "checkpoint",
            rb"[Ss]av(?:ed|ing) (?:the )?(?:model|checkpoint|optimizer|state)\b.*\b(?:to|in|at)\b",
        ),
        (
            "resume",
            rb"[Rr]esum(?:ing|ed) (?:training |run )?from|[Ll]oaded checkpoint\b.*\b(?:iteration|step)\b",
        ),
        (
            "finished",
            rb"^Training completed|^\d+ epochs completed in |"
            rb"[Tt]raining (?:is )?(?:complete|finished|done)\b|Finished training",
        ),
        ("eval_begin", rb"^\**\s*Running [Ee]valuation|^Evaluating\b"),
        ("retry", rb"Connection reset by peer|Read timed out|Retrying in|503 Slow Down"),
    )
)
_TRIGGER = re.compile(  # every event holds one; each begins with one byte (no class: slower), rare in text
    rb"%\||bad_alloc|c(?:cl|heckpoint|ompleted in|ore dumped)|gnal|kill|med out|quota|"
    rb"r(?:ror|esum|aining )|ut of |"
    rb"v(?:ed |ing )|C(?:ANCELLED|UDA ERR|onnection)|D(?:UE TO|evice-side)|E(?:CC|RR|valuating|XHAUSTED)|"
    rb"F(?:atal|inished)|"
    rb"Keyboard|Killed|N(?:CCL|o space)|O(?:OM|ut of )|R(?:e(?:ad|sum|trying)|oot Cause|unning)|"
    rb"S(?:IG|egmentation|low Down|tale)|Tra(?:ceback|ining)|Watchdog|watchdog|Xid"
)
_HINT = re.compile(
    rb"might be|may be caused|could be|please try|[Cc]ompile with|DSA|error_if_nonfinite|0 errors"
)
_PREFIX = re.compile(rb"^(?:\[(?:rank|default)?(\d{1,6})\]:\s?|(\d{1,6}): (?=\S))*")
_FRAME = re.compile(rb"^\s|^During handling of|^The above exception|^$|^Traceback|^\^")
_RAISED = re.compile(rb"^[A-Za-z_][\w.]*(?:Error|Exception|Interrupt|Exit|Warning|Failure)?\b(?::|$)")
_SAVED_STEP = re.compile(
    rb"(?:model|checkpoint|step|iter|global_step)[_-]0*(\d{1,15})\b|checkpoint at step 0*(\d{1,15})\b"
)
_SAVED_PATH = re.compile(rb"\b(?:to|in|at):? +[\"']?([^\s\"']*[/.][^\s\"']*)")
_MAX_FRAMES = 60


class EventScanner:
    """Turns lines into events. Its only state is the traceback it is inside of."""

    trigger = staticmethod(_TRIGGER.search)
    """One cheap look: None for a text that is no event, unless inside a traceback or a marker's line."""

    def __init__(self, markers: tuple[tuple[bytes, str], ...] = ()) -> None:
        self.use(markers)
        self._frames: list[str] | None = None
        self._begun: tuple[int, int, int | None] = (0, 0, None)
        self._next = 0

    def use(self, markers: tuple[tuple[bytes, str], ...]) -> None:
        """Add a format's markers: (text a line begins with, event kind)."""
        self.markers = markers
        self.heads = tuple(text for text, _ in markers)

    @property
    def inside(self) -> bool:
        """Whether the next line may belong to a traceback."""
        return self._frames is not None

    def feed(self, line: bytes, offset: int, number: int, ordinal: int) -> list[Event] | None:
        """Return the events of one record, [] for a line that belongs to one, None for any other line.

        `ordinal` counts records: a gap in it means that step lines stood between.
        """
        if self._frames is None:
            marked = self._marker(line, offset, number)
            if marked or not _TRIGGER.search(line):
                return marked
        prefix = _PREFIX.match(line)
        rank = next((int(g) for g in prefix.groups() if g), None) if prefix else None
        body = line[prefix.end() :] if prefix else line
        if self._frames is not None:
            if ordinal == self._next and _FRAME.match(body):
                self._next = ordinal + 1
                self._keep(body)
                return []
            ended = self._close(body if ordinal == self._next else b"", offset, number, rank)
            return (
                ended if ended[0].line == number else ended + (self._line(body, offset, number, rank) or [])
            )
        if body.lstrip().startswith(b"Traceback (most recent call last)"):
            self._frames, self._begun, self._next = [], (offset, number, rank), ordinal + 1
            return []
        return self._line(body, offset, number, rank)

    def flush(self) -> list[Event]:
        """Return the event of a traceback that the log's end (or a break in it) cut off."""
        return [] if self._frames is None else self._close(b"", 0, 0, None)

    def _keep(self, body: bytes) -> None:
        assert self._frames is not None
        if len(self._frames) < _MAX_FRAMES:
            self._frames.append(decode(body, 200))

    def _close(self, last: bytes, offset: int, number: int, rank: int | None) -> list[Event]:
        frames, begun, self._frames = self._frames or [], self._begun, None
        excerpt = "\n".join(frames[-20:])
        if not _RAISED.match(last):
            return [
                Event(
                    "traceback",
                    begun[0],
                    begun[1],
                    "Traceback without its last line",
                    begun[2],
                    data={"frames": excerpt},
                )
            ]
        kind = next((kind for kind, pattern in SIGNATURES if pattern.search(last)), "traceback")
        who = begun[2] if rank is None else rank
        return [Event(kind, offset, number, decode(last, 300), who, data={"frames": excerpt})]

    def _line(self, body: bytes, offset: int, number: int, rank: int | None) -> list[Event] | None:
        if not _HINT.search(body):
            for kind, pattern in SIGNATURES:
                found = pattern.search(body)
                if found:
                    # the scheduler's word may stand behind half a step line
                    told = body[found.start() :] if kind == "scheduler" else body
                    return [Event(kind, offset, number, decode(told, 300), rank)]
        for kind, pattern in MARKERS:
            if pattern.search(body):
                return [_marked(kind, offset, number, body, rank)]
        return None

    def _marker(self, line: bytes, offset: int, number: int) -> list[Event] | None:
        if not line.startswith(self.heads):
            return None
        kind = next(kind for text, kind in self.markers if line.startswith(text))
        return [_marked(kind, offset, number, line, None)]


def _marked(kind: str, offset: int, number: int, line: bytes, rank: int | None) -> Event:
    """Return a marker's event; a checkpoint's tells its path and step, where it names them."""
    step, data = None, {}
    if kind == "checkpoint":
        path = _SAVED_PATH.search(line)
        if path:
            data["path"] = decode(path[1].rstrip(b".,"), 1000)
        steps = _SAVED_STEP.findall(line)  # directories come first, the file last
        step = int(b"".join(steps[-1])) if steps else None
    return Event(kind, offset, number, decode(line, 300), rank, step, data)
