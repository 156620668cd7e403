"""The report of a pipeline judges each of its stages."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.command import called

PRETRAIN = "step {step:05d}/00200 (1.00%) | loss: {loss:.6f} | lrm: 1.00 | dt: 500.00ms | tok/sec: 1,000\n"
SFT = "Step {step:05d}/00099 | Training loss: {loss:.6f}| lrm: 0.5| num_tokens: 10,000\n"


def _pipeline(folder: Path) -> Path:
    """A first stage that fails after its middle, and a second one, longer in nothing, that goes well."""
    log = folder / "speedrun.log"
    first = [6 / (1 + step / 30) if step < 150 else float("nan") for step in range(201)]
    second = [1.5 - step / 200 for step in range(100)]
    log.write_text(
        "".join(PRETRAIN.format(step=step, loss=loss) for step, loss in enumerate(first))
        + "".join(SFT.format(step=step, loss=loss) for step, loss in enumerate(second))
    )
    return log


def test_the_verdict_the_findings_and_what_is_missing_are_of_every_stage(tmp_path: Path) -> None:
    done = called("report", _pipeline(tmp_path), "--json")
    assert done.returncode == 0, done.stderr
    (document,) = json.loads(done.stdout)["reports"]
    sections = {part["title"]: json.dumps(part, ensure_ascii=False) for part in document["sections"]}
    verdict = sections["Verdict"]
    assert "It has 2 stages: stage 1, stage 2." in verdict
    assert "stage 1: The loss fell from 6" in verdict
    assert "and is NaN or Inf at the end" in verdict
    assert "stage 2: The loss fell from 1.5" in verdict
    assert "The most severe finding in stage 1 is:" in verdict
    assert "stage 1:" in sections["Worth looking into"]
    assert "stage 2: step times and throughput: none were read." in sections["Missing evidence"]
    assert {"Loss: stage 1", "Loss: stage 2"} <= {*sections}


def test_stages_of_one_name_have_different_names(tmp_path: Path) -> None:
    line = "(epoch: 1, iters: {iters}, time: 0.600) G_GAN: 2{iters} G_L1: {iters}.5 D_real: -3.{iters} \n"
    parts = (
        f"====== Fine-tuning (Wed Mar  7 16:{minute}:00 2018) ======\n"
        + "".join(line.format(iters=iters) for iters in range(100, last, 100))
        for minute, last in ((36, 700), (51, 200))
    )
    (tmp_path / "loss_log.txt").write_text("".join(parts))
    done = called("report", tmp_path / "loss_log.txt", "--markdown")
    assert "It has 2 stages: Fine-tuning, Fine-tuning (2)." in done.stdout
