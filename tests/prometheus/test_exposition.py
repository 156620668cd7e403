"""Samples as text: both formats, as strict parsers read them, and what the pages say of them."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_open
from prometheus_client.parser import text_string_to_metric_families as parse_classic

from runwatch.core.snapshot import GpuRow, IncidentRow, Progress, RankRow, RunRow
from runwatch.prometheus import docs
from runwatch.prometheus.exposition import Families, Form, negotiated
from runwatch.prometheus.table import DAEMON, GPU, PARTS, RUN, ExportedRun, Kind, Own
from runwatch.watcher.exporter.collect import extreme

PAGES = Path(__file__).parents[2] / "docs"
HOSTILE = 'a"b\\c\nd{}é, x="1"'


def run(**fields):
    row = RunRow(id="1", name="r", phase="training", progress=Progress(step=7), loss=0.5)
    ranks = [RankRow(rank, 5 + rank, age=1.0, step_time=0.25) for rank in range(3)]
    return ExportedRun(row, 1000.0, ranks=ranks, listed=ranks, **fields)


def parsed(families: Families, form: Form):
    parse = parse_open if form is Form.OPEN else parse_classic
    return {family.name: family for family in parse(families.text(form).decode())}


@pytest.mark.parametrize("form", Form)
def test_a_strict_parser_reads_every_metric(form):
    families = Families()
    families.add(RUN, run(), ("host", "run"), ("h", "r"))
    families.add(GPU, GpuRow("0", busy=0.5, memory_used=1e9), ("host",), ("h",))
    families.add(DAEMON, Own(version="1", lines=12), ("host",), ("h",))
    found = parsed(families, form)
    (step,) = found["runwatch_run_step"].samples
    assert (step.labels, step.value) == ({"host": "h", "run": "r"}, 7)
    assert [(s.labels["rank"], s.value) for s in found["runwatch_rank_step"].samples] == [
        ("0", 5),
        ("1", 6),
        ("2", 7),
    ]
    assert {s.labels["stat"]: s.value for s in found["runwatch_ranks_step"].samples} == {
        "min": 5,
        "median": 6,
        "max": 7,
    }
    assert found["runwatch_lines"].samples[0].name == "runwatch_lines_total"
    assert "runwatch_train_grad_norm" not in found, "what is not known has no series"


@pytest.mark.parametrize("form", Form)
def test_hostile_labels_stay_labels(form):
    families = Families()
    incident = IncidentRow("i", "r", "crash", "critical", "firing", HOSTILE)
    families.add(RUN, run(incidents=[incident]), ("host", "run"), ("h", HOSTILE))
    found = parsed(families, form)
    assert found["runwatch_run_step"].samples[0].labels["run"] == HOSTILE
    (title,) = [
        s for family in found.values() for s in family.samples if s.name == "runwatch_incident_title_info"
    ]
    assert title.labels["title"] == HOSTILE


@pytest.mark.parametrize("text", ["nan", "inf", "-inf"])
def test_a_loss_that_is_no_number_is_exported_as_it_is(text):
    families = Families()
    row = RunRow(id="1", name="r", phase="training", progress=Progress(), loss_text=text)
    families.add(RUN, ExportedRun(row, 0.0), (), ())
    value = parsed(families, Form.OPEN)["runwatch_train_loss"].samples[0].value
    assert math.isnan(value) if text == "nan" else value == float(text)


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", Form.CLASSIC),
        ("*/*", Form.CLASSIC),
        ("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", Form.OPEN),
        ("application/openmetrics-text; version=0.0.1", Form.OPEN),
        ("application/openmetrics-text;version=9", Form.CLASSIC),
        ("text/plain, application/openmetrics-text;q=0.5", Form.CLASSIC),
        ("application/openmetrics-text;q=x", Form.CLASSIC),
        (";;,=,", Form.CLASSIC),
    ],
)
def test_the_format_is_negotiated(accept, form):
    assert negotiated(accept) is form


def test_names_are_conventional():
    names = [metric.name for _, _, metrics in PARTS for metric in metrics]
    assert len(set(names)) == len(names)
    for _, _, metrics in PARTS:
        for metric in metrics:
            assert re.fullmatch(r"(runwatch|process)_[a-z0-9_]+", metric.name)
            assert not metric.name.endswith(("_total", "_info", "_ms", "_percent")), metric.name
            assert metric.sample.endswith("_total") == (metric.kind is Kind.COUNTER)
            assert not {"job", "instance"} & set(metric.labels), "Prometheus gives these labels itself"


def test_the_summary_names_the_ranks_that_differ_most():
    rows = [RankRow(rank, 100, age=1.0, step_time=0.2) for rank in range(64)]
    rows[7] = RankRow(7, 100, age=1.0, step_time=0.9)
    rows[9] = RankRow(9, 50, age=1.0, step_time=0.2)
    rows[11] = RankRow(11, 100, age=99.0, step_time=0.2)
    assert [row.rank for row in extreme(rows)] == [7, 9, 11]
    assert extreme([]) == []
    assert [row.rank for row in extreme([RankRow(3, None)])] == []


def test_the_page_is_up_to_date():
    assert (PAGES / "metrics.md").read_text() == docs.render(), (
        "run: python -m runwatch.prometheus.docs > docs/metrics.md"
    )
