import copy
import pickle
from pathlib import Path

import msgspec
import platformdirs
import pytest

from runwatch.alerts.channels.secret import Secret
from runwatch.alerts.channels.slack import SlackConfig
from runwatch.alerts.rules.settings import RuleConfig
from runwatch.config.loader import Config, find, format_name, load, read
from runwatch.config.sections import SOURCES
from runwatch.core.errors import ConfigError, ExitCode
from runwatch.core.findings import Severity
from runwatch.core.known_names import check_names
from runwatch.watcher.sources.member import ORDER

HOOK = "https://hooks.slack.com/services/T0/B0/hushhush"


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    """A working directory and a user directory, both empty."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setattr(platformdirs, "user_config_path", lambda name: tmp_path / "user" / name)
    return work


def write(place: Path, text: str) -> Path:
    path = place / "runwatch.toml"
    path.write_text(text)
    return path


def error_of(place: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        read(write(place, text))
    message = str(caught.value)
    assert "\n" not in message
    return message.replace(str(place) + "/", "")


def test_without_a_file_the_defaults_hold(place):
    config = load(environ={})
    assert config == Config()
    assert config.slack.min_severity is Severity.WARNING
    assert (config.slack.send_resolved, config.slack.timeout) == (True, 10.0)
    assert not config.slack.webhook


def test_sources_are_preferred_by_kind(place):
    assert read(write(place, "")).sources.order == SOURCES == ORDER[: len(SOURCES)]
    config = read(write(place, 'sources.prefer = ["wandb", "log"]'))
    assert config.sources.order == ("wandb", "log", "tensorboard", "metrics")
    assert error_of(place, '[sources]\nprefer = ["log", "wnadb"]') == (
        "unknown name 'wnadb': runwatch.toml:2: did you mean 'wandb'?"
    )
    assert "runwatch.toml:1" in error_of(place, 'sources.prefer = "log"')


def test_every_key_is_read(place):
    config = read(
        write(
            place,
            f"""
            [slack]
            webhook = "{HOOK}"
            min_severity = "critical"
            send_resolved = false
            timeout = 3
            [tail]
            poll = true
            interval = 2.5
            format = "nanochat"
            [rules.hang]
            minimum = 20
            factor = 2.5
            strict = true
            [rules.plateau]
            enabled = false
            """,
        )
    )
    assert config.slack == SlackConfig(Severity.CRITICAL, False, timeout=3.0, webhook=Secret(HOOK))
    assert config.slack.webhook.reveal() == HOOK
    assert (config.tail.poll, config.tail.interval, config.tail.format) == (True, 2.5, "nanochat")
    assert config.rules == {
        "hang": RuleConfig(None, {"minimum": 20, "factor": 2.5, "strict": True}),
        "plateau": RuleConfig(False),
    }
    assert type(config.rules["hang"].thresholds["minimum"]) is int
    assert config.rules["plateau"].overrides() == {"enabled": False}
    assert config.rules["hang"].overrides() == {"minimum": 20, "factor": 2.5, "strict": True}
    assert config.path == place / "runwatch.toml"


def test_the_example_loads(place):
    config = read(Path(__file__).parents[1] / "examples" / "runwatch.toml")
    assert config.slack == SlackConfig()
    assert config.tail == Config().tail
    assert config.rules == {"plateau": RuleConfig(enabled=False)}
    assert (config.screen, config.keys) == (Config().screen, {})


def test_keys_of_the_screen(place):
    config = read(write(place, "[keys]\nzoom = 'f5'\nhelp = ['f1', '?']\n[screen]\ntheme = 'light'"))
    assert config.keys == {"zoom": "f5", "help": ("f1", "?")}
    assert config.screen.theme == "light"
    assert error_of(place, "[screen]\ntheme = 'drak'").endswith("did you mean 'dark'?")
    assert error_of(place, "[keys]\nzoom = 3").startswith("keys.zoom must be")
    assert error_of(place, "[screen]\nascii = 1").startswith("screen.ascii must be true or false")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[slack]\n\nwebhok = 'x'", "unknown name 'webhok': runwatch.toml:3: did you mean 'webhook'?"),
        ("\n[slak]\n", "unknown name 'slak': runwatch.toml:2: did you mean 'slack'?"),
        ("slack.timeuot = 3", "unknown name 'timeuot': runwatch.toml:1: did you mean 'timeout'?"),
        ("tail = { pol = true }", "unknown name 'pol': runwatch.toml:1: did you mean 'poll'?"),
        ("path = 'x'", "unknown name 'path': runwatch.toml:1: did you mean 'watch'?"),
        ("[tail]\n'zzz' = 1", "unknown name 'zzz': runwatch.toml:2: known here: format, interval, online, poll"),
        ("[slack]\ntimeout = 'soon'", "slack.timeout must be a number above 0 and at most 3600, not this text: runwatch.toml:2"),
        ("[slack]\ntimeout = 0", "slack.timeout must be a number above 0 and at most 3600, not this number: runwatch.toml:2"),
        ("[slack]\ntimeout = nan", "slack.timeout must be a number above 0 and at most 3600, not this number: runwatch.toml:2"),
        ("[slack]\nsend_resolved = 1", "slack.send_resolved must be true or false, not this number: runwatch.toml:2"),
        ("[slack]\nmin_severity = 'bad'", 'slack.min_severity must be one of "info", "warning", "critical", not this text: runwatch.toml:2'),
        ("[tail]\nformat = 2026-01-01", "tail.format must be text in quotes, not a date or time: runwatch.toml:2"),
        ("[rules.hang]\n\nfactor = '3'", "rules.hang.factor must be true or false or a number, not this text: runwatch.toml:3"),
        ("[rules.hang]\nenabled = 0", "rules.hang.enabled must be true or false, not this number: runwatch.toml:2"),
        ("[rules]\nhang = true", "rules.hang must be a section, not true or false: runwatch.toml:2"),
        ("[[routing.routes]]\nzzz = 1", "unknown name 'zzz': runwatch.toml:2: known here: channels, continue, group_by, group_interval, group_wait, match, repeat_interval"),
        ("slack = 3", "slack must be a section, not this number: runwatch.toml:1"),
        ("[[slack]]\ntimeout = 1", "slack must be a section, not a list: runwatch.toml:1"),
        ("[[maintenance]]\nmatch = ['rum=x']\nweekly = 'sat 1:00-2:00'", "no label is named 'rum': did you mean run?: runwatch.toml:2"),
        ("[[maintenance]]\nweekly = 'weekend'", 'weekly looks like "sat,sun 22:00-06:00" or "mon-fri 12:00-13:00": runwatch.toml:2'),
        ("[[maintenance]]\nstarts = 'soon'", "maintenance.starts must be a date and time, such as 2030-01-31T18:00:00, not this text: runwatch.toml:2"),
        ("[[maintenance]]\nstarts = 2030-01-01T01:00:00", "a maintenance window needs starts and ends, or weekly: runwatch.toml:1"),
        ("[[maintenance]]\nstarts = 2030-01-01T01:00:00\nends = 2030-01-01T00:00:00", "a maintenance window ends after it starts: runwatch.toml:3"),
    ],
)  # fmt: skip
def test_what_is_invalid_is_reported_with_its_line(place, text, message):
    assert error_of(place, text) == message


def test_the_line_of_a_value_of_several_lines_is_its_first(place):
    assert error_of(place, '[slack]\n# note\ntimeout = """\ntimeout = 3\n"""').endswith("runwatch.toml:3")


def test_a_key_inside_a_text_of_several_lines_is_not_a_key(place):
    text = '[tail]\nformat = """\n[slack]\nwebhok = 1\n"""\n[slack]\nwebhok = 1'
    assert "runwatch.toml:7" in error_of(place, text)


def test_broken_toml_is_reported_with_its_line(place):
    assert error_of(place, "[slack]\ntimeout = \n").startswith("not valid TOML: runwatch.toml:2: ")
    assert error_of(place, "[slack]\ntimeout = 1\ntimeout = 2\n").startswith(
        "not valid TOML: runwatch.toml:3: "
    )


def test_a_file_that_is_not_utf8_is_reported_with_its_line(place):
    path = place / "runwatch.toml"
    path.write_bytes(b"[slack]\n# caf\xe9\n")
    with pytest.raises(ConfigError, match=r"not UTF-8 text: .*runwatch\.toml:2"):
        read(path)


def test_a_byte_order_mark_is_harmless(place):
    path = place / "runwatch.toml"
    path.write_bytes(b"\xef\xbb\xbf[tail]\npoll = true\n")
    assert read(path).tail.poll


@pytest.mark.parametrize(
    "bad", ["hushhush", "ftp://x/hushhush", "https://", "https://x/hush hush", "https://[x/hushhush"]
)
def test_a_webhook_that_is_no_address_is_refused_and_not_repeated(place, bad):
    assert "hush" not in error_of(place, f"[slack]\nwebhook = '{bad}'")
    (place / "runwatch.toml").unlink()
    with pytest.raises(ConfigError, match=r"not a web address: \$RUNWATCH_SLACK_WEBHOOK") as caught:
        load(environ={"RUNWATCH_SLACK_WEBHOOK": bad})
    assert "hush" not in str(caught.value)


def test_an_address_in_the_place_of_a_variable_is_refused_and_not_repeated(place):
    said = error_of(place, '[slack]\nwebhook = { env = "https://hooks.slack.com/services/T0/B0/hush" }')
    assert said.startswith("not the name of an environment variable: runwatch.toml:2: ")
    assert "hush" not in said


def test_broken_toml_on_the_line_of_the_webhook_does_not_repeat_it(place):
    for line in (
        'webhook = "https://x/hushhush',
        "webhook = https://x/hushhush",
        'webhook = "https://x/hushhush\\q"',
    ):
        assert "hush" not in error_of(place, f"[slack]\n{line}\n")


def test_the_webhook_never_shows_itself(place):
    config = read(write(place, f"[slack]\nwebhook = '{HOOK}'"))
    shown = [repr(config), str(config.slack.webhook), f"{config.slack.webhook}", f"{config}"]
    assert not any("hush" in text for text in shown)
    with pytest.raises(TypeError):
        msgspec.json.encode(config.slack)
    assert copy.deepcopy(config.slack) == config.slack
    assert pickle.loads(pickle.dumps(config.slack)).webhook.reveal() == HOOK


def test_the_environment_wins_over_the_file(place):
    write(place, "[slack]\nwebhook = 'https://file/x'\ntimeout = 3")
    config = load(environ={"RUNWATCH_SLACK_WEBHOOK": HOOK})
    assert config.slack.webhook.reveal() == HOOK
    assert config.slack.timeout == 3
    assert load(environ={"RUNWATCH_SLACK_WEBHOOK": ""}).slack.webhook.reveal() == "https://file/x"


def test_the_nearest_file_counts(place, tmp_path):
    user = tmp_path / "user" / "runwatch" / "runwatch.toml"
    user.parent.mkdir(parents=True)
    user.write_text("")
    assert find(environ={}) == user
    write(place, "")
    assert find(environ={}) == Path("runwatch.toml")
    named = tmp_path / "named.toml"
    named.write_text("")
    assert find(environ={"RUNWATCH_CONFIG": str(named)}) == named
    given = tmp_path / "given.toml"
    given.write_text("")
    assert find(given, {"RUNWATCH_CONFIG": str(named)}) == given


def test_a_named_file_must_exist(place, tmp_path):
    write(place, "")
    with pytest.raises(
        ConfigError, match=r"no such configuration file: .*gone.toml: correct or drop --config"
    ) as caught:
        load(tmp_path / "gone.toml", {})
    assert caught.value.exit_code is ExitCode.USAGE
    with pytest.raises(ConfigError, match=r"correct or drop \$RUNWATCH_CONFIG"):
        load(environ={"RUNWATCH_CONFIG": "/nonexistent.toml"})
    with pytest.raises(ConfigError, match="a configuration is a file: "):
        load(tmp_path, {})


def test_names_that_others_know_are_checked_with_the_file_line(place):
    config = read(write(place, "[rules.plateau]\nenabled = true\n\n[rules.loss_spik]\nz = 3\n"))
    with pytest.raises(ConfigError, match=r"'loss_spik': .*runwatch.toml:4: did you mean 'loss_spike'\?"):
        check_names(config.rules, ["loss_spike", "plateau"], lambda name: config.where("rules", name))
    with pytest.raises(ConfigError, match=r"unknown name 'zz': \[rules.hang\]: known here: nothing"):
        check_names(["zz"], [], "[rules.hang]")
    check_names(config.rules, ["loss_spik", "plateau"], "anywhere")
    assert config.where("rules", "loss_spik", "z").endswith("runwatch.toml:5")
    (place / "runwatch.toml").unlink()
    assert config.where("rules", "loss_spik") == str(place / "runwatch.toml")
    assert Config().where("rules") == "configuration"


def test_a_file_without_errors_is_not_searched_for_their_lines(place, monkeypatch):
    def search(*given):
        raise AssertionError(given)

    monkeypatch.setattr("runwatch.config.reader.where_is", search)
    monkeypatch.setattr("runwatch.config.sections.where_is", search)
    config = read(write(place, 'screen.theme = "nord"\nsources.prefer = ["log"]\ntail.format = "nanogpt"\n'))
    assert format_name(None, config) == "nanogpt"
    read(write(place, '[channels.team]\ntype = "webhook"\nurl = "https://here/"\n'))
