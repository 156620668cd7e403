"""Questions to a server that speaks Prometheus' HTTP API: Prometheus, VictoriaMetrics, Thanos, Mimir.

Every question is bounded in time and in the size of its answer. An error is one line without the address's
secrets.
"""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import Sequence
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlencode, urlsplit
from urllib.request import Request

import msgspec

from runwatch import __version__
from runwatch.alerts.channels.http import host, opener, plainly
from runwatch.core.decoding import UNDECODABLE
from runwatch.core.errors import EngineError, UsageError
from runwatch.core.redaction import quoted

TIMEOUT = 15.0
MAX_BYTES = 64 << 20
"""Bytes of an answer."""
_PIECE = 1 << 18


class Series(msgspec.Struct, frozen=True):
    """One series of an answer."""

    metric: dict[str, str]
    value: tuple[float, str] | None = None
    """Unix time and value, of a query for one moment."""
    values: list[tuple[float, str]] = []
    """The same over a range."""

    @property
    def name(self) -> str:
        """Name of the metric."""
        return self.metric.get("__name__", "")

    @property
    def number(self) -> float:
        """The value of one moment."""
        return float(self.value[1]) if self.value is not None else float("nan")


class _Data(msgspec.Struct):
    result: list[Series] = []


class _Answer(msgspec.Struct):
    status: str = ""
    data: _Data = msgspec.field(default_factory=_Data)
    error: str = ""


_decoder = msgspec.json.Decoder(_Answer)


class Api:
    """One server."""

    def __init__(self, url: str, token: str = "", tenant: str = "") -> None:
        """`tenant` is sent as X-Scope-OrgID; name and password in the address, without a token, as `Basic`.

        Raises UsageError for what is not a web address.
        """
        try:
            parts = urlsplit(url)
            good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            good = False
        if not good or any(character <= " " for character in url):
            raise UsageError("not a web address", "--prometheus", "write http://HOST:9090")
        name, at, place = parts.netloc.rpartition("@")
        login = b64encode(unquote(name if ":" in name else f"{name}:").encode()).decode() if at else ""
        access = f"Bearer {token}" if token else f"Basic {login}" if login else ""
        self._url, self._secrets = parts._replace(netloc=place).geturl().rstrip("/"), (token, login, url)
        self._host = host(url) + (f":{parts.port}" if parts.port else "")
        self._headers = {
            "User-Agent": f"runwatch/{__version__}",
            **({"Authorization": access} if access else {}),
            **({"X-Scope-OrgID": tenant} if tenant else {}),
        }

    def query(self, query: str) -> Sequence[Series]:
        """Return the series of a query at this moment. Raises EngineError."""
        return self._ask("query", {"query": query})

    def query_range(self, query: str, start: float, end: float, points: int) -> Sequence[Series]:
        """Return the series of a query over a range, with at most so many points. Raises EngineError."""
        step = max(1.0, (end - start) / max(1, points))
        return self._ask("query_range", {"query": query, "start": start, "end": end, "step": step})

    def _ask(self, kind: str, fields: dict[str, Any]) -> Sequence[Series]:
        body = urlencode({**fields, "timeout": f"{TIMEOUT:.0f}s"}).encode()
        request = Request(f"{self._url}/api/v1/{kind}", body, self._headers)  # noqa: S310 - judged above
        try:
            with opener.open(request, timeout=TIMEOUT) as answer:
                said = _decoder.decode(_read(answer))
        except HTTPError as error:
            raise EngineError(self._refused(error)) from None
        except URLError as error:
            why, advice = plainly(error.reason), "check that it runs, and --prometheus"
            raise EngineError(f"cannot reach {self._host}", why, advice) from None
        except (OSError, HTTPException) as error:
            raise EngineError(f"no answer from {self._host}", plainly(error)) from None
        except UNDECODABLE as error:
            advice = str(error) if isinstance(error, OverflowError) else "check the address and its path"
            raise EngineError(f"{self._host} does not answer as Prometheus does", "", advice) from None
        return said.data.result

    def _refused(self, error: HTTPError) -> str:
        with error:
            try:
                said = _decoder.decode(error.read(_PIECE)).error
            except (OSError, HTTPException, *UNDECODABLE):
                said = ""
        advice = {
            401: "check the token",
            403: "the token may not read there",
            404: "check the address and its path",
        }.get(error.code, quoted(said, self._secrets, 160))
        return f"{self._host} answered {error.code}" + (f": {advice}" if advice else "")


def _read(answer: Any) -> bytes:
    """Return the body. Raises OverflowError for one that is too large, TimeoutError for one without end."""
    until, pieces, size = time.monotonic() + 2 * TIMEOUT, list[bytes](), 0
    while piece := answer.read1(_PIECE):
        pieces.append(piece)
        size += len(piece)
        if size > MAX_BYTES:
            raise OverflowError(f"more than {MAX_BYTES >> 20} MiB: narrow it with --match")
        if time.monotonic() > until:
            raise TimeoutError
    return b"".join(pieces)
