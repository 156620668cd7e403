"""Rules that people write in runwatch.toml, and what differs from run to run."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runwatch.alerts.rules import CATALOGUE
from runwatch.alerts.rules.own import CALM, make
from runwatch.alerts.rules.ruleset import configured
from runwatch.alerts.rules.settings import Aggregate, OwnRule
from runwatch.config.loader import read
from runwatch.core.block import Status
from runwatch.core.errors import ConfigError
from runwatch.core.findings import Severity
from runwatch.core.metrics import label

from .columns import Log, brief

REWARD = "reward/mean"


def rule(**given):
    return make("low_reward", OwnRule(metric=REWARD, **given))()


def log(values, times=None, **more):
    columns = {REWARD: values} if times is None else {REWARD: values, "perf/step_time": times}
    made = Log(reward__mean=values, **more)
    made.columns = {name: np.asarray(column, float) for name, column in columns.items()}
    return made


def test_it_fires_beyond_the_limit_and_ends_when_that_is_over():
    values = [1.0] * 5 + [0.01] * 4 + [1.0] * 20
    found = log(values).judge(rule(below=0.1, severity=Severity.CRITICAL, message="The policy collapsed."))
    assert brief(found) == [("firing", "critical", 5), ("clear", "info", 9 + CALM - 1)]
    assert found[0].title == "The policy collapsed: reward/mean is 0.01, below 0.1"
    assert found[0].evidence == {"value": 0.01, "limit": 0.1}
    assert found[0].metric == REWARD


@pytest.mark.parametrize(
    "metric",
    ["train/loss", "train/grad_norm", "train/learning_rate", "train/lr_multiplier", "val/loss", "val/bpb",
     "perf/step_time", "perf/tokens_per_sec", "perf/samples_per_sec", "perf/mfu", "perf/tflops"],
)  # fmt: skip
def test_a_metric_may_be_named_as_the_screen_does(metric):
    assert make("mine", OwnRule(metric=label(metric), above=1.0))().metric == metric


def test_both_limits_are_a_band():
    found = log([0.5, 3.0, *[0.5] * 20, -3.0]).judge(rule(above=2.0, below=-2.0))
    assert [f.title for f in found if f.verdict.value == "firing"] == [
        "reward/mean is 3, above 2",
        "reward/mean is -3, below -2",
    ]


@pytest.mark.parametrize(
    ("aggregate", "step"), [("mean", 14), ("median", 12), ("min", 14), ("max", 10)], ids=str
)
def test_a_window_is_taken_together(aggregate, step):
    values = [0.0] * 10 + [1.0] * 10
    found = log(values).judge(rule(above=0.9, window=5, aggregate=Aggregate(aggregate)))
    assert brief(found) == [("firing", "warning", step)]
    assert found[0].title == f"{aggregate} reward/mean of 5 is 1, above 0.9"


def test_it_must_hold_for_steps_or_seconds_of_the_log():
    values = [1.0] * 3 + [0.0] * 50
    assert brief(log(values).judge(rule(below=0.5, for_steps=20))) == [("firing", "warning", 23)]
    timed = log(values, times=[2.0] * 53)
    assert brief(timed.judge(rule(below=0.5, for_seconds=30))) == [("firing", "warning", 18)]
    assert brief(log(values).judge(rule(below=0.5, for_seconds=30))) == []


def test_it_must_hold_by_the_clock_while_it_is_watched():
    one = rule(below=0.5, for_seconds=30)
    block = log([1.0, 0.0, 0.0]).block(0, 3)
    live = type(block)(block.samples, block.progress, live=True, arrival=100.0)
    assert list(one.observe(live)) == []
    assert list(one.tick(Status(now=129.0))) == []
    assert brief(one.tick(Status(now=130.0))) == [("firing", "warning", 2)]
    assert list(one.tick(Status(now=131.0))) == []


def test_a_restart_begins_windows_and_durations_again():
    values = [0.0] * 30
    found = log(values, restarts=[15]).judge(rule(below=0.5, for_steps=20))
    assert brief(found) == []
    found = log([1.0] * 4 + [0.0] * 4, restarts=[4]).judge(rule(below=0.5, window=4))
    assert brief(found) == [("firing", "warning", 7)]


def test_what_is_no_number_is_left_out():
    assert brief(log([1.0, np.nan, 1.0, np.inf]).judge(rule(above=2.0))) == [("firing", "warning", 3)]
    assert brief(log([np.nan] * 50).judge(rule(above=2.0, window=3))) == []


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    cuts=st.lists(st.integers(0, 200), max_size=8),
    window=st.sampled_from([1, 2, 7, 64]),
    aggregate=st.sampled_from(list(Aggregate)),
    steps=st.sampled_from([0.0, 3.0, 40.0]),
    seconds=st.sampled_from([0.0, 0.7, 11.0]),
)
def test_cuts_do_not_matter(seed, cuts, window, aggregate, steps, seconds):
    rng = np.random.default_rng(seed)
    values = np.cumsum(rng.normal(size=200)) * rng.choice([0.05, 1.0, 1e9])
    values[rng.random(200) < 0.05] = rng.choice([np.nan, np.inf, 0.0])
    made = log(values, rng.exponential(0.3, 200), restarts=sorted(rng.integers(0, 200, 2).tolist()))
    if rng.random() < 0.3:
        made.steps[:] = np.nan
    kinds = {"above": 0.2, "window": window, "aggregate": aggregate}
    kinds |= {"for_steps": steps, "for_seconds": seconds}
    whole = made.judge(rule(**kinds))
    assert msgspec.json.encode(made.judge(rule(**kinds), cuts)) == msgspec.json.encode(whole)


# -- in runwatch.toml --------------------------------------------------------------------------------

GOOD = """
[rules.low_reward]
metric = "loss"
above = -1.5
for_steps = 5

[rules.plateau]
enabled = false

[[runs]]
match = "exp-*"
rules.plateau = { enabled = true, rows = 500 }
rules.low_reward = { above = -3 }

[[runs]]
match = "exp-7*"
[runs.rules.hang]
least = 60
[runs.rules.low_reward]
enabled = false
"""


@pytest.fixture
def load(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def load(text):
        (tmp_path / "runwatch.toml").write_text(text)
        return read(tmp_path / "runwatch.toml").ruleset()

    return load


def test_rules_differ_from_run_to_run(load):
    ruleset = load(GOOD)
    of = {run: {made.name: made for made in ruleset.build(run)} for run in ("other", "exp-1", "exp-7#2")}
    assert "plateau" not in of["other"]
    assert of["exp-1"]["plateau"].rows == of["exp-7#2"]["plateau"].rows == 500
    assert of["other"]["low_reward"].above == -1.5
    assert of["exp-1"]["low_reward"].above == -3
    assert of["other"]["low_reward"].metric == "train/loss"
    assert "low_reward" not in of["exp-7#2"]
    assert (of["exp-1"]["hang"].least, of["exp-7#2"]["hang"].least) == (300, 60)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[rules.x]\nmetric = 'loss'\n", "a rule of your own needs above or below: .*:1"),
        ("[rules.x]\nmetric = ''\nabove = 1", "a rule of your own needs a metric: .*:1"),
        ("[rules.x]\nmetric = 'l'\nabov = 1", "unknown name 'abov': .*:3: did you mean 'above'"),
        ("[rules.x]\nmetric = 'l'\nabove = nan", "rules.x.above must be a number"),
        ("[rules.x]\nmetric = 'l'\nabove = 1\nwindow = 0", "rules.x.window must be a whole number from 1"),
        ("[rules.x]\nmetric = 'l'\nabove = 1\naggregate = 'p95'", 'must be one of "mean", .*:4'),
        ("[rules.x]\nmetric = 'l'\nabove = 1\nseverity = 'bad'", 'must be one of "info", .*:4'),
        ("[rules.hang]\nmetric = 'l'\nabove = 1", "there is one of this name|your own.*:1"),
        ("\n[rules.hangg]\nleast = 1", "unknown rule 'hangg': .*:2: did you mean 'hang'"),
        ("[rules.hang]\n\nlest = 1", "unknown threshold 'lest': .*:3: did you mean 'least'"),
        ("[rules.hang]\nleast = -1", "-1 is not a number of 0 or more: .*:2"),
        ("[[runs]]\nrules.hang = {least = 1}", "needs a match: .*:1"),
        ("[[runs]]\nmatch = 'a'\nrule.hang = {least = 1}", "unknown name 'rule': .*:3: did you mean 'rules'"),
        ("[[runs]]\nmatch = 'a'\nrules.hangg = {least = 1}", "unknown rule 'hangg': .*:3.*'hang'"),
        ("[[runs]]\nmatch = 'a'\n[[runs]]\nmatch = 'b'\n[runs.rules.hang]\nlest = 1", "'lest': .*:6"),
        ("[runs]\nmatch = 'a'", "runs must be sections with doubled brackets"),
    ],
)
def test_what_is_invalid_is_reported_with_its_line(load, text, message):
    with pytest.raises(ConfigError, match=message):
        load(text)


def test_own_rules_judge_what_check_reads(tmp_path, load):
    from runwatch.watcher.engine.check import check

    ruleset = load("[rules.slow]\nmetric = 'dt'\nabove = 0.2\nmessage = 'too slow for the budget'\n")
    lines = (f"iter {n}: loss {9 / (n + 1):.4f}, time 250.00ms, mfu 40.00%\n" for n in range(50))
    (tmp_path / "train.log").write_text("".join(lines))
    engine = check([str(tmp_path / "train.log")], ruleset)
    rows = [row for _, watched in engine.runs() for row in watched.incidents.rows() if row.rule == "slow"]
    assert [row.title for row in rows] == ["too slow for the budget: step time is 0.25, above 0.2"]


def test_configured_without_anything_is_the_catalogue():
    assert [type(made) for made in configured({}).build("x")] == list(CATALOGUE)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("below = 0.1\nwindow = 5", r"no rule is called 'mine'.*needs a metric"),
        ('below = 0.1\nseverity = "info"', r"needs a metric.*:1"),
        ('metrc = "loss"\nbelow = 0.1', r"unknown name 'metrc'.*:2.*'metric'"),
        ('metric = "loss"\nbelow = 5\nabove = 0.1', r"every value is above 0.1 or below 5.*:4"),
    ],
)
def test_a_section_that_cannot_be_meant_says_what_it_lacks(tmp_path, section, message):
    path = tmp_path / "runwatch.toml"
    path.write_text(f"[rules.mine]\n{section}\n")
    with pytest.raises(ConfigError, match=f"(?s){message}"):
        read(path).ruleset()


def test_a_metric_that_seems_mistyped_is_noted_once_it_is_missed():
    mistyped = make("low", OwnRule(metric="rewrad/mean", below=0.1))()
    (found,) = log([0.0] * 120).judge(mistyped)
    assert (found.severity, found.advice) == (Severity.INFO, "Did you mean reward/mean?")
    other = make("low", OwnRule(metric="policy/entropy", below=0.1))()
    assert log([0.0] * 120).judge(other) == [], "it may be meant for other runs"
    late = make("low", OwnRule(metric="reward/means", below=0.1))()
    assert log([0.0] * 50).judge(late, end=False) == []
    assert late.tick(Status(now=1.0)) == [], "it may still come"
