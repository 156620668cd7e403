"""The Slack channel against a real server on this machine that behaves as Slack does."""

import logging
import socket
import threading
import time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runwatch.alerts.channels.slack.webhook import SlackChannel, message
from runwatch.alerts.delivery.outbox import Clock, Outbox
from runwatch.alerts.routing.notification import Notification, Rejected, Retry, Sent, Unsure
from runwatch.core.snapshot import IncidentRow

from .slack_server import PATH, SlackServer, invalid

INCIDENT = IncidentRow(
    id="i1",
    run="r1",
    rule="nonfinite",
    severity="critical",
    state="firing",
    title="loss is NaN since step 500",
    cause="the gradient overflowed one step before",
    advice="go back to the checkpoint of step 400 and lower the learning rate",
    metric="train/loss",
    rank=3,
    step=12500,
    line=512,
    evidence={"loss": float("nan"), "grad norm": 123456.789, "last good step": 12499, "lr": None},
)
FIRING = Notification("n1", "speedrun", "firing", INCIDENT, "node1", 1_700_000_000.0)
RESOLVED = msgspec.structs.replace(
    FIRING,
    id="n2",
    change="resolved",
    incident=msgspec.structs.replace(INCIDENT, state="resolved", resolved_step=12700),
)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def slack():
    with SlackServer() as server:
        yield server


def texts(payload) -> list[str]:
    found = [payload["text"]]
    for block in payload["blocks"]:
        found += [part["text"] for part in block.get("elements", [block.get("text")])]
    return found


def changed(**fields) -> Notification:
    return msgspec.structs.replace(FIRING, incident=msgspec.structs.replace(INCIDENT, **fields))


class TestMessage:
    def test_a_firing_message_says_all_in_plain_words(self):
        payload = message(FIRING)
        assert payload["text"] == "▲ Critical: loss is NaN since step 500 (speedrun)"
        assert texts(payload)[1:] == [
            "▲ Critical: loss is NaN since step 500 (speedrun)",
            "Run: speedrun\nHost: node1\nRule: nonfinite\nRank: 3\nStep: 12,500\nTime: 2023-11-14 22:13:20 UTC",
            "Likely cause: the gradient overflowed one step before",
            "What to do: go back to the checkpoint of step 400 and lower the learning rate",
            "loss NaN · grad norm 123.5k · last good step 12,499",
        ]
        assert {block["text"]["type"] for block in payload["blocks"] if "text" in block} == {"plain_text"}

    def test_a_resolved_message_is_short(self):
        payload = message(RESOLVED)
        assert payload["text"] == "✓ Resolved: loss is NaN since step 500 (speedrun)"
        assert len(payload["blocks"]) == 2
        assert "Step: 12,500 to 12,700" in texts(payload)[2]

    def test_severity_is_a_glyph_and_a_word(self):
        assert message(changed(severity="warning"))["text"].startswith("● Warning: ")
        assert message(changed(severity="info"))["text"].startswith("○ Info: ")
        assert message(changed(severity="apocalyptic"))["text"].startswith("▲ Critical: ")

    def test_what_is_empty_is_left_out(self):
        payload = message(changed(cause="", advice="", evidence={}, step=None, rank=None))
        assert [block["type"] for block in payload["blocks"]] == ["header", "section"]

    def test_a_repetition_says_so(self):
        payload = message(msgspec.structs.replace(RESOLVED, may_repeat=True))
        assert texts(payload)[-1].startswith("may repeat")

    def test_a_line_break_in_a_name_cannot_forge_a_fact(self):
        payload = message(msgspec.structs.replace(FIRING, run="a\nHost: forged"))
        assert "\nHost: forged" not in texts(payload)[2]

    @given(
        st.text(max_size=4000), st.text(max_size=4000), st.sampled_from(["<", "&", "x", "\x1b[2J", "é", "🙂"])
    )
    def test_any_text_makes_a_valid_message_without_commands(self, title, cause, filler):
        long = filler * 4000
        notification = msgspec.structs.replace(
            changed(
                title=title + long, cause=cause, advice=long, rule=long, evidence={long: long, cause: title}
            ),
            run=long,
            host=long,
            may_repeat=True,
        )
        payload = message(notification)
        assert invalid(payload) == ""
        assert sum(map(len, texts(payload))) < 3000
        assert not any(sign in text for text in texts(payload) for sign in "<>\x1b")


def outcome(url, notification=FIRING, **options):
    return SlackChannel(url, **options).send(notification)


class TestAnswers:
    def test_ok_is_sent(self, slack):
        assert outcome(slack.url) == Sent()
        assert len(slack.shown) == 1

    def test_mentions_arrive_escaped(self, slack):
        outcome(slack.url, changed(title="<!channel> <@U1> & <https://evil|ok>", cause="<!here>"))
        said = "\n".join(texts(slack.shown[0]))
        assert "&lt;!channel&gt; &lt;@U1&gt; &amp; &lt;https://evil|ok&gt;" in said
        assert "<" not in said
        assert slack.shown[0]["unfurl_links"] is False

    def test_429_asks_for_the_rest_it_names(self, slack):
        slack.script += ["429 17", "429 soon"]
        assert outcome(slack.url) == Retry("Slack asks to slow down", 17.0)
        assert outcome(slack.url) == Retry("Slack asks to slow down", 30.0)

    def test_500_is_tried_again(self, slack):
        slack.script += ["500"]
        assert outcome(slack.url) == Retry("Slack answered 500 server_error")
        assert len(slack.posts) == 1

    @pytest.mark.parametrize(
        ("word", "reason"),
        [
            ("404", "the webhook does not exist: 404 no_service"),
            ("403", "the webhook may not post here: 403 action_prohibited"),
            ("410", "the channel is archived or gone: 410 channel_is_archived"),
        ],
    )
    def test_permanent_errors_are_final(self, slack, word, reason):
        slack.script += [word]
        assert outcome(slack.url) == Rejected(reason)

    def test_a_message_that_slack_cannot_read_is_final(self, slack, monkeypatch):
        monkeypatch.setattr("runwatch.alerts.channels.slack.webhook.HEADER", 151)
        assert outcome(slack.url, changed(title="x" * 200)) == Rejected(
            "Slack could not read the message: 400 invalid_blocks"
        )

    def test_a_sign_in_page_is_not_slack(self, slack):
        slack.script += ["html"]
        assert isinstance(outcome(slack.url), Retry)

    def test_a_reset_after_the_post_is_unsure_and_posted_once(self, slack):
        slack.script += ["reset"]
        result = outcome(slack.url)
        assert isinstance(result, Unsure)
        assert len(slack.posts) == 1

    def test_no_answer_in_time_is_unsure(self, slack):
        slack.script += ["hang"]
        assert outcome(slack.url, timeout=0.1) == Unsure("no answer from 127.0.0.1: timed out")

    def test_a_closed_port_is_tried_again(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        result = outcome(f"http://127.0.0.1:{port}{PATH}")
        assert result == Retry("cannot reach 127.0.0.1: Connection refused")

    def test_a_name_that_does_not_resolve_is_tried_again(self):
        assert isinstance(outcome(f"http://no-such-host.invalid{PATH}", timeout=1), Retry)


class TestSecrecy:
    def test_the_address_shows_nowhere(self, slack, caplog, capfd):
        caplog.set_level(logging.DEBUG)
        slack.script += ["ok", "404", "500", "reset", "429 1"]
        channel = SlackChannel(slack.url)
        results = [repr(channel.send(FIRING)) for _ in range(5)]
        results += [repr(channel), repr(outcome("https://[bad/hushhush")), repr(outcome("file:///hushhush"))]
        said = "\n".join([*results, caplog.text, *capfd.readouterr()])
        assert "hushhush" not in said
        assert "T000" not in said

    def test_an_address_in_an_answer_is_cut_out(self, slack):
        channel = SlackChannel(slack.url)
        for body in (f"cannot {slack.url} do", f"no {PATH} here"):
            assert "hush" not in repr(channel._judge(500, body, {}))


class Eager(Clock):
    """Real time in which pauses are a hundred times shorter."""

    def now(self) -> float:
        return time.monotonic() * 100

    def wait(self, changed, seconds) -> None:
        changed.wait(None if seconds is None else seconds / 100)


@pytest.fixture
def outbox():
    boxes = []

    def make(url, **options) -> Outbox:
        channel = SlackChannel(url, timeout=options.pop("timeout", 5.0))
        boxes.append(Outbox([channel], **{"clock": Eager(), **options}))
        return boxes[-1]

    yield make
    for box in boxes:
        box.close(0.0)
        for lane in box._lanes.values():
            lane.thread.join(60)
            assert not lane.thread.is_alive()


class TestTogether:
    def test_firing_and_resolved_are_shown_once_in_order_through_trouble(self, slack, outbox):
        slack.script += ["500", "429 1", "500"]
        box = outbox(slack.url)
        box.submit(FIRING)
        box.submit(RESOLVED)
        slack.wait(posts=5, shown=2)
        assert [title.split(":")[0] for title in slack.titles()] == ["▲ Critical", "✓ Resolved"]
        assert box.close() == 0

    def test_the_named_rest_is_kept(self, slack, outbox):
        slack.script += ["429 20"]
        box = outbox(slack.url)
        box.submit(FIRING)
        slack.wait(shown=1)
        assert slack.times[1] - slack.times[0] >= 0.2  # 20 s on a clock that runs a hundred times faster

    def test_a_lost_answer_leads_to_a_marked_repetition(self, slack, outbox):
        slack.script += ["reset"]
        box = outbox(slack.url)
        box.submit(FIRING)
        slack.wait(shown=2)
        first, second = (texts(post)[-1] for post in slack.shown)
        assert "may repeat" not in first
        assert "may repeat" in second

    def test_a_dead_webhook_is_reported_once_and_not_tried_again(self, slack, outbox):
        slack.script += ["404"] * 9
        notices = []
        box = outbox(slack.url, notice=notices.append)
        for number in range(3):
            box.submit(msgspec.structs.replace(FIRING, id=f"n{number}"))
        slack.wait(posts=3)
        assert box.close() == 0
        assert len(slack.posts) == 3
        assert notices == ["slack: message rejected: the webhook does not exist: 404 no_service"]

    def test_an_endpoint_that_hangs_delays_nobody(self, slack, outbox):
        slack.script += ["hang"]
        box = outbox(slack.url, clock=Clock(), timeout=30.0)
        box.submit(FIRING)
        slack.wait(posts=1)
        began = time.perf_counter()
        for number in range(500):
            box.submit(msgspec.structs.replace(FIRING, id=f"more{number}"))
        submitted = time.perf_counter() - began
        assert box.close(0.1) == 501
        assert submitted < 25, "less than the endpoint hangs"
        assert time.perf_counter() - began < 28
        slack.release.set()

    def test_a_closed_port_is_reported_after_three_attempts(self, outbox):
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        reported = threading.Event()
        notices = []

        def notice(text):
            notices.append(text)
            reported.set()

        box = outbox(f"http://127.0.0.1:{port}{PATH}", notice=notice)
        box.submit(FIRING)
        assert reported.wait(60)
        assert notices == ["slack: not delivering, still trying: cannot reach 127.0.0.1: Connection refused"]
