"""Writing, complete, damaged, incomplete, deleted: what each look says, while a trainer goes on."""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from runwatch.core.checkpoint import State
from runwatch.watcher.checkpoints.contents import Inside, inspect
from runwatch.watcher.checkpoints.directory import CheckpointSource
from runwatch.watcher.layouts.layout import Size
from tests.checkpoints.made import LEGACY, archive, family, metadata, put, shard, tensors

from .watched import NOW, OLD, Watched, hf, only


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


def test_a_clock_ahead_of_ours_is_no_proof_of_writing_forever(tmp_path):
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


def test_a_newer_one_shows_that_all_of_the_one_before_is_there(tmp_path):
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


def test_what_is_there_stays_good_while_it_is_written_again_next_to_it(tmp_path):
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

        def reported(known):
            return {
                (c.id, c.path, c.kind, c.state, c.reason, c.bytes, c.files, c.written, c.missing, c.checked)
                for c in known
                if c.state is not State.DELETED
            }

        assert reported(watched.known) == reported(after.known)


def test_a_slow_look_shows_signs_of_life(tmp_path):
    pulses = []
    for step in (100, 200, 300):
        family(tmp_path, step, OLD + step)
    CheckpointSource(str(tmp_path), pulse=lambda: pulses.append(1)).look(NOW)
    assert len(pulses) == 6  # each is measured and looked into


def test_megatron_s_distributed_checkpoints_follow_the_pointer(tmp_path):
    here = tmp_path / "iter_0001000"
    put(here / ".metadata", metadata({"__0_0.distcp": 100}), now=OLD)
    put(here / "__0_0.distcp", shard(100), now=OLD)
    put(tmp_path / "latest_checkpointed_iteration.txt", b"1000", now=OLD)
    assert (only(tmp_path).kind, only(tmp_path).state) == ("megatron", State.COMPLETE)
    put(here / "__0_0.distcp", shard(99), now=OLD)
    assert only(tmp_path).state is State.DAMAGED


def test_what_is_not_recognized_is_shown_and_never_the_last_good_one(tmp_path):
    """Somebody's own format, or no checkpoint at all: no alarm, and nothing to resume from."""
    noise = random.Random(1).randbytes(5000)
    put(tmp_path / "ckpt_step100.pt", archive(), now=OLD)
    for step, ending in enumerate(("pt", "pth", "ckpt", "bin", "safetensors", "npz"), 2):
        put(tmp_path / f"ckpt_step{step}00.{ending}", noise, now=OLD + step)
    watched = Watched(tmp_path)
    watched.look()
    watched.look(60)
    assert watched.states == {100: "complete", **dict.fromkeys(range(200, 800, 100), "unknown")}
    assert watched[200].reason == "ckpt_step200.pt is in no known format"
    summary = watched.known.summary()
    assert summary.last_good is not None
    assert (summary.last_good.step, summary.newest.step, summary.broken) == (100, 700, None)
    assert watched.known.last_good(500) == summary.last_good


def test_one_that_is_being_written_is_not_yet_unknown(tmp_path):
    path = put(tmp_path / "ckpt_step100.pt", b"\x01" * 999, now=NOW)
    watched = Watched(tmp_path)
    watched.look()
    assert watched[100].state is State.WRITING
    watched.look(60)
    assert watched[100].state is State.UNKNOWN
    put(path, archive(), now=NOW + 70)
    watched.look(10)
    assert watched[100].state is State.COMPLETE
    assert watched[100].reason == ""


def test_a_part_that_is_not_recognized_counts_and_a_tokenizer_does_not(tmp_path):
    here = hf(tmp_path, 500, OLD)
    put(here / "tokenizer.bin", b"\x01" * 999, now=OLD)
    assert only(tmp_path).state is State.COMPLETE
    put(here / "optimizer.pt", b"\x01" * 999, now=OLD)
    assert only(tmp_path, later=60).state is State.UNKNOWN
    (here / "optimizer.pt").unlink()
    (here / "model.safetensors").unlink()
    put(here / "pytorch_model.bin", b"\x01" * 999, now=OLD)
    assert only(tmp_path, later=60).state is State.UNKNOWN


def test_of_many_shards_a_few_are_opened(tmp_path):
    here = tmp_path / "step-1000"
    names = [f"__{rank}_0.distcp" for rank in range(40)]
    put(here / ".metadata", metadata(dict.fromkeys(names, 400)), now=OLD)
    for name in names:
        put(here / name, shard(400), now=OLD)
    assert only(tmp_path).state is State.COMPLETE
    found = inspect(str(here), {name: Size(400, OLD) for name in names}, Inside())
    assert found.opened == 8
    put(here / "__0_0.distcp", b"\x01" * 400, now=OLD)
    assert only(tmp_path).state is State.UNKNOWN
