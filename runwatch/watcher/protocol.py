"""What a client and the engine say to each other: one JSON object a line, typed.

Both sides greet. A client then says what it shows (a View) whenever that changes,
and the engine answers with at most one Frame per refresh tick, built for that view
and conflated: a slow client gets the newest picture, never a queue. Everything else
is a question or an order with an `id`, which its answer repeats: Refused, or the
reply that the request names. docs/protocol.md is for those who write a client.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

import msgspec

from runwatch.core.decoding import UNDECODABLE
from runwatch.core.errors import EngineError, ExitCode, RunwatchError
from runwatch.core.snapshot import Columns, IncidentRow, RunRow, Snapshot
from runwatch.core.text import plain

VERSION = 1
MAX_LINE = 4 << 20
"""Longest message of the engine, in bytes."""
MAX_REQUEST = 1 << 20
"""Longest message of a client, in bytes."""


class Chart(msgspec.Struct, frozen=True):
    """One chart on the screen."""

    metric: str
    width: int
    """Columns of the plot; the engine sends at most two points per column."""
    first: float | None = None
    last: float | None = None
    """Step range to show; None means from the beginning / up to the newest."""
    log: bool = False
    """Whether columns are equally wide on a logarithmic axis of steps."""


class View(msgspec.Struct, frozen=True):
    """What a client shows at the moment."""

    run: str | None = None
    """Id of the run to show; None lets the engine pick the most urgent live one."""
    charts: tuple[Chart, ...] = ()
    log_lines: int = 0
    log_before: int | None = None
    """Last log line wanted; None follows the newest."""
    log_source: str | None = None
    """Path of the source whose lines are wanted; None leaves it to the one that leads the run."""
    details: bool = False
    """Whether events and configuration are shown."""
    machine: bool = False
    """Whether the machine under the run is shown."""
    compare: tuple[str, ...] = ()
    """Ids of other runs whose charts are wanted too, over the same steps."""
    interval: float = 0.5
    """Seconds between frames at least; incident changes come at once."""
    trends: int = 0
    """Values of the loss wanted of each run in the list, for a sparkline; 0 for none."""


class Hello(msgspec.Struct, frozen=True, tag="hello"):
    """First message of both sides."""

    version: int = VERSION
    software: str = ""
    host: str = ""
    """Engine: name of its machine."""
    pid: int = 0
    """Engine: its process."""


class Subscribe(msgspec.Struct, frozen=True, tag="subscribe"):
    """Client: this is what I show now."""

    view: View


class Follow(msgspec.Struct, frozen=True, tag="follow"):
    """Client: send the headless stream, one Line per object."""

    interval: float = 10.0
    """Seconds between progress objects."""
    every: int | None = None
    """Steps between progress objects, instead of seconds."""


class Acknowledge(msgspec.Struct, frozen=True, tag="acknowledge"):
    """Client: a person has seen this incident. Answered by Done."""

    incident: str
    """Its id, or enough first characters to identify it."""
    id: int = 0


class Runs(msgspec.Struct, frozen=True, tag="runs"):
    """Client: which runs are there? Answered by RunList, in parts."""

    documents: bool = False
    """Each in full, as in the document of `check --json`."""
    id: int = 0


class Query(msgspec.Struct, frozen=True, tag="query"):
    """Client: one metric of a run over a range of steps. Answered by Series."""

    run: str
    """Id or name of the run."""
    metric: str
    width: int = 512
    """At most two points for each column of this width, spikes and NaN kept."""
    first: float | None = None
    last: float | None = None
    id: int = 0


class Incidents(msgspec.Struct, frozen=True, tag="incidents"):
    """Client: which incidents are there? Answered by IncidentList."""

    run: str | None = None
    """Id or name of the run; None: of all."""
    resolved: bool = False
    """Those that are over as well."""
    id: int = 0


class Silence(msgspec.Struct, frozen=True, tag="silence"):
    """Client: send nothing about what fits all matchers until Unix time `ends`. Answered by Done."""

    matchers: tuple[str, ...]
    """Such as "run=exp1" or "rule=~loss_.*"."""
    ends: float
    comment: str = ""
    author: str = ""
    id: int = 0
    about: str = ""
    """Id of the run or incident whose daemon is to do it; "" is that of the run shown."""


class Unsilence(msgspec.Struct, frozen=True, tag="unsilence"):
    """Client: end a silence. Answered by Done."""

    silence: str
    """Its id, or enough first characters to identify it."""
    id: int = 0
    about: str = ""
    """Id of the run or incident whose daemon is to do it; "" is that of the run shown."""


class Silences(msgspec.Struct, frozen=True, tag="silences"):
    """Client: which silences are there? Answered by SilenceList."""

    id: int = 0


class Actions(msgspec.Struct, frozen=True, tag="actions"):
    """Client: which actions wait? Answered by ActionList."""

    id: int = 0


class Cancel(msgspec.Struct, frozen=True, tag="cancel"):
    """Client: do not do what waits. Answered by Done."""

    action: str
    """Its id, or enough first characters to identify it."""
    author: str = ""
    id: int = 0


class Add(msgspec.Struct, frozen=True, tag="add"):
    """Client: watch these too, until the daemon ends. Answered by Done."""

    paths: tuple[str, ...]
    """Files, directories and patterns, absolute, in UTF-8."""
    id: int = 0


class Drop(msgspec.Struct, frozen=True, tag="drop"):
    """Client: watch these no longer. Answered by Done."""

    paths: tuple[str, ...]
    """As they were added."""
    id: int = 0


class Health(msgspec.Struct, frozen=True, tag="health"):
    """Client: how are you? Answered by HealthReport."""

    id: int = 0


class Segment(msgspec.Struct, frozen=True, tag="segment"):
    """Client: the most urgent run in a few words, for a status line. Answered by Done."""

    run: str | None = None
    """Id or name of another run."""
    ascii: bool = False
    id: int = 0


class Reload(msgspec.Struct, frozen=True, tag="reload"):
    """Client: read the configuration again. Answered by Done; a bad file is Refused and changes nothing."""

    id: int = 0


class Stop(msgspec.Struct, frozen=True, tag="stop"):
    """Client of a daemon: end in good order. Answered by Done, then by the end of the connection."""

    id: int = 0


class Control(msgspec.Struct, frozen=True, tag="control"):
    """Client of a replay: play it otherwise. Answered by Done, or Refused by an engine that watches."""

    action: str
    """pause (or play on), share (of the whole, from here), goto (Unix time), speed (factor), incident."""
    amount: float = 0.0
    id: int = 0


class Shutdown(msgspec.Struct, frozen=True, tag="shutdown"):
    """Client of a private engine: stop. A daemon takes it for a goodbye."""


class Frame(msgspec.Struct, frozen=True, tag="frame"):
    """Engine: the newest picture for your view."""

    snapshot: Snapshot


class Line(msgspec.Struct, frozen=True, tag="line"):
    """Engine: one object of the headless JSON stream, already in its public form."""

    body: dict[str, object]


def key_of(body: Mapping[str, object]) -> str:
    """Return what the run of a headless object is known by: its lasting id; of an older engine, its name."""
    return str(body.get("id", body["run"]))


class Notice(msgspec.Struct, frozen=True, tag="notice"):
    """Engine, to one who follows: something about runwatch itself, one line for people."""

    message: str


class Failure(msgspec.Struct, frozen=True, tag="failure"):
    """Engine: what you asked for cannot be done; one line for people."""

    message: str
    exit_code: int = 3


class RunList(msgspec.Struct, frozen=True, tag="run_list"):
    """Engine: runs, the most urgent first; of many, the first part."""

    id: int = 0
    runs: tuple[RunRow, ...] = ()
    documents: tuple[dict[str, object], ...] = ()
    """Each run in full instead, where that was asked for."""
    more: bool = False
    """Another part follows."""


class Series(msgspec.Struct, frozen=True, tag="series"):
    """Engine: one metric."""

    id: int
    columns: Columns


class IncidentList(msgspec.Struct, frozen=True, tag="incident_list"):
    """Engine: incidents, the most urgent first; of many, the first part."""

    id: int = 0
    incidents: tuple[IncidentRow, ...] = ()
    more: bool = False
    """Another part follows."""


class SilenceRow(msgspec.Struct, frozen=True):
    """One silence; times are Unix times."""

    id: str
    matchers: tuple[str, ...]
    starts: float
    ends: float
    comment: str = ""
    author: str = ""


class SilenceList(msgspec.Struct, frozen=True, tag="silence_list"):
    """Engine: silences that are not over."""

    id: int = 0
    silences: tuple[SilenceRow, ...] = ()


class ActionRow(msgspec.Struct, frozen=True):
    """One action that will be done unless somebody stops it."""

    id: str
    name: str
    run: str
    what: str
    due: float
    """Unix time."""
    incident: str
    title: str
    """Of the incident."""
    dry_run: bool = False


class ActionList(msgspec.Struct, frozen=True, tag="action_list"):
    """Engine: actions that wait, the next first."""

    id: int = 0
    actions: tuple[ActionRow, ...] = ()


class HealthReport(msgspec.Struct, frozen=True, tag="health_report"):
    """Engine: how it is."""

    id: int = 0
    software: str = ""
    host: str = ""
    pid: int = 0
    since: float = 0.0
    """Unix time of its start."""
    config: str = ""
    """Path of its configuration; "" if there is none."""
    state: str = ""
    """Its state directory; "" if it keeps none."""
    paths: tuple[str, ...] = ()
    """The watched paths; at most 100."""
    channels: tuple[str, ...] = ()
    """Where alerts are sent."""
    runs: int = 0
    sources: int = 0
    unknown: int = 0
    """Logs that were read and in which no run is recognized yet."""
    clients: int = 0
    lag: float = 0.0
    """Seconds by which its clock was late at worst in the last minute."""
    notices: tuple[str, ...] = ()
    """What the user should know about runwatch itself."""


class Done(msgspec.Struct, frozen=True, tag="done"):
    """Engine: it was done; one line for people."""

    id: int = 0
    message: str = ""


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    """Engine: one request cannot be done; the connection stays open."""

    message: str
    id: int = 0
    exit_code: int = 2


Request = (
    Hello | Subscribe | Follow | Acknowledge | Runs | Query | Incidents | Silence | Unsilence | Silences
    | Actions | Cancel | Add | Drop | Health | Segment | Reload | Stop | Control | Shutdown
)  # fmt: skip
Reply = (
    Hello | Frame | Line | Notice | Failure | RunList | Series | IncidentList | SilenceList | ActionList
    | HealthReport | Done | Refused
)  # fmt: skip

_encoder = msgspec.json.Encoder()
decode_request = msgspec.json.Decoder(Request).decode
_reply: msgspec.json.Decoder[Reply] = msgspec.json.Decoder(Reply)


def encode(message: Request | Reply) -> bytes:
    """Return the message as one line of JSON, newline included."""
    return _encoder.encode(message) + b"\n"


def decode_reply(line: bytes) -> Reply:
    """Return what a line of the engine says. Raises EngineError if it is no message."""
    try:
        return _reply.decode(line)
    except UNDECODABLE as error:
        raise EngineError("broken connection", plain(str(error), 200)) from error


def reported(reply: Failure | Refused, kind: type[RunwatchError] = RunwatchError) -> RunwatchError:
    """Return the error that the engine reports, with its exit code if that is one of ours."""
    error = kind(reply.message)
    with contextlib.suppress(ValueError):
        error.exit_code = ExitCode(reply.exit_code)
    return error
