"""[channels] and [routing] of runwatch.toml, and where secrets come from."""

import pytest

from runwatch.alerts.channels.build import build
from runwatch.alerts.channels.kinds import kinds
from runwatch.alerts.channels.secret import Secret
from runwatch.alerts.routing.policy import BUILT_IN, Damping, Policy, Quiet, Receiver, Route, parse_matcher
from runwatch.alerts.settings import policy
from runwatch.config.loader import Config, read
from runwatch.core.errors import ConfigError
from runwatch.core.findings import Severity

FULL = """
[channels.hook]
type = "webhook"
url = { env = "HOOK_URL" }
token = "hushhush"
[channels.script]
type = "command"
command = ["/bin/cat"]
min_severity = "critical"
[channels.phone]
type = "ntfy"
topic = { file = "topic" }
[channels.pager]
type = "pagerduty"
routing_key = { command = ["echo", "hushkey"] }
send_resolved = false
per_minute = 5
[channels.mail]
type = "email"
host = "localhost"
sender = "a@example.org"
to = ["b@example.org"]
[channels.team]
type = "slack"
token = { env = "BOT" }
channel = "#train"
lifecycle = true
[channels.discord]
type = "discord"
url = { env = "HOOK_URL" }
[channels.teams]
type = "teams"
url = { env = "HOOK_URL" }
[channels.telegram]
type = "telegram"
token = { env = "BOT" }
chat = "-100123"
[channels.desk]
type = "desktop"
digest = true
[channels.here]
type = "terminal"
ttys = ["/dev/pts/3"]
[channels.other]
type = "apprise"
address = { env = "BOT" }

[routing]
group_by = ["run"]
group_wait = 10
group_interval = 60
repeat_interval = 14400
quiet_hours = "22:00-7:30"
give_up_after = 3600

[[routing.routes]]
match = ["severity=critical", 'run=~"exp.*"']
channels = ["pager", "slack"]
group_wait = 0
continue = true

[[routing.inhibit]]
source = ["rule=hang"]
target = ["rule=plateau"]
equal = ["run", "rank"]
"""


@pytest.fixture
def load(tmp_path):
    def load(text: str) -> Config:
        path = tmp_path / "runwatch.toml"
        path.write_text(text)
        return read(path)

    return load


def test_every_key_is_read_and_every_channel_built(load, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOOK_URL", "https://example.org/hushpath")
    monkeypatch.setenv("BOT", "xoxb-hush")
    (tmp_path / "topic").write_text("hushtopic\n")
    (tmp_path / "topic").chmod(0o600)
    config = load(FULL)
    channels = [build(name, given) for name, given in config.everyone().items()]
    assert [channel.name for channel in channels] == list(config.channels)
    assert {type(given) for given in config.channels.values()} == set(kinds().values())
    assert len({channel.identity for channel in channels}) == len(channels) == 12
    assert "hush" not in repr(config) + "".join(repr(c) + c.identity for c in channels)
    assert channels[3]._key == "hushkey"
    assert channels[2]._topic == "hushtopic"
    found = policy(config.routing, {"slack": config.slack, **config.channels})
    base = Route((), (), ("run",), 10.0, 60.0, 14400.0)
    assert found.otherwise == base
    assert found.routes == (
        Route(
            (parse_matcher("severity=critical"), parse_matcher("run=~exp.*")),
            ("pager", "slack"), ("run",), 0.0, 60.0, 14400.0, True,
        ),
    )  # fmt: skip
    assert found.quiet == Quiet(22 * 60, 7 * 60 + 30, Severity.CRITICAL)
    assert found.inhibitions[: len(BUILT_IN)] == BUILT_IN
    assert found.inhibitions[-1].equal == ("run", "rank")
    assert Receiver("pager", Severity.WARNING, False, 5) in found.receivers
    assert config.routing.give_up_after == 3600


def test_without_configuration_everything_is_reported_at_once():
    config = Config()
    assert config.everyone() == {}
    assert policy(config.routing, {"slack": config.slack}) == Policy(
        (Receiver("slack"),), (), Route(), BUILT_IN, None, Damping(count=3, window=1800.0, calm=900.0)
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[channels.x]", "a channel needs a type: runwatch.toml:1: one of apprise, command, desktop, discord, email, ntfy, pagerduty, slack, teams, telegram, terminal, webhook"),
        ("[channels.x]\ntype = 'webhok'", "unknown name 'webhok': runwatch.toml:2: did you mean 'webhook'?"),
        ("[channels.x]\ntype = 'ntfy'", "a channel of type ntfy needs topic: runwatch.toml:1"),
        ("[channels.x]\ntype = 'ntfy'\ntopik = 'a'", "unknown name 'topik': runwatch.toml:3: did you mean 'topic'?"),
        ("[channels.slack]\ntype = 'command'\ncommand = ['a']", "this name is taken by the section [slack]: runwatch.toml:1: choose another"),
        ("[channels.x]\ntype = 'command'\ncommand = 'rm -rf'", "channels.x.command must be a list of texts, not this text: runwatch.toml:3"),
        ("[channels.x]\ntype = 'ntfy'\ntopic = { evn = 'A' }", "unknown name 'evn': runwatch.toml:3: did you mean 'env'?"),
        ("[channels.x]\ntype = 'ntfy'\ntopic = {}", "a secret comes from one place: runwatch.toml:3: such as { env = \"NAME\" }"),
        ("[channels.x]\ntype = 'webhook'\nurl = 'hush'", "not a web address: runwatch.toml:3: a webhook's begins with https://"),
        ("[routing]\ngroup_wait = -1", "routing.group_wait must be a number from 0 to 2,592,000, not this number: runwatch.toml:2"),
        ("[routing]\ngroup_by = ['rum']", "no label is named 'rum'; known labels: run, rule, severity, host, metric, rank, incident: runwatch.toml:2"),
        ("[routing]\nquiet_hours = 'night'", 'quiet hours look like "22:00-07:00": runwatch.toml:2'),
        ("[routing]\n[[routing.routes]]\nmatch = ['run']", "a matcher looks like severity=critical or run=~exp.*: runwatch.toml:3"),
        ("[routing]\n[[routing.routes]]\nchannels = ['x']", "no channel is named 'x'; known channels: slack: runwatch.toml:3"),
        ("[[routing.inhibit]]\nsource = ['rule=a']", 'an inhibition needs target, such as target = ["rule=crash"]: runwatch.toml:1'),
        ("[routing.routes]\nmatch = []", "routing.routes must be sections with doubled brackets, [[routing.routes]], not a section: runwatch.toml:1"),
        ("[channels.x]\ntype = 'slack'\ntoken = 'xoxb-hush'", "a channel of type slack needs channel: runwatch.toml:1"),
        ("[channels.x]\ntype = 'slack'", "a channel of type slack needs webhook, or token and channel: runwatch.toml:1"),
        ("[slack]\nper_minute = 0", "slack.per_minute must be a whole number from 1 to 1,000, not this number: runwatch.toml:2"),
    ],
)  # fmt: skip
def test_what_is_invalid_is_reported_with_its_line(load, tmp_path, text, message):
    with pytest.raises(ConfigError) as caught:
        load(text)
    said = str(caught.value).replace(f"{tmp_path}/", "")
    assert said == message
    assert "hush" not in said


class TestSecrets:
    def reveal(self, *source: str) -> str:
        return Secret("", source).reveal()

    def test_from_the_environment(self, monkeypatch):
        monkeypatch.setenv("THE_KEY", " hush\n")
        assert self.reveal("env", "THE_KEY") == "hush"
        monkeypatch.delenv("THE_KEY")
        with pytest.raises(ConfigError, match=r"the secret is empty: env THE_KEY"):
            self.reveal("env", "THE_KEY")

    @pytest.mark.parametrize("kind", ["env", "file", "command"])
    def test_a_secret_in_the_place_of_its_name_is_not_repeated(self, kind):
        for secret in ("https://hooks.slack.com/services/T0/B0/hush1", "xoxb-hush1", "hush1" * 6):
            with pytest.raises(ConfigError) as caught:
                self.reveal(kind, secret)
            assert "hush1" not in str(caught.value)

    def test_from_a_file_that_nobody_else_can_read(self, tmp_path):
        path = tmp_path / "a key"
        path.write_text("hush\n")
        path.chmod(0o644)
        with pytest.raises(ConfigError, match=r"others can read.*: chmod 600 '.*/a key'"):
            self.reveal("file", str(path))
        path.chmod(0o600)
        assert self.reveal("file", str(path)) == "hush"
        path.unlink()
        with pytest.raises(ConfigError, match="No such file"):
            self.reveal("file", str(path))

    def test_from_a_command(self):
        assert self.reveal("command", "echo", "hush") == "hush"
        for command in (["false"], ["/no/such"], ["true"]):
            with pytest.raises(ConfigError) as caught:
                self.reveal("command", *command)
            assert "hush" not in str(caught.value)

    def test_it_does_not_show_itself(self):
        assert repr(Secret("hush")) == repr(Secret("", ("env", "X"))) == "***"
        assert not Secret()
        assert Secret("", ("env", "X"))


def test_an_address_that_is_none_is_reported_when_the_channel_is_built(load, monkeypatch):
    monkeypatch.setenv("HOOK_URL", "hush hush")
    config = load("[channels.x]\ntype = 'webhook'\nurl = { env = 'HOOK_URL' }")
    with pytest.raises(ConfigError, match="not a web address: channel x") as caught:
        build("x", config.channels["x"])
    assert "hush" not in str(caught.value)


def test_every_type_is_documented_by_its_words():
    assert all(kind.__doc__ for kind in kinds().values())
