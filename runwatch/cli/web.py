"""The screen in a browser: textual-serve on loopback, behind a token.

Whoever can reach the port could type into the screen, and read the log; other
users of the machine can. So the address holds a token that only the person at the
terminal sees. It is exchanged for a cookie at the first visit. A page of
another site cannot use that cookie: it is not sent along, and where a request comes from
is checked as well.
"""

from __future__ import annotations

import hmac
import secrets
import shlex
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from runwatch.errors import UsageError

LOOPBACK = "127.0.0.1"
INSTALL = "pip install 'runwatch[web]'"
_COOKIE = "runwatch-token"
_PORTS = range(8000, 8020)

Handler = Callable[[Any], Awaitable[Any]]


def serve(arguments: Sequence[str], port: int | None) -> int:
    """Serve `runwatch ARGUMENTS` until ctrl-c. Raises UsageError without textual-serve or a free port."""
    try:
        from textual_serve.server import Server
    except ImportError:
        raise UsageError("--web needs textual-serve", "", INSTALL) from None
    token, chosen = secrets.token_urlsafe(16), free_port(port)

    class Guarded(Server):  # type: ignore[misc, unused-ignore]
        """textual-serve, for those who know the token."""

        async def _make_app(self) -> Any:
            app = await super()._make_app()
            app.middlewares.append(guard(token, chosen))
            return app

        async def on_startup(self, app: Any) -> None:
            sys.stdout.write(
                f"http://{LOOPBACK}:{chosen}/?token={token}\nOnly from this machine; ctrl-c ends it.\n"
            )
            sys.stdout.flush()

        def initialize_logging(self) -> None:
            """Write nothing to the terminal besides the address."""

    command = shlex.join([sys.executable, "-m", "runwatch", *arguments])
    Guarded(command, host=LOOPBACK, port=chosen, title="runwatch").serve()
    return 0


def free_port(wanted: int | None) -> int:
    """Return a port that nobody listens on. Raises UsageError if the wanted one is taken."""
    for port in _PORTS if wanted is None else [wanted]:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise UsageError("the port is taken", str(wanted or _PORTS.start), "choose another with --port")


def guard(token: str, port: int) -> Any:
    """Return what lets through only requests that know the token, from a page of ours."""
    from aiohttp import web

    places = {f"{name}:{port}" for name in (LOOPBACK, "localhost")}

    async def check(request: Any, handler: Handler) -> Any:
        origin = request.headers.get("Origin")
        if request.host not in places or (origin is not None and origin.partition("://")[2] not in places):
            return web.Response(status=403, text="not from here\n")
        if request.path == "/" and _same(request.query.get("token", ""), token):
            answer = web.Response(status=303, headers={"Location": "/"})
            answer.set_cookie(_COOKIE, token, httponly=True, samesite="Strict")
            return answer
        if not _same(request.cookies.get(_COOKIE, ""), token):
            return web.Response(status=403, text="open the address that runwatch printed, with its token\n")
        return await handler(request)

    return web.middleware(check)


def _same(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode(), token.encode())
