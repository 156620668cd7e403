"""What differs between two runs besides their numbers, and what of it counts as a change."""

from __future__ import annotations

import pytest

from runwatch.reports.comparison.phrases import cause, unknown
from runwatch.reports.comparison.variables import Differences, differences
from runwatch.reports.facts import sort_facts

BASE = {
    "config.learning_rate": "3e-4",
    "config.batch_size": "32",
    "config.optimizer": "adamw",
    "config.seed": "1",
    "config.dataset_name": "books",
    "config.tokenizer": "bpe",
}


def apart(changes: dict[str, str | None], base: dict[str, str] = BASE) -> Differences:
    """Compare with the base one in which some facts are changed; None takes one away."""
    other = {name: value for name, value in {**base, **changes}.items() if value is not None}
    return differences(sort_facts(base), sort_facts(other), ("A", "B"))


@pytest.mark.parametrize(
    ("changes", "variables"),
    [
        ({}, ()),
        ({"config.learning_rate": "0.0003"}, ()),  # the same number
        ({"config.seed": "2"}, ()),
        ({"config.out_dir": "/elsewhere", "config.wandb_name": "x", "config.log_interval": "5"}, ()),
        ({"config.learning_rate": "1e-3"}, ("learning rate",)),
        ({"config.optimizer": "sgd"}, ("optimizer",)),
        ({"config.learning_rate": "1e-3", "config.batch_size": "64"}, ("learning rate", "batch (batch_size)")),
        ({"config.weight_decay": "0.1"}, ("optimizer (weight_decay)",)),
        ({"config.qk_gain": "1.5"}, ("qk_gain",)),  # nobody knows it: it may matter
        ({"config.optimizer": None}, ("optimizer",)),
        ({"config.dataset_name": "web"}, ("data",)),
        ({"config.tokenizer": "bpe-2"}, ("objective (tokenizer)",)),
    ],
)  # fmt: skip
def test_what_may_change_the_loss(changes, variables):
    assert apart(changes).variables == variables


def test_settings_that_change_by_one_factor_are_one_change():
    base = {**BASE, "config.min_lr": "3e-5"}
    assert apart({"config.learning_rate": "6e-4", "config.min_lr": "6e-5"}, base).variables == (
        "learning rate",
    )
    both = apart({"config.learning_rate": "6e-4", "config.min_lr": "0"}, base).variables
    assert both == ("learning_rate", "min_lr")


def test_a_name_is_found_in_another_source_by_its_last_part():
    hparams = {
        "trainer/learning_rate": "1e-3",
        "data/batch_size": "32",
        "optimizer": "adamw",
        "data/tokenizer": "bpe",
    }
    hparams["data/dataset_name"] = "books"
    found = differences(sort_facts(BASE), sort_facts(hparams), ("A", "B"))
    assert [(row.name, row.reference, row.other) for row in found.rows if row.weight == "major"] == [
        ("learning_rate", "3e-4", "1e-3")
    ]


def test_what_only_one_reports_is_no_difference_where_it_reports_far_more():
    more = BASE | {f"config.extra_{number}": "1" for number in range(20)}
    found = differences(sort_facts(BASE), sort_facts(more), ("A", "B"))
    assert found.variables == ()
    assert found.comparable
    assert ("most settings", "A") in found.unknown


def test_the_command_line_has_settings_too():
    ours, theirs = ({"args": f"--learning-rate {lr} --batch_size=32 --name x"} for lr in ("3e-4", "1e-3"))
    found = differences(sort_facts(ours), sort_facts(theirs), ("A", "B"))
    assert found.variables == ("learning rate",)


def test_only_the_seed_makes_a_repeat():
    assert apart({"config.seed": "2"}).is_repeat
    assert not apart({}).is_repeat
    assert not apart({"config.seed": "2", "config.batch_size": "64"}).is_repeat


def test_a_commit_is_a_change_and_what_is_not_known_is_listed():
    base = {**BASE, "commit": "aaa"}
    assert apart({"commit": "bbb"}, base).variables == ("code",)
    found = differences(sort_facts(base), sort_facts({}), ("A", "B"))
    assert not found.comparable
    assert found.unknown == (("configuration", "B"), ("code", "B"))
    assert found.variables == ()  # what only one reports is no difference, where the other reports nothing


def test_what_is_not_known_of_the_same_runs_is_one_thing():
    assert unknown([("code", "A"), ("data", "A"), ("code", "B"), ("data", "B"), ("seed", "B")]) == [
        "the code and the data of A and B",
        "the seed of B",
    ]
    lacking = Differences((), 0, (("configuration", "A"), ("code", "A")))
    assert "the configuration and the code of A are not reported" in cause(lacking, differs=True)
    assert "the code of A is not reported" in cause(Differences((), 0, (("code", "A"),)), differs=True)
