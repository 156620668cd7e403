"""A directory of checkpoints is looked at again and again; each test writes what a trainer would."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runwatch.checkpoint import Checkpoints, State
from runwatch.watcher.sources import checkpoints as source_module
from runwatch.watcher.sources.checkpoints import CheckpointSource
from tests.checkpoints.made import LEGACY, archive, family, metadata, put, tensors

NOW = 1_700_000_000.0
OLD = NOW - 3600


class Watched:
    """A source, what is known from it, and a clock that tests move."""

    def __init__(self, top, quiet=30.0):
        self.source, self.known, self.now = CheckpointSource(str(top), quiet=quiet), Checkpoints(), NOW

    def look(self, later=0.0):
        self.now += later
        look = self.source.look(self.now)
        self.known.fold(look)
        return look

    def __getitem__(self, step):
        return next(c for c in self.known if c.at == step)

    @property
    def states(self):
        return {c.at if c.at is not None else os.path.basename(c.path): c.state.value for c in self.known}


def only(top, later=0.0):
    """Return the one checkpoint in a directory, as a first look shows it."""
    watched = Watched(top)
    watched.look(later)
    (found,) = watched.known
    return found


# -- layouts ------------------------------------------------------------------------------------


def test_nanochat_files_that_share_a_step_are_one_checkpoint(tmp_path):
    family(tmp_path, 250, OLD, val_bpb=0.91, dataloader_state_dict={"pq_idx": 3, "rg_idx": 80, "epoch": 1})
    found = only(tmp_path)
    assert (found.kind, found.step, found.files, found.state) == ("nanochat", 250, 4, State.COMPLETE)
    assert (found.ranks, found.ranks_expected, found.checked) == (2, 2, True)
    assert found.metrics == {"val/bpb": 0.91, "pq_idx": 3, "rg_idx": 80, "train/epoch": 1}
    assert found.path == str(tmp_path / "model_000250.pt")


def hf(top, step, when, **more):
    here = top / f"checkpoint-{step}"
    put(here / "model.safetensors", tensors(), now=when)
    put(here / "optimizer.pt", archive(), now=when)
    put(
        here / "trainer_state.json", json.dumps({"epoch": 0.5, "best_metric": 1.5, **more}).encode(), now=when
    )
    return here


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
def test_single_files_tell_by_their_name(tmp_path, name, kind, step, epoch):
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


def test_a_pointer_that_lags_behind_tells_an_unfinished_save(tmp_path):
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


def test_dcp_metadata_tells_missing_and_short_shards(tmp_path):
    here = tmp_path / "step-1000"
    put(here / ".metadata", metadata({"__0_0.distcp": 100, "__2_0.distcp": 200}), now=OLD)
    put(here / "__0_0.distcp", bytes(100), now=OLD)
    assert only(tmp_path).missing == ("__2_0.distcp",)
    (here / "__0_0.distcp").unlink()
    assert only(tmp_path).missing == ("__0_0.distcp", "__2_0.distcp"), "each is said once"
    put(here / "__0_0.distcp", bytes(100), now=OLD)
    put(here / "__2_0.distcp", bytes(200), now=OLD)
    found = only(tmp_path)
    assert (found.kind, found.step, found.state, found.ranks) == ("dcp", 1000, State.COMPLETE, 2)
    put(here / "__2_0.distcp", bytes(150), now=OLD)
    found = only(tmp_path)
    assert (found.state, found.reason) == (State.DAMAGED, "__2_0.distcp stops short: 150 of 200 bytes")


def test_dcp_without_its_metadata_is_not_finished(tmp_path):
    put(tmp_path / "step-1000" / "__0_0.distcp", bytes(100), now=NOW)
    assert only(tmp_path).state is State.WRITING
    assert only(tmp_path, later=60).state is State.INCOMPLETE
    assert only(tmp_path, later=60).missing == (".metadata",)
    put(tmp_path / "step-500" / ".metadata", metadata({"__0_0.distcp": 100}), now=OLD)
    put(tmp_path / "step-500" / "__0_0.distcp", bytes(100), now=OLD)
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


# -- states -------------------------------------------------------------------------------------


def test_a_file_that_stops_short_is_writing_while_it_grows_and_damaged_when_it_rests(tmp_path):
    body = archive(1 << 16)
    path = put(tmp_path / "ckpt_step100.pt", body[:1000], now=NOW)
    watched = Watched(tmp_path)
    watched.look()
    assert watched[100].state is State.WRITING
    put(path, body[:2000], now=NOW + 25)
    watched.look(29)
    watched.look(29)  # 58 s after the first bytes, 29 after the newest were seen
    assert watched[100].state is State.WRITING
    watched.look(2)
    assert watched[100].state is State.DAMAGED
    assert "no end of the zip archive" in watched[100].reason
    put(path, body, now=NOW + 70)  # it was only a pause
    watched.look(10)
    assert watched[100].state is State.COMPLETE


def test_a_clock_ahead_of_ours_is_no_proof_of_writing_for_ever(tmp_path):
    put(tmp_path / "ckpt_step100.pt", archive()[:1000], now=NOW + 9999)
    watched = Watched(tmp_path)
    watched.look()
    assert watched[100].state is State.WRITING
    watched.look(31)
    assert watched[100].state is State.DAMAGED


def test_the_old_torch_format_is_believed_only_at_rest(tmp_path):
    put(tmp_path / "model_100.pt", LEGACY, now=NOW)
    watched = Watched(tmp_path)
    watched.look()
    assert watched[100].state is State.WRITING
    watched.look(31)
    assert watched[100].state is State.COMPLETE
    assert "cannot be checked" in watched[100].reason


def test_a_last_file_that_the_siblings_have_is_missed(tmp_path):
    hf(tmp_path, 500, OLD)
    (hf(tmp_path, 1000, OLD + 1) / "trainer_state.json").unlink()
    watched = Watched(tmp_path)
    watched.look()
    assert watched.states == {500: "complete", 1000: "incomplete"}
    assert watched[1000].reason == "missing: trainer_state.json"


def test_one_damaged_file_stays_known_while_another_changes(tmp_path):
    family(tmp_path, 250, OLD)
    put(tmp_path / "model_000250.pt", archive()[:500], now=OLD)
    watched = Watched(tmp_path)
    watched.look()
    put(tmp_path / "optim_000250_rank1.pt", archive(8192), now=OLD + 1)
    watched.look(1)
    watched.look(40)
    assert watched[250].state is State.DAMAGED
    assert watched[250].reason.startswith("model_000250.pt stops short")


def test_a_missing_rank_is_known_from_the_siblings(tmp_path):
    for number in (1, 2, 3):
        family(tmp_path, 250 * number, OLD + number, ranks=3 if number == 3 else 4)
    watched = Watched(tmp_path)
    watched.look()
    assert watched[750].state is State.INCOMPLETE
    assert (watched[750].ranks, watched[750].ranks_expected) == (3, 4)
    assert watched[750].missing == ("optim of rank 3",)
    assert watched.known.last_good().step == 500


def test_fewer_ranks_twice_is_a_smaller_world(tmp_path):
    for number, ranks in ((1, 4), (2, 4), (3, 2)):
        family(tmp_path, 250 * number, OLD + number, ranks=ranks)
    watched = Watched(tmp_path)
    watched.look()
    assert watched[750].state is State.INCOMPLETE
    family(tmp_path, 1000, OLD + 4, ranks=2)
    watched.look(100)
    assert watched.states == {250: "complete", 500: "complete", 750: "complete", 1000: "complete"}


def test_a_newer_one_tells_that_all_of_the_one_before_is_there(tmp_path):
    watched = Watched(tmp_path)
    watched.look()
    family(tmp_path, 250, NOW, ranks=0)
    watched.look(1)
    assert watched.states == {250: "writing"}
    family(tmp_path, 500, NOW + 5, ranks=0)
    watched.look(5)
    assert watched.states == {250: "complete", 500: "complete"}


def test_one_that_is_just_as_far_is_no_proof_of_a_smaller_world(tmp_path):
    for number, ranks in ((1, 4), (2, 3)):
        family(tmp_path, 250 * number, OLD + number, ranks=ranks)
    watched = Watched(tmp_path)
    watched.look()
    family(tmp_path, 750, NOW + 1, ranks=3)
    watched.look(2)
    assert watched.states == {250: "complete", 500: "incomplete", 750: "writing"}
    family(tmp_path, 750, NOW + 3, ranks=4)
    watched.look(2)
    assert watched.states == {250: "complete", 500: "incomplete", 750: "complete"}


def test_the_first_checkpoint_waits_for_more_ranks_and_the_second_knows_how_many(tmp_path):
    family(tmp_path, 250, NOW, ranks=1)
    watched = Watched(tmp_path)
    watched.look()
    assert watched[250].state is State.WRITING
    put(tmp_path / "optim_000250_rank1.pt", archive(), now=NOW)
    watched.look(40)
    watched.look(40)
    assert watched[250].state is State.COMPLETE
    family(tmp_path, 500, NOW + 80, ranks=2)
    watched.look(1)
    assert watched[500].state is State.COMPLETE


def test_a_temporary_name_is_writing_then_left_behind(tmp_path):
    here = hf(tmp_path, 500, NOW)
    here.rename(tmp_path / "tmp-checkpoint-500")
    watched = Watched(tmp_path)
    watched.look()
    before = watched[500]
    assert before.state is State.WRITING
    watched.look(100)
    assert watched[500].state is State.WRITING
    watched.look(600)
    assert watched[500].state is State.INCOMPLETE
    (tmp_path / "tmp-checkpoint-500").rename(here)
    watched.look(1)
    assert watched[500].state is State.COMPLETE
    assert watched[500].id == before.id


def test_what_is_there_stays_good_while_it_is_written_anew_beside_it(tmp_path):
    put(tmp_path / "last.ckpt", archive(), now=OLD)
    watched = Watched(tmp_path)
    watched.look()
    put(tmp_path / "last.ckpt.tmp", archive()[:100], now=NOW)
    watched.look(1)
    assert watched.states == {"last.ckpt": "complete", "last.ckpt.tmp": "writing"}
    (tmp_path / "last.ckpt.tmp").rename(tmp_path / "last.ckpt")
    put(tmp_path / "last.ckpt", archive(8192), now=NOW + 1)
    watched.look(1)
    assert watched.states["last.ckpt"] == "complete"
    assert watched.known.last_good().bytes == len(archive(8192))


def test_deletion_and_rotation(tmp_path):
    for step in (1, 2, 3):
        hf(tmp_path, step, OLD + step)
    watched = Watched(tmp_path)
    watched.look()
    hf(tmp_path, 4, NOW)
    shutil.rmtree(tmp_path / "checkpoint-1")
    watched.look(1)
    assert watched.states == {1: "deleted", 2: "complete", 3: "complete", 4: "complete"}
    assert watched[1].deleted == watched.now
    assert watched.known.summary().rotates
    assert watched.look(1).changes == ()


def test_one_that_is_being_removed_is_not_called_incomplete(tmp_path):
    for step in (1, 2):
        family(tmp_path, 100 * step, OLD + step)
    watched = Watched(tmp_path)
    watched.look()
    (tmp_path / "model_000100.pt").unlink()
    watched.look(1)
    assert (watched[100].state, watched[100].reason) == (State.DELETED, "being removed: 3 of 4 files left")
    watched.look(40)
    assert watched[100].state is State.INCOMPLETE


def test_a_write_that_was_watched_has_a_duration(tmp_path):
    watched = Watched(tmp_path)
    watched.look()
    path = put(tmp_path / "ckpt_step100.pt", archive(1 << 16)[:500], now=NOW + 2)
    watched.look(2)
    put(path, archive(1 << 16), now=NOW + 10)
    watched.look(9)
    assert (watched[100].begun, watched[100].written, watched[100].seconds) == (NOW + 2, NOW + 10, 8.0)
    put(path, archive(1 << 16), now=NOW + 900)  # written anew, long after
    watched.look(900)
    assert watched[100].seconds is None


LAYERS = ("ckpt_step100.pt", "step-200/__0_0.distcp", "step-200/.metadata", "w_step300.safetensors")
SHARDS = tuple(f"checkpoint-400/model-{n:05d}-of-00002.safetensors" for n in (1, 2))
WHOLE = {
    LAYERS[0]: archive(),
    LAYERS[1]: bytes(100),
    LAYERS[2]: metadata({"__0_0.distcp": 100}),
    LAYERS[3]: tensors(),
    SHARDS[0]: tensors(),
    SHARDS[1]: tensors(),
}


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(sorted(WHOLE)),
            st.sampled_from(
                [1.0, 1.0, 0.5, 0.0, None]
            ),  # the share that is written; None: the file is deleted
            st.sampled_from([0.0, 5.0, 50.0]),
            st.booleans(),
        ),
        max_size=14,
    )
)
def test_followed_from_the_start_or_seen_at_the_end_is_the_same(steps):
    with tempfile.TemporaryDirectory() as name:
        top = Path(name)
        watched = Watched(top)
        watched.look()
        for path, share, later, look in steps:
            watched.now += later
            if share is None:
                (top / path).unlink(missing_ok=True)
                if (top / path).parent.exists():
                    os.utime((top / path).parent, (watched.now, watched.now))
            else:
                put(top / path, WHOLE[path][: int(share * len(WHOLE[path]))], now=watched.now)
            if look:
                watched.look()
        watched.look(1)
        watched.look(2000)
        after = Watched(top)
        after.look(watched.now - NOW)

        def told(known):
            return {
                (c.id, c.path, c.kind, c.state, c.reason, c.bytes, c.files, c.written, c.missing, c.checked)
                for c in known
                if c.state is not State.DELETED
            }

        assert told(watched.known) == told(after.known)


def test_a_slow_look_shows_signs_of_life(tmp_path):
    pulses = []
    for step in (100, 200, 300):
        family(tmp_path, step, OLD + step)
    CheckpointSource(str(tmp_path), pulse=lambda: pulses.append(1)).look(NOW)
    assert len(pulses) == 6  # each is measured and looked into


def test_megatron_s_distributed_checkpoints_follow_the_pointer(tmp_path):
    here = tmp_path / "iter_0001000"
    put(here / ".metadata", metadata({"__0_0.distcp": 100}), now=OLD)
    put(here / "__0_0.distcp", bytes(100), now=OLD)
    put(tmp_path / "latest_checkpointed_iteration.txt", b"1000", now=OLD)
    assert (only(tmp_path).kind, only(tmp_path).state) == ("megatron", State.COMPLETE)
    put(here / "__0_0.distcp", bytes(99), now=OLD)
    assert only(tmp_path).state is State.DAMAGED


# -- the world ----------------------------------------------------------------------------------


def test_nothing_is_said_twice(tmp_path):
    family(tmp_path, 250, OLD)
    watched = Watched(tmp_path)
    assert len(watched.look().changes) == 1
    assert [watched.look(5).changes for _ in range(40)] == [()] * 40


def test_an_old_one_that_changes_is_noticed_in_turn(tmp_path, monkeypatch):
    monkeypatch.setattr(source_module, "AGAIN", 4)
    for step in range(100, 5000, 100):
        put(tmp_path / f"ckpt_step{step}.pt", archive(), now=OLD + step)
    watched = Watched(tmp_path)
    watched.look()
    watched.look(60)
    path = tmp_path / "ckpt_step300.pt"
    path.write_bytes(archive()[:500])
    os.utime(path, (NOW, NOW))
    for _ in range(20):
        watched.look(10)
    assert watched[300].state is State.DAMAGED


def test_files_are_opened_newest_first_and_a_few_per_look(tmp_path, monkeypatch):
    monkeypatch.setattr(source_module, "OPENED", 5)
    for step in range(100, 2100, 100):
        put(tmp_path / f"ckpt_step{step}.pt", archive(), now=OLD + step)
    put(tmp_path / "ckpt_step2100.pt", archive()[:900], now=OLD + 2100)
    put(tmp_path / "ckpt_step100.pt", archive()[:900], now=OLD + 100)
    watched = Watched(tmp_path)
    assert watched.look().unchecked == 16
    assert (watched[2100].state, watched[100].state) == (State.DAMAGED, State.COMPLETE)
    assert (watched.known.last_good().step, watched.known.last_good().checked) == (2000, True)
    while watched.look(1).unchecked:
        pass
    assert watched[100].state is State.DAMAGED
    assert all(c.checked for c in watched.known)


def test_a_checkpoint_of_many_files_uses_up_a_look(tmp_path, monkeypatch):
    monkeypatch.setattr(source_module, "OPENED", 4)
    for step in (100, 200, 300):
        family(tmp_path, step, OLD + step)
    watched = Watched(tmp_path)
    assert [watched.look(1).unchecked for _ in range(3)] == [2, 1, 0]


def add_unseen(top, name):
    """Add a file without a change of the directory's time, as in the same tick of a coarse clock."""
    before = os.stat(top)
    put(top / name, archive(), now=OLD)
    os.utime(top, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_a_file_added_in_the_same_tick_is_found_at_once_if_the_listing_was_as_fresh(tmp_path):
    put(tmp_path / "ckpt_step100.pt", archive(), now=OLD)
    os.utime(tmp_path, (NOW, NOW))
    watched = Watched(tmp_path)
    watched.look(1)
    add_unseen(tmp_path, "ckpt_step200.pt")
    watched.look(1)
    assert sorted(watched.states) == [100, 200]


def test_a_directory_whose_time_tells_nothing_is_listed_now_and_then(tmp_path):
    put(tmp_path / "ckpt_step100.pt", archive(), now=OLD)
    os.utime(tmp_path, (OLD, OLD))
    watched = Watched(tmp_path)
    watched.look(1)
    add_unseen(tmp_path, "ckpt_step200.pt")
    watched.look(1)
    assert sorted(watched.states) == [100]
    for _ in range(20):
        watched.look(1)
    assert sorted(watched.states) == [100, 200]


def test_an_unmounted_directory_deletes_nothing(tmp_path, monkeypatch):
    family(tmp_path, 250, OLD)
    watched = Watched(tmp_path)
    watched.look()
    real = os.stat
    elsewhere = real("/proc")

    def stat(path):
        return elsewhere if path == str(tmp_path) else real(path)

    monkeypatch.setattr(source_module.os, "stat", stat)
    monkeypatch.setattr(source_module.files, "listing", lambda path: source_module.files.Listing())
    look = watched.look(5)
    assert (look.problem, look.changes) == ("another file system is there now", ())
    monkeypatch.undo()
    monkeypatch.setattr(source_module.os, "stat", stat)  # mounted again, under another number
    assert watched.look(5).problem == ""
    assert watched.states == {250: "complete"}


def test_links_that_lead_in_circles_or_nowhere_are_survived(tmp_path):
    here = hf(tmp_path, 500, OLD)
    (here / "loop").symlink_to(tmp_path)
    (tmp_path / "checkpoint-600").symlink_to(tmp_path / "checkpoint-600")
    (tmp_path / "best.ckpt").symlink_to(tmp_path / "gone.ckpt")
    (tmp_path / "latest").symlink_to(here)
    found = only(tmp_path)
    assert (found.step, found.state, found.files) == (500, State.COMPLETE, 3)


def test_what_cannot_be_read_is_neither_good_nor_bad(tmp_path, monkeypatch):
    hf(tmp_path, 500, OLD)
    real = os.scandir

    def refuse(path="."):
        if str(path).endswith("checkpoint-500"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found = only(tmp_path)
    assert (found.state, found.reason) == (State.UNKNOWN, "cannot be read: Permission denied")


def test_a_directory_that_cannot_be_seen_deletes_nothing(tmp_path, monkeypatch):
    family(tmp_path, 250, OLD)
    watched = Watched(tmp_path)
    watched.look()

    def stale(path):
        raise OSError(116, "Stale file handle")

    monkeypatch.setattr(source_module.os, "stat", stale)
    look = watched.look(5)
    assert (look.problem, look.changes, look.present) == ("Stale file handle", (), 1)
    monkeypatch.undo()
    assert watched.look(5).problem == ""
    assert watched.states == {250: "complete"}


def test_a_directory_that_is_not_there_yet_and_then_is(tmp_path):
    watched = Watched(tmp_path / "out")
    assert "No such file" in watched.look().problem
    family(tmp_path / "out", 250, NOW)
    watched.look(60)
    assert watched.states == {250: "complete"}
    shutil.rmtree(tmp_path / "out")
    watched.look(1)
    assert watched.states == {250: "deleted"}


def test_a_file_that_vanishes_between_listing_and_stat(tmp_path, monkeypatch):
    family(tmp_path, 250, OLD)
    family(tmp_path, 500, OLD + 1)
    grouped = source_module.grouped

    def late(*args):
        groups = grouped(*args)
        for path in tmp_path.glob("*_000500*"):
            path.unlink()
        return groups

    monkeypatch.setattr(source_module, "grouped", late)
    watched = Watched(tmp_path)
    watched.look()
    assert watched.states == {250: "complete"}
    watched.look(60)
    assert watched.states == {250: "complete"}


def test_hostile_names_are_made_safe(tmp_path):
    put(tmp_path / "ckpt_\x1b[31m_step100.pt", archive(), now=OLD)
    put(tmp_path / os.fsdecode(b"ckpt_\xff_step200.pt"), archive(), now=OLD)
    watched = Watched(tmp_path)
    watched.look()
    assert sorted(watched.states) == [100, 200]
    assert all("\x1b" not in c.path + c.id and c.path.isprintable() for c in watched.known)


def test_a_first_look_may_be_at_the_newest_alone(tmp_path):
    """What a wider look finds then was there before; what was deleted in between is known to be."""
    for step in range(1, 9):
        put(tmp_path / f"ckpt_step{step}.pt", archive(), now=OLD)
    source, known = CheckpointSource(str(tmp_path), most=3), Checkpoints()
    first = source.look(OLD + 60)
    assert (sorted(c.step for c in first.changes), first.left_out) == ([6, 7, 8], 5)
    (tmp_path / "ckpt_step8.pt").unlink()
    source.widen()
    known.fold(first)
    known.fold(source.look(OLD + 61))
    whole = {c.step: c for c in CheckpointSource(str(tmp_path)).look(OLD + 61).changes}
    assert {c.step: c for c in known if c.step < 8} == whole
    assert [c.state for c in known if c.step == 8] == [State.DELETED]


def test_more_than_can_be_kept_keeps_the_newest(tmp_path, monkeypatch):
    monkeypatch.setattr(source_module, "MAX_KNOWN", 5)
    for step in range(1, 9):
        put(tmp_path / f"ckpt_step{step}.pt", archive(), now=OLD)
    watched = Watched(tmp_path)
    look = watched.look()
    assert (look.present, look.left_out) == (5, 3)
    assert sorted(watched.states) == [4, 5, 6, 7, 8]
