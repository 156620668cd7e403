"""The demo's thresholds: a run of half a minute must be judged within seconds."""

from runwatch.alerts.rules.life.hang import Hang
from runwatch.cli.commands.demo import CONFIG
from runwatch.config.loader import load


def test_a_hang_of_the_demo_is_found_in_seconds(tmp_path):
    path = tmp_path / "runwatch.toml"
    path.write_text(CONFIG)
    hang = next(rule for rule in load(path).ruleset().build() if isinstance(rule, Hang))
    assert hang.timeout("training") <= 10
