"""Formats in which a synthetic run is written, each as the framework of that name prints it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.detection.trace import Trace


@dataclass(frozen=True)
class Style:
    """One format, and what it tells."""

    name: str
    line: Callable[[Trace, int], str]
    has: frozenset[str]
    """Of loss, grad, lr, seconds, tokens, scale, val, total, extra: what can be read from it."""
    val: Callable[[Trace, int], str] | None = None


def _json(value: float) -> str:
    """Return a number as Python's json writes it."""
    return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}.get(f"{value:.6g}", f"{value:.6g}")


def _at(t: Trace, row: int) -> dict[str, float]:
    return {name: float(column[row]) for name, column in t.columns.items()}


def nanochat(t: Trace, row: int) -> str:
    c = _at(t, row)
    done = 100 * c["step"] / t.total
    return (
        f"step {int(c['step']):05d}/{t.total:05d} ({done:.2f}%) | loss: {c['loss']:.6f} | "
        f"grad norm: {c['grad']:.4f} | lrm: 1.00 | dt: {1e3 * c['seconds']:.2f}ms | "
        f"tok/sec: {int(c['tokens']):,} | mfu: 12.1{row % 10} | "
        f"total time: {t.wait[: row + 1].sum() / 60:.2f}m"
    )


def megatron(t: Trace, row: int) -> str:
    c = _at(t, row)
    bad = int(c["loss"] != c["loss"])
    return (
        f" iteration {int(c['step']):8d}/{t.total:8d} | consumed samples: {int(c['step']) * 64:12d} | "
        f"elapsed time per iteration (ms): {1e3 * c['seconds']:.1f} | learning rate: {c['lr']:.6E} | "
        f"global batch size: {int(c['batch']):5d} | lm loss: {c['loss']:.6E} | "
        f"loss scale: {c['scale']:.1f} | "
        f"grad norm: {c['grad']:.3f} | number of skipped iterations:   0 | "
        f"number of nan iterations: {bad:3d} |"
    )


def torchtitan(t: Trace, row: int) -> str:
    c = _at(t, row)
    return (
        f"[rank0]:[titan] 2026-04-18 22:31:{row % 60:02d},830 - root - INFO - step: {int(c['step'])}  "
        f"loss: {c['loss']:8.5f}  grad_norm: {c['grad']:7.4f}  memory: 29.11GiB(92.83%)  "
        f"tps: {int(c['tokens']):,}  tflops: 42.90  mfu: 13.75%"
    )


def llmc(t: Trace, row: int) -> str:
    c = _at(t, row)
    return (
        f"step {int(c['step']):4d}/{t.total} | loss {c['loss']:.6f} (+0.10z)| norm {c['grad']:.4f} (-0.59z)| "
        f"lr {c['lr']:.2e} | {1e3 * c['seconds']:.2f} ms | 32.2% bf16 MFU | {int(c['tokens'])} tok/s"
    )


def nanogpt(t: Trace, row: int) -> str:
    c = _at(t, row)
    return f"iter {int(c['step'])}: loss {c['loss']:.4f}, time {1e3 * c['seconds']:.2f}ms, mfu 7.59%"


def jsonl(t: Trace, row: int) -> str:
    c = _at(t, row)
    more = "".join(f', "{name}": {_json(column[row])}' for name, column in t.extra.items())
    number = {name: _json(value) for name, value in c.items()}
    return (
        f'{{"step": {int(c["step"])}, "total_steps": {t.total}, "loss": {number["loss"]}, '
        f'"grad_norm": {number["grad"]}, "lr": {number["lr"]}, "step_time": {number["seconds"]}{more}}}'
    )


def hf(t: Trace, row: int) -> str:
    c = _at(t, row)
    done = int(c["step"])
    spent = int(t.wait[: row + 1].sum())
    bar = (
        f" {100 * done // t.total}%|###   | {done}/{t.total} [{spent // 60:02d}:{spent % 60:02d}<03:48, "
        f"{c['seconds']:.2f}s/it]"
    )
    return (
        f"\r{bar}\n{{'loss': {c['loss']:.4f}, 'grad_norm': {c['grad']:.6g}, "
        f"'learning_rate': {c['lr']:.6g}, 'epoch': {3 * done / t.total:.2f}}}"
    )


def own(t: Trace, row: int) -> str:
    """Print a line as nobody knows it: the learner has to find out."""
    c = _at(t, row)
    return (
        f"[trainer] it={int(c['step'])} of {t.total} train_loss={c['loss']:.5f} gnorm={c['grad']:.4f} "
        f"lr={c['lr']:.3e} dt={c['seconds']:.4f}s"
    )


RANKS = 4
"""Ranks that print, where all do."""


def ranks(t: Trace, row: int) -> str:
    """Print a line for each rank: `extra` tells by name/rank by what factor a rank differs."""
    c, noise = _at(t, row), np.random.default_rng([row, t.rows])
    lines = []
    for rank in range(RANKS):
        loss, grad, seconds, silent = (
            float(t.extra[f"{name}/{rank}"][row]) if f"{name}/{rank}" in t.extra else usual
            for name, usual in (("loss", 1.0), ("grad", 1.0), ("seconds", 1.0), ("silent", 0.0))
        )
        loss, seconds = (loss, seconds) * np.exp(0.02 * noise.normal(size=2))
        if not silent:
            lines.append(
                f"[rank{rank}]: step: {int(c['step'])}  loss: {c['loss'] * loss:.4f}  "
                f"grad_norm: {c['grad'] * grad:.6f}  step_time: {c['seconds'] * seconds:.4f}"
            )
    return "\n".join(lines)


STYLES: dict[str, Style] = {
    style.name: style
    for style in (
        Style(
            "nanochat",
            nanochat,
            frozenset({"loss", "grad", "seconds", "tokens", "val", "total"}),
            lambda t, row: f"Step {t.step(row):05d} | Validation bpb: {t.val[row]:.4f}",
        ),
        Style(
            "megatron",
            megatron,
            frozenset({"loss", "grad", "lr", "seconds", "scale", "val", "total"}),
            lambda t, row: (
                f" validation loss at iteration {t.step(row)} | lm loss value: {t.val[row]:.6E} | "
                f"lm loss PPL: 9.1E+01 |"
            ),
        ),
        Style("torchtitan", torchtitan, frozenset({"loss", "grad", "tokens"})),
        Style(
            "llmc",
            llmc,
            frozenset({"loss", "grad", "lr", "seconds", "tokens", "val", "total"}),
            lambda t, row: f"val loss {t.val[row]:.6f}",
        ),
        Style(
            "nanogpt",
            nanogpt,
            frozenset({"loss", "seconds", "val"}),
            lambda t, row: (
                f"step {t.step(row)}: train loss {t.columns['loss'][row]:.4f}, val loss {t.val[row]:.4f}"
            ),
        ),
        Style(
            "jsonl",
            jsonl,
            frozenset({"loss", "grad", "lr", "seconds", "val", "extra"}),
            lambda t, row: f'{{"step": {t.step(row)}, "eval_loss": {_json(t.val[row])}}}',
        ),
        Style(
            "hf",
            hf,
            frozenset({"loss", "grad", "lr", "val", "total", "seconds"}),
            lambda t, row: f"{{'eval_loss': {t.val[row]:.4f}, 'eval_runtime': 2.5, 'epoch': 1.0}}",
        ),
        Style("own", own, frozenset({"loss", "grad", "lr", "seconds", "total"})),
        Style("ranks", ranks, frozenset({"loss", "grad", "seconds", "ranks"})),
    )
}
GENERAL = tuple(name for name in STYLES if name != "ranks")
"""Those in which any run may be written."""


def text(t: Trace, row: int) -> str:
    """Return all lines of one row: what stands before it, the row, its validation."""
    style = STYLES[t.style]
    lines = [*t.before.get(row, ()), style.line(t, row)]
    if row in t.val and style.val:
        lines.append(style.val(t, row))
    lines += t.after.get(row, ())
    return "\n".join(lines) + "\n"
