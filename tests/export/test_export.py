"""What is exported is what was read: every value, with all its bits."""

from __future__ import annotations

import csv
import io
import json
import math
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runwatch.core.fold.segments import Splitter
from runwatch.export.curves import MOST, Curve
from runwatch.export.tensorboard import EventFiles
from runwatch.export.values import COLUMNS, Values
from runwatch.parsers.stream import StreamParser
from runwatch.watcher.engine import check
from tests.cli.command import ENVIRONMENT, called

LOG = """\
[2026-01-05 10:00:00] step 1/6 | epoch 0.5 | loss 2.5 | lr 1e-3
[2026-01-05 10:00:01] step 2/6 | epoch 1.0 | loss nan | lr 1e-3
[2026-01-05 10:00:02] step 3/6 | epoch 1.5 | loss inf | lr 1e-3
[2026-01-05 10:00:02] step 3/6 | val_loss 0.1234567890123
[2026-01-05 10:00:03] step 4/6 | epoch 2.0 | loss 0.30000000000000004 | lr 5e-324
[2026-01-05 10:00:04] step 5/6 | epoch 2.5 | loss -0.0 | lr 0
"""
numbers = st.floats(width=64)


def bits(number: float) -> bytes:
    return b"nan" if math.isnan(number) else struct.pack("<d", number)


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def read(log: bytes) -> list[tuple[str, str, bytes]]:
    """Metric, step and bits of every value, as the parser gives them to the fold."""
    parser, splitter = StreamParser(), Splitter()
    found = []
    for batch in (parser.feed(log), parser.flush()):
        for segment in splitter.split(batch):
            for name, samples in segment.block.samples.items():
                for step, value in zip(samples.step.tolist(), samples.value.tolist(), strict=True):
                    found.append((name, "" if math.isnan(step) else f"{step:g}", bits(value)))
    return sorted(found)


def made(folder: Path, text: str = LOG) -> Path:
    path = folder / "train.log"
    path.write_text(text)
    return path


def exported(path: Path, *arguments: str) -> list[dict[str, str]]:
    done = called("export", path, *arguments)
    assert done.returncode == 0, done.stderr
    return rows_of(done.stdout)


def test_every_value_has_a_row_with_its_bits(tmp_path):
    rows = exported(made(tmp_path))
    assert tuple(rows[0]) == COLUMNS
    assert sorted((r["metric"], r["step"], bits(float(r["value"]))) for r in rows) == read(LOG.encode())
    loss = [row for row in rows if row["metric"] == "train/loss"]
    assert [row["value"] for row in loss] == ["2.5", "nan", "inf", "0.30000000000000004", "-0.0"]
    assert [row["epoch"] for row in loss] == ["0.5", "1.0", "1.5", "2.0", "2.5"]
    assert [float(row["time"]) - float(loss[0]["time"]) for row in loss] == [0, 1, 2, 3, 4]
    assert [int(row["line"]) for row in loss] == [1, 2, 3, 5, 6]
    assert {row["kind"] for row in loss} == {"train"}
    (val,) = (row for row in rows if row["metric"] == "val/loss")
    assert (val["kind"], val["step"], val["value"]) == ("validation", "3", "0.1234567890123")


@settings(deadline=None)
@given(values=st.lists(numbers, min_size=8, max_size=30))
def test_any_number_survives_as_csv_and_as_json(tmp_path_factory, values):
    log = "".join(f"step {i} loss {value!r} lr {-value!r}\n" for i, value in enumerate(values, 1))
    path = made(tmp_path_factory.mktemp("log"), log)
    rows = exported(path)
    assert sorted((r["metric"], r["step"], bits(float(r["value"]))) for r in rows) == read(log.encode())
    done = called("export", path, "--as", "jsonl")
    objects = [json.loads(line, parse_constant=pytest.fail) for line in done.stdout.splitlines()]
    assert [bits(float(each["value"])) for each in objects] == [bits(float(r["value"])) for r in rows]
    assert all(tuple(each) == COLUMNS for each in objects)
    assert [bits(value) for value in values] == [
        bits(float(r["value"])) for r in rows if r["metric"] == "train/loss"
    ]


def test_the_pieces_in_which_a_log_is_read_change_nothing(tmp_path, monkeypatch):
    log = "".join(
        f"[rank{rank}] step {i} loss {1 / i + rank:.4f}\n" for i in range(1, 200) for rank in range(2)
    )
    path = made(tmp_path, log)
    whole = exported(path)
    assert {row["rank"] for row in whole} == {"0", "1"}
    monkeypatch.setattr(check, "BLOCK", 997)
    assert sorted(map(str, exported(path))) == sorted(map(str, whole))


def test_all_values_of_a_long_log_are_there_not_those_that_the_engine_keeps(tmp_path):
    path = made(tmp_path, "".join(f"step {i} loss {1 / i:.9f}\n" for i in range(1, 30_001)))
    rows = exported(path)
    assert [float(row["value"]) for row in rows] == [float(f"{1 / i:.9f}") for i in range(1, 30_001)]


def test_metrics_and_runs_are_chosen_by_patterns(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        made(tmp_path / name)
    rows = exported(tmp_path, "--metrics", "loss", "--runs", "b")
    assert {(row["run"], row["metric"]) for row in rows} == {("b", "train/loss"), ("b", "val/loss")}
    assert {row["metric"] for row in exported(tmp_path, "--metrics", "train/*")} == {
        "train/loss", "train/learning_rate", "train/epoch",
    }  # fmt: skip
    for option, name in (("--metrics", "gard_norm"), ("--runs", "c")):
        done = called("export", tmp_path, option, name)
        assert done.returncode == 2
        assert f"'{name}'" in done.stderr
        assert "there is" in done.stderr


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    path, out = made(tmp_path), tmp_path / "values.csv"
    assert called("export", path, "-o", out).returncode == 0
    assert rows_of(out.read_text()) == exported(path)
    assert called("export", path, "-o", tmp_path / "other.csv", "--metrics", "nothing").returncode == 2
    assert sorted(each.name for each in tmp_path.iterdir()) == ["train.log", "values.csv"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("-o", "values.txt"), "or add --as tensorboard or --figures"),
        (("-o", "train.log", "--as", "csv"), "this is what is read"),
        (("--as", "tensorboard"), "needs a directory"),
        (("--figures",), "needs a directory"),
        (("-o", "no/such/values.csv"), "cannot write"),
    ],
)
def test_bad_outputs_are_one_line(tmp_path, arguments, says):
    made(tmp_path)
    done = called("export", "train.log", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert says in done.stderr
    assert done.stderr.count("\n") == 1
    assert (tmp_path / "train.log").read_text() == LOG


def test_a_file_that_is_found_in_a_directory_is_not_replaced(tmp_path):
    before = made(tmp_path).read_bytes()
    done = called("export", tmp_path, "-o", tmp_path / "train.log", "--as", "csv")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "this is what is read" in done.stderr
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [("train.log", before)]


def test_runs_are_chosen_by_the_last_part_of_their_names_too(tmp_path):
    for folder in ("exp1/lr3", "exp2/lr3", "exp2/lr4"):
        (tmp_path / folder).mkdir(parents=True)
        made(tmp_path / folder)
    names = {row["run"] for row in rows_of(called("export", tmp_path, "--runs", "lr3").stdout)}
    assert {name.rpartition("/")[2] for name in names} == {"lr3"}
    assert len(names) == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_an_error_of_the_output(tmp_path):
    row = {"note": "of more than one block" * 20}
    rows = "".join(json.dumps({"step": n, "loss": 1 / n, **row}) + "\n" for n in range(1, 6_000))
    command = [sys.executable, "-m", "runwatch", "export", str(made(tmp_path, rows))]
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT, timeout=60, check=False
        )
    assert done.returncode == 2
    assert "cannot write: -: No space left" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_log_without_a_run_and_an_empty_one_are_said(tmp_path):
    for text, says in (("hello\n", "no training run recognized"), ("", "the file is empty")):
        done = called("export", made(tmp_path, text))
        assert done.returncode == 3
        assert says in done.stderr
        assert done.stdout == ""  # not even the names of the columns


def test_event_files_are_read_back_with_the_same_bits(tmp_path):
    path = made(tmp_path)
    assert called("export", path, "--as", "tensorboard", "-o", tmp_path / "tb").returncode == 0
    back = exported(tmp_path / "tb")
    rows = exported(path)
    key = [(r["metric"], r["step"], r["kind"], r["value"]) for r in rows]
    assert [(r["metric"], r["step"], r["kind"], r["value"]) for r in back] == key
    assert [r["time"] for r in back] == [r["time"] for r in rows]
    again = called("export", path, "--as", "tensorboard", "-o", tmp_path / "tb")
    assert again.returncode == 2
    assert "empty directory" in again.stderr


def test_each_rank_has_event_files_of_its_own(tmp_path):
    log = "".join(f"[rank{rank}] step {i} loss {1 / i + rank}\n" for i in range(1, 9) for rank in range(2))
    (tmp_path / "in").mkdir()
    path = made(tmp_path / "in", log)
    assert called("export", path, "--as", "tensorboard", "-o", tmp_path / "tb").returncode == 0
    folders = {str(each.parent.relative_to(tmp_path / "tb")) for each in (tmp_path / "tb").rglob("events*")}
    assert len(folders) == 2
    assert all(folder.rpartition("/")[2] in ("rank0", "rank1") for folder in folders)


@pytest.mark.parametrize("run", ["../../out", "/out", "a/../../../out", "..", "./.", "a\0b", ""])
def test_no_name_of_a_run_or_source_leaves_the_directory(tmp_path, run):
    place = tmp_path / "below" / "tb"
    place.mkdir(parents=True)
    one, first, none = np.ones(1), np.zeros(1, np.int64), np.full(1, np.nan)
    writer = EventFiles(str(place))
    for source in ("log", "../../../out"):
        writer.write(
            Values(run, 1, source, None, None, ("../../loss",), first, first, one, none, none, one, one)
        )
    written = [each for each in tmp_path.rglob("*") if each.is_file()]
    assert len(written) == 2
    assert all(place in each.parents for each in written)


@pytest.mark.real
@pytest.mark.filterwarnings("ignore")
def test_tensorboard_itself_reads_the_same_bits(tmp_path):
    accumulators = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    from tensorboard.util import tensor_util

    path = made(tmp_path)
    called("export", path, "--as", "tensorboard", "-o", tmp_path / "tb")
    (folder,) = {each.parent for each in (tmp_path / "tb").rglob("events*")}
    accumulator = accumulators.EventAccumulator(str(folder), {accumulators.TENSORS: 0})
    accumulator.Reload()
    found = sorted(
        (tag, f"{event.step:g}", bits(float(tensor_util.make_ndarray(event.tensor_proto).item())))
        for tag in accumulator.Tags()["tensors"]
        for event in accumulator.Tensors(tag)
    )
    assert found == read(LOG.encode())
    assert {accumulator.SummaryMetadata(tag).plugin_data.plugin_name for tag, _, _ in found} == {"scalars"}


@pytest.mark.real
@pytest.mark.filterwarnings("ignore")
def test_pandas_and_pyarrow_read_the_same_bits(tmp_path):
    pandas, pq = pytest.importorskip("pandas"), pytest.importorskip("pyarrow.parquet")
    path = made(tmp_path)
    want = read(LOG.encode())
    called("export", path, "-o", tmp_path / "values.csv")
    called("export", path, "-o", tmp_path / "values.jsonl")
    done = called("export", path, "-o", tmp_path / "values.parquet")
    assert done.returncode == 0, done.stderr
    table = pq.read_table(tmp_path / "values.parquet")
    assert tuple(table.column_names) == COLUMNS
    assert table["value"].null_count == 0
    frames = [
        table.to_pandas(),
        pandas.read_csv(tmp_path / "values.csv", float_precision="round_trip"),
        pandas.DataFrame(map(json.loads, (tmp_path / "values.jsonl").read_text().splitlines())),
    ]
    for frame in frames:
        found = zip(frame["metric"], frame["step"], frame["value"], strict=True)
        assert sorted((name, f"{step:g}", bits(float(value))) for name, step, value in found) == want


def test_parquet_without_pyarrow_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    done = called("export", made(tmp_path), "-o", tmp_path / "values.parquet")
    assert done.returncode == 2
    assert "pip install 'runwatch[parquet]'" in done.stderr
    assert not list(tmp_path.glob("*.p*"))


@pytest.mark.real
@pytest.mark.filterwarnings("ignore")
def test_figures_are_pictures_and_arrays_that_runwatch_reads(tmp_path):
    pytest.importorskip("matplotlib")
    path, out = made(tmp_path), tmp_path / "figures"
    done = called("export", path, "--figures", "-o", out)
    assert done.returncode == 0, done.stderr
    assert sorted(each.name for each in out.iterdir()) == [
        "loss_by_epoch.png", "training_curve.png", "training_metrics.json",
    ]  # fmt: skip
    assert all(each.read_bytes().startswith(b"\x89PNG") for each in out.glob("*.png"))
    body = json.loads((out / "training_metrics.json").read_text())
    assert body["steps"] == [1, 2, 3, 4, 5]
    assert body["val_loss"] == [None, None, 0.1234567890123, None, None]
    assert body["epochs"] == [0.5, 1.0, 1.5, 2.0, 2.5]
    assert math.isnan(body["train_loss"][1])
    back = [(r["step"], r["value"]) for r in exported(out, "--metrics", "train/loss")]
    assert back == [(r["step"], r["value"]) for r in exported(path, "--metrics", "train/loss")]


def test_figures_without_matplotlib_say_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    done = called("export", made(tmp_path), "--figures", "-o", tmp_path / "figures")
    assert done.returncode == 2
    assert "pip install 'runwatch[figures]'" in done.stderr


def test_a_curve_is_bounded_and_a_restart_takes_the_place_of_what_was_before():
    curve = Curve()
    for step in range(MOST + 10):
        curve.add(step, math.nan, step)
    assert len(curve.values) <= MOST
    assert curve.every == 2
    small = Curve()
    for step, value in ((1, 5.0), (2, 4.0), (3, 3.0), (2, 2.0)):
        small.add(step, math.nan, value)
    assert list(small.values) == [5.0, 2.0]


def test_hostile_names_are_inert(tmp_path):
    row = {"step": 1, "loss": 0.5, 'a\x1b[31m,"b\n': 1.0}
    log = "".join(json.dumps({**row, "step": i}) + "\n" for i in range(1, 9))
    path = made(tmp_path, log)
    done = called("export", path)
    assert "\x1b" not in done.stdout
    assert len({row["metric"] for row in rows_of(done.stdout)}) == 2
    assert all(json.loads(line) for line in called("export", path, "--as", "jsonl").stdout.splitlines())
