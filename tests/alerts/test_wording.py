"""Messages in the user's own words: named fields only, as safe as our own."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runwatch.alerts.channels.build import build
from runwatch.alerts.channels.secret import Secret
from runwatch.alerts.channels.slack import webhook as slack
from runwatch.alerts.channels.webhook import WebhookConfig
from runwatch.alerts.delivery.message import compose
from runwatch.alerts.delivery.templates import FIELDS, check, fill
from runwatch.alerts.routing.notification import Wording

from .endpoints import HttpServer
from .slack_server import invalid
from .test_message import CORPUS, poisoned
from .test_slack import FIRING, INCIDENT, RESOLVED


def worded(notification=FIRING, title: str = "", body: str = ""):
    return compose(msgspec.structs.replace(notification, wording=Wording(title, body)))


def test_fields_are_filled_in_and_empty_lines_are_left_out():
    reported = worded(
        title="{run} on {host}: {title}",
        body="rank {rank}, step {step}\nsince {since}\ncheckpoint {checkpoint}\n{{braces}}\n\n{cause}",
    )
    assert reported.subject == "▲ Critical: speedrun on node1: loss is NaN since step 500"
    assert reported.body() == ("rank 3, step 12,500\n{braces}\n\nthe gradient overflowed one step before")


def test_a_title_alone_leaves_the_body_as_it_is():
    assert worded(title="{title}!").body() == compose(FIRING).body()


def test_an_end_and_its_notes_are_reported_too():
    repeated = msgspec.structs.replace(RESOLVED, note="still firing")
    reported = worded(repeated, body="{state}: {title} {cause}")
    assert reported.body() == "resolved: loss is NaN since step 500\n\nstill firing"


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("{titel}", "no field is named 'titel'"),
        ("{run.__class__}", "no field is named"),
        ("{run[0]}", "no field is named"),
        ("{run!r}", "no field is named"),
        ("{run:>9999999}", "no field is named"),
        ("{}", "no field is named"),
        ("{", "a single brace"),
        ("a } b", "a single brace"),
    ],
)
def test_nothing_else_may_be_in_braces(template, why):
    with pytest.raises(ValueError, match=why):
        check(template)


@pytest.mark.parametrize("name", CORPUS)
def test_hostile_values_stay_values(name):
    everything = "\n".join(f"{field}: {{{field}}}" for field in FIELDS)
    reported = msgspec.structs.replace(
        poisoned(CORPUS[name]), wording=Wording("{title} {cause} {run}", everything)
    )
    message = compose(reported)
    lines = message.body().splitlines()
    assert len(lines) <= 25
    assert all(len(line) <= 400 for line in lines)
    assert sum(line.startswith("host: ") for line in lines) <= 1
    assert invalid(slack.message(reported)) == ""


def test_values_are_not_filled_in_again():
    assert fill("{title}", {"title": "{run} {{x}}", "run": "secret"}) == ["{run} {{x}}"]


@given(st.text(alphabet="{}ab\nrun ", max_size=40))
def test_whatever_passes_the_check_can_be_filled(template):
    try:
        check(template)
    except ValueError:
        return
    fill(template, dict.fromkeys(FIELDS, "x"))


def test_every_channel_says_it():
    with HttpServer() as server:
        channel = build("hook", WebhookConfig(url=Secret(server.url)), None, Wording("hello {run}"))
        channel.send(FIRING)
    assert server.got[0].body["subject"] == "▲ Critical: hello speedrun"


def test_look_and_acknowledgement_are_reported_while_it_fires():
    there = msgspec.structs.replace(
        FIRING, look="runwatch attach node1", answer=f"runwatch ack {INCIDENT.id}"
    )
    assert compose(there).facts[-2:] == ("Look: runwatch attach node1", "Acknowledge: runwatch ack i1")
    over = msgspec.structs.replace(RESOLVED, look="runwatch attach node1", answer="runwatch ack i1")
    assert not any("Acknowledge" in fact for fact in compose(over).facts)
