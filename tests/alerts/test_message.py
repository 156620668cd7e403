"""What people read: complete, bounded, on one line each, and nobody else's commands."""

import json
import os
import re

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runwatch.alerts.channels.discord import channel as discord
from runwatch.alerts.channels.email.channel import EmailChannel
from runwatch.alerts.channels.pagerduty.channel import PagerDutyChannel
from runwatch.alerts.channels.slack import webhook as slack
from runwatch.alerts.channels.teams import channel as teams
from runwatch.alerts.channels.telegram import channel as telegram
from runwatch.alerts.channels.terminal.channel import TerminalChannel
from runwatch.alerts.delivery.message import clean, compose, document
from runwatch.alerts.routing.notification import Sent
from runwatch.core.redaction import redact

from .slack_server import invalid
from .test_slack import FIRING, INCIDENT, RESOLVED, texts

TMUX = """#!/bin/sh
[ "$1" = list-clients ] && exec echo /dev/null
for last; do :; done
printf %s "$last" > got
"""
"""Has one client, and keeps what it is shown."""
CORPUS = {
    "slack channel": "<!channel> <!here> <!everyone> <@U123> <#C1> <!subteam^S1>",
    "slack link": "<https://evil.example|click here> & more",
    "markdown": "*bold* _it_ `code` [x](http://evil) ~~no~~ ||spoiler||",
    "telegram": r"\_*[]()~`>#+-=|{}.!",
    "html": "<script>alert(1)</script><img src=x onerror=y>&lt;",
    "rich": "[bold red]x[/] [link=http://evil]y[/link]",
    "ansi": "\x1b[2J\x1b]0;title\x07\x1b]52;c;ZXZpbA==\x07red\x9b31m",
    "newlines": "a\nHost: forged\r\nRun: forged\u2028Rank: 0\x0b\x0c\x85b",
    "bidi": "\u202egnp.exe\u2066 \u200b\ufeff",
    "long": "x" * 1_000_000,
    "long escapes": "&" * 1_000_000,
    "tmux": "#(touch x) %H #[fg=red] %%",
    "nul": "\x00\x01\x02\x7f",
    "surrogate": "\udcff broken",
    "emoji": "👩‍👩‍👧‍👦" * 500,
}
SECRETS = [
    "https://hooks.slack.com/services/T000/B000/hushhush",
    "https://discord.com/api/webhooks/1/hushhush",
    "xoxb-123456789-hushhush",
    "ghp_hushhushhushhushhush1234",
    "hf_hushhushhushhush",
    "sk-hushhushhushhush",
    "WANDB_API_KEY=hushhush123",
    'api_key: "hushhush123"',
    "password = hushhush",
    "Authorization: Bearer hushhush123",
    "postgres://user:hushhush@host/db",
    "eyJhushhush.eyJhushhush.hushhush",
    "export AWS_SECRET_ACCESS_KEY=hushhush",
]


def poisoned(said: str):
    row = msgspec.structs.replace(
        INCIDENT,
        title=said,
        cause=said,
        advice=said,
        rule=said,
        metric=said,
        evidence={said: said},
        symptoms=(said,),
    )
    return msgspec.structs.replace(
        FIRING, run=said, host=said, incident=row, more=(row, row), left_out=3, note=said, may_repeat=True
    )


@pytest.mark.parametrize("name", CORPUS)
class TestInjection:
    def test_every_part_is_one_bounded_line(self, name):
        reported = compose(poisoned(CORPUS[name]), repeats="x")
        parts = [
            reported.word,
            reported.title,
            reported.run,
            *reported.facts,
            reported.cause,
            reported.advice,
            reported.numbers,
        ]
        for part in (*parts, *reported.others, *reported.notes):
            assert len(part) <= 700
            assert not any(sign in part for sign in "\n\r\x1b\x00\x07\x9b\u2028\u202e\u200b")
        assert len(reported.body()) < 5000
        assert sum(line.startswith("Host:") for line in reported.body().splitlines()) == 1
        assert sum(line.startswith("Run:") for line in reported.body().splitlines()) == 1

    def test_slack_gets_a_valid_message_without_commands(self, name):
        payload = slack.message(poisoned(CORPUS[name]))
        assert invalid(payload) == ""
        assert not any(sign in said for said in texts(payload) for sign in "<>\x1b")
        assert {block["text"]["type"] for block in payload["blocks"] if "text" in block} == {"plain_text"}

    def test_discord_gets_nothing_that_is_not_escaped(self, name):
        payload = discord.message(poisoned(CORPUS[name]))
        embed = payload["embeds"][0]
        assert payload["allowed_mentions"] == {"parse": []}
        parts = ((payload["content"], 2000), (embed["title"], 256), (embed["description"], 4096))
        for said, most in parts:
            assert len(said) <= most
            assert not re.search(r"[*_~`|>#\-+\[\]()@:<]", re.sub(r"\\.", "", said))
            assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\u2028]", said)

    def test_telegram_gets_valid_markdown(self, name):
        said = telegram.message(poisoned(CORPUS[name]))
        assert len(said) <= 4096
        bold = re.match(r"\*(?:\\.|[^\\*])+\*\n", said)
        assert bold
        rest = re.sub(r"\\[_*\[\]()~`>#+\-=|{}.!\\]", "", bold[0][1:-2] + said[bold.end() :])
        assert not re.search(r"[_*\[\]()~`>#+\-=|{}.!\\]", rest)
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\u2028]", said)

    def test_teams_gets_runs_without_markdown(self, name):
        payload = teams.message(poisoned(CORPUS[name]))
        assert len(json.dumps(payload)) < 28_000 * 2
        (part,) = payload["attachments"]
        for block in part["content"]["body"]:
            assert block["type"] == "RichTextBlock"
            for run in block["inlines"]:
                assert len(run["text"]) <= 720
                assert not re.search(r"[\x00-\x1f\x7f-\x9f\u202e\u2028]", run["text"])

    def test_tmux_gets_a_line_without_formats(self, name, tmp_path, monkeypatch):
        (tmp_path / "tmux").write_text(TMUX)
        (tmp_path / "tmux").chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
        monkeypatch.chdir(tmp_path)
        assert TerminalChannel("here").send(poisoned(CORPUS[name])) == Sent()
        line = (tmp_path / "got").read_text()
        assert line
        assert "#" not in line.replace("##", "")
        assert "%" not in line.replace("%%", "")
        assert not re.search(r"[\x00-\x1f\x7f-\x9f]", line)

    def test_mail_and_push_are_plain_text(self, name):
        reported = poisoned(CORPUS[name])
        mail = EmailChannel("mail", "h", 25, sender="a@b.org", to=["c@d.org"])._mail(reported)
        assert mail.get_content_type() == "text/plain"
        raw = mail.as_bytes().decode("ascii")
        assert "\nHost: forged" not in raw
        assert len(raw) < 60_000
        event = PagerDutyChannel("pager", "k", "http://x")._event(reported)
        assert len(event["payload"]["summary"]) <= 1024
        assert len(event["dedup_key"]) <= 255
        assert len(json.dumps(event)) < 512_000

    def test_the_json_document_is_valid_and_bounded(self, name):
        raw = json.dumps(document(poisoned(CORPUS[name])), allow_nan=False, ensure_ascii=False)
        assert len(raw) < 60_000


@pytest.mark.parametrize("secret", SECRETS)
def test_secrets_of_a_log_line_are_cut_out(secret):
    line = f"ValueError: login with {secret} failed"
    assert "hush" not in redact(line)
    assert "failed" in redact(line)
    everything = poisoned(line)
    assert "hush" not in str(slack.message(everything)) + json.dumps(document(everything))


@pytest.mark.parametrize(
    "line",
    [
        "loss: 2.31 tokens/sec: 51234",
        "key error: 'x'",
        "https://example.org/a",
        "commit 0a1b2c3d",
        "sk-learn",
    ],
)
def test_what_is_no_secret_stays(line):
    assert redact(line) == line


def test_cutting_does_not_uncover_half_a_secret():
    assert "hush" not in clean("a" * 90 + " password=hushhushhush", 100)


def test_a_message_has_what_somebody_needs_at_night():
    reported = compose(
        msgspec.structs.replace(
            FIRING,
            checkpoint=12_000,
            trend=(2.5, 2.4, 2.3, float("nan")),
            incident=msgspec.structs.replace(
                INCIDENT, since=FIRING.time - 600, symptoms=("loss stands still",)
            ),
        )
    )
    body = reported.body()
    for part in (
        "Run: speedrun", "Host: node1", "Rank: 3", "Step: 12,500", "Last good checkpoint: step 12,000",
        "Since: 2023-11-14 22:03:20 UTC", "Likely cause: the gradient", "What to do: go back", "grad norm 123.5k",
        "trend ▇▄▁!", "With it: loss stands still",
    ):  # fmt: skip
        assert part in body
    assert reported.subject == "▲ Critical: loss is NaN since step 500 (speedrun)"


@pytest.mark.parametrize(
    "title", ["IndexError: " + "index 195 is out of bounds; " * 20, "lr < 1 & > 0 " * 40]
)
def test_what_heads_a_message_names_the_run_however_long_the_title_is(title):
    sent = msgspec.structs.replace(
        FIRING, run="sweep/lr3e-4", incident=msgspec.structs.replace(INCIDENT, title=title)
    )
    (card,) = teams.message(sent)["attachments"]
    heads = (
        slack.message(sent)["blocks"][0]["text"]["text"],
        discord.message(sent)["embeds"][0]["title"].replace("\\", ""),
        card["content"]["body"][0]["inlines"][0]["text"],
        telegram.message(sent).partition("\n")[0].replace("\\", "").strip("*"),
    )
    for head in heads:
        assert head.startswith("▲ Critical: ")
        assert head.endswith("… (sweep/lr3e-4)")


def test_a_message_about_a_run_names_it_once():
    row = msgspec.structs.replace(INCIDENT, state="finished", severity="info", title="a b finished at step 9")
    sent = msgspec.structs.replace(FIRING, run="a b", change="notice", incident=row)
    assert compose(sent).subject == "✓ Finished: a b finished at step 9"
    assert compose(msgspec.structs.replace(sent, run="n")).subject.endswith("step 9 (n)")


def test_what_was_resolved_by_a_resume_before_it_has_no_range():
    for over, said in ((12_600, "Step: 12,500 to 12,600"), (12_000, "Step: 12,500")):
        row = msgspec.structs.replace(RESOLVED.incident, resolved_step=over)
        assert said in compose(msgspec.structs.replace(RESOLVED, incident=row)).facts


def test_what_is_over_is_short_and_a_group_names_its_others():
    reported = compose(msgspec.structs.replace(RESOLVED, checkpoint=1, more=(INCIDENT,), left_out=7))
    assert (reported.cause, reported.advice, reported.numbers) == ("", "", "")
    assert reported.others == ("▲ Critical: loss is NaN since step 500 (r1)", "and 7 more")
    assert not any("checkpoint" in fact for fact in reported.facts)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="ab\\*_!|🎉", max_size=60), st.integers(1, 40))
@pytest.mark.parametrize("escape", [telegram.escape, discord.escape])
def test_cutting_leaves_no_half_escape(escape, said, limit):
    cut = escape(said, limit)
    assert len(cut) <= limit
    assert re.fullmatch(r"(?:\\[^a-z\s…]|[^\\])*", cut)


def test_advice_and_evidence_are_worded_as_on_the_screen():
    row = msgspec.structs.replace(
        INCIDENT,
        advice="Stop, go back to a checkpoint from before this step.",
        evidence={
            "last_finite": 2.5,
            "silent_for": 600.0,
            "frames": 'File "a.py", line 7, in step\n',
            "kind": "x",
        },
    )
    reported = compose(msgspec.structs.replace(FIRING, incident=row, checkpoint=12_000))
    assert reported.advice == "Stop, go back to checkpoint 12,000."
    assert (
        reported.numbers
        == "failed in a.py:7, in step · last finite value 2.500 · no step for 10m 00s when found · kind x"
    )
    waiting = msgspec.structs.replace(row, state="pending")
    assert compose(msgspec.structs.replace(FIRING, incident=waiting)).advice.startswith("if it lasts: Stop")
