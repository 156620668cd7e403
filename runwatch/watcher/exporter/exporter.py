"""Serves metrics as the configuration says: opened, opened again when it changes, closed."""

from __future__ import annotations

import asyncio
import os
import ssl
import time
from typing import TYPE_CHECKING

from runwatch.core import text
from runwatch.core.errors import ConfigError
from runwatch.core.loopback import is_loopback
from runwatch.core.notice import Notice
from runwatch.prometheus.exposition import Families, Form, negotiated
from runwatch.watcher.exporter.collect import gather
from runwatch.watcher.exporter.http import (
    Answer,
    HttpServer,
    Request,
    admitted,
    compressed,
    names_loopback,
    wants_gzip,
)
from runwatch.watcher.exporter.push import Push
from runwatch.watcher.service.turns import Share

if TYPE_CHECKING:
    from runwatch.config.sections import MetricsConfig
    from runwatch.watcher.service.server import Server

SAME = 1.0
"""Seconds for which an answer is good for other scrapers."""
AGAIN = 10.0
"""Seconds until an address that could not be had is tried again."""
READY_LAG = 30.0
"""Seconds by which the daemon's clock may be late before it is not ready."""


class Exporter:
    """The metrics of one daemon."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._share = Share()
        self._config: MetricsConfig | None = None
        self._token = ""
        self._http: HttpServer | None = None
        self._tried = -AGAIN
        self._failed = False
        self._building: dict[Form, asyncio.Task[bytes | None]] = {}
        self._built: dict[Form, tuple[float, bytes]] = {}
        self._packed: tuple[bytes, bytes] = (b"", b"")
        self._took = 0.0
        self._push = Push(server)

    @property
    def address(self) -> str:
        """Where it listens; "" if it does not."""
        return self._config.listen if self._config is not None and self._http is not None else ""

    @property
    def _for_this_machine(self) -> bool:
        """Whether only programs of this machine may ask: then no web page may, by a name of its own."""
        host = self._config.address()[0] if self._config is not None else None
        return not self._token and host is not None and is_loopback(host)

    def follow(self) -> None:
        """Listen as the configuration says now; called at the start and from time to time."""
        config, now = self._server.config.metrics, time.monotonic()
        self._push.follow(config)
        if config == self._config and (
            self._http is not None or not config.listen or now - self._tried < AGAIN
        ):
            return
        self._hang_up()
        self._config, self._tried = config, now
        if not config.listen:
            return
        try:
            self._token = config.token.reveal()
            http = HttpServer(self._handle, _context(config))
            http.open(*config.address())
        except (OSError, ConfigError, ValueError) as error:
            self._failed = True
            number = getattr(error, "errno", None)
            why = os.strerror(number) if number else str(error)
            self._server.notice(
                Notice(f"metrics are not served: {config.listen}: {text.plain(why)}", "metrics")
            )
            return
        self._http = http
        if self._failed:
            self._failed = False
            self._server.notice(Notice(f"metrics are served on {config.listen}", "metrics"))

    def close(self) -> None:
        """Listen and push no longer."""
        self._push.close()
        self._hang_up()

    def _hang_up(self) -> None:
        if self._http is not None:
            self._http.close()
        self._http = None

    async def _handle(self, request: Request) -> Answer:
        if request.path == "/healthz":
            return Answer(200, b"ok\n")
        if request.path == "/readyz":
            late = self._server.clock.lag > READY_LAG
            if late or not self._server.any_read.is_set():
                return Answer(503, b"no log could be read yet\n" if not late else b"the clock is late\n")
            return Answer(200, b"ready\n")
        if request.path != "/metrics":
            return Answer(404, b"see /metrics, /healthz and /readyz\n")
        return await self._metrics(request)

    async def _metrics(self, request: Request) -> Answer:
        if self._for_this_machine and not names_loopback(request):
            return Answer(421, b"ask for it as 127.0.0.1 or localhost, or set a token\n")
        if not admitted(request, self._token):
            return Answer(401, b"a token is needed\n", headers=("WWW-Authenticate: Bearer",))
        form = negotiated(request.headers.get("accept", ""))
        body = await self._text(form)
        if body is None:
            return Answer(500, b"the metrics could not be collected: see runwatch status\n")
        extra: tuple[str, ...] = ("Vary: Accept, Accept-Encoding",)
        if wants_gzip(request):
            body, extra = await self._pack(body), (*extra, "Content-Encoding: gzip")
        return Answer(200, body, form.value, extra)

    async def _pack(self, body: bytes) -> bytes:
        if self._packed[0] is not body:
            self._packed = body, await asyncio.to_thread(compressed, body)
        return self._packed[1]

    async def _text(self, form: Form) -> bytes | None:
        """Return the metrics, or None; scrapers that come together get one answer."""
        if form in self._built and time.monotonic() - self._built[form][0] < SAME:
            return self._built[form][1]
        task = self._building.get(form)
        if task is None or task.done():
            task = self._building[form] = asyncio.ensure_future(self._attempt(form))
        return await asyncio.shield(task)

    async def _attempt(self, form: Form) -> bytes | None:
        """Return the metrics; None if they could not be collected, and a notice says why."""
        try:
            return await self._build(form)
        except Exception as error:  # whatever it was, watching must continue
            self._server.notice(
                Notice(f"metrics could not be collected: {type(error).__name__}: {error}", "metrics")
            )
            return None

    async def _build(self, form: Form) -> bytes:
        begun, families = time.monotonic(), Families()
        await gather(self._server, self._share, families, self._took)
        body = await asyncio.to_thread(families.text, form)
        self._took = time.monotonic() - begun
        self._built[form] = time.monotonic(), body
        return body


def _context(config: MetricsConfig) -> ssl.SSLContext | None:
    """Return what makes connections HTTPS, if that is wanted. Raises ConfigError."""
    if not config.cert_file:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    cert, key = os.path.expanduser(config.cert_file), os.path.expanduser(config.key_file)
    try:
        context.load_cert_chain(cert, key or None, password="")
    except (OSError, ssl.SSLError, ValueError) as error:
        raise ConfigError(
            "cannot read the certificate", cert, getattr(error, "strerror", None) or ""
        ) from None
    return context
