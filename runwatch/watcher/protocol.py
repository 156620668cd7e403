"""What a client and the engine say to each other: one JSON object a line, typed.

The client greets, then says what it shows (a View) whenever that changes. The
engine answers with at most one Frame per refresh tick, built for that view and
conflated: a slow client gets the newest picture, never a queue.
"""

from __future__ import annotations

import msgspec

from runwatch.snapshot import Snapshot

VERSION = 1
MAX_LINE = 4 << 20
"""Longest message either side accepts, in bytes."""


class Chart(msgspec.Struct, frozen=True):
    """One chart on the screen."""

    metric: str
    width: int
    """Columns of the plot; the engine sends at most two points per column."""
    first: float | None = None
    last: float | None = None
    """Step range to show; None means from the beginning / up to the newest."""


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
    """Seconds between frames at most; incident changes come at once."""


class Hello(msgspec.Struct, frozen=True, tag="hello"):
    """First message of both sides."""

    version: int = VERSION
    software: str = ""


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
    """Client: a person has seen this incident."""

    incident: str


class Shutdown(msgspec.Struct, frozen=True, tag="shutdown"):
    """Client of a private engine: stop."""


class Frame(msgspec.Struct, frozen=True, tag="frame"):
    """Engine: the newest picture for your view."""

    snapshot: Snapshot


class Line(msgspec.Struct, frozen=True, tag="line"):
    """Engine: one object of the headless JSON stream, already in its public form."""

    body: dict[str, object]


class Notice(msgspec.Struct, frozen=True, tag="notice"):
    """Engine, to one who follows: something about runwatch itself, one line for people."""

    message: str


class Failure(msgspec.Struct, frozen=True, tag="failure"):
    """Engine: what you asked for cannot be done; one line for people."""

    message: str
    exit_code: int = 3


Request = Hello | Subscribe | Follow | Acknowledge | Shutdown
Reply = Hello | Frame | Line | Notice | Failure

_encoder = msgspec.json.Encoder()
decode_request = msgspec.json.Decoder(Request).decode
decode_reply = msgspec.json.Decoder(Reply).decode


def encode(message: Request | Reply) -> bytes:
    """Return the message as one line of JSON, newline included."""
    return _encoder.encode(message) + b"\n"
