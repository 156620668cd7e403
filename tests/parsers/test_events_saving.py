"""What a log says of its checkpoints becomes events: their step, their file, whether they are complete or the best."""

from __future__ import annotations

import pytest

from .logs import parse


def test_the_step_of_a_checkpoint():
    (event,) = parse(b"Saved model file to: /r/step_3/base_checkpoints/d20/model_021400.pt\n").events
    assert event.step == 21400


@pytest.mark.parametrize(
    ("line", "step", "state"),
    [
        (b"saving checkpoint at iteration     500 to /ckpt in torch_dist format", 500, "saving"),
        (b"  successfully saved checkpoint from iteration     500 to /ckpt", 500, "saved"),
        (b"Saving model checkpoint to out/checkpoint-500", 500, "saving"),
        (b"[Torch] Saved /r/checkpoint-500/global_step500/mp_rank_00_model_states.pt.", 500, "saved"),
        (
            b"Saved checkpoint /r/checkpoint_best.pt (epoch 3 @ 500 updates, score 4.2) (writing took 3.2 seconds)",
            500,
            "saved",
        ),
        (
            b"Epoch 0, global step 500: 'val_loss' reached 1.2, saving model to '/r/epoch=0-step=500.ckpt' as top 1",
            500,
            "saving",
        ),
        (b"Saving checkpoint at 2 epochs", None, "saving"),
        (b"Saving checkpoint at 500 iterations", 500, "saving"),
    ],
)
def test_a_checkpoint_shows_its_step_and_whether_it_is_complete(line, step, state):
    (event,) = parse(line + b"\n").events
    assert (event.kind, event.step, event.data["state"]) == ("checkpoint", step, state)


@pytest.mark.parametrize(
    ("line", "best"),
    [
        (b"checkpoint has been saved to logs/ckpt/best.ckpt!", "1"),
        (b"New highscore! Saving model...", "1"),
        (b"  *** Saved BEST at batch 100 ***", "1"),
        (b"Epoch 3: val_loss improved from 0.5 to 0.4, saving model to w.h5", "1"),
        (b"Validation loss decreased (0.5 --> 0.4).  Saving model ...", "1"),
        (b"Epoch 0, global step 500: 'val_loss' reached 1.2, saving model to 'a.ckpt' as top 3", "1"),
        (b"Saved checkpoint to out/model_best.pth.tar", "1"),
        (b"Saved checkpoint to out/model_last.pth.tar", None),
        (b"Saving checkpoint to /data/bestiary/iter_500", None),
        (b"Saving model checkpoint to out/checkpoint-500 (best: 400)", None),
    ],
)
def test_whether_a_line_shows_that_the_best_is_saved(line, best):
    (event,) = parse(line + b"\n").events
    assert (event.kind, event.data.get("best")) == ("checkpoint", best)


@pytest.mark.parametrize(
    ("line", "kind", "step"),
    [
        (
            b"manager - INFO - Saved optimizer state to: /x/d20/optim_021400_rank0.pt",
            "save_part",
            21400,
        ),
        (b"[Torch] Saved /r/global_step5/zero_pp_rank_0_mp_rank_00_optim_states.pt.", "save_part", 5),
        (b"[Torch] Saved /r/global_step5/mp_rank_00_model_states.pt.", "checkpoint", 5),
        (b"saving checkpoint to /r/iter_0000300/mp_rank_00/model_optim_rng.pt", "checkpoint", 300),
        (b"Saving Optimizer state to out/checkpoint-5/optimizer_0", "save_part", 5),
        (b"Saving model to out/checkpoint-5/pytorch_model_fsdp_0", "checkpoint", 5),
        (b"Saving current state to out/checkpoint-5 (state)", "checkpoint", 5),
        (b"Model weights saved in out/checkpoint-5/model-00001-of-00004.safetensors", "checkpoint", 5),
        (b"Saved model shard 1 to out/step-30/__1_0.distcp", "checkpoint", 30),
        (b"Saved optimizer shard 1 to out/step-30/__1_0.distcp", "save_part", 30),
        (b"Saving model and optimizer state to out/ckpt.pt", "checkpoint", None),
        (b"Saved optimizer state of checkpoint 300 to /x/optim.pt", "save_part", None),
        (b"Step 1000/5000: Saved best model to best.pt", "checkpoint", 1000),
        (b"Model saved to runs/d20/model.pt", "checkpoint", None),
        (b"Model saved to ./model_epoch_3.pth", "checkpoint", None),
        (b"Saving checkpoint to /ckpt/1000", "checkpoint", 1000),
        (
            b"[Rank 0] Saving model checkpoint: /r/global_step300/mp_rank_00_model_states.pt",
            "checkpoint",
            300,
        ),
        (b"Model checkpoint of size 2.5 GiB saved to /t/step_300/model.safetensors", "checkpoint", 300),
        (b"save checkpoint at out/0", "checkpoint", None),
        (b"Saved state to out/checkpoint-500", "checkpoint", 500),
        (b"Saved final checkpoint for epoch 3 to a/b.pt", "checkpoint", None),
        (b"[20:49:02]   *** Saved BEST at batch 100 ***", "checkpoint", None),
        (b"Saving model checkpoint to logs/rl_model_1000_steps", "checkpoint", 1000),
        (b"Skipped saving checkpoint at step 300 because storage is slow", "checkpoint_failed", 300),
        (b"Saving checkpoint to out/step_300.pt failed: [Errno 5]", "checkpoint_failed", 300),
        (b"Error saving checkpoint at step 5", "checkpoint_failed", 5),
        (b"Could not save checkpoint at step 5", "checkpoint_failed", 5),
        (b"Saved checkpoint to out/step_300.pt (skipped optimizer)", "checkpoint", 300),
    ],
)
def test_which_file_a_line_about_saving_names_and_which_step(line, kind, step):
    (event,) = parse(line + b"\n").events
    assert (event.kind, event.step) == (kind, step)


def test_the_place_of_a_checkpoint():
    lines = b"Saved model file to: /r/d20/model_000500.pt\nModel weights saved in out/checkpoint-500/model.safetensors\n"
    saved, weights, loaded = parse(lines + b"Finished loading the checkpoint in 3.01 seconds.\n").events
    assert saved.data["path"] == "/r/d20/model_000500.pt"
    assert weights.data["path"] == "out/checkpoint-500/model.safetensors"
    assert "path" not in loaded.data
