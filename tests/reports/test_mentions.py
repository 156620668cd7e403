"""What a log mentions though nothing of it was read: never `none`, and never a value."""

from __future__ import annotations

from pathlib import Path

import pytest

from runwatch.reports import mentions
from runwatch.reports.mentions import find

from ..cli.command import called
from .logs import trained


def _found(path: Path, text: str, *subjects: str) -> dict[str, mentions.Mention]:
    path.write_text(text)
    return find([str(path)], subjects or tuple(mentions._SUBJECTS))


@pytest.mark.parametrize(
    ("subject", "line"),
    [
        (mentions.CHECKPOINTS, "Already save model in output/1"),
        (mentions.CHECKPOINTS, "=> writing weights to best.pth"),
        (mentions.VALIDATION, "Sample: 3, Validation pixAcc: 0.028, mIoU: 0.003"),
        (mentions.VALIDATION, "[dev] f1 = 83.1"),
        (mentions.VALIDATION, "<epoch:550, Average PSNR : 30.82dB"),
        (mentions.RATE, "step=4, skipped=1, lr=[1e-05], mom=[[0.8, 0.999]]"),
        (mentions.GRADIENT, "optim/total_grad_norm=0.7761"),
        (mentions.SPEED, "throughput/device/batches_per_second=1.528"),
        (mentions.MACHINE, "System/Peak GPU Memory (MB)=46,853"),
        (mentions.TIMES, "0 done, took 31.2 s"),
        (mentions.DATES, "[2026-01-02 03:04:05] here"),
        (mentions.GPUS, "Using 2 GPUs"),
    ],
)
def test_a_line_about_a_subject_is_found(subject: str, line: str, tmp_path: Path) -> None:
    found = _found(tmp_path / "a.log", f"hello\n{line}\nbye\n", subject)
    assert found[subject] == mentions.Mention((2,), False, line)


@pytest.mark.parametrize(
    "line",
    [
        '"eval_interval": 100,', "save_only_model=False,", "Namespace(lr=0.1, eval_steps=5, save_model=1)",
        "max_grad_norm = 1.0", "the interval 5 has the latest value 7", "evaluate this!",
    ],
)  # fmt: skip
def test_plans_and_other_words_are_no_mention(line: str, tmp_path: Path) -> None:
    subjects = (mentions.VALIDATION, mentions.CHECKPOINTS, mentions.GRADIENT)
    assert _found(tmp_path / "a.log", f"{line}\n", *subjects) == {}


def test_lines_are_numbered_across_what_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mentions, "_BLOCK", 64)
    monkeypatch.setattr(mentions, "_PART", 2)
    lines = ["nothing to see here"] * 1_000
    lines[998] = "saving model to x"
    lines[500] = "saving model to y"
    found = _found(tmp_path / "a.log", "\n".join(lines) + "\n")
    assert found[mentions.CHECKPOINTS].lines == (999,)


def test_a_report_says_what_was_not_read_and_where_the_log_mentions_it(tmp_path: Path) -> None:
    log = tmp_path / "run.log"
    lines = trained(60).splitlines()
    lines[30:30] = ["Sample 1, Validation pixAcc: 0.2, mIoU: 0.1", "Already save model in out/1"]
    log.write_text("\n".join(lines) + "\n")
    done = called("report", log, "--markdown", cwd=tmp_path, env={})
    assert "none was seen" not in done.stdout
    assert (
        "Checkpoints: none was read. Line 32 mentions this, but nothing about it was read: Already"
        in done.stdout
    )


def test_hostile_lines_are_shown_as_text(tmp_path: Path) -> None:
    found = _found(tmp_path / "a.log", "saving model \x1b[31m<b>x</b>\x07 ok\n", mentions.CHECKPOINTS)
    assert "\x1b" not in found[mentions.CHECKPOINTS].example
