"""What runs are called: shortest names, stable, whatever the order in which runs appear."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runwatch.core.run_names import RunNames, folder, names


@pytest.mark.parametrize(
    ("paths", "called"),
    [
        (["/runs/gpt2.log"], ["gpt2"]),
        (["/runs/lr1/train.log", "/runs/lr2/train.log"], ["lr1", "lr2"]),
        (["/runs/lr1/seed0/train.log", "/runs/lr2/seed0/train.log"], ["lr1/seed0", "lr2/seed0"]),
        (["/runs/exp/logs/stdout.txt"], ["exp"]),
        (["/p/exp/slurm-12.out", "/p/exp/slurm-13.out"], ["slurm-12", "slurm-13"]),
        (["/p/exp/logs/run001.log", "/p/exp/logs/run002.log"], ["run001", "run002"]),
        (["/p/logs/run1.log", "/p/logs/run2.log"], ["run1", "run2"]),
        (["/p/exp/a.log", "/p/exp/a.err"], ["a.log", "a.err"]),
        (["/home/me/train.log"], ["train"]),
        (["/home/me/project/train.log"], ["project"]),
        (
            ["/p/exp/lightning_logs/version_0/metrics.csv", "/p/exp/lightning_logs/version_1/metrics.csv"],
            ["exp/version_0", "exp/version_1"],
        ),
        (["/p/exp/wandb/run-20260101_101010-x7k2ab/run-x7k2ab.wandb"], ["exp"]),
        (
            ["/p/exp/wandb/run-20260101_101010-x7k2ab/run-x7k2ab.wandb",
             "/p/exp/wandb/run-20260101_111010-abcdef/run-abcdef.wandb"],
            ["exp/x7k2ab", "exp/abcdef"],
        ),
        (["wandb://acme/llm/x7k2"], ["x7k2"]),
        (["-"], ["-"]),
    ],
)  # fmt: skip
def test_a_run_is_called_after_what_says_most(paths, called):
    assert names(paths) == called


def test_a_trackers_name_says_more_than_a_common_path():
    book = RunNames()
    assert book.add("1", "/p/a/train.log", title="sunny-lake-12") == {"1": "sunny-lake-12"}
    assert book.add("2", "/p/gpt2.log", title="not this") == {"2": "gpt2"}
    book.add("3", "/p/b/train.log", title="sunny-lake-12")
    assert [book.name(run) for run in "13"] == ["sunny-lake-12 (a)", "sunny-lake-12 (b)"]


def test_a_name_changes_only_where_it_is_ambiguous():
    book = RunNames()
    assert book.add("1", "/runs/lr1/seed0/train.log") == {"1": "seed0"}
    assert book.add("2", "/runs/lr1/seed1/train.log") == {"2": "seed1"}
    assert book.add("3", "/runs/lr2/seed0/train.log") == {"1": "lr1/seed0", "3": "lr2/seed0"}
    assert book.name("2") == "seed1"
    book.drop("3")
    assert book.name("1") == "lr1/seed0"


def test_a_name_that_was_given_is_kept():
    book = RunNames()
    book.add("1", "/runs/lr1/seed0/train.log", "lr1/seed0")
    assert book.add("2", "/runs/x/train.log", "mine") == {"2": "mine"}
    assert (book.name("1"), book.name("2")) == ("lr1/seed0", "mine")


parts = st.sampled_from(["a", "b", "seed0", "logs", "run_1", "runs"])
paths = st.lists(
    st.builds(
        lambda inner, name: "/" + "/".join([*inner, name]),
        st.lists(parts, max_size=4),
        st.sampled_from(["train.log", "a.log", "a.err", "slurm-1.out", "slurm-2.out"]),
    ),
    min_size=1,
    max_size=8,
    unique=True,
)


@given(paths, st.randoms())
def test_names_are_different_and_do_not_depend_on_the_order(found, random):
    called = dict(zip(found, names(found), strict=True))
    assert len(set(called.values())) == len(found)
    other = random.sample(found, len(found))
    assert dict(zip(other, names(other), strict=True)) == called


def test_the_directory_of_a_group_of_runs():
    assert folder("/runs/lr1/seed0/train.log") == "/runs/lr1"
    assert folder("wandb://acme/llm/x7k2") == "wandb://acme/llm"
