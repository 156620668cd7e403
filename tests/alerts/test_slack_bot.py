"""The Slack bot against a stand-in for the Web API: threads, places, pictures and lost answers."""

import math
import struct
import subprocess
import sys
import zlib

import msgspec
import pytest

from runwatch.alerts.channels.slack.bot import SlackBotChannel
from runwatch.alerts.delivery.plot import HEIGHT, WIDTH, picture
from runwatch.alerts.routing.notification import Recent, Rejected, Retry, Sent, Unsure

from .slack_api import TOKEN, SlackApi
from .test_slack import FIRING, INCIDENT, RESOLVED

ESCALATED = msgspec.structs.replace(FIRING, id="n1b")
PICTURED = msgspec.structs.replace(
    FIRING, trend=(*(3.0 - step / 50 for step in range(48)), math.nan), span=(12_000, 12_600)
)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def slack():
    with SlackApi() as api:
        yield api


def bot(slack, memory=None, **options) -> SlackBotChannel:
    return SlackBotChannel(options.pop("token", TOKEN), "#train", api=slack.url, timeout=2.0, memory=memory)


def test_an_incident_is_one_thread_whose_head_is_rewritten(slack):
    memory = Recent()
    for notification in (FIRING, ESCALATED, RESOLVED):  # each by another process
        assert bot(slack, memory).send(notification) == Sent()
    head, escalated, resolved = slack.messages
    assert head["blocks"][0]["text"]["text"] == "✓ Resolved: loss is NaN since step 500 (speedrun)"
    assert head["text"].startswith("✓ Resolved")
    assert {escalated["thread_ts"], resolved["thread_ts"]} == {head["ts"]}
    assert (escalated["reply_broadcast"], resolved["reply_broadcast"]) == (True, False)
    assert (escalated["text"], resolved["text"]) == (
        "▲ Critical: loss is NaN since step 500 (speedrun)",
        "✓ Resolved: loss is NaN since step 500 (speedrun)",
    )


def test_the_same_incident_of_another_fold_is_another_thread(slack):
    channel = bot(slack)
    for epoch in ("one", "two"):
        channel.send(msgspec.structs.replace(FIRING, epoch=epoch))
    assert ["thread_ts" in message for message in slack.messages] == [False, False]


def test_another_incident_is_another_thread(slack):
    channel = bot(slack)
    channel.send(FIRING)
    channel.send(
        msgspec.structs.replace(FIRING, id="n9", incident=msgspec.structs.replace(INCIDENT, id="i9"))
    )
    assert ["thread_ts" in message for message in slack.messages] == [False, False]


def test_a_message_about_several_is_answered_and_not_rewritten(slack):
    channel = bot(slack)
    channel.send(msgspec.structs.replace(FIRING, more=(msgspec.structs.replace(INCIDENT, id="i2"),)))
    channel.send(RESOLVED)
    head, answer = slack.messages
    assert head["text"].startswith("▲ Critical")
    assert (answer["thread_ts"], answer["blocks"][0]["text"]["text"][:10]) == (head["ts"], "✓ Resolved")


def test_a_head_that_somebody_deleted_is_posted_again(slack):
    channel = bot(slack)
    channel.send(FIRING)
    slack.messages.clear()
    assert channel.send(RESOLVED) == Sent()
    assert [message["text"][:10] for message in slack.messages] == ["✓ Resolved"]


def test_a_notice_about_an_incident_answers_it_and_leaves_its_head_as_it_is(slack):
    notice = msgspec.structs.replace(
        FIRING, id="n7", change="notice", incident=msgspec.structs.replace(INCIDENT, title="action")
    )
    channel = bot(slack)
    channel.send(notice)
    channel.send(FIRING)
    channel.send(notice)
    lonely, head, answer = slack.messages
    assert ["thread_ts" in message for message in slack.messages] == [False, False, True]
    assert (head["text"][:10], answer["thread_ts"]) == ("▲ Critical", head["ts"])
    assert "action" in lonely["text"]


class TestPictures:
    def test_one_of_the_metric_is_put_into_the_thread(self, slack):
        assert bot(slack).send(PICTURED) == Sent()
        (shared,) = slack.files
        assert (shared["thread_ts"], shared["channel_id"]) == (slack.messages[0]["ts"], "C1")
        (image,) = slack.uploads.values()
        assert image == picture(PICTURED)

    @pytest.mark.parametrize("fault", ["error missing_scope", "500", "reset"])
    def test_without_one_the_message_is_reported_all_the_same(self, slack, fault):
        slack.script.extend(["ok", fault])
        assert bot(slack).send(PICTURED) == Sent()
        assert (len(slack.messages), slack.files) == (1, [])

    def test_it_is_a_png_of_few_bytes(self):
        raw = picture(PICTURED)
        assert raw[:8] == b"\x89PNG\r\n\x1a\n"
        place, pixels = 8, b""
        while place < len(raw):
            length, kind = struct.unpack_from(">I4s", raw, place)
            body = raw[place + 8 : place + 8 + length]
            assert struct.unpack_from(">I", raw, place + 8 + length)[0] == zlib.crc32(kind + body)
            pixels += body if kind == b"IDAT" else b""
            place += 12 + length
        rows = zlib.decompress(pixels)
        assert len(rows) == HEIGHT * (WIDTH + 1)
        assert set(rows) == {0, 1, 2, 3, 4}
        assert len(raw) < 10_000

    @pytest.mark.parametrize(
        "trend",
        [(), (1.0,) * 7, (math.nan,) * 50, (1e308, -1e308) * 20, (math.inf, *(1.0,) * 3)],
    )
    def test_too_little_is_no_picture(self, trend):
        assert picture(msgspec.structs.replace(FIRING, trend=trend)) is None

    @pytest.mark.parametrize(
        "trend", [(1.0,) * 50, (0.0, 5e-324) * 9, tuple(10.0**k for k in range(-300, 300, 20))]
    )
    def test_odd_values_are_drawn(self, trend):
        assert picture(msgspec.structs.replace(FIRING, trend=trend, span=(0, 10**12)))


class TestFailures:
    @pytest.mark.parametrize(
        ("answer", "outcome"),
        [
            ("429 7", Retry("Slack asks to slow down", 7.0)),
            ("500", Retry("Slack answered 500 Received a response in a non-JSON format: oops")),
            ("html", None),
            ("error internal_error", Retry("Slack answered 200 internal_error")),
            (
                "error not_in_channel",
                Rejected("Slack rejected: not_in_channel: invite the app to the channel"),
            ),
            ("error is_archived", Rejected("Slack rejected: is_archived: the channel is archived")),
        ],
    )
    def test_answers_are_understood(self, slack, answer, outcome):
        slack.script.append(answer)
        got = bot(slack).send(FIRING)
        assert type(got) is type(outcome or Retry(""))
        if outcome is not None and answer != "500":
            assert got == outcome

    def test_a_wrong_token_is_refused_and_not_repeated(self, slack):
        got = bot(slack, token="xoxb-wrong").send(FIRING)
        assert got == Rejected("Slack rejected: invalid_auth: check the token")
        assert "xoxb" not in repr(bot(slack)) + bot(slack).identity

    def test_a_token_that_the_answer_repeats_is_not_quoted(self, slack):
        token = TOKEN.replace("-", "_")  # as a word of Slack's would be
        slack.script.append(f"error {token}")
        outcome = bot(slack, token=token).send(FIRING)
        assert isinstance(outcome, Rejected)
        assert token not in repr(outcome)

    def test_a_closed_port_is_tried_again(self):
        channel = SlackBotChannel(TOKEN, "#x", api="http://127.0.0.1:9/api/", timeout=1.0)
        assert isinstance(channel.send(FIRING), Retry)

    def test_a_lost_answer_is_looked_up_before_it_is_sent_again(self, slack):
        channel = bot(slack)
        channel.send(
            msgspec.structs.replace(FIRING, id="n0", incident=msgspec.structs.replace(INCIDENT, id="i0"))
        )
        slack.script.append("reset")
        assert isinstance(channel.send(FIRING), Unsure)
        assert channel.send(msgspec.structs.replace(FIRING, may_repeat=True)) == Sent()
        assert channel.send(RESOLVED) == Sent()
        assert ["thread_ts" in message for message in slack.messages] == [False, False, True]

    def test_without_leave_to_read_history_it_says_that_it_may_repeat(self, slack):
        slack.script.append("reset")
        slack.history = False
        channel = bot(slack)
        channel.send(FIRING)
        assert channel.send(msgspec.structs.replace(FIRING, may_repeat=True)) == Sent()
        assert ["may repeat" in str(message) for message in slack.messages] == [False, True]


ENDED = msgspec.structs.replace(
    FIRING,
    id="e1.run.finished.0",
    change="notice",
    incident=msgspec.structs.replace(
        INCIDENT, id="run-finished", state="finished", title="speedrun finished"
    ),
)


@pytest.fixture
def report(tmp_path):
    file = tmp_path / "speedrun-0123456789ab.html"
    file.write_text("<html>how it went</html>")
    row = msgspec.structs.replace(INCIDENT, id="run-report", state="report", title="how speedrun went")
    return msgspec.structs.replace(
        FIRING, id="e1.run.report.60", change="notice", incident=row, attachment=str(file),
        below=(ENDED.id, FIRING.thread(INCIDENT.id)), lines=(f"Report: {file}",),
    )  # fmt: skip


class TestReports:
    def test_one_goes_below_the_message_about_the_end(self, slack, report):
        memory = Recent()
        for notification in (FIRING, ENDED, report):  # each by another process
            assert bot(slack, memory).send(notification) == Sent()
        (shared,) = slack.files
        end = next(message for message in slack.messages if "finished" in message["text"])
        assert (shared["channel_id"], shared["thread_ts"]) == ("C1", end["ts"])
        assert list(slack.uploads.values()) == [b"<html>how it went</html>"]
        assert len(slack.messages) == 2

    def test_without_such_a_message_it_goes_below_the_incident(self, slack, report):
        channel = bot(slack)
        channel.send(FIRING)
        assert channel.send(report) == Sent()
        assert (slack.files[0]["thread_ts"], len(slack.messages)) == (slack.messages[0]["ts"], 1)

    def test_without_any_it_goes_below_a_message_of_its_own(self, slack, report):
        assert bot(slack).send(report) == Sent()
        (own,) = slack.messages
        assert (own["text"], slack.files[0]["thread_ts"]) == (
            "☰ Report: how speedrun went",
            own["ts"],
        )

    @pytest.mark.parametrize(
        ("fault", "why"),
        [
            ("error missing_scope", "the app needs files:write"),
            ("error file_uploads_disabled", "the workspace allows no uploads"),
            ("429 30", "Slack asks to slow down"),
            ("500", "Slack answered 500"),
        ],
    )
    def test_a_failed_upload_is_one_line_and_holds_nothing_up(self, slack, report, fault, why):
        channel = bot(slack)
        channel.send(ENDED)
        slack.script.append(fault)
        assert channel.send(report) == Sent()
        end, line = slack.messages
        assert line["thread_ts"] == end["ts"]
        assert line["text"].startswith(f"{report.lines[0]} (not uploaded: {why}")
        assert slack.files == []

    def test_a_report_that_was_removed_meanwhile_is_one_line(self, slack, report):
        channel = bot(slack)
        channel.send(ENDED)
        gone = msgspec.structs.replace(report, attachment="/nowhere/report.html")
        assert channel.send(gone) == Sent()
        assert "(not uploaded: No such file or directory)" in slack.messages[1]["text"]

    def test_a_lost_answer_to_the_last_call_is_looked_up(self, slack, report):
        channel = bot(slack)
        channel.send(ENDED)
        slack.script.extend(["ok", "reset"])  # it is shown, and nobody says so
        assert channel.send(report) == Sent()
        assert (len(slack.files), len(slack.messages)) == (1, 1)

    def test_without_leave_to_read_files_an_unsure_one_is_not_repeated(self, slack, report):
        memory = Recent()
        bot(slack, memory).send(ENDED)
        bot(slack, memory).send(report)
        slack.scopes.remove("files:read")
        assert bot(slack, memory).send(msgspec.structs.replace(report, may_repeat=True)) == Sent()
        assert (len(slack.files), len(slack.messages)) == (1, 1)


DELIVER = """
import sys
import msgspec
from runwatch.alerts.channels.slack.bot import SlackBotChannel
from runwatch.alerts.delivery.journal import Journal
from runwatch.alerts.delivery.outbox import Outbox
from runwatch.alerts.routing.notification import Notification
from pathlib import Path
api, token, state, *bodies = sys.argv[1:]
journal = Journal(Path(state), print)
box = Outbox([SlackBotChannel(token, "#train", api=api, timeout=5.0, memory=journal)], print, journal=journal)
for body in bodies:
    box.submit(msgspec.json.decode(body, type=Notification))
sys.exit(box.close(30.0))
"""


@pytest.mark.few(2)
@pytest.mark.parametrize("method", ["files.getUploadURLExternal", "files.completeUploadExternal"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_kill_around_any_call_leaves_one_message_and_one_file(slack, report, tmp_path, method, after):
    state = tmp_path / "outbox"
    bodies = [msgspec.json.encode(each).decode() for each in (ENDED, report)]

    def deliver(*bodies: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", DELIVER, slack.url, TOKEN, str(state), *bodies])

    def kill() -> None:
        child.kill()
        child.wait()

    slack.at[method] = (None, kill) if after else (kill, None)
    child = deliver(*bodies)
    assert child.wait(120) == -9
    assert deliver().wait(120) == 0
    assert len(slack.messages) == 1
    assert [file["thread_ts"] for file in slack.files] == [slack.messages[0]["ts"]]
