"""How trainers lay out their checkpoints: each test writes what one of them would."""

from __future__ import annotations

import json
import shutil

import pytest

from runwatch.core.checkpoint import State
from runwatch.watcher.checkpoints.directory import CheckpointSource
from tests.checkpoints.made import archive, family, metadata, put, shard, tensors

from .watched import NOW, OLD, Watched, hf, only


def test_nanochat_files_that_share_a_step_are_one_checkpoint(tmp_path):
    family(tmp_path, 250, OLD, val_bpb=0.91, dataloader_state_dict={"pq_idx": 3, "rg_idx": 80, "epoch": 1})
    found = only(tmp_path)
    assert (found.kind, found.step, found.files, found.state) == ("nanochat", 250, 4, State.COMPLETE)
    assert (found.ranks, found.ranks_expected, found.checked) == (2, 2, True)
    assert found.metrics == {"val/bpb": 0.91, "pq_idx": 3, "rg_idx": 80, "train/epoch": 1}
    assert found.path == str(tmp_path / "model_000250.pt")


def test_a_trainer_s_directory(tmp_path):
    hf(tmp_path, 500, OLD, log_history=[{"loss": 3.0, "step": 1}] * 4000)
    put(tmp_path / "config.json", b"{}", now=OLD)
    put(tmp_path / "model.safetensors", tensors(), now=OLD)  # the final export, no checkpoint of its own
    found = only(tmp_path)
    assert (found.kind, found.step, found.state, found.files) == ("hf", 500, State.COMPLETE, 3)
    assert found.metrics == {"train/epoch": 0.5, "best_metric": 1.5}


def test_shards_are_counted_by_their_names_and_their_index(tmp_path):
    here = tmp_path / "checkpoint-500"
    names = [f"model-{n:05d}-of-00003.safetensors" for n in (1, 2, 3)]
    index = json.dumps({"weight_map": dict(zip("abc", names, strict=True))}).encode()
    put(here / "model.safetensors.index.json", index, now=OLD)
    for name in names[:2]:
        put(here / name, tensors(), now=OLD)
    found = only(tmp_path)
    assert found.state is State.INCOMPLETE
    assert found.missing == (names[2],)  # said once, as the index calls it
    (here / "model.safetensors.index.json").unlink()
    assert only(tmp_path).missing == ("weights, shard 3",)
    put(here / "model.safetensors.index.json", index, now=OLD)
    put(here / names[2], tensors(), now=OLD)
    assert only(tmp_path).state is State.COMPLETE


@pytest.mark.parametrize(
    ("name", "kind", "step", "epoch"),
    [
        ("epoch=1-step=500.ckpt", "lightning", 500, 1),
        ("last.ckpt", "lightning", None, None),
        ("ckpt_step_1000.pt", "torch", 1000, None),
        ("epoch_12.pth", "torch", None, 12),
        ("checkpoint_12.pth.tar", "torch", 12, None),
        ("G_2000.pth", "torch", 2000, None),
        ("0050000.pt", "torch", 50000, None),
        ("state_step005100.pt", "torch", 5100, None),
        ("ckpt.pt", "torch", None, None),
        ("lora-step-1000.bin", "torch", 1000, None),
    ],
)
def test_single_files_are_recognized_by_their_name(tmp_path, name, kind, step, epoch):
    put(tmp_path / name, archive(), now=OLD)
    found = only(tmp_path)
    assert (found.kind, found.step, found.epoch, found.state) == (kind, step, epoch, State.COMPLETE)


def test_a_name_may_state_metrics(tmp_path):
    put(tmp_path / "epoch=3-val_loss=0.27.ckpt", archive(), now=OLD)
    assert only(tmp_path).metrics == {"val/loss": 0.27}


def test_files_of_the_same_step_are_one(tmp_path):
    for name in ("model_1000.pt", "optimizer_1000.pt", "ema_0.9999_1000.pt"):
        put(tmp_path / name, archive(), now=OLD)
    assert only(tmp_path).files == 3


@pytest.mark.parametrize(
    "name",
    ["data_0001.pt", "train_shard_0004.pt", "model-00001-of-00002.safetensors", "notes.txt", "vocab.bin"],
)
def test_data_is_no_checkpoint(tmp_path, name):
    put(tmp_path / name, archive(), now=OLD)
    if "-of-" in name:
        put(tmp_path / "checkpoint-1" / "model.safetensors", tensors(), now=OLD)
        assert only(tmp_path).step == 1
    else:
        assert CheckpointSource(str(tmp_path)).look(NOW).changes == ()


def megatron(top, step, when, ranks=((0, 0), (0, 1), (1, 0), (1, 1))):
    for tp, pp in ranks:
        put(
            top / f"iter_{step:07d}" / f"mp_rank_{tp:02d}_{pp:03d}" / "model_optim_rng.pt",
            archive(),
            now=when,
        )
    put(top / "latest_checkpointed_iteration.txt", str(step).encode(), now=when + 1)


def test_megatron_ranks_span_a_grid(tmp_path):
    megatron(tmp_path, 1000, OLD)
    assert (only(tmp_path).kind, only(tmp_path).ranks, only(tmp_path).state) == (
        "megatron",
        4,
        State.COMPLETE,
    )
    shutil.rmtree(tmp_path / "iter_0001000" / "mp_rank_01_000")
    found = only(tmp_path)
    assert (found.state, found.ranks, found.ranks_expected) == (State.INCOMPLETE, 3, 4)
    assert found.missing == ("mp_rank 1_0",)


def test_a_pointer_that_lags_behind_shows_an_unfinished_save(tmp_path):
    megatron(tmp_path, 500, OLD - 500)
    megatron(tmp_path, 1000, OLD)
    put(tmp_path / "latest_checkpointed_iteration.txt", b"500", now=OLD - 400)
    watched = Watched(tmp_path)
    watched.look()
    assert watched.states == {500: "complete", 1000: "incomplete"}
    assert "latest_checkpointed_iteration.txt" in watched[1000].reason
    put(
        tmp_path / "latest_checkpointed_iteration.txt", b"500", now=NOW
    )  # set back by hand: nothing is claimed
    again = Watched(tmp_path)
    again.look()
    assert again.states == {500: "complete", 1000: "complete"}


def test_deepspeed_shards(tmp_path):
    here = tmp_path / "global_step1000"
    put(here / "mp_rank_00_model_states.pt", archive(), now=OLD)
    for rank in (0, 1, 3):
        put(here / f"bf16_zero_pp_rank_{rank}_mp_rank_00_optim_states.pt", archive(), now=OLD)
    put(tmp_path / "latest", b"global_step1000", now=OLD)
    found = only(tmp_path)
    assert (found.kind, found.step, found.state) == ("deepspeed", 1000, State.INCOMPLETE)
    assert found.missing == ("ZeRO shard of rank 2",)


def test_dcp_metadata_shows_missing_and_short_shards(tmp_path):
    here = tmp_path / "step-1000"
    put(here / ".metadata", metadata({"__0_0.distcp": 100, "__2_0.distcp": 200}), now=OLD)
    put(here / "__0_0.distcp", shard(100), now=OLD)
    assert only(tmp_path).missing == ("__2_0.distcp",)
    (here / "__0_0.distcp").unlink()
    assert only(tmp_path).missing == ("__0_0.distcp", "__2_0.distcp"), "each is said once"
    put(here / "__0_0.distcp", shard(100), now=OLD)
    put(here / "__2_0.distcp", shard(200), now=OLD)
    found = only(tmp_path)
    assert (found.kind, found.step, found.state, found.ranks) == ("dcp", 1000, State.COMPLETE, 2)
    put(here / "__2_0.distcp", shard(150), now=OLD)
    found = only(tmp_path)
    assert (found.state, found.reason) == (State.DAMAGED, "__2_0.distcp stops short: 150 of 200 bytes")


def test_dcp_without_its_metadata_is_not_finished(tmp_path):
    put(tmp_path / "step-1000" / "__0_0.distcp", shard(100), now=NOW)
    assert only(tmp_path).state is State.WRITING
    assert only(tmp_path, later=60).state is State.INCOMPLETE
    assert only(tmp_path, later=60).missing == (".metadata",)
    put(tmp_path / "step-500" / ".metadata", metadata({"__0_0.distcp": 100}), now=OLD)
    put(tmp_path / "step-500" / "__0_0.distcp", shard(100), now=OLD)
    watched = Watched(tmp_path)
    watched.look(60)
    assert watched[1000].missing == (".metadata",), "that the one before has it is no second hole"


def test_orbax_gets_its_name_when_it_is_complete(tmp_path):
    here = tmp_path / "1000.orbax-checkpoint-tmp-17"
    put(here / "_CHECKPOINT_METADATA", b"{}", now=NOW)
    put(here / "default" / "ocdbt.process_0" / "d" / "abc", b"x", now=NOW)
    watched = Watched(tmp_path)
    watched.look()
    assert (watched[1000].kind, watched[1000].state) == ("orbax", State.WRITING)
    here.rename(tmp_path / "1000")
    watched.look(1)
    assert watched.states == {1000: "complete"}


def test_what_orbax_wrote_must_stay_as_it_was(tmp_path):
    for step in (1000, 2000, 3000):
        for name in ("_CHECKPOINT_METADATA", "default/_METADATA", "default/ocdbt.process_0/d/abc"):
            put(tmp_path / str(step) / name, b"0123456789", now=OLD)
    watched = Watched(tmp_path)
    watched.look()
    assert set(watched.states.values()) == {"complete"}
    put(tmp_path / "2000" / "default" / "ocdbt.process_0" / "d" / "abc", b"012", now=OLD)
    (tmp_path / "1000" / "default" / "ocdbt.process_0" / "d" / "abc").unlink()
    watched.look(5)
    assert watched.states == {1000: "deleted", 2000: "damaged", 3000: "complete"}
    assert watched[2000].reason == "was 30 bytes when it was complete, now 23"
    watched.look(60)
    assert watched.states == {1000: "incomplete", 2000: "damaged", 3000: "complete"}
    assert watched[1000].reason == "lost 1 of 3 files"


def test_a_directory_that_is_itself_a_checkpoint(tmp_path):
    found = only(hf(tmp_path, 500, OLD))
    assert (found.step, found.kind, found.state) == (500, "hf", State.COMPLETE)
    assert found.path == str(tmp_path / "checkpoint-500")


def test_a_checkpoint_that_holds_one_of_another_kind_is_one(tmp_path):
    here = hf(tmp_path, 500, OLD)
    put(here / "global_step500" / "mp_rank_00_model_states.pt", archive(), now=OLD)
    assert (only(here).kind, only(here).files) == ("hf", 4)


def test_a_directory_called_a_checkpoint_that_holds_weights(tmp_path):
    put(tmp_path / "epoch_3" / "model.pt", archive(), now=OLD)
    put(tmp_path / "shard_0003" / "part.pt", archive(), now=OLD)
    put(tmp_path / "version_0" / "events.log", b"", now=OLD)
    found = only(tmp_path)
    assert (found.kind, found.epoch, found.state) == ("torch", 3, State.COMPLETE)
