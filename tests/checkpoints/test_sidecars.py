"""Facts and series from the files beside a run's checkpoints."""

from __future__ import annotations

import json
import os
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runwatch.core.fold.planned import of_checkpoint
from runwatch.core.fold.run import Run
from runwatch.watcher.checkpoints.directory import CheckpointSource
from runwatch.watcher.layouts import notes, run_facts
from runwatch.watcher.sources.sidecar_facts import SidecarFacts
from runwatch.watcher.sources.sidecars import SidecarSource
from tests.checkpoints.made import archive, put, tensors
from tests.checkpoints.watched import NOW

# -- facts --------------------------------------------------------------------------------------


def test_nested_json_becomes_flat_facts():
    reported = run_facts.from_json(
        b'{"model_config": {"n_layer": 20, "tie": true}, "lr": 3e-4, "tags": ["a", "b"]}'
    )
    assert reported == {
        "model_config/n_layer": "20",
        "model_config/tie": "True",
        "lr": "0.0003",
        "tags": "a, b",
    }


def test_json_that_is_not_complete_yet_shows_nothing():
    assert run_facts.from_json(b'{"a": 1') is None
    assert run_facts.from_json(b"[1, 2]") is None


def test_yaml_is_read_by_its_lines():
    text = b"""\
# made by hand
model:
  name: "gpt"   # the usual
  layers: 12
optimizer: !!python/object:torch.optim.AdamW
  lr: 3e-4
tags:
- one
- two
run: &anchor demo
"""
    assert run_facts.from_yaml(text) == {
        "model/name": "gpt",
        "model/layers": "12",
        "optimizer/lr": "3e-4",
        "run": "demo",
        "tags": "one, two",
    }


def test_of_a_wandb_config_the_values_count():
    text = (
        b"wandb_version: 1\nlr:\n    desc: null\n    value: 0.001\n_wandb:\n    value:\n        cli: 0.19\n"
    )
    assert run_facts.from_yaml(text) == {"wandb_version": "1", "lr": "0.001"}


def test_report_sections_and_tables():
    text = b"""\
## Base model training
timestamp: 2026-01-02 03:04:05

- run: speedrun
- depth: 20

## Summary
| Metric | BASE | SFT |
|--------|------|-----|
| CORE   | 0.22 | -   |
| GSM8K  | -    | 0.05 |
"""
    assert run_facts.from_markdown(text) == {
        "Base model training/timestamp": "2026-01-02 03:04:05",
        "Base model training/run": "speedrun",
        "Base model training/depth": "20",
        "Summary/CORE/BASE": "0.22",
        "Summary/GSM8K/SFT": "0.05",
    }


@pytest.mark.parametrize(
    "name",
    [
        "api_key",
        "encryption_key",
        "WANDB_API_KEY",
        "hub_token",
        "HF_TOKEN",
        "password",
        "db/passwd",
        "client_secret",
        "aws_secret_access_key",
        "accessKeyId",
        "slack_webhook",
        "githubToken",
        "AUTH",
    ],
)
def test_secrets_are_hidden(name):
    assert run_facts.is_secret(name)
    assert run_facts.from_object({name: "hunter2"})[name] == run_facts.HIDDEN


@pytest.mark.parametrize(
    "name",
    [
        "pad_token",
        "eos_token_id",
        "max_new_tokens",
        "num_key_value_heads",
        "tokenizer",
        "author",
        "keypoints",
        "per_token",
        "flops_per_token",
        "total_tokens",
        "monkey",
    ],
)
def test_words_of_the_trade_are_no_secrets(name):
    assert not run_facts.is_secret(name)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("postgres://me:hunter22@db/runs", "postgres://(not shown)@db/runs"),
        ("train.py --api-key abcdef123 --lr 1", "train.py --api-key (not shown) --lr 1"),
        ("HF_TOKEN=hf_abcdefghijkl", "HF_TOKEN=(not shown)"),
        ("see https://hooks.slack.com/services/T0/B0/xyz", "see (not shown)"),
        ("hf_abcdefghijklmnopqrst", "(not shown)"),
        ("next token prediction", "next token prediction"),
        ("s3://bucket/data", "s3://bucket/data"),
    ],
)
def test_secrets_within_values_are_hidden(value, shown):
    assert run_facts.from_object({"note": value})["note"] == shown


@settings(max_examples=60)
@given(st.binary(max_size=400), st.sampled_from(["a.json", "a.yaml", "a.md"]))
def test_any_bytes_give_short_printable_facts(data, name):
    for key, value in (run_facts.of_file(name, data) or {}).items():
        assert len(key) <= run_facts.MAX_NAME
        assert len(value) <= run_facts.MAX_VALUE
        assert "\x1b" not in key + value
        assert "\n" not in key + value


def test_a_long_name_is_not_repeated_for_all_that_is_below_it():
    data = json.dumps({"k" * 500_000: {str(number): {"x": 1} for number in range(512)}}).encode()
    tracemalloc.start()
    try:
        run_facts.from_json(data)
        assert tracemalloc.get_traced_memory()[1] < 20 * len(data)
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("said", ["[1]", "5", '"x"', "null"])
def test_a_safetensors_file_that_says_no_object_of_itself_has_no_settings(said):
    header = f'{{"__metadata__":{said}}}'.encode()
    assert notes.settings("model.safetensors", len(header).to_bytes(8, "little") + header) == {}


def test_facts_are_bounded():
    assert len(run_facts.from_object({f"k{i}": i for i in range(5000)})) == run_facts.MAX_FACTS
    deep: object = 1
    for _ in range(3000):
        deep = {"a": deep}
    assert run_facts.from_object(deep) == {}
    many = run_facts.from_yaml(b"".join(b"k%d: 1\n" % i for i in range(5000)))
    assert len(many) == run_facts.MAX_FACTS


# -- files that are written whole -----------------------------------------------------------------


def rows(batch, name):
    return [value for table in batch.tables if name in table.names for value in table.column(name)]


def metrics(count):
    return json.dumps(
        {
            "steps": list(range(10, 10 * count + 1, 10)),
            "train_loss": [3.0 - 0.1 * i for i in range(count)],
            "val_loss": [2.5 if i == 2 else None for i in range(count)],
            "learning_rate": [1e-3] * count,
            "epochs": [0.1 * i for i in range(count)],
        }
    ).encode()


def test_arrays_that_are_rewritten_show_what_is_new_and_wait_for_the_rest(tmp_path):
    source = SidecarSource(str(tmp_path))
    path = put(tmp_path / "training_metrics.json", metrics(3), now=100)
    batch = source.look().batches["training_metrics.json"]
    assert rows(batch, "step") == [10, 20, 30]
    assert rows(batch, "val/loss") == [2.5]
    assert source.look().batches == {}
    put(path, metrics(5)[:150], now=101)  # half written
    assert source.look().batches == {}
    put(path, metrics(5), now=101.5)
    batch = source.look().batches["training_metrics.json"]
    assert rows(batch, "step") == [40, 50]


def test_arrays_of_a_new_run_in_the_same_file_are_reported_from_the_start(tmp_path):
    source = SidecarSource(str(tmp_path))
    path = put(tmp_path / "training_metrics.json", metrics(5), now=100)
    source.look()
    put(path, metrics(2), now=200)
    assert rows(source.look().batches["training_metrics.json"], "step") == [10, 20]


def test_a_trainer_state_shows_facts_and_series(tmp_path):
    state = {
        "best_metric": 1.25,
        "max_steps": 40,
        "log_history": [
            {"loss": 3.0, "learning_rate": 1e-3, "step": 10},
            {"eval_loss": 2.5, "step": 10},
        ],
    }
    put(tmp_path / "trainer_state.json", json.dumps(state, indent=2).encode())
    look = SidecarSource(str(tmp_path)).look()
    assert look.facts["trainer_state.json"] == {"best_metric": "1.25", "max_steps": "40"}
    assert rows(look.batches["trainer_state.json"], "train/loss") == [3.0]


def test_facts_follow_their_files(tmp_path):
    put(tmp_path / "config.yaml", b"lr: 0.1\n", now=100)
    put(tmp_path / "run_manifest.json", b'{"commit": "abc"}', now=100)
    put(tmp_path / "report" / "base-model-training.md", b"## Base\n- depth: 20\n", now=100)
    put(tmp_path / "meta_000250.json", b'{"step": 250}', now=100)
    put(
        tmp_path / "meta_000500.json",
        b'{"step": 500, "user_config": {"run": "x"}, "dataloader_state_dict": {"rg_idx": 9}}',
        now=100,
    )
    put(tmp_path / "data.json", b'{"not": "a fact"}', now=100)
    source = SidecarSource(str(tmp_path))
    reported = source.look().facts
    assert set(reported) == {
        "config.yaml",
        "run_manifest.json",
        "report/base-model-training.md",
        "meta_000500.json",
    }
    assert reported["meta_000500.json"] == {
        "summary.checkpoint.step": "500",
        "user_config/run": "x",
    }
    put(tmp_path / "config.yaml", b"lr: 0.25\n", now=101)
    os.unlink(tmp_path / "run_manifest.json")
    assert source.look().facts == {"config.yaml": {"lr": "0.25"}}


def test_a_directory_that_cannot_be_seen_is_no_error(tmp_path):
    assert SidecarSource(str(tmp_path / "none")).look() == SidecarFacts()


# -- notes of checkpoints ------------------------------------------------------------------------


@settings(max_examples=40)
@given(st.binary(max_size=200))
def test_notes_of_any_bytes_are_no_error(data):
    notes.notes(data)
    notes.listed(data)


# -- settings in checkpoints ------------------------------------------------------------------------


def planned(top, reported=()):
    """How many steps are planned, and what says so, going by what the checkpoints below `top` tell."""
    run = Run("run", "run")
    run.add_facts(dict(reported))
    run.add_facts(of_checkpoint(CheckpointSource(str(top)).look(NOW).settings))
    return run.plan.steps


def test_the_newest_checkpoint_shows_what_the_run_was_trained_with(tmp_path):
    for step, most in ((10, 100), (20, 600)):
        here = tmp_path / f"checkpoint-{step}"
        put(here / "model.safetensors", tensors())
        put(
            here / "trainer_state.json",
            json.dumps({"max_steps": most, "log_history": []}).encode(),
            now=NOW - 90 + step,
        )
    source = CheckpointSource(str(tmp_path))
    assert source.look(NOW).settings == {"max_steps": "600"}
    assert source.look(NOW + 5).settings == {}
    assert planned(tmp_path) == (600, "max_steps in its checkpoint")
    assert planned(tmp_path, {"max_iters": "900"}) == (900, "max_iters")  # this launch says otherwise


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("step-10/hyperparameters.yaml", b"train:\n  max_steps: 600\n"),
        ("step-10/training_args.json", b'{"max_steps": 600, "hub_token": "hf_abcdefghijklmnop"}'),
        ("lora-step00000010.safetensors", None),
    ],
)
def test_settings_are_read_where_nothing_is_unpickled(tmp_path, name, data):
    if data is None:
        header = b'{"__metadata__":{"ss_max_train_steps":"600","format":"pt"},"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
        data = len(header).to_bytes(8, "little") + header + bytes(4)
    else:
        put(tmp_path / "step-10/__0_0.distcp", archive())
        put(tmp_path / "step-10/.metadata", b"")
    put(tmp_path / name, data)
    found = planned(tmp_path)
    assert found is not None
    assert found[0] == 600
    assert "hf_abc" not in str(CheckpointSource(str(tmp_path)).look(NOW).settings)
    put(tmp_path / name, data[: len(data) // 3])  # cut in its midst
    assert planned(tmp_path) is None
