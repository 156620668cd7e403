"""Settings that logs show at their beginning, in the forms in which programs print them."""

from __future__ import annotations

from pathlib import Path

import pytest

from runwatch.reports.printed import settings_in

from ..cli.command import called
from .logs import trained

_EPOCHS = "Epoch 1/30 loss: 2.31 val_loss: 2.4\nwidth: 9\nheight: 9\ndepth: 9\nlength: 9\n"


def _settings(text: str) -> dict[str, str]:
    return dict(settings_in((text + _EPOCHS).encode()))


def test_a_namespace_is_read_with_lists_and_quotes() -> None:
    found = _settings(
        "2026-01-02 03:04:05,678 root INFO: Namespace(lr=0.02, betas=[0.9, 0.95], data='a, b', amp=True)\n"
    )
    assert found == {"lr": "0.02", "betas": "0.9, 0.95", "data": "a, b", "amp": "True"}


def test_nested_objects_over_several_lines_keep_their_places() -> None:
    found = _settings(
        "TrainConfig(\n  seed=3,\n  model=ModelConfig(width=8, act=<Act.GELU: 'gelu'>),\n  steps=10)\n"
    )
    assert found == {"seed": "3", "model/width": "8", "model/act": "<Act.GELU: 'gelu'>", "steps": "10"}


def test_a_dict_that_is_the_value_of_a_setting_is_below_its_name() -> None:
    found = _settings('zero ........ {\n "stage": 3,\n "bucket": 500,\n "overlap": true\n}\n')
    assert found == {"zero/stage": "3", "zero/bucket": "500", "zero/overlap": "true"}


@pytest.mark.parametrize(
    "block",
    [
        "lr: 0.1\nbatch_size: 32\nepochs: 30\nseed: 1\n",
        "[12:00:01] INFO - lr: 0.1\n[12:00:01] INFO - batch_size: 32\n"
        "[12:00:01] INFO - epochs: 30\n[12:00:01] INFO - seed: 1\n",
        "  lr ............ 0.1\n  batch_size .... 32\n  epochs ........ 30\n  seed .......... 1\n",
        "| lr | 0.1 |\n| batch_size | 32 |\n| epochs | 30 |\n| seed | 1 |\n",
        "Overriding: lr = 0.1\nbatch_size = 32\nepochs = 30\nseed = 1\n",
        "lr: 0.1    [default: 0.2]\nbatch_size: 32\nepochs: 30\nseed: 1\n",
        "hyperparameters: lr=0.1, batch_size=32, epochs=30, seed=1\n",
    ],
)
def test_blocks_and_lists_of_pairs_are_settings(block: str) -> None:
    assert _settings(block) == {"lr": "0.1", "batch_size": "32", "epochs": "30", "seed": "1"}


def test_yaml_keeps_its_levels() -> None:
    found = _settings("optimizer:\n  name: adam\n  lr: 0.1\ndata:\n  mix:\n  - a\n  - b\n  shuffle: true\n")
    assert found == {
        "optimizer/name": "adam", "optimizer/lr": "0.1", "data/mix": "a, b", "data/shuffle": "true",
    }  # fmt: skip


def test_the_command_is_a_fact_and_its_secrets_are_not() -> None:
    found = _settings("$ python train.py --lr 0.1 --api-key sk-ant-api03-abcdefghijklmnopqrstuvwxyz0123\n")
    assert found["command"].startswith("python train.py --lr 0.1")
    assert "abcdefghijklmnop" not in found["command"]


@pytest.mark.parametrize(
    "text",
    [
        "{'epoch': 1, 'lr': 0.1, 'time': 3}\n",  # a record
        "{'role': 'user', 'content': 'hi', 'name': 'x'}\n",  # a sample of the data
        "{'mape': 1.944625852153774, 'mdape': 0.49586760248970285, 'r2': 0.3252071405860034}\n",
        "epoch: 1, iters: 100, time: 0.112, data: 0.2, G_GAN: 2.8\n",
        "(norm1): BatchNorm2d(64, eps=0.001, momentum=0.03, affine=True, track=True)\n",
        "import torch\nimport numpy\ndef f(x):\n    return x\nclass A(B):\n    width: int\n    depth: int\n"
        "    heads: int\n    bias: bool\n    @property\n    def g(x):\n",
        "WARNING: 1\nINFO: 2\nFile: 3\nhttp: 4\n",
        "a = first(1)\nb = second(2)\nc = third(3)\nd = fourth(4)\n",  # lines of a program
    ],
)
def test_records_samples_models_programs_and_messages_are_no_settings(text: str) -> None:
    assert _settings(text) == {}


def test_what_follows_the_first_line_of_training_is_no_setting() -> None:
    assert _settings("") == {}


def test_an_object_that_is_cut_or_broken_is_read_as_far_as_it_goes() -> None:
    found = settings_in(b"Namespace(a=1, b=[2, 3], c='x', d=(5")
    assert found == {"a": "1", "b": "2, 3", "c": "x", "d": "5"}
    assert settings_in(b"Namespace(" + b"a=(" * 5_000) == {}


def test_settings_that_logs_print_are_compared(tmp_path: Path) -> None:
    for name, rate in (("a", 0.1), ("b", 0.2)):
        head = f"Namespace(lr={rate}, batch_size=8, width=4, verbose={name == 'a'})\n"
        (tmp_path / f"{name}.log").write_text(head + trained(60))
    done = called("compare", "a.log", "b.log", "--markdown", cwd=tmp_path, env={})
    assert "| lr | 0.1 | 0.2 | yes |" in done.stdout
    assert "The only reported change that may matter is learning rate" in done.stdout
    assert "2 things changed" not in done.stdout


def test_runs_of_which_only_the_seed_differs_are_not_said_to_differ_by_a_cause(tmp_path: Path) -> None:
    for seed in (1, 2):
        head = f"Namespace(lr=0.1, batch_size=8, seed={seed})\n"
        levels = {step: seed + 3 / step for step in range(1, 201)}
        (tmp_path / f"seed{seed}.log").write_text(head + trained(200, loss=levels.__getitem__))
    done = called("compare", "seed1.log", "seed2.log", "--markdown", cwd=tmp_path, env={})
    assert "Only the seed differs, and another seed rarely changes that much: look at code" in done.stdout


def test_of_runs_without_settings_nothing_is_said_to_be_equal(tmp_path: Path) -> None:
    for name in ("a", "b"):
        lines = trained(60).replace(" lr 1.000000e-03", "")
        (tmp_path / f"{name}.log").write_text(lines)
    done = called("compare", "a.log", "b.log", "--markdown", cwd=tmp_path, env={})
    assert "Nothing that the runs report" not in done.stdout
    assert "No configuration, code or data is known of both runs" in done.stdout
