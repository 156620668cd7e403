"""Documents, UTF-16 and logs are told apart by how they begin."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runwatch.parsers import document
from runwatch.parsers.stream import StreamParser

from .logs import Parsed, hf, nanochat, parse
from .structured import lines, read, trainer_state

ARRAYS = {
    "train_loss": [3.0, 2.5, float("nan")],
    "val_loss": [None, 2.9, None],
    "learning_rate": [0.1, 0.2, 0.3],
    "epochs": [1, 1, 2],
    "steps": [10, 20, 30],
}
CONFIG = json.dumps({"lr": 0.1, "layers": [1, 2]}, indent=2).encode() + b"\n"
STREAMS = {
    "state": trainer_state(20),
    "state on one line": trainer_state(20, indent=None),
    "state without indentation": trainer_state(9, indent=0),
    "state, then noise": trainer_state(5) + b"step 1/2 (50.00%) | loss: 1.5\n",
    "arrays": json.dumps(ARRAYS).encode(),
    "a list": json.dumps([{"step": 1, "loss": 2.0}, {"step": 2, "loss": 1.0}], indent=1).encode(),
    "a configuration, then a log": CONFIG + nanochat(20),
    "a log": nanochat(20),
    "json lines": lines({"step": 1, "loss": 2.0}, {"step": 2, "loss": 1.0}),
    "utf-16": "step 1/2 (50.00%) | loss: 1.5 | größe: 3\r\nstep 2/2 (99.00%) | loss: 0.5\r\n".encode(
        "utf-16"
    ),
    "a broken document": trainer_state(5)[:-40],
    "a bracket": b"[",
    "spaces": b" " * 80 + b'{"a": 1}\n',
}


@pytest.mark.few(6)
@pytest.mark.parametrize("name", STREAMS)
@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_chunking_does_not_matter(name, data):
    text = STREAMS[name]
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=6))
    read(text, cuts).same_as(read(text))


@given(
    st.binary(max_size=60),
    st.sampled_from([b"{", b"[", b'{"', b"[{", b"\xff\xfe", b"\xef\xbb\xbf{\n", b""]),
    st.data(),
)
@settings(max_examples=200, deadline=None)
def test_any_bytes_in_any_pieces(rest, head, data):
    text = head + rest
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=4))
    read(text, cuts).same_as(read(text))


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["loss", "step", "log_history", "history", "lr", "max_steps"]), inner
        )
    ),
    max_leaves=20,
)


@given(JSON, st.sampled_from([None, 0, 2]), st.data())
@settings(max_examples=150, deadline=None)
def test_any_document_in_any_pieces(value, indent, data):
    text = json.dumps({"log_history": [{"step": 1, "loss": 2.0}], "x": value}, indent=indent).encode()
    text = data.draw(st.sampled_from([text, json.dumps(value, indent=indent).encode()]))
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=4))
    read(text, cuts).same_as(read(text))


@pytest.mark.parametrize("text", [nanochat(50), hf(30)])
def test_a_plain_log_reads_as_ever(text):
    read(text).same_as(parse(text))


@pytest.mark.parametrize("indent", [None, 0, 2])
def test_trainer_state(indent):
    parsed = read(trainer_state(20, indent=indent, finished=True))
    assert parsed.format == "trainer-state"
    assert parsed.column("step").tolist() == list(range(1, 21))
    assert set(parsed.column("total")) == {100}
    assert parsed.column("train/grad_norm").tolist() == [1.5] * 20
    assert parsed.column("val/loss", "eval").tolist() == [1.0, 0.5, 5 / 15, 0.25]
    assert parsed.column("val/accuracy", "eval").tolist() == [0.5] * 4
    assert parsed.column("train/loss").tolist() == [4 / step for step in range(1, 21)]
    assert [event.kind for event in parsed.events] == ["facts", "finished"]


@pytest.mark.parametrize(("reached", "ends"), [(100, ["finished"]), (99, []), (None, [])])
def test_a_trainer_state_of_the_last_step_has_finished(reached, ends):
    state = {**json.loads(trainer_state(20)), "global_step": reached}
    events = read(json.dumps(state).encode()).events
    assert [event.kind for event in events if event.kind != "facts"] == ends


def test_a_document_may_say_how_many_epochs_are_planned():
    document = {"config": {"epochs": 8, "lr": 0.5}, "records": EPOCHS}
    (event,) = read(json.dumps(document).encode()).events
    assert (event.kind, event.data) == ("facts", {"config/epochs": "8"})


def test_entries_know_their_lines():
    text = trainer_state(3)
    rows = text.split(b"\n")
    for line in read(text).column("line"):
        assert rows[int(line) - 1].strip() == b"{"


def test_parallel_arrays():
    parsed = read(STREAMS["arrays"])
    assert parsed.format == "training-metrics"
    assert parsed.column("step").tolist() == [10, 20, 30]
    assert parsed.column("train/loss")[:2].tolist() == [3.0, 2.5]
    assert parsed.column("val/loss").tolist() == [2.9]
    assert parsed.column("train/epoch").tolist() == [1, 1, 2]


@pytest.mark.parametrize("metrics", [[{"name": "RMSE", "best_value": "Min"}], ["RMSE\tmin"]])
def test_catboost_names_what_it_lists_by_place(metrics):
    rows = [{"learn": [4.5 - n], "iteration": n, "test": [5.5 - n], "passed_time": n} for n in range(3)]
    meta = {"learn_sets": ["learn"], "test_sets": ["test"], "iteration_count": 10}
    meta |= {"learn_metrics": metrics, "test_metrics": metrics}
    parsed = read(json.dumps({"meta": meta, "iterations": rows}).encode())
    assert parsed.format == "catboost-json"
    assert parsed.column("step").tolist() == [0, 1, 2]
    assert set(parsed.column("total")) == {10}
    assert parsed.column("train/loss").tolist() == [4.5, 3.5, 2.5]
    assert parsed.column("val/loss").tolist() == [5.5, 4.5, 3.5]


@pytest.mark.parametrize(
    "told",
    [
        {"iterations": [{"learn": [1.5]}]},
        {"iterations": [3, None], "meta": [1]},
        {"iterations": [], "meta": {}},
    ],
)
def test_what_only_looks_like_catboost_is_declined(told):
    assert read(json.dumps(told).encode()).format is None


def test_arrays_without_steps_are_counted():
    parsed = read(b'{"loss": [2.0, 1.0], "val_loss": [3.0, 2.0]}')
    assert parsed.column("step").tolist() == [1, 2]


PARTS = ("training", [3.0, 2.0, 1.0]), ("validation", [3.5, 2.5, 1.5])
EPOCHS = [{"epoch": n + 1, "train": {"loss": 3.0 - n}, "val": {"loss": 3.5 - n}} for n in range(3)]


@pytest.mark.parametrize(
    "document",
    [
        {"history": EPOCHS, "best": 0.5},
        {"args": {"lr": 0.1, "gpus": [0, 1]}, "run": {"epochs": EPOCHS}},
        {str(item["epoch"]): item for item in EPOCHS},
        {"train": {"loss": [3.0, 2.0, 1.0]}, "val": {"loss": [3.5, 2.5, 1.5]}},
        {part: {"combined": {"loss": losses}} for part, losses in (("test", [4.0, 3.0, 2.0]), *PARTS)},
        {"train_loss": {"0": 3.0, "1": 2.0, "2": 1.0}, "val_loss": {"0": 3.5, "1": 2.5, "2": 1.5}},
        [{"round": n + 1, "global_metrics": {"loss": 3.0 - n}, "val_loss": 3.5 - n} for n in range(3)],
    ],
)
@pytest.mark.parametrize("indent", [None, 2])
def test_records_may_be_anywhere_in_a_document(document, indent):
    parsed = read(json.dumps(document, indent=indent).encode())
    assert parsed.column("step").tolist() == [1, 2, 3]
    assert parsed.column("val/loss", "").tolist() == [3.5, 2.5, 1.5]
    assert sum(table[0].size for (kind, _, _), table in parsed.tables.items() if kind == "train") == 3


@pytest.mark.parametrize(
    "document",
    [
        {"results": [{"id": 1, "loss": 0.5}]},
        {"1": {"loss": 0.5}},
        {"1": {"text": "why", "loss": 0.5}, "2": {"text": "how", "loss": 0.25}},
    ],
)
def test_results_in_a_document_are_no_records(document):
    assert read(json.dumps(document).encode()).column("train/loss").size == 0


def test_trials_of_as_many_epochs_are_no_records():
    trials = [{"epochs": 10 * n, "loss": 9.0 - n} for n in range(1, 9)]
    assert read(json.dumps({"trials": trials}).encode()).format == "json"
    trials = [{"epochs": 10, "loss": 9.0 - n} for n in range(1, 9)]
    assert read(json.dumps({"trials": trials}).encode()).format != "json"


def test_a_document_written_again_shows_only_what_is_new():
    parser, parsed = StreamParser(), Parsed()
    for steps in (3, 3, 8):
        parsed.add(parser.feed(trainer_state(steps)))
        parsed.add(parser.break_off())
    assert parsed.column("step").tolist() == list(range(1, 9))


def test_a_table_written_again_shows_only_what_is_new():
    parser, parsed = StreamParser(), Parsed()
    for text in (
        b"epoch,step,train_loss\n0,1,nan\n0,2,1.5\n",
        b"epoch,step,train_loss,val_loss\n0,1,nan,\n0,2,1.5,\n0,3,,2.5\n",
        b"epoch,step,train_loss\n0,1,9.5\n0,2,8.5\n",
    ):
        parsed.add(parser.feed(text))
        parsed.add(parser.break_off())
    assert parsed.column("step").tolist() == [1, 2, 3, 1, 2]
    assert parsed.column("val/loss").tolist() == [2.5]
    assert parsed.column("train/loss")[1:].tolist() == [1.5, 9.5, 8.5]


def test_another_document_in_its_place_is_reported_whole():
    parser, parsed = StreamParser(), Parsed()
    for text in (trainer_state(3), STREAMS["a list"]):
        parsed.add(parser.feed(text))
        parsed.add(parser.break_off())
    assert parsed.column("step").tolist() == [1, 2, 3, 1, 2]


def test_a_log_behind_a_configuration():
    parsed = read(STREAMS["a configuration, then a log"])
    assert parsed.format == "nanochat"
    assert len(parsed.column("train/loss")) == 20


@pytest.mark.parametrize("text", [nanochat(20), lines({"step": 1, "loss": 2.0}, {"step": 2, "loss": 1.0})])
@pytest.mark.parametrize("cuts", [[], [1], [2, 3], [3], [40]])
def test_a_byte_order_mark_costs_no_record(text, cuts):
    marked, plain = read(b"\xef\xbb\xbf" + text, cuts), read(text)
    assert marked.column("train/loss").tolist() == plain.column("train/loss").tolist()
    assert marked.column("offset").tolist() == [at and at + 3 for at in plain.column("offset")]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16(encoding):
    text = ("\ufeff" + "step 1/2 (50.00%) | loss: 1.5 | größe: 3\r\n").encode(encoding)
    parsed = read(text)
    assert parsed.column("train/loss").tolist() == [1.5]


@pytest.mark.parametrize(
    "document",
    [
        {"name": "package", "version": "1.0.0", "scripts": {"train": "loss"}},
        {"cells": [{"source": ["loss = 1"], "outputs": []}], "nbformat": 4},
        {"model": {"hidden": 3}, "loss": ["mse", "mae"], "steps": 100, "betas": [0.9, 0.99]},
        {"log_history": []},
        {"weight_map": {"a": "b"}},
        [{"role": "user", "content": "hello"}],
        [1, 2, 3],
    ],
)
@pytest.mark.parametrize("indent", [None, 2])
def test_other_documents_are_declined(document, indent):
    parsed = read(json.dumps(document, indent=indent).encode())
    assert parsed.format is None
    assert not parsed.tables


class _Counted(str):
    """A text that counts how often it is searched."""

    searches = 0

    def index(self, *arguments):
        self.searches += 1
        return super().index(*arguments)


def test_a_list_that_is_elsewhere_is_looked_for_once():
    items = [{"loss": 1.0, "step": step} for step in range(100)]
    text = _Counted(f'{{"log\\u005fhistory": {json.dumps(items)}, "x": "\\"log_history\\" and much more"}}')
    entries = list(document._listed(text, text.find('"log_history'), items, {}))
    assert [entry.numbers["step"] for entry in entries] == list(range(100))
    assert text.searches == 1
