"""A restart, at any line, changes neither incidents nor messages."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from benchmarks.detection.faults import FAULTS
from benchmarks.detection.replay import Replay
from benchmarks.detection.score import broken
from runwatch.alerts.rules.ruleset import configured
from runwatch.alerts.rules.settings import OwnRule
from runwatch.core.sample import MachineEvent
from runwatch.parsers.log import LogParser
from runwatch.watcher.engine.engine import Engine
from runwatch.watcher.persistence import frozen
from runwatch.watcher.service.server import Server

from .life import HOUR, Life, silent
from .test_engine import NOW, log
from .test_frozen import through

TRACE = b"""Traceback (most recent call last):
  File "train.py", line 10, in <module>
    main()
RuntimeError: CUDA error: an illegal memory access was encountered
"""
OTHER = TRACE.replace(b"CUDA error: an illegal memory access was encountered", b"No space left on device")
LINES = log(40).splitlines(keepends=True)
QUICK = ("exception", "hangs_while_others_talk")


def restarted(engine: Engine) -> Engine:
    other = through(engine)
    for group in other.groups.values():
        group.deadline = engine.deadline
    other.deadline = engine.deadline
    return other


class Restarted(Replay):
    """A replay in which the engine is restarted after some of the reads, and the samplers with it."""

    def __init__(self, *given, chance: float) -> None:
        super().__init__(*given)
        self.chance, self.rng = chance, random.Random(7)
        self.changes: list[tuple] = []
        self.latest: dict[type, object] = {}
        if self._world is not None:
            reported = self._world.messages
            self._world.messages = lambda t: [self._sampled(message) for message in reported(t)]

    def _sampled(self, message):
        if not isinstance(message, MachineEvent):
            self.latest[type(message)] = message
        return message

    def _note(self, changes):
        super()._note(changes)
        # Without titles: a sampler that begins measures once more, which moves an estimate by a minute.
        self.changes += [(c.id, c.kind, c.send, c.row.rule, c.row.severity, c.row.line) for c in changes]

    def _read(self, lines):
        super()._read(lines)
        if self.rng.random() < self.chance:
            self._engine = restarted(self._engine)
            for message in self.latest.values():  # a sampler that begins says all it knows
                self._note(self._engine.sample("run", message))


def same_with_restarts(name: str, seed: int, chance: float) -> None:
    passes = []
    for how in (0.0, chance):
        trace, at = broken(FAULTS[name], seed)
        replay = Restarted(trace, range(max(0, at - 5), at + 200), chance=how)
        replay.run()
        passes.append(replay.changes)
    assert passes[1] == passes[0]


@pytest.mark.few(1)
@pytest.mark.parametrize("name", QUICK)
def test_restarts_change_no_incident(name):
    same_with_restarts(name, 0, 0.05)


@pytest.mark.deep
@pytest.mark.parametrize("name", sorted(FAULTS))
def test_restarts_change_no_incident_of_any_fault(name):
    same_with_restarts(name, 1, 0.05)


def test_a_rule_of_the_users_survives_a_restart():
    """It counts the seconds since the limit was passed, also while the engine is away."""
    rules = configured({"mine": OwnRule(metric="train/loss", above=1.0, for_seconds=300.0)})
    engine = Engine(rules)
    engine.add_source("run", "run", "run.log")
    engine.fold("run", LogParser().feed(b"".join(LINES)), live=True, arrival=NOW, written=NOW)
    changes = restarted(engine).tick(NOW + 301)
    assert "mine" in [change.row.rule for change in changes if change.kind == "firing"]


CRASHES = {
    "crash": [*LINES[:30], TRACE],
    "crash, relaunched": [*LINES[:30], TRACE, *LINES[25:]],
    "crash, relaunched, another crash": [*LINES[:30], TRACE, *LINES[25:35], OTHER],
    "handled": [*LINES[:30], TRACE, *LINES[30:]],
}


each_crash = pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.deep] if name in ("crash", "crash, relaunched") else [])
        for name in CRASHES  # what begins as another one does is deep
    ],
)


@pytest.mark.few(1)
@each_crash
def test_a_crash_survives_a_restart_at_every_line(name):
    """The engine alone. Half a minute passes at each step, so that the crash is pending for a while."""

    def changes(*, restarts: bool) -> list[tuple]:
        engine, parser, out, now = Engine(), LogParser(), [], NOW
        engine.add_source("run", "run", "run.log")
        for line in b"".join(CRASHES[name]).splitlines(keepends=True):
            now += 30.0 if line.startswith(b"step") else 0.0
            out += engine.fold("run", parser.feed(line), live=True, arrival=now, written=now)
            out += engine.tick(now + 1)
            engine = through(engine) if restarts else engine
        out += engine.fold("run", parser.flush(), live=True, arrival=now, written=now)
        for seconds in (1.0, 20.0, HOUR):
            engine = through(engine) if restarts else engine
            out += engine.tick(now + seconds)
        return [(c.id, c.kind, c.send, c.row.rule, c.row.title) for c in out]

    whole = changes(restarts=False)
    assert ("crash" in {rule for _, kind, _, rule, _ in whole if kind == "firing"}) == (name != "handled")
    assert changes(restarts=True) == whole


@pytest.fixture
def sent(tmp_path, monkeypatch) -> dict[str, tuple]:
    """What was handed to delivery, by the id that delivery drops repeats by."""
    handed: dict[str, tuple] = {}
    hand = Server._hand

    def record(self, changes):
        changes = list(changes)
        handed.update((c.id, (c.kind, c.row.severity, c.row.title, c.send)) for c in changes)
        hand(self, changes)

    monkeypatch.setattr(Server, "_hand", record)
    monkeypatch.setenv("RUNWATCH_SLACK_WEBHOOK", "")
    return handed


def lived(root: Path, data: bytes, cut: int | None, *, stop: bool) -> None:
    """Watch a log that is written line by line; the engine ends at byte `cut`, and another goes on."""
    root.mkdir()
    path, config = root / "run.log", root / "runwatch.toml"
    path.write_bytes(b"")
    config.write_text("")
    life = Life(root, [path], config)
    for piece in (data,) if cut is None else (data[:cut], data[cut:]):
        with path.open("ab") as file:
            file.write(piece)
        life.read()
        life.tick()
        if cut is not None and piece == data[:cut]:
            life.end() if stop else life.die()
            life = Life(root, [path], config)
    silent(life)
    life.end()


@pytest.mark.few(1)
@pytest.mark.parametrize(
    "stop", [pytest.param(True, marks=pytest.mark.deep, id="stop"), pytest.param(False, id="kill")]
)
@each_crash
async def test_a_crash_is_sent_once_whenever_the_engine_ends(tmp_path, sent, name, stop):
    data = b"".join(CRASHES[name])
    lived(tmp_path / "whole", data, None, stop=True)
    whole = sorted(sent.values())
    near = data.index(TRACE)
    ends = [n + 1 for n, byte in enumerate(data) if byte == 10 and near - 2 < n < near + 400]
    for number, cut in enumerate(ends):
        sent.clear()
        lived(tmp_path / str(number), data, cut, stop=stop)
        assert sorted(sent.values()) == whole, data[:cut][-60:]


async def test_a_crash_that_was_pending_is_sent_by_another_version(tmp_path, sent, monkeypatch):
    data = b"".join(CRASHES["crash"])
    lived(tmp_path / "whole", data, None, stop=True)
    whole = sorted(sent.values())
    sent.clear()
    versions = iter(["before"])
    monkeypatch.setattr(frozen, "shape", lambda: next(versions, "after"))
    lived(tmp_path / "other", data, len(data), stop=True)
    assert sorted(sent.values()) == whole
