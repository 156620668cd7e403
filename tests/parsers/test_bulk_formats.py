"""Known formats are read many records at a time: one that is not takes fifty times as long."""

from __future__ import annotations

import pytest

from benchmarks.exemplars import EXEMPLARS
from benchmarks.formats import cases, write
from runwatch.parsers.pipeline import Pipeline
from runwatch.parsers.stream import StreamParser

RECORDS = 4000


@pytest.mark.parametrize(("name", "label", "prefix"), list(cases([])))
def test_few_records_of_a_known_format_are_read_one_by_one(name, label, prefix, tmp_path, monkeypatch):
    log = tmp_path / "train.log"
    write(log, name, prefix, RECORDS // len(EXEMPLARS[name]), 0.0)
    data = log.read_bytes()
    half = data.index(b"\n", len(data) // 2) + 1
    parser = StreamParser()
    parser.feed(data[:half])
    assert parser.format == name
    single, read = [], Pipeline.read

    def counted(self, record, *others):
        single.append(record)
        return read(self, record, *others)

    monkeypatch.setattr(Pipeline, "read", counted)
    parser.feed(data[half:])
    assert len(single) < 0.1 * data[half:].count(b"\n"), single[:3]
