"""`tail --web`: what it says without textual-serve, whom it lets in, and a screen over the websocket."""

import asyncio
import contextlib
import re
import sys
import time

import pytest
from click.testing import CliRunner

from runwatch.cli import web
from runwatch.cli.commands.tail import command
from runwatch.core.errors import UsageError

from .served import serving


def run(*arguments):
    return CliRunner().invoke(command, arguments, standalone_mode=False)


def test_without_textual_serve_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "textual_serve", None)
    monkeypatch.setitem(sys.modules, "textual_serve.server", None)
    error = run("x.log", "--web").exception
    assert isinstance(error, UsageError)
    assert str(error) == "--web needs textual-serve: pip install textual-serve"


@pytest.mark.parametrize(
    "arguments",
    [("x", "--web", "--headless"), ("x", "--web", "--json"), ("-", "--web"), ("x", "--port", "1")],
)
def test_what_does_not_go_with_web(arguments):
    assert isinstance(run(*arguments).exception, UsageError)


def test_a_port_that_is_taken():
    import socket

    with socket.socket() as taken:
        taken.bind((web.LOOPBACK, 0))
        taken.listen()
        with pytest.raises(UsageError, match="the port is taken"):
            web.free_port(taken.getsockname()[1])


@pytest.fixture
def server(tmp_path):
    """Return the address and token of a running `tail --web`."""
    pytest.importorskip("textual_serve")
    with serving(tmp_path) as served:
        yield served.address, served.token


async def answered(session, url, **more):
    """The status of a request, once the server listens."""
    for _ in range(200):
        try:
            async with session.get(url, allow_redirects=False, **more) as answer:
                return answer.status
        except OSError:
            await asyncio.sleep(0.05)
    raise AssertionError("the server never answered")


async def test_only_who_knows_the_token_gets_in(server):
    import aiohttp

    address, token = server
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        assert await answered(session, address) == 403
        assert await answered(session, f"{address}/?token=x") == 403
        assert await answered(session, f"{address}/static/js/textual.js") == 403
        assert await answered(session, f"{address}/ws") == 403
        assert await answered(session, f"{address}/?token={token}", headers={"Host": "evil.example"}) == 403
        name = address.partition("://")[2]
        for origin in ("http://evil.example", "http://localhost:1", f"http://{name}1"):
            assert await answered(session, f"{address}/?token={token}", headers={"Origin": origin}) == 403
        assert await answered(session, f"{address}/?token={token}") == 303
        assert await answered(session, address) == 200
        assert await answered(session, address, headers={"Origin": "http://evil.example"}) == 403


async def test_what_is_refused_says_what_to_do(server):
    import aiohttp

    async with aiohttp.ClientSession() as session:
        await answered(session, server[0])
        for query, words in (("", "that runwatch printed in its terminal"), ("?token=x", "token is not")):
            async with session.get(f"{server[0]}/{query}") as answer:
                assert words in await answer.text()
                assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


async def test_a_tunnel_may_end_at_another_port(server):
    import aiohttp

    address, token = server
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        there = {"Host": "localhost:9000", "Origin": "http://localhost:9000"}
        assert await answered(session, f"{address}/?token={token}", headers=there) == 303
        assert await answered(session, address, headers=there) == 200


async def test_two_servers_keep_their_cookies_apart(tmp_path):
    pytest.importorskip("textual_serve")
    import aiohttp

    (tmp_path / "a").mkdir(), (tmp_path / "b").mkdir()
    with serving(tmp_path / "a") as one, serving(tmp_path / "b") as other:
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
            for served in (one, other):
                assert await answered(session, f"{served.address}/?token={served.token}") == 303
            assert await answered(session, one.address) == 200
            assert await answered(session, other.address) == 200


async def test_the_screen_comes_over_the_websocket_and_takes_keys(server):
    import aiohttp

    address, token = server
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        await answered(session, f"{address}/?token={token}")
        async with session.ws_connect(f"{address}/ws?width=100&height=30", origin=address) as socket:
            assert await shows(socket, "398/400")
            await socket.send_json(["stdin", "4"])
            assert await shows(socket, "following")
            await socket.send_json(["resize", {"width": 60, "height": 20}])
            assert await shows(socket, "Quit")


async def shows(socket, wanted):
    """Whether this text comes."""
    end, seen = time.monotonic() + 60, ""
    while time.monotonic() < end:
        with contextlib.suppress(asyncio.TimeoutError):
            message = await asyncio.wait_for(socket.receive(), 1)
            data = message.data if isinstance(message.data, bytes) else str(message.data).encode()
            seen += re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", data.decode("utf-8", "replace"))
            if wanted in seen:
                return True
    return False
