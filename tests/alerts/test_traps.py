"""What looks like trouble and is none: one healthy run per trap, judged by all rules."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from runwatch.parsers.formats import catalogue
from runwatch.parsers.stream import StreamParser
from runwatch.watcher.engine.engine import Engine

Columns = dict[str, np.ndarray]
Trap = Callable[[Columns, np.random.Generator], dict[int, list[str]] | None]
ROWS = 800
TRAPS: dict[str, Trap] = {}


def trap(function: Trap) -> Trap:
    TRAPS[function.__name__] = function
    return function


def healthy(rng: np.random.Generator) -> Columns:
    step = np.arange(ROWS)
    return {
        "step": step + 1,
        "loss": (2.5 + 6 / (1 + step / 40)) * np.exp(0.02 * rng.standard_t(7, ROWS)),
        "grad_norm": (0.4 + 3 * np.exp(-step / 20)) * np.exp(0.2 * rng.standard_t(7, ROWS)),
        "lr": 3e-4 * np.minimum(1, (step + 1) / 50),
        "step_time": 2.0 * np.exp(0.01 * rng.normal(size=ROWS)),
    }


@trap
def compile_and_first_steps(run, rng):
    run["step_time"][0], run["step_time"][1:4] = 200.0, 6.0


@trap
def gradient_accumulation(run, rng):
    """Print every micro-batch: the step stands, the norm adds up, and the last one updates the weights."""
    micro = np.arange(ROWS) % 8
    run["step"] = np.arange(ROWS) // 8 + 1
    run["grad_norm"] *= np.sqrt(micro + 1)
    run["step_time"][micro == 7] *= 1.7


@trap
def gradient_norms_of_updates_alone(run, rng):
    run["grad_norm"][np.arange(ROWS) % 8 != 7] = 0.0


@trap
def logging_every_tenth_step(run, rng):
    run["step"] = run["step"] * 10


@trap
def evaluation(run, rng):
    pauses = np.arange(100, ROWS, 100)
    run["step_time"][pauses] += 300.0
    return {
        row: [
            "***** Running Evaluation *****",
            json.dumps({"step": int(row), "eval_loss": 2.6 + 4 / (1 + row / 40) + 0.01 * rng.normal()}),
        ]
        for row in pauses
    }


@trap
def checkpointing(run, rng):
    pauses = np.arange(120, ROWS, 120)
    run["step_time"][pauses] += rng.uniform(100, 200, len(pauses))
    return {row: [f"Saved checkpoint to out/step_{row:06d}/model.pt"] for row in pauses}


@trap
def epoch_boundaries(run, rng):
    """Fall with each epoch, as memory of the data sets in; workers start again between two."""
    epoch = np.arange(ROWS) // 160
    run["epoch"] = epoch + 1.0
    run["loss"] *= 0.93**epoch
    run["step_time"][160::160] *= 12


@trap
def batch_size_ramp(run, rng):
    third = np.arange(ROWS) * 3 // ROWS
    run["step_time"] *= 2.0**third
    run["grad_norm"] *= 0.7**third
    run["tokens_per_sec"] = 1e5 * np.exp(0.01 * rng.normal(size=ROWS))


@trap
def sequence_length_ramp(run, rng):
    late = np.arange(ROWS) >= ROWS // 2
    run["step_time"] *= np.where(late, 1.8, 1.0)
    run["loss"] *= np.where(late, 1.03, 1.0)
    run["tokens_per_sec"] = 1e5 * np.exp(0.01 * rng.normal(size=ROWS))


@trap
def warm_restarts(run, rng):
    phase = (np.arange(ROWS) % 200) / 200
    run["lr"] = 3e-4 * (0.05 + 0.475 * (1 + np.cos(np.pi * phase)))
    run["loss"] *= 1 + 0.06 * np.exp(-phase * 8) * (np.arange(ROWS) >= 200)


@trap
def resumed_with_repeated_steps(run, rng):
    again = np.concatenate([np.arange(400), np.arange(360, ROWS - 40)])
    for name in run:
        run[name] = run[name][again]
    run["loss"][400:] *= np.exp(0.003 * rng.normal(size=ROWS - 400))
    return {400: ["Resuming from checkpoint out/step_000360"]}


@trap
def smoothed_loss(run, rng):
    mean = run["loss"][0]
    for row, value in enumerate(run["loss"]):
        mean = 0.98 * mean + 0.02 * value
        run["loss"][row] = mean


@trap
def rewards_of_a_policy(run, rng):
    """Print a loss of both signs, a reward that is negative and grows, and an entropy that falls."""
    learned = 1 - np.exp(-np.arange(ROWS) / 200)
    run["loss"] = 0.05 * rng.standard_t(4, ROWS)
    run["reward"] = -200 + 180 * learned + 8 * rng.standard_t(5, ROWS)
    run["entropy"] = 2.0 - 1.5 * learned + 0.02 * rng.normal(size=ROWS)


@trap
def adversaries(run, rng):
    del run["loss"]
    run["d_loss"] = (0.6 + 0.1 * np.sin(np.arange(ROWS) / 40)) * np.exp(0.2 * rng.normal(size=ROWS))
    run["g_loss"] = (1.5 + 0.4 * np.sin(np.arange(ROWS) / 40 + 2)) * np.exp(0.2 * rng.normal(size=ROWS))


@trap
def many_losses(run, rng):
    run["aux_loss"] = 0.01 * np.exp(0.7 * rng.standard_t(4, ROWS))
    run["z_loss"] = 1e-4 * np.exp(rng.standard_t(4, ROWS))
    run["kl"] = np.abs(0.1 * rng.standard_t(3, ROWS))


TRAPS_AS_THEY_ARE = dict(TRAPS)


def lines(name: str, seed: int) -> Iterator[tuple[float, str]]:
    """Yield seconds that pass, and what is printed then."""
    rng = np.random.default_rng([seed, len(name)])
    run = healthy(rng)
    before = TRAPS[name](run, rng) or {}
    for row in range(ROWS):
        for line in before.get(row, ()):
            yield 0.0, f"{line}\n"
        reported = {key: float(column[row]) for key, column in run.items()}
        yield reported["step_time"], json.dumps({**reported, "step": int(reported["step"])}) + "\n"


def alarms(name: str, seed: int) -> list[tuple[str, str]]:
    """Return what all rules raise of warning or above while it runs, and when it has ended."""
    engine, parser, now, changes = Engine(), StreamParser(tuple(catalogue())), 1.7e9, []
    engine.add_source("run", "run", "run.jsonl")
    waiting: list[str] = []

    def read() -> None:
        batch = parser.feed("".join(waiting).encode())
        changes.extend(engine.fold("run", batch, live=True, arrival=now, written=now))
        waiting.clear()

    for seconds, line in lines(name, seed):
        if len(waiting) >= 64 or seconds > 30:
            read()
        if seconds > 30:  # just before the next line, when the silence is longest
            changes += engine.tick(now + seconds - 0.1)
        now += seconds
        waiting.append(line)
    read()
    changes += engine.fold("run", parser.flush(), live=True, arrival=now, written=now)
    changes += engine.finish(now)
    ((_, watched),) = engine.runs()
    assert watched.run.records >= ROWS / 8, "it was read"
    assert not engine.troubles
    return [(c.row.rule, c.row.title) for c in changes if c.kind == "firing" and c.row.severity != "info"]


@pytest.mark.few(15)
@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", TRAPS)
def test_what_looks_like_trouble_and_is_none_raises_nothing(name, seed):
    assert alarms(name, seed) == []


@pytest.mark.few(5)
@pytest.mark.parametrize("name", TRAPS)
def test_trouble_among_it_is_found_all_the_same(name, monkeypatch):
    def hurt(run, rng):
        before = TRAPS_AS_THEY_ARE[name](run, rng)
        run["step_time"][700] = 1500.0
        run["lr"][500:] = 0.0
        return before

    monkeypatch.setitem(TRAPS, name, hurt)
    assert {rule for rule, _ in alarms(name, 0)} >= {"hang", "lr_anomaly"}
