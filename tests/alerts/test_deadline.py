"""An answer that comes byte by byte, each well within a socket's timeout, ends all the same."""

import socketserver
import threading
import time

import pytest

from runwatch.alerts.channels import deadline
from runwatch.alerts.channels.deadline import within
from runwatch.alerts.channels.email.channel import EmailChannel
from runwatch.alerts.channels.slack.bot import SlackBotChannel
from runwatch.alerts.channels.slack.webhook import SlackChannel
from runwatch.alerts.channels.webhook.channel import WebhookChannel
from runwatch.alerts.routing.notification import Retry, Unsure

from .test_slack import FIRING


@pytest.fixture
def dripping(monkeypatch):
    """A server whose headers, or greeting, never end."""
    monkeypatch.setenv("no_proxy", "*")
    over = threading.Event()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            try:
                for byte in self.server.begins + b"x" * 10_000:
                    if over.wait(0.05):
                        return
                    self.request.sendall(bytes([byte]))
            except OSError:
                pass

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads, block_on_close = True, True

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        server.begins = b"HTTP/1.1 200 OK\r\nX: "
        yield server
        over.set()
        server.shutdown()
        thread.join()


CHANNELS = {
    "webhook": lambda port: WebhookChannel("hook", f"http://127.0.0.1:{port}/x", "", 0.5),
    "slack": lambda port: SlackChannel(f"http://127.0.0.1:{port}/x", timeout=0.5),
    "bot": lambda port: SlackBotChannel("xoxb-1", "C1", api=f"http://127.0.0.1:{port}/api", timeout=0.5),
    "email": lambda port: EmailChannel(
        "mail", "127.0.0.1", port, sender="a@b.c", to=["d@e.f"], security="none", timeout=1.0
    ),
}


@pytest.mark.parametrize("make", CHANNELS.values(), ids=CHANNELS)
def test_a_request_ends(dripping, make, monkeypatch):
    if make is CHANNELS["email"]:
        dripping.begins = b"220 "
        monkeypatch.setattr("runwatch.alerts.channels.email.channel.STEPS", 1)
    channel = make(dripping.server_address[1])
    began = time.monotonic()
    outcome = channel.send(FIRING)
    assert isinstance(outcome, Unsure), outcome
    assert "timed out" in outcome.reason
    assert time.monotonic() - began < 120, "the server goes on for 500 s"


def test_those_that_hang_are_few(monkeypatch):
    monkeypatch.setattr(deadline, "_free", threading.BoundedSemaphore(1))
    hangs = threading.Event()
    with pytest.raises(TimeoutError):
        within(0.01, hangs.wait)
    outcome = WebhookChannel("hook", "http://127.0.0.1:9/x", "", 0.2).send(FIRING)
    assert outcome == Retry("cannot reach 127.0.0.1: too many earlier requests still hang")
    hangs.set()
    end = time.monotonic() + 60
    while deadline._free._value == 0 and time.monotonic() < end:
        time.sleep(0.001)
    assert within(10.0, lambda: 3) == 3
