"""Which names in a directory make up which checkpoint."""

from __future__ import annotations

import pytest

from runwatch.watcher.layouts.grouping import grouped, is_checkpoint


@pytest.mark.parametrize(
    "name",
    [
        "tmp-checkpoint-500",
        ".tmp_checkpoint-500",
        "temp-checkpoint-500",
        "checkpoint-500.tmp",
        "checkpoint-500_temp",
        "checkpoint-500.orbax-checkpoint-tmp-1700000000",
        "checkpoint-500.partial",
        "checkpoint-500.part",
        "checkpoint-500-incomplete",
        "checkpoint-500.unfinished",
        "checkpoint-500.staging-7",
        "checkpoint-500-writing",
    ],
)
def test_a_name_that_says_so_is_temporary(name):
    (group,) = grouped([], [name], "out").values()
    assert group.named.key == "checkpoint-500"
    assert group.named.temporary


@pytest.mark.parametrize("name", ["checkpoint-500", "checkpoint-500.party-hat", "partial-checkpoint-500"])
def test_other_names_are_not(name):
    (group,) = grouped([], [name], "out").values()
    assert not group.named.temporary


def test_a_temporary_file_makes_its_checkpoint_temporary():
    names = ["model_000500.pt", "meta_000500.json", "optim_000500_rank0.pt.tmp"]
    (group,) = grouped(names, [], "out").values()
    assert sorted(group.names) == sorted(names)
    assert group.named.temporary


def test_a_place_of_checkpoints_is_none_itself():
    assert is_checkpoint(["model.safetensors", "trainer_state.json"], [], "checkpoint-500")
    assert not is_checkpoint(["config.json"], ["checkpoint-500", "checkpoint-1000"], "out")
