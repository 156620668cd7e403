"""Sentences that would mislead: each class of them was found in a report of a real log."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runwatch.reports import mentions, printed

from ..cli.command import called
from .logs import stamped, trained


def _report(tmp_path: Path, text: str) -> str:
    (tmp_path / "seven.log").write_text(text)
    done = called("report", "seven.log", "--markdown", cwd=tmp_path, env={})
    assert done.returncode == 0, done.stderr
    return done.stdout.replace("\\", "")


def test_times_of_iterations_are_no_times_of_epochs(tmp_path: Path) -> None:
    rows = [(60.0 * n, f"Epoch [{n}/30], loss: {3 - n / 20:.4f}, batch_time: 0.50s") for n in range(1, 31)]
    text = _report(tmp_path, stamped(rows))
    assert "from first to last record: 29m 00s" in text
    assert "short pauses" not in text.lower()
    assert "A step took" not in text
    assert "Its steps are epochs. An iteration took 500 ms on average" in text
    text = _report(tmp_path, "".join(f"{line}\n" for _, line in rows))
    assert "It is not known when steps were made, so no times are stated." in text
    assert "no step time was read" not in text


def test_a_time_of_an_epoch_is_one_of_a_step_that_is_an_epoch(tmp_path: Path) -> None:
    text = _report(
        tmp_path, "".join(f"Epoch {n}/30 | loss {3 - n / 20:.4f} | time 45.2s\n" for n in range(1, 31))
    )
    assert "from first to last record: 22m 36s" in text
    assert "A step took 45 s on average" in text


def test_a_plateau_is_not_still_falling(tmp_path: Path) -> None:
    fall = [
        0.0560,
        0.0427,
        0.0391,
        0.0398,
        0.0328,
        0.03,
        0.0293,
        0.0283,
        0.0272,
        0.0269,
        0.0267,
        0.0265,
        0.0263,
    ]
    losses = [*fall, 0.026, 0.026, 0.026, 0.0259, 0.0259, 0.0259, *[0.0258] * 5]
    text = _report(tmp_path, "".join(f"step {n} loss {loss:.4f}\n" for n, loss in enumerate(losses)))
    assert "It is on a plateau: no median after step 1" in text
    assert "and was level at the end." in text
    assert " it fell: from" not in text


@pytest.mark.parametrize(("steps", "per"), [(40, "10 steps"), (400, "100 steps"), (20_000, "1,000 steps")])
def test_a_slope_is_of_fewer_steps_than_there_are(tmp_path: Path, steps: int, per: str) -> None:
    apart = steps // 40
    text = _report(tmp_path, "".join(f"step {n * apart} loss {3 - n / 20:.4f}\n" for n in range(1, 41)))
    assert f"per {per}." in text


def test_a_loss_that_does_not_fall_beyond_its_noise_is_not_still_falling(tmp_path: Path) -> None:
    losses = [
        0.62,
        0.54,
        0.5,
        0.57,
        0.46,
        0.55,
        0.49,
        0.52,
        0.4,
        0.53,
        0.44,
        0.5,
        0.39,
        0.47,
        0.5,
        0.38,
        0.48,
        0.4,
    ]
    text = _report(tmp_path, "".join(f"step {n} loss {loss}\n" for n, loss in enumerate(losses)))
    assert "It did not fall by more than its own noise" in text
    assert "still falling" not in text
    assert " it fell: from" not in text


def test_a_loss_around_zero_has_noise_though_most_values_are_zero(tmp_path: Path) -> None:
    losses = [-0.0027, 0, 0, 0, -0.0015, -0.0013, 0, 0.0021, 0, 0, 0, -0.0011, 0, 0, 0, 0.0024, 0, 0, 0, 0, 0]
    text = _report(tmp_path, "".join(f"step {n} loss {loss}\n" for n, loss in enumerate(losses)))
    assert "It did not fall by more than its own noise" in text
    assert "of its fall was done" not in text


def test_a_decay_may_look_constant_at_its_begin(tmp_path: Path) -> None:
    plan = "Namespace(lr_scheduler_type='cosine', batch_size=8, warmup_steps=0, seed=1)\n"
    lines = [f"step {n}/10000 loss {3 - n / 100:.4f} lr 1e-4\n" for n in range(1, 61)]
    text = _report(tmp_path, plan + "".join(lines))
    assert "lr_scheduler_type | cosine" in text
    assert "The configuration says cosine, but" not in text
    text = _report(tmp_path, (plan + "".join(lines)).replace("/10000", "/60"))
    assert "The configuration says cosine, but the learning rate looks like constant." in text


def test_a_run_that_just_ends_has_a_sign_of_trouble(tmp_path: Path) -> None:
    log = tmp_path / "seven.log"
    log.write_text("".join(f"step {n}/20 loss {3 - n / 100:.4f}\n" for n in range(1, 9)))
    os.utime(log, (1.7e9, 1.7e9))
    text = called("report", "seven.log", "--markdown", cwd=tmp_path, env={}).stdout
    assert "No sign of trouble was found" not in text
    assert "- It ended at step 8 of 20 without an error or a finish line." in text


def test_a_score_that_prefers_another_checkpoint_is_named(tmp_path: Path) -> None:
    lines = [f"{n},{3 - n / 20:.4f},{4 + n / 20:.4f},{0.4 + n / 100:.3f}\n" for n in range(1, 31)]
    text = _report(tmp_path, "".join(["epoch,loss,val_loss,val_acc\n", *lines]))
    assert "But the best val acc is 0.700 at step 30, against 0.410 at step 1." in text
    assert "By val acc step 30 is better: decide which of them matters" in text
    assert "use a checkpoint from there" not in text


def test_a_pause_may_be_an_evaluation_that_was_not_read(tmp_path: Path) -> None:
    lines = trained(60, pauses={20: 30.0, 40: 30.0}).splitlines()
    for at in (39, 19):
        lines[at:at] = ["Sample 1, Validation pixAcc: 0.2, mIoU: 0.1", f"saved checkpoint to out/{at}.pt"]
    text = _report(tmp_path, "\n".join(lines) + "\n")
    assert "Evaluation may be part of it: the log mentions validation, but that was not read." in text


def test_a_log_of_many_runs_is_searched_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[str] = []
    for module in (mentions, printed):
        blocks = module.blocks  # type: ignore[attr-defined]
        monkeypatch.setattr(module, "blocks", lambda *a, blocks=blocks: reads.append(a[0]) or blocks(*a))
    once = "".join(f"step {n}/20 loss {3 - n / 10:.4f}\n" for n in range(1, 21)) + "Training finished\n"
    text = _report(tmp_path, f"lr: 0.1\nbatch_size: 8\n{once * 4}")
    assert "# seven#4\n" in text
    assert len(reads) == 2
