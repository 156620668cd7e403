"""A group that was frozen and thawed goes on as if it had not been."""

from __future__ import annotations

import dataclasses
import pickle
import random
import subprocess
import sys
import threading
import zlib
from typing import ClassVar

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runwatch.alerts.rules.base import Rule, RunRule
from runwatch.alerts.rules.catalogue import CATALOGUE
from runwatch.alerts.rules.ruleset import Ruleset
from runwatch.core.findings import Finding, Severity, Verdict
from runwatch.parsers.log import LogParser
from runwatch.watcher.engine.engine import Engine
from runwatch.watcher.engine.source import LOG_LINES
from runwatch.watcher.engine.views.document import document
from runwatch.watcher.persistence import frozen
from runwatch.watcher.persistence.frozen import NotRestoredError, OtherShapeError, freeze, thaw

from .test_engine import FAULTY, NOW, log


def through(engine: Engine, rules=None) -> Engine:
    """Return an engine that goes on with what this one would have committed."""
    other = Engine(rules if rules is not None else engine.rules)
    for group in engine.groups.values():
        other.adopt(thaw(freeze(group, pytest.fail), other.rules))
    return other


def fed(data: bytes, cuts: list[int], *, thawed: bool) -> tuple[bytes, list]:
    engine, parser, changes, start = Engine(), LogParser(), [], 0
    engine.add_source("run", "run", "run.log")
    for cut in [*sorted(cuts), len(data)]:
        changes += engine.fold("run", parser.feed(data[start:cut]), live=True, arrival=NOW, written=NOW)
        start = cut
        engine = through(engine) if thawed else engine
    changes += engine.fold("run", parser.flush(), live=True, arrival=NOW, written=NOW)
    changes += engine.tick(NOW + 1)
    changes += engine.tick(NOW + 86_400)
    return msgspec.json.encode(document(engine, NOW)), changes


@given(st.data())
@settings(max_examples=15, deadline=None)
def test_it_continues_as_if_it_had_not_been_frozen(data):
    text = FAULTY[data.draw(st.sampled_from(sorted(FAULTY)))]
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=5))
    assert fed(text, cuts, thawed=True) == fed(text, cuts, thawed=False)


def test_long_series_and_ranks_survive():
    engine, parser = Engine(), LogParser()
    engine.add_source("run", "run", "run.log")
    lines = log(20_000).splitlines(keepends=True)
    ranked = b"".join(b"[rank%d]: " % (i % 2) + line for i, line in enumerate(lines))
    for at in range(0, len(ranked), 400_000):
        engine.fold("run", parser.feed(ranked[at : at + 400_000], tail=400), live=True, arrival=NOW)
    other = through(engine)
    assert document(other, NOW) == document(engine, NOW)
    (ours,), (theirs,) = ([w.run for _, w in e.runs()] for e in (engine, other))
    for name, series in ours.series.items():
        assert series.columns(None, None, 80) == theirs.series[name].columns(None, None, 80)
    kept = other.sources["run"][1].log
    assert list(kept) == list(engine.sources["run"][1].log)[-frozen.KEPT_LINES :]
    assert kept.maxlen == LOG_LINES


@dataclasses.dataclass
class Locked(RunRule):
    """A rule of somebody's whose state no pickle can hold."""

    name: ClassVar[str] = "locked"
    summary: ClassVar[str] = ""
    limit: float = dataclasses.field(default=1.0, metadata={"meaning": ""})

    def __post_init__(self):
        self.lock = threading.Lock()
        self.seen = 0

    def judge(self, block):
        self.seen += len(block.samples.get("train/loss", ()))
        return [Finding(self.name, Verdict.FIRING, Severity.INFO, "locked")]


def locked_body() -> tuple[bytes, list[str]]:
    engine, troubles = Engine(Ruleset(rules=(*CATALOGUE, Locked))), []
    engine.add_source("run", "run", "run.log")
    engine.fold("run", LogParser().feed(log()), written=NOW)
    return freeze(engine.groups["run"], troubles.append), troubles


def test_a_state_that_cannot_be_frozen_is_reported_and_read_again_from_the_log():
    data, troubles = locked_body()
    assert len(troubles) == 1
    assert troubles[0].startswith("rule locked: its state cannot be kept: TypeError: cannot pickle")
    with pytest.raises(NotRestoredError, match="the state of rule locked was not kept"):
        thaw(data, Ruleset(rules=(*CATALOGUE, Locked)))


def test_a_state_that_cannot_be_restored_is_reported(monkeypatch):
    data = body()
    monkeypatch.setattr(frozen, "restore", lambda rule, state: 1 / 0)
    with pytest.raises(NotRestoredError, match="cannot be restored: ZeroDivisionError"):
        thaw(data, Ruleset())


def test_a_rule_of_another_version_is_read_again_from_the_log(monkeypatch):
    data = body()
    monkeypatch.setattr(frozen, "_code", lambda rule: "another")
    with pytest.raises(OtherShapeError, match=r"rule .* is of another version"):
        thaw(data, Ruleset())


def test_a_rule_that_is_new_is_shown_what_the_series_hold():
    engine = Engine()
    engine.add_source("run", "run", "run.log")
    engine.fold("run", LogParser().feed(log()), written=NOW)
    other = through(engine, Ruleset(rules=(*CATALOGUE, Locked)))
    (watched,) = (watched for _, watched in other.runs())
    assert [rule.seen for rule in watched.rules if isinstance(rule, Locked)] == [400]
    assert document(other, NOW) == document(engine, NOW)


def test_other_thresholds_and_a_rule_switched_off_count_from_now_on():
    engine = Engine()
    engine.add_source("run", "run", "run.log")
    engine.fold("run", LogParser().feed(log()), written=NOW)
    other = through(engine, Ruleset({"hang": {"enabled": False}}))
    (watched,) = (watched for _, watched in other.runs())
    assert "hang" not in {rule.name for rule in watched.rules}
    name = next(t for t in dataclasses.fields(type(watched.rules[0])) if "meaning" in t.metadata).name
    changed = Ruleset({watched.rules[0].name: {name: 7.0}})
    (watched,) = (watched for _, watched in through(engine, changed).runs())
    assert getattr(watched.rules[0], name) == 7.0


def test_a_rule_that_was_switched_off_for_failing_may_try_again():
    engine = Engine()
    engine.add_source("run", "run", "run.log")
    engine.fold("run", LogParser().feed(log()), written=NOW)
    (watched,) = (watched for _, watched in engine.runs())
    del watched.rules[3:]
    (again,) = (watched for _, watched in through(engine).runs())
    assert len(again.rules) > 30


def body() -> bytes:
    engine = Engine()
    engine.add_source("run", "run", "run.log")
    engine.fold("run", LogParser().feed(log()), written=NOW)
    return freeze(engine.groups["run"], pytest.fail)


@pytest.mark.parametrize("fields", [{"runs": []}, {"runs": [5]}, {"sources": {"run": 3}}, {"sources": None}])
def test_a_group_that_does_not_fit_is_refused_in_our_words(fields):
    whole = msgspec.msgpack.decode(zlib.decompress(body()[4:]), type=frozen._Body)
    odd = dataclasses.replace(frozen._load(whole.group), **fields)
    changed = msgspec.structs.replace(whole, group=pickle.dumps(odd, protocol=5))
    data = zlib.compress(msgspec.msgpack.encode(changed))
    with pytest.raises(NotRestoredError, match="its state cannot be read: "):
        thaw(zlib.crc32(data).to_bytes(4, "little") + data, Ruleset())


def test_a_body_of_another_shape_is_not_read(monkeypatch):
    data = body()
    monkeypatch.setattr(frozen, "shape", lambda: "another")
    with pytest.raises(OtherShapeError):
        thaw(data, Ruleset())


def test_the_shape_is_that_of_the_source(tmp_path, monkeypatch):
    """Whatever is changed in a module of the fold makes another shape."""
    before = frozen.shape.__wrapped__()
    changed = tmp_path / "series.py"
    import runwatch.core.series

    with open(runwatch.core.series.__file__, "rb") as file:
        changed.write_bytes(file.read() + b"\nCHUNK = 8192\n")
    monkeypatch.setattr(runwatch.core.series, "__file__", str(changed))
    assert frozen.shape.__wrapped__() != before


@pytest.mark.deep
def test_the_shape_does_not_depend_on_what_was_imported():
    """Another process, which has imported more or less, must be able to restore the body."""
    code = "{}; from runwatch.watcher.persistence import frozen; print(frozen.shape())"
    shapes = {
        subprocess.check_output([sys.executable, "-c", code.format(first)])
        for first in ("pass", "import runwatch.alerts.rules.explain, runwatch.alerts.rules.plugins")
    }
    assert len(shapes) == 1


def test_a_damaged_body_is_not_read():
    data = bytearray(body())
    rng = random.Random(3)
    for _ in range(30):
        torn = bytearray(data)
        torn[rng.randrange(len(torn))] ^= 1 + rng.randrange(255)
        with pytest.raises(NotRestoredError):
            thaw(bytes(torn), Ruleset())
    for cut in (0, 3, 100, len(data) - 1):
        with pytest.raises(NotRestoredError):
            thaw(bytes(data[:cut]), Ruleset())


class Evil:
    def __reduce__(self):
        return print, ("made by a body",)


@pytest.mark.parametrize("what", [Evil(), print, pickle.Unpickler, threading.Thread, dataclasses.replace])
def test_nothing_but_runs_is_made_of_a_body(what, capsys):
    with pytest.raises((pickle.UnpicklingError, TypeError)):
        frozen._load(pickle.dumps(what))
    assert capsys.readouterr().out == ""


def test_arrays_come_back_as_they_were():
    rng = np.random.default_rng(5)
    whole = rng.normal(size=(4, 6))
    for array in (
        whole, whole.T, whole[::2, 1:], whole[0], np.array(2.5), np.zeros((0, 3)), whole > 0, whole.astype(">f4"),
        np.arange(5), np.array(["a", "bcd"]), np.array([1 + 2j]),
    ):  # fmt: skip
        back = frozen._load(frozen._dump([array, array]))
        assert back[0] is back[1]
        np.testing.assert_array_equal(back[0], array, strict=bool(array.shape))
        assert (back[0].flags.fnc, back[0].flags.writeable) == (
            array.flags.fnc,
            bool(array.shape),
        ) or not array.shape
    for number in (np.float64(0.1), np.int32(-3), np.bool_(True), np.str_("x")):
        back = frozen._load(frozen._dump(number))
        assert (type(back), back) == (type(number), number)


def test_an_array_that_numpy_wrote_is_refused():
    """What describes its type can be damaged so that numpy ends the process."""
    for what in (np.zeros(3), np.float64(1.0), np.dtype("M8[s]")):
        with pytest.raises(pickle.UnpicklingError, match="is no part of a run"):
            frozen._load(pickle.dumps(what, protocol=5))
    for what in (np.array([None]), np.array(["2026-11-27"], "M8[s]"), np.zeros(2, [("a", "f8")])):
        with pytest.raises(pickle.PicklingError, match="cannot be kept"):
            frozen._dump(what)
    code = pickle.dumps("M8[s]", protocol=4)[11:-2]
    with pytest.raises(pickle.UnpicklingError, match="no array of ours holds"):
        frozen._load(frozen._dump(np.zeros(1)).replace(pickle.dumps("<f8", protocol=4)[11:-2], code))


def test_nothing_is_made_of_what_our_modules_import(tmp_path):
    """A pickle may name an attribute of an attribute: numpy leads from ours to the loading of libraries."""
    for name, argument in (("np.ctypeslib.ctypes.CDLL", "/no/such.so"), ("np.memmap", str(tmp_path / "new"))):
        called = pickle.BINUNICODE + len(argument).to_bytes(4, "little") + argument.encode() + b"\x85R."
        strings = [
            pickle.SHORT_BINUNICODE + bytes([len(text)]) + text.encode() for text in (Rule.__module__, name)
        ]
        with pytest.raises(pickle.UnpicklingError, match="is no class of ours"):
            frozen._load(b"\x80\x04" + b"".join(strings) + pickle.STACK_GLOBAL + called)
