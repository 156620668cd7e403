"""A reader of logs at rest: what it looks at while nothing is written."""

from __future__ import annotations

import os

import pytest

from runwatch.watcher.ingest import resting, wire
from runwatch.watcher.ingest.worker import Reader

LINES = "".join(f"step {i} | loss {2 - i / 100:.4f} | lr 1e-3\n" for i in range(9))


@pytest.fixture
def reader(tmp_path, monkeypatch):
    (tmp_path / "train.log").write_text(LINES)
    monkeypatch.setattr(resting, "REST", 1e9)
    reader = Reader(wire.Setup((os.fsencode(tmp_path),)))
    sent: list[wire.Message] = []
    while reader.sweep(sent.append):
        pass
    return reader


def test_what_a_parser_holds_back_is_sent_once_the_log_rests(reader, monkeypatch):
    sent: list[wire.Message] = []
    reader.sweep(sent.append, set())
    assert not sent
    monkeypatch.setattr(resting, "REST", 0.0)
    reader.sweep(sent.append, set())
    assert [type(message) for message in sent] == [wire.Provisional]


def test_a_log_at_rest_is_read_when_it_is_written_to(reader, monkeypatch, tmp_path):
    monkeypatch.setattr(resting, "REST", 0.0)
    reader.sweep(lambda message: None, set())
    sent: list[wire.Message] = []
    with open(tmp_path / "train.log", "a") as log:
        log.write("step 9 | loss 1.9100 | lr 1e-3\n")
    reader.sweep(sent.append, set())
    assert not sent  # nobody said that it was
    reader.sweep(sent.append, {str(tmp_path / "train.log")})
    assert sent
