"""The screen in a browser: textual-serve on loopback, behind a token.

Every user of the machine can reach the port, and could read the log and type into the screen.
So the address contains a token that only the person at the terminal sees. It is exchanged
for a cookie at the first visit. A page of another site cannot use that cookie: the browser
does not send it, and the origin of each request is checked as well.
"""

from __future__ import annotations

import hmac
import secrets
import shlex
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from runwatch.core.errors import UsageError

LOOPBACK = "127.0.0.1"
INSTALL = "pip install textual-serve"
_PAGE = Path(__file__).parent / "page"
_PORTS = range(8000, 8020)
_HEADERS = {
    # Everything the page needs is served here; no other host is asked, and no page may frame it.
    "Content-Security-Policy": "default-src 'self' 'unsafe-inline' data: ws: wss:; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_ELSEWHERE = "runwatch: open this page on this machine, as 127.0.0.1 or localhost\n"
_UNKNOWN = "runwatch: open the address with the token that runwatch printed in its terminal\n"
_WRONG = "runwatch: this token is not valid: open the address that runwatch printed last\n"

Handler = Callable[[Any], Awaitable[Any]]


def serve(arguments: Sequence[str], port: int | None) -> int:
    """Serve `runwatch ARGUMENTS` until ctrl-c. Raises UsageError without textual-serve or a free port."""
    try:
        from textual_serve.server import Server
    except ImportError:
        raise UsageError("--web needs textual-serve", "", INSTALL) from None
    token, chosen = secrets.token_urlsafe(16), free_port(port)

    class Guarded(Server):  # type: ignore[misc, unused-ignore]
        """textual-serve, for requests with the token."""

        async def _make_app(self) -> Any:
            app = await super()._make_app()
            app.middlewares.append(guard(token, chosen))
            return app

        async def on_startup(self, app: Any) -> None:
            sys.stdout.write(
                f"http://{LOOPBACK}:{chosen}/?token={token}\nOnly from this machine; stop with ctrl-c.\n"
            )
            sys.stdout.flush()

        def initialize_logging(self) -> None:
            """Write nothing to the terminal besides the address."""

    command = shlex.join([sys.executable, "-m", "runwatch", *arguments])
    Guarded(command, host=LOOPBACK, port=chosen, title="runwatch", templates_path=_PAGE).serve()
    return 0


def free_port(wanted: int | None) -> int:
    """Return a free port. Raises UsageError if the wanted one is taken."""
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
    """Return a filter for requests with the token, from our own page.

    The host name must be this machine's, so that no other name can point here. The
    port may differ: it may be that of a tunnel. A cookie goes to all ports, so each server has its own.
    """
    from aiohttp import web

    cookie = f"runwatch-{port}"

    async def check(request: Any, handler: Handler) -> Any:
        origin = request.headers.get("Origin")
        ours = request.host.partition(":")[0] in {LOOPBACK, "localhost"}
        if not ours or (origin is not None and origin.partition("://")[2] != request.host):
            return web.Response(status=403, text=_ELSEWHERE, headers=_HEADERS)
        if request.path == "/" and _same(request.query.get("token", ""), token):
            answer = web.Response(status=303, headers={"Location": "/", **_HEADERS})
            answer.set_cookie(cookie, token, httponly=True, samesite="Strict")
            return answer
        if not _same(request.cookies.get(cookie, ""), token):
            wrong = "token" in request.query
            return web.Response(status=403, text=_WRONG if wrong else _UNKNOWN, headers=_HEADERS)
        answer = await handler(request)
        if not answer.prepared:
            answer.headers.update(_HEADERS)
        return answer

    return web.middleware(check)


def _same(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode(), token.encode())
