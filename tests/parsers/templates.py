"""Logs of formats that no file describes, from templates."""

from __future__ import annotations

import random


def log(
    template: str, steps: int = 60, *, total: int = 400, per_epoch: int = 10, preamble: int = 20
) -> bytes:
    """Lines of a template with {step}, {loss}, ... after a preamble that tells nothing."""
    rng = random.Random(7)
    lines = [f"loading shard {i} of {preamble} from /data/train_{i}.bin" for i in range(preamble)]
    for step in range(1, steps + 1):
        lines.append(
            template.format(
                step=step, total=total, loss=f"{9 / step + rng.random():.4f}", lr=f"{3e-4 * step:.3e}",
                acc=f"{step / total:.3f}", epoch=(step - 1) // per_epoch + 1, within=(step - 1) % per_epoch + 1,
                per=per_epoch, ms=f"{100 + 9 * rng.random():.1f}", clock=f"12:{step // 60:02d}:{step % 60:02d}",
            )
        )  # fmt: skip
        if step % 20 == 0:
            lines.append("INFO saving to /out/model.bin")
    return "\n".join(lines).encode() + b"\n"


LOGS = {
    "colons": "Step: {step}  Loss: {loss}  LR: {lr}",
    "equals": "it={step}/{total} loss={loss} lr={lr} acc={acc}",
    "words": "iter {step} loss {loss} lr {lr} time {ms} ms",
    "dated": "2026-11-21 {clock},123 | INFO | global_step {step} - train_loss {loss} - {ms}ms/step",
    "brackets": "[{clock}] [trainer] update [{step}/{total}] [loss: {loss}] [lr: {lr}]",
    "json-like": 'metrics {{"step": {step}, "loss": {loss}, "lr": {lr}}}',
    "late counter": "loss {loss} (lr {lr}) after {step} steps, step={step}",
    "epochs": "Epoch [{epoch}][{within}/{per}] lr: {lr}, loss: {loss}",
    "leading": "[{step}]\ttrain-rmse:{loss}\ttrain-mae:{acc}",
}
