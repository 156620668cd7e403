"""Where the daemon's socket is, how it is opened, and who is at its other end.

It lies in the state directory, to which only its owner may write, so that every
session of a user finds it, whatever that session's environment. Where that
path is too long for a socket, or its file system has none, it lies in a
directory of ours under /tmp.
"""

from __future__ import annotations

import os
import socket
import stat
import struct
import time
from collections.abc import Iterator
from pathlib import Path

from runwatch.core.errors import DaemonError, EngineError, RunwatchError
from runwatch.system import private_files

NAME = "daemon.sock"
NO_DAEMON = "no daemon is running"
STATE_VARIABLE = "RUNWATCH_STATE"
LONGEST = 107
"""Bytes of the longest path the kernel takes."""
BACKLOG = 1024
"""Clients that may wait to be let in."""
AGAIN = 0.02
"""Seconds between two tries where too many wait already."""
_CREDENTIALS = struct.Struct("3i")


def state_directory() -> Path:
    """Return where what outlives a process is kept: $RUNWATCH_STATE, or the user's state directory."""
    named = os.environ.get(STATE_VARIABLE)
    if named:
        return Path(named)
    import platformdirs

    return platformdirs.user_state_path("runwatch")


def places(state: Path) -> Iterator[Path]:
    """Yield where the socket of the daemon with this state directory may be, the usual place first."""
    state = Path(os.path.abspath(state))
    usual = state / NAME
    if len(os.fsencode(usual)) <= LONGEST:
        yield usual
    import hashlib  # here: rarely needed, and brings OpenSSL

    name = hashlib.sha256(os.fsencode(state)).hexdigest()[:16]
    yield Path(f"/tmp/runwatch-{os.geteuid()}") / f"{name}.sock"  # noqa: S108  checked by `secure`


def secure(directory: Path, most: int | None = None) -> None:
    """Make a directory that only we may enter; one that is there is not changed.

    Raises EngineError if it is somebody else's, or others can write to it.
    """
    try:
        private_files.directory(directory, most)
    except OSError as error:
        raise unusable(directory, error) from None


def unusable(directory: Path, error: OSError) -> EngineError:
    """Return what to say of a directory of ours that cannot be used."""
    return EngineError(
        "cannot use the state directory",
        str(directory),
        f"{error.strerror or error}: set {STATE_VARIABLE} to another",
    )


def answers(state: Path, patience: float) -> bool:
    """Return whether the daemon with this state directory takes a client within so many seconds."""
    try:
        connect(state, patience).close()
    except RunwatchError:
        return False
    return True


def listen(state: Path) -> tuple[socket.socket, Path]:
    """Return a listening socket and where it is. The caller holds the daemon's lock.

    What is left there by a daemon that died is removed. Raises EngineError.
    """
    why = ""
    for place in places(state):
        secure(place.parent, 1)
        _clear(place)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listener.bind(str(place))
            place.chmod(0o600)
            listener.listen(BACKLOG)
        except OSError as error:
            listener.close()
            why = f"{place}: {error.strerror or error}"
            continue
        return listener, place
    raise EngineError("cannot open a socket", why)


def _clear(place: Path) -> None:
    """Remove a socket that was left behind; what else is there is not ours to remove."""
    try:
        if not stat.S_ISSOCK(place.lstat().st_mode):
            raise EngineError("this is in the way of the daemon's socket", str(place), "move it away")
        place.unlink()
    except FileNotFoundError:
        pass
    except OSError as error:
        raise unusable(place.parent, error) from None


def connect(state: Path, timeout: float | None = None) -> socket.socket:
    """Return a socket to the daemon with this state directory.

    Raises DaemonError if none runs, EngineError if it lets nobody in or its directory may not be entered.
    """
    for place in places(state):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.settimeout(timeout)
        try:
            _connect(sock, str(place))
        except BlockingIOError:
            sock.close()
            raise EngineError("the daemon does not answer", str(place), "too many clients wait") from None
        except OSError:
            sock.close()
            continue
        if owner(sock) in (os.geteuid(), 0, None):
            return sock
        sock.close()
    try:
        os.stat(os.path.join(state, "."))
    except FileNotFoundError:
        pass
    except OSError as error:
        raise unusable(state, error) from None
    raise DaemonError(NO_DAEMON, str(state), "start one with: runwatch watch -d PATH")


def _connect(sock: socket.socket, place: str) -> None:
    """Connect, also where many wait to be let in: the kernel says "try again" then. Raises OSError."""
    until = time.monotonic() + (sock.gettimeout() or 0.0)
    while True:
        try:
            return sock.connect(place)
        except BlockingIOError:
            if time.monotonic() >= until:
                raise
            time.sleep(AGAIN)


def owner(sock: socket.socket) -> int | None:
    """Return the user id of the process at the other end; None where the system does not say."""
    if not hasattr(socket, "SO_PEERCRED"):
        return None
    found = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return int(_CREDENTIALS.unpack(found)[1])
