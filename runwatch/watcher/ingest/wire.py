"""What a worker process sends to the engine: length-prefixed msgpack over its standard output."""

from __future__ import annotations

import msgspec

from runwatch.config.formats import FormatConfig, NameConfig
from runwatch.core.batch import Batch
from runwatch.core.checkpoint import Look
from runwatch.parsers.resume_state import ResumeState
from runwatch.watcher.sources.member import ORDER, Member
from runwatch.watcher.sources.sidecar_facts import SidecarFacts
from runwatch.watcher.sources.tail import Position


class Resume(msgspec.Struct, frozen=True):
    """Where a replacement continues: exactly after what was sent last."""

    position: Position | None
    """Of a file; None of a run on a server."""
    offset: int
    """Byte of the stream at which the next record begins."""
    line: int
    format: str | None
    resume_state: ResumeState = msgspec.field(name="told", default=ResumeState())
    """What the parser has to know in case the file is written again."""
    step: int = 0
    """Of a run on a server: the first step that was not read."""
    history: int = 0
    """Bytes after it that were there before anyone watched."""
    unfinished: bytes = b""
    """The line that begins there, as far as it was read: should the file be cut or gone meanwhile."""
    before: bytes = b""
    """The lines before it, if there is such a line: next to them shows whether it was cut."""
    carried: bytes = b""
    """The beginning of that line, if it is in a copy that was made before the file was cut."""
    files: dict[str, Resume] = {}
    """Of a directory: where its files that contain series are, by their name."""


class Opened(msgspec.Struct, frozen=True, tag="opened"):
    """A source was found and is read from now on."""

    source: str
    """Its id: the absolute path, printable."""
    name: str
    path: bytes
    """As the system spells it."""
    backlog: int
    """Bytes that were there before anyone watched."""
    written: float | None = None
    """Unix time of the file's last change before that, if known."""
    member: Member = Member()
    problem: str = ""
    """Why it cannot be read, in the system's words; "" if it can."""


class Dropped(msgspec.Struct, frozen=True, tag="dropped"):
    """A source is read no longer: there are too many newer ones."""

    source: str


class Read(msgspec.Struct, frozen=True, tag="read"):
    """The next batch of a source."""

    source: str
    batch: Batch
    live: bool
    arrival: float
    written: float | None
    """Unix time of the file's last change, if known."""
    left: int
    """Bytes of the backlog still unread."""
    resume: Resume | None = None
    late: bool = False
    """It was written while nobody watched, behind what had been read before."""


class Provisional(msgspec.Struct, frozen=True, tag="provisional"):
    """What a source that rests holds back, as if it ended here; what is read next takes its place."""

    source: str
    batch: Batch
    live: bool
    arrival: float
    late: bool = False


class Preview(msgspec.Struct, frozen=True, tag="preview"):
    """The newest lines, read ahead of a long history; each one replaces the one before."""

    source: str
    batch: Batch
    written: float | None


class Looked(msgspec.Struct, frozen=True, tag="looked"):
    """What a look at a directory gave that is new: checkpoints, and facts and records next to them."""

    source: str
    look: Look
    sidecars: SidecarFacts = msgspec.field(name="beside")
    live: bool
    arrival: float
    partial: bool = False
    """Whether there is more to be looked at, at once."""
    resume: Resume | None = None


class Trouble(msgspec.Struct, frozen=True, tag="trouble"):
    """Something cannot be read. Fatal: and so there is nothing to watch."""

    source: str
    message: str
    fatal: bool = False


class Sight(msgspec.Struct, frozen=True, tag="sight"):
    """A source can no longer be read, or can again."""

    source: str
    """Its id; "" for all that one worker reads."""
    why: str
    """In the system's words; "" if it can be read."""
    since: float
    """Unix time."""
    paths: tuple[bytes, ...] = ()
    """What the worker was to read."""
    brief: bool = False
    """Whether it was read a moment ago: it may be rotated just now."""


class Note(msgspec.Struct, frozen=True, tag="note"):
    """Something a person may want to know: rotated, truncated, polling."""

    source: str
    message: str
    resolved: bool = False
    """The trouble reported about this source is over."""


class Ended(msgspec.Struct, frozen=True, tag="ended"):
    """The source will give nothing more: standard input was closed."""

    source: str


class Beat(msgspec.Struct, frozen=True, tag="beat"):
    """The worker is alive and every read has returned."""

    seen: float | None = None
    """Unix time until which it has read all that was written; None until then, and amid a look."""


class Setup(msgspec.Struct, frozen=True):
    """What a worker is to read."""

    paths: tuple[bytes, ...]
    resume: dict[str, Resume] = {}
    """Source id -> where to continue, for sources that were read before."""
    poll: bool = False
    interval: float | None = None
    """Seconds between two looks at a file when polling; None leaves it to the waker."""
    online: float = 15.0
    """Seconds between two looks at a run on a server."""
    members: dict[str, Member] = {}
    """Source id -> what it is to its run, for those sources."""
    since: float | None = None
    """Unix time at which an engine before this one stopped watching, if one did."""
    before: tuple[bytes, ...] = ()
    """The paths that it watched: what has appeared there since is new, not history."""
    pace: float = 0.0
    """Seconds between two reads of what is written line by line, at least."""
    wait: bool = False
    """Whether a file may be created later."""
    exclude: tuple[str, ...] = ()
    """Patterns of paths that are not read though a search finds them."""
    formats: tuple[FormatConfig, ...] = ()
    """Formats of the user's own."""
    names: dict[str, str | NameConfig] = {}
    """What printed names mean, as the user says."""
    format: str | None = None
    """The only format to read logs as; None: it is detected."""
    prefer: tuple[str, ...] = ORDER
    """Kinds of source in the order in which those of one run are believed, and so read."""


Message = Opened | Dropped | Read | Provisional | Looked | Preview | Trouble | Sight | Note | Ended | Beat

encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(Message).decode
