"""Sentences that would mislead: each class of them was found in a report of a real log."""

from __future__ import annotations

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
