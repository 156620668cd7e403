"""Ranks that lag, fall silent or break, through the parser and the engine, in one file and in many."""

from __future__ import annotations

import re

import numpy as np
import pytest

from runwatch.parsers.stream import StreamParser
from runwatch.render.ranks.ranks import notable
from runwatch.watcher.engine.engine import Engine
from runwatch.watcher.engine.views.document import document
from runwatch.watcher.engine.views.views import Shown, snapshot
from runwatch.watcher.protocol import View
from runwatch.watcher.sources.member import Member

NOW = 1_700_000_000.0
RANKS = 4
PIECE = 10


class Ranks:
    """An engine that reads what ranks print: `step` gives a rank's line of a step."""

    def __init__(self, many: bool) -> None:
        self.engine, self.many = Engine(), many
        names = [f"rank_{rank}.log" for rank in range(RANKS)] if many else ["all.log"]
        self.parsers = {name: StreamParser() for name in names}
        for rank, name in enumerate(names):
            member = Member("g", rank=rank) if many else Member()
            self.engine.add_source(name, "run", name, member)
        self.clock = NOW

    def read(self, lines: dict[int, list[str]], *, live: bool = False) -> None:
        """Read lines of each rank; in one file they are mixed, each tagged with its rank."""
        if self.many:
            texts = {f"rank_{rank}.log": "".join(reported) for rank, reported in lines.items()}
        else:
            texts = {
                "all.log": "".join(
                    f"[rank{rank}]: {reported[row]}"
                    for row in range(max(map(len, lines.values())))
                    for rank, reported in lines.items()
                    if row < len(reported)
                )
            }
        for name, text in texts.items():
            batch = self.parsers[name].feed(text.encode())
            arrival = self.clock if live else 0.0
            self.engine.fold(name, batch, live=live, arrival=arrival, written=self.clock)

    def found(self) -> list[dict]:
        (run,) = document(self.engine, self.clock)["runs"]
        assert not self.engine.troubles
        return [row for row in run["incidents"] if row["severity"] != "info"]


def line(step: int, seconds: float = 0.5, loss: float = 2.0, norm: float = 1.0) -> str:
    return f"step: {step}  loss: {loss:.4f}  grad_norm: {norm:.6f}  memory:  1.50GiB(1.88%)  step_time: {seconds:.4f}\n"


def reported(steps: int, **columns) -> dict[int, list[str]]:
    """Lines of all ranks; a column is (ranks, steps)."""
    return {
        rank: [
            line(step, **{name: values[rank, step] for name, values in columns.items()})
            for step in range(steps)
        ]
        for rank in range(RANKS)
    }


def noise(steps: int, scale: float) -> np.ndarray:
    return np.exp(scale * np.random.default_rng(1).normal(size=(RANKS, steps)))


def history(many: bool, lines: dict[int, list[str]], *, apart: bool) -> list[dict]:
    """Read what is complete: rank after rank, or all of them piece by piece; return what was found."""
    ranks = Ranks(many)
    steps = len(lines[0])
    if apart and many:
        for rank, own in lines.items():
            ranks.read({rank: own})
    else:
        for low in range(0, steps, PIECE):
            ranks.read({rank: lines[rank][low : low + PIECE] for rank in lines})
    ranks.engine.finish(NOW + 10)
    return ranks.found()


WAYS = pytest.mark.parametrize(("many", "apart"), [(False, False), (True, False), (True, True)])


@pytest.mark.few(3)
@pytest.mark.parametrize("slow", [0, 2])
@WAYS
def test_a_slow_rank_is_named(many, apart, slow):
    seconds = 0.5 * noise(400, 0.03)
    seconds[slow, 100:] *= 1.6
    found = history(many, reported(400, seconds=seconds), apart=apart)
    assert [(row["rule"], row["rank"]) for row in found] == [("straggler", slow)]
    assert found[0]["step"] == 100
    assert found[0]["evidence"].get("source") == (f"rank_{slow}.log" if many else None)


@pytest.mark.few(1)
@WAYS
def test_equal_ranks_with_noise_are_silent(many, apart):
    lines = reported(400, seconds=0.5 * noise(400, 0.1), loss=2.0 * noise(400, 0.05), norm=noise(400, 0.2))
    assert history(many, lines, apart=apart) == []


@WAYS
def test_a_rank_whose_loss_is_nan_is_named(many, apart):
    loss = 2.0 * noise(200, 0.05)
    loss[3, 120:] = np.nan
    (found,) = history(many, reported(200, loss=loss), apart=apart)
    assert (found["rule"], found["severity"], found["step"]) == ("rank_divergence", "critical", 120)
    assert found["evidence"]["failed_rank"] == 3
    assert found["title"] == "the loss of rank 3 is nan at step 120; that of its peers is finite"
    assert found["line"] == (121 if many else 4 * 120 + 4)
    assert found["evidence"].get("source") == ("rank_3.log" if many else None)


@WAYS
def test_a_rank_whose_weights_drift_is_named(many, apart):
    norm = np.repeat(noise(200, 0.1)[:1], RANKS, axis=0)
    norm[1, 100:] *= 1 + 0.01 * np.arange(1, 101)
    (found,) = history(many, reported(200, norm=norm), apart=apart)
    assert (found["rule"], found["evidence"]["failed_rank"]) == ("rank_divergence", 1)
    assert 100 <= found["step"] <= 110


@pytest.mark.few(1)
@pytest.mark.parametrize("many", [False, True])
def test_a_rank_that_falls_silent_while_others_continue_is_named_and_comes_back(many):
    ranks = Ranks(many)
    fired = None
    for step in range(60):
        ranks.clock += 10
        lines = {rank: [line(step)] for rank in range(RANKS) if rank != 1 or not 20 <= step < 50}
        ranks.read(lines, live=True)
        ranks.engine.tick(ranks.clock + 1)
        if fired is None and ranks.found():
            fired = step
    assert fired is not None
    assert 31 <= fired <= 34
    assert [(row["rule"], row["rank"], row["state"]) for row in ranks.found()] == [
        ("silent_rank", 1, "resolved")
    ]


@pytest.mark.parametrize("many", [False, pytest.param(True, marks=pytest.mark.deep)])
def test_a_rank_that_gets_slow_is_reported_while_it_runs(many):
    ranks = Ranks(many)
    seconds = 0.5 * noise(300, 0.03)
    seconds[3, 100:] *= 1.6
    fired = None
    for step in range(201):
        ranks.clock += 1
        ranks.read({rank: [line(step, seconds[rank, step])] for rank in range(RANKS)}, live=True)
        if fired is None and ranks.found():
            fired = step
    assert fired is not None
    assert 160 <= fired <= 200


@pytest.mark.parametrize("many", [False, True])
def test_the_alert_and_the_panel_say_the_same_of_a_slow_rank(many):
    """One window and one yardstick, also while the slowness changes and ranks are at different steps."""
    ranks, steps = Ranks(many), 400
    seconds = 0.5 * noise(steps, 0.05)
    seconds[2, 100:] *= np.linspace(1.4, 3.0, 300)
    lines = reported(steps, seconds=seconds)
    said = []
    for at in range(0, steps, 4):
        ranks.clock += 2.0
        ranks.read({rank: own[at : at + 4] for rank, own in lines.items()}, live=True)
        run = snapshot([Shown(group) for group in ranks.engine.groups.values()], View(), ranks.clock).run
        for row in run.incidents:
            if row.rule == "straggler" and row.state == "firing":
                panel = next(text for text, _ in notable(run.ranks) if text.startswith("r2 "))
                more = re.search(r"is (\d+%) slower|takes (\S+x) as", row.title)
                said.append((more[1] or more[2], panel.rpartition(" ")[2].lstrip("+")))
    assert len({alert for alert, _ in said}) > 5
    assert all(alert == panel for alert, panel in said), said
