"""Pushes metrics to an OpenTelemetry collector, each time the newest: nothing waits for one that is away."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import unquote

from runwatch import __version__
from runwatch.alerts.channels.http import Answer, host, post
from runwatch.alerts.routing.notification import Outcome, Retry, Sent
from runwatch.core.errors import ConfigError
from runwatch.core.notice import Notice
from runwatch.core.redaction import quoted
from runwatch.watcher.exporter.collect import gather
from runwatch.watcher.service.turns import Share

if TYPE_CHECKING:
    from runwatch.config.sections import MetricsConfig
    from runwatch.watcher.service.server import Server

TIMEOUT = 10.0
"""Seconds that a collector has to answer."""
LONGEST = 300.0
"""Most seconds between two tries, unless the collector asks for more."""
MOST_ASKED = 3600.0
"""Most seconds that a collector may ask for."""

T = TypeVar("T")


class _SentPartly(Sent, frozen=True):
    """The collector has a part of it, and will never take the rest."""

    refused: str
    """What it says of that."""


class Push:
    """The link of one daemon to a collector."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._config: MetricsConfig | None = None
        self._task: asyncio.Task[None] | None = None

    def follow(self, config: MetricsConfig) -> None:
        """Push as the configuration says now."""
        if config == self._config:
            return
        self.close()
        self._config = config
        if not config.otlp:
            return
        if missing := config.lacks():
            self._say(f"metrics are not pushed: {missing}")
            return
        try:
            headers = _headers(config)
        except ConfigError as error:
            self._say(f"metrics are not pushed: {error}")
            return
        self._task = asyncio.ensure_future(self._run(config, headers))

    def close(self) -> None:
        """Push no longer."""
        if self._task is not None:
            self._task.cancel()
        self._task = self._config = None

    async def _run(self, config: MetricsConfig, headers: dict[str, str]) -> None:
        """Push again and again, less often while it fails. Its first failure is a notice, and its end."""
        share, failed, pause = Share(), False, config.otlp_interval
        where, partly = host(config.otlp), False
        while True:
            begun = time.monotonic()
            outcome = await self._try(config, headers, share)
            if isinstance(outcome, Sent):
                refused = outcome.refused if isinstance(outcome, _SentPartly) else ""
                if refused and not partly:
                    self._say(f"the collector at {where} does not take all metrics: {refused}")
                elif not refused and (failed or partly):
                    self._say(f"metrics are pushed to {where} again")
                failed, partly, pause = False, bool(refused), config.otlp_interval
            else:
                if not failed:
                    self._say(f"metrics are not pushed to {where}: {outcome.reason}; trying again")
                asked = outcome.after if isinstance(outcome, Retry) and outcome.after is not None else 0.0
                pause = max(min(MOST_ASKED, asked), min(LONGEST, 2 * pause if failed else pause))
                failed = True
            await asyncio.sleep(pause if failed else max(0.0, begun + pause - time.monotonic()))

    async def _try(self, config: MetricsConfig, headers: dict[str, str], share: Share) -> Outcome:
        try:
            from runwatch.prometheus.otlp import Points

            points = Points()
            await gather(self._server, share, points, 0.0)
            start, now = self._server.since, self._server.clock.time()
            about = {
                "host.name": config.host or socket.gethostname(),
                "service.name": "runwatch",
                "service.version": __version__,
            }
            secrets = tuple(headers.values())

            def push() -> Outcome:
                return _sent(config.collector(), points.requests(about, start, now), headers, secrets)

            return await _aside(push)
        except Exception as error:  # whatever it was, watching must continue
            return Retry(f"{type(error).__name__}: {error}")

    def _say(self, text: str) -> None:
        self._server.notice(Notice(text, "otlp"))


def _headers(config: MetricsConfig) -> dict[str, str]:
    """Return what is sent with a request. Raises ConfigError."""
    found = {}
    for pair in filter(None, config.otlp_headers.reveal().split(",")):
        name, is_, value = pair.partition("=")
        if not (is_ and name.strip().replace("-", "").isalnum() and pair.isascii() and pair.isprintable()):
            raise ConfigError("not headers", "[metrics] otlp_headers", 'write "NAME=VALUE,NAME=VALUE"')
        found[name.strip()] = unquote(value.strip())
    if token := config.otlp_token.reveal():
        found["Authorization"] = f"Bearer {token}"
    return found


def _sent(url: str, bodies: Iterable[bytes], headers: dict[str, str], secrets: tuple[str, ...]) -> Outcome:
    """Send the requests, one after the other, up to the first that fails."""
    from runwatch.prometheus.otlp import partial_success

    def understand(answer: Answer) -> Outcome:
        count, why = partial_success(answer.raw)
        said = quoted(why, (url, *secrets), 200)
        many = f"{count:,} points are refused" if count else ""
        return _SentPartly(": ".join(filter(None, (many, said)))) if count or why else Sent()

    whole: Outcome = Sent()
    all_headers = {**headers, "Content-Type": "application/x-protobuf", "Content-Encoding": "gzip"}
    for body in bodies:
        packed = gzip.compress(body, 1)
        outcome = post("the collector", url, packed, TIMEOUT, all_headers, understand, secrets)
        if not isinstance(outcome, Sent):
            return outcome
        whole = outcome if isinstance(outcome, _SentPartly) else whole
    return whole


async def _aside(call: Callable[[], T]) -> T:
    """Return what a call returns, made in a thread that nobody waits for at the end of the daemon."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if not done.done():
            done.set_exception(error) if error is not None else done.set_result(result)  # type: ignore[arg-type]

    def work() -> None:
        result: T | None = None
        error: BaseException | None = None
        try:
            result = call()
        except Exception as raised:  # for whoever waits
            error = raised
        with contextlib.suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=work, name="otlp", daemon=True).start()
    return await done
