"""`runwatch notify`: what it sends, what it says, and what it keeps to itself."""

import json
import os
import sys

import msgspec
import pytest

from runwatch.alerts.channels.slack.webhook import SlackChannel
from runwatch.alerts.delivery.journal import Journal
from runwatch.config.loader import read

from ..alerts.endpoints import HttpServer
from ..alerts.slack_server import SlackServer
from ..alerts.test_slack import FIRING
from ..wrap.command import Terminal
from .command import ENVIRONMENT, called, runwatch


@pytest.fixture
def run(tmp_path):
    def run(*arguments: str, config: str | None = "", **env: str) -> tuple[int, str, str]:
        (tmp_path / "runwatch.toml").write_text(config or "")
        named = [] if config is None else ["--config", str(tmp_path / "runwatch.toml")]
        done = called("notify", *arguments, *named, env={**os.environ, "no_proxy": "*", **env})
        assert "hush" not in done.stdout + done.stderr
        return done.returncode, done.stdout, done.stderr

    return run


def test_a_sample_arrives_and_what_came_back_is_told(run):
    with SlackServer("ok", "404") as slack:
        code, out, _ = run("test", "slack", RUNWATCH_SLACK_WEBHOOK=slack.url)
        said, took = out.split(" in ")
        assert (code, said) == (0, "slack: delivered")
        assert not took.startswith("0.0 s")
        code, out, _ = run("test", "slack", RUNWATCH_SLACK_WEBHOOK=slack.url)
    assert code == 1
    assert "rejected" in out
    assert "the webhook does not exist: 404 no_service" in out
    assert "test of runwatch" in slack.titles()[0]


def test_a_channel_that_asks_for_a_pause_is_told(run):
    with HttpServer((429, "", {"Retry-After": "17"})) as server:
        config = f"[channels.phone]\ntype = 'ntfy'\ntopic = 'hushtopic'\nserver = '{server.url}'"
        code, out, _ = run("test", "phone", config=config)
    assert code == 1
    assert "ntfy asks to slow down; the server asks for a pause of 17 s" in out
    assert server.got[0].body["topic"] == "hushtopic"


def test_an_unknown_channel_and_a_missing_secret_are_one_line(run):
    config = "[channels.phone]\ntype = 'ntfy'\ntopic = { env = 'NO_SUCH_VARIABLE' }"
    assert run("test", "phne", config=config)[::2] == (
        2,
        "runwatch: no such channel: phne: use one of phone\n",
    )
    code, _, err = run("test", "phone", config=config)
    assert (code, err) == (2, "runwatch: the secret is empty: env NO_SUCH_VARIABLE: set $NO_SUCH_VARIABLE\n")


def test_the_list_names_channels_and_no_secret(run):
    config = "[channels.phone]\ntype = 'ntfy'\ntopic = 'hushtopic'\nmin_severity = 'critical'"
    assert run("list", config=config)[:2] == (0, "phone  ntfy  critical and above\n")
    assert "no channel is configured" in run("list")[1]


def test_what_was_given_up_is_listed_and_sent_again(run, tmp_path):
    state = {"RUNWATCH_STATE": str(tmp_path / "state")}
    with SlackServer() as slack:
        env = {**state, "RUNWATCH_SLACK_WEBHOOK": slack.url}
        assert run("dead", config=None, **env)[:2] == (0, "no message was given up\n")
        identity = SlackChannel(slack.url).identity
        living, gone = Journal(tmp_path / "state" / "outbox"), Journal(tmp_path / "state" / "outbox")
        for number, journal in enumerate((living, gone)):
            reported = msgspec.structs.replace(FIRING, id=f"n{number}", run=f"run{number}")
            journal.commit([(identity, reported), ("other#1", reported)])
            journal.dead(identity, reported.id, "the webhook does not exist: 404")
            journal.dead("other#1", reported.id, "too old")
        gone.close()
        code, out, _ = run("dead", config=None, **env)
        assert (code, out.count("the webhook does not exist: 404"), out.count("too old")) == (1, 2, 2)
        assert "slack  ▲ Critical: loss is NaN since step 500 (run0)" in out
        code, out, _ = run("retry", "slack", **env)
        assert (code, out) == (0, "2 queued again, 0 still undelivered\n")
        assert sorted(post["text"][-6:] for post in slack.shown) == ["(run0)", "(run1)"]
        code, out, _ = run("dead", "--json", config=None, **env)
        left = json.loads(out)["dead"]
        assert [(one["channel"], one["reason"]) for one in left] == [("other", "too old")] * 2
        assert run("retry", "slack", **env)[1] == "0 queued again, 0 still undelivered\n"
        living.close()
    assert len(slack.posts) == 2


@pytest.fixture
def setup(tmp_path):
    """Call `notify setup slack` with an address on standard input, in a directory and a home of its own."""
    own = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "config"), "no_proxy": "*"}
    state = {"RUNWATCH_STATE": str(tmp_path / "state")}

    def setup(address: str, *words: str, **env: str):
        environment = {**ENVIRONMENT, **own, **state, **env}
        return runwatch(
            "notify", *(words or ("setup", "slack")), cwd=tmp_path, env=environment, input=address
        )

    setup.kept = tmp_path / "config" / "runwatch" / "slack-webhook"
    setup.config = tmp_path / "config" / "runwatch" / "runwatch.toml"
    return setup


def test_setup_leads_to_the_first_message_and_keeps_the_address(setup):
    with SlackServer() as slack:
        done = setup(slack.url + "\n")
        assert (done.returncode, done.stderr) == (0, "")
        assert "slack: delivered" in done.stdout
        assert "test of runwatch" in slack.titles()[0]
        assert slack.url not in done.stdout
        assert (setup.kept.read_text(), setup.kept.stat().st_mode & 0o777) == (slack.url + "\n", 0o600)
        assert slack.url not in setup.config.read_text()
        assert setup("", "test", "slack").returncode == 0  # from the configuration alone
        assert len(slack.posts) == 2
        assert setup(slack.url + "\n").returncode == 0  # a new address may replace the kept one
    assert setup.config.read_text().count("webhook =") == 1


def test_setup_keeps_nothing_that_does_not_work(setup):
    with SlackServer("404") as slack:
        done = setup(slack.url)
    assert done.returncode == 1
    assert "the webhook does not exist" in done.stdout
    assert "nothing was kept" in done.stdout
    assert not setup.kept.exists()
    assert not setup.config.exists()
    for wrong in ("", "hooks.slack.com/x"):
        done = setup(wrong)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert "not a web address" in done.stderr


@pytest.mark.parametrize(
    "text",
    [
        "# mine\n[watch]\npaths = ['/r']\n",
        "[slack]  # ours\nmin_severity = 'critical'\n[watch]\npaths = ['/r']\n",
    ],
)
def test_setup_extends_the_configuration_that_is_used(setup, tmp_path, text):
    (tmp_path / "runwatch.toml").write_text(text)
    with SlackServer() as slack:
        done = setup(slack.url)
    assert (done.returncode, done.stderr) == (0, "")
    extended = (tmp_path / "runwatch.toml").read_text()
    config = read(tmp_path / "runwatch.toml")
    assert config.slack.webhook.reveal() == slack.url
    assert config.watch.paths == ("/r",)
    assert [line for line in extended.splitlines() if line in text.splitlines()] == text.splitlines()
    assert "next: runwatch watch -d" in done.stdout


def test_setup_replaces_no_other_slack(setup, tmp_path):
    text = "[slack]\nwebhook = 'https://example.org/hush'\n"
    (tmp_path / "runwatch.toml").write_text(text)
    done = setup("http://127.0.0.1:9/x")
    assert done.returncode == 2
    assert "Slack is configured already: runwatch.toml:2: test it" in done.stderr
    assert (tmp_path / "runwatch.toml").read_text() == text


def test_setup_asks_on_a_terminal_and_does_not_show_the_address(tmp_path):
    with SlackServer() as slack:
        env = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "RUNWATCH_SLACK_WEBHOOK": ""}
        words = ("env", *(f"{name}={value}" for name, value in env.items()), sys.executable, "-m", "runwatch")
        with Terminal(*words, "notify", "setup", "slack", cwd=tmp_path) as terminal:
            terminal.until(rb"not shown\): ")  # the blank comes when what is typed is shown no more
            terminal.type(slack.url.encode() + b"\n")
            seen = terminal.until(b"delivered.*next: [^\r]*\r\n")
            assert slack.url.encode() not in seen[0] + seen.string[: seen.start()]
            assert terminal.end() == 0
