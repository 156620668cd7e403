"""One JSON object a line, in the forms that frameworks write."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runwatch.core.fold.segments import Splitter
from runwatch.parsers.formats import catalogue
from runwatch.parsers.log import LogParser
from runwatch.parsers.structured.json_lines import load

from .structured import lines, read, trainer_log

LONG = {seed: trainer_log(1500, seed=seed) for seed in range(3)}


@pytest.mark.parametrize("seed", LONG)
def test_bulk_path_gives_the_same_bits_as_the_matcher(seed):
    read(LONG[seed]).same_as(read(LONG[seed], bulk=False))


def test_bulk_path_is_really_used():
    parser = LogParser()
    parser.feed(LONG[0])
    assert sum(len(decoder._shapes) for decoder in parser._pipeline.candidates.decoders) > 1


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_chunking_does_not_matter(data):
    text = LONG[data.draw(st.sampled_from(sorted(LONG)))]
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=8))
    read(text, cuts, bulk=data.draw(st.booleans())).same_as(read(text, bulk=False))


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8) | st.just("1.5"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
RECORD = st.dictionaries(
    st.sampled_from(["step", "epoch", "loss", "lr", "val_loss", "time", "mode", "iter", "a/b", "", "rank"]),
    JSON,
)


@given(st.lists(RECORD, max_size=12), st.data())
@settings(max_examples=150, deadline=None)
def test_any_objects_in_any_pieces(records, data):
    text = lines({"step": 1, "loss": 2.0}, *records) * 3
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=6))
    read(text, cuts).same_as(read(text, bulk=False))


@given(st.lists(RECORD, min_size=2, max_size=6))
@settings(max_examples=60, deadline=None)
def test_any_objects_in_bulk(records):
    text = lines({"step": 1, "loss": 2.0}, *records) * 80
    read(text).same_as(read(text, bulk=False))


@given(st.binary(max_size=200))
def test_no_bytes_raise(data):
    read(b'{"step": 1, "loss": 2.0}\n{' + data)


@pytest.mark.parametrize(
    "text", [b"[" * 60_000, b'{"a":' * 9_000, b'{"a": 1e400}', b'{"a": ' + b"9" * 5000 + b"}"]
)
def test_hostile_json_does_not_raise(text):
    load(text)
    read(text)
    read(b'{"step": 1, "loss": 2.0}\n' + text + b"\n")


def test_hostile_keys_and_digits():
    keys = {"\ud800": 1, "\x1b[2J": 2, "k" * 300: 3, **{f"k{n}": n for n in range(3000)}}
    parsed = read(lines({"step": 1, "loss": "\u0663", "train_loss": 2.0, **keys}))
    names = next(iter(parsed.tables))[2]
    assert len(names) < 1100
    assert all(name.isprintable() and len(name) <= 200 for name in names)
    assert "train/loss" in names


def test_llamafactory():
    parsed = read(
        lines(
            {"current_steps": 10, "total_steps": 30, "loss": 3.5, "reward": None, "lr": 5e-5, "epoch": 0.3},
            {
                "current_steps": 20,
                "total_steps": 30,
                "eval_loss": 2.5,
                "epoch": 0.6,
                "elapsed_time": "0:01:00",
            },
            {"current_steps": 30, "total_steps": 30, "epoch": 1.0, "percentage": 100.0},
        )
    )
    assert parsed.format == "llamafactory-jsonl"
    assert parsed.column("step").tolist() == [10]
    assert parsed.column("total").tolist() == [30]
    assert parsed.column("train/learning_rate").tolist() == [5e-5]
    assert parsed.column("val/loss", "eval").tolist() == [2.5]
    assert parsed.column("step", "eval").tolist() == [20]
    assert parsed.unparsed == 0


def test_detectron2_with_an_evaluation_among_the_steps():
    parsed = read(
        lines(
            {
                "data_time": 0.001,
                "iteration": 19,
                "lr": 0.01,
                "time": 0.25,
                "total_loss": 2.0,
                "loss_cls": 1.0,
            },
            {"eta_seconds": 9.5, "iteration": 20},
            {"bbox/AP": 31.5, "iteration": 20},
        )
    )
    assert parsed.format == "detectron2-metrics-json"
    assert parsed.column("train/loss").tolist() == [2.0]
    assert parsed.column("perf/step_time").tolist() == [0.25]
    assert parsed.column("val/bbox/AP", "eval").tolist() == [31.5]


def test_openmmlab_validation_counts_its_own_batches():
    parsed = read(
        lines(
            {"env_info": "Python 3.10"},
            {"mode": "train", "epoch": 1, "iter": 50, "lr": 0.01, "time": 0.4, "loss": 0.6},
            {"mode": "val", "epoch": 1, "iter": 7, "lr": 0.01, "mIoU": 0.9, "loss": 0.8},
        )
    )
    assert parsed.format == "mm-log-json"
    assert parsed.column("step").tolist() == [50]
    assert parsed.column("train/learning_rate").tolist() == [0.01]
    assert parsed.column("val/mIoU", "eval").tolist() == [0.9]
    assert parsed.column("val/loss", "eval").tolist() == [0.8]
    assert not len(parsed.column("step", "eval"))


def test_mmengine():
    parsed = read(
        lines(
            {"lr": 0.001, "loss": 0.4, "time": 1.5, "epoch": 1, "iter": 14, "step": 14},
            {"acc/top1": 0.96, "time": 9.0, "step": 1},
        )
    )
    assert parsed.format == "mmengine-scalars"
    assert parsed.column("step").tolist() == [14]
    assert parsed.column("val/acc/top1", "eval").tolist() == [0.96]
    assert parsed.column("perf/step_time").tolist() == [1.5]


def test_an_object_with_a_step_is_not_yet_one_of_mmengine():
    assert not read(lines(*({"step": i, "action": "left", "prize": -0.5 * i} for i in range(4)))).tables


def test_deit():
    parsed = read(
        lines({"train_lr": 0.1, "train_loss": 2.0, "test_loss": 2.5, "epoch": 3, "n_parameters": 9})
    )
    assert parsed.format == "deit-mae-jsonl"
    assert parsed.column("step").tolist() == [3]
    assert parsed.column("train/learning_rate").tolist() == [0.1]
    assert parsed.column("val/loss").tolist() == [2.5]
    assert not len(parsed.column("n_parameters"))


def test_the_loss_of_detr_goes_before_its_parts():
    row = {
        "train_lr": 0.1,
        "train_loss": 2.0,
        "test_loss_ce": 0.5,
        "test_loss": 2.5,
        "test_class_error": 9.5,
        "epoch": 3,
    }
    parsed = read(lines(row))
    assert parsed.column("val/loss").tolist() == [2.5]
    assert parsed.column("val/class_error").tolist() == [9.5]


def test_rows_that_show_no_epoch_are_records_without_a_step():
    row = {"train_lr": 0.1, "train_loss": 2.0, "test_loss": 2.5, "n_parameters": 9}
    parsed = read(lines(row, {**row, "train_loss": 1.5}))
    assert parsed.format == "deit-mae-jsonl"
    assert parsed.column("train/loss").tolist() == [2.0, 1.5]
    assert not parsed.column("step").size


def test_runs_of_a_sweep_that_append_to_one_file_are_no_ranks():
    losses = [1.5, 1.25, 1.125, 1.0625]
    text = "".join(
        json.dumps({"train_loss": loss + run / 256, "epoch": epoch}) + "\n"
        for epoch, loss in enumerate(losses * 2)
        for run in range(4)
    )
    parser, splitter = LogParser(), Splitter()
    batches = parser.feed(text.encode()), parser.flush()
    found = [segment.block.samples for batch in batches for segment in splitter.split(batch)]
    assert sum(len(samples["train/loss"]) for samples in found if "train/loss" in samples) == 32


def test_names_whose_words_are_together():
    training = {"step": 1, "TrainLoss": 1.5, "LearningRate": 0.25, "Train/GradNorm": 2.5}
    parsed = read((json.dumps(training) + "\n" + json.dumps({"step": 1, "ValLoss": 2.25}) + "\n").encode())
    assert parsed.column("train/loss").tolist() == [1.5]
    assert parsed.column("train/learning_rate").tolist() == [0.25]
    assert parsed.column("train/grad_norm").tolist() == [2.5]
    assert parsed.column("val/loss", "eval").tolist() == [2.25]


def test_rllib_nested_with_nan():
    record = {
        "info": {"learner": {"cur_lr": 0.1, "vf_loss": 2.0}},
        "training_iteration": 4,
        "time_this_iter_s": 10.5,
        "episode_reward_mean": math.nan,
        "config": {"lr": 7.0},
    }
    parsed = read(lines(record))
    assert parsed.format == "rllib-result-json"
    assert parsed.column("step").tolist() == [4]
    assert parsed.column("info/learner/vf_loss").tolist() == [2.0]
    assert parsed.column("train/learning_rate").tolist() == [0.1]
    assert math.isnan(parsed.column("episode_reward_mean")[0])
    assert not len(parsed.column("config/lr"))


def test_json_stats_behind_their_prefix():
    line = b'json_stats: {"max_epoch":9,"epoch":2,"lr":0.1,"loss":0.5,"batchSize":128,"epoch_step":[3,6]}\t\n'
    parsed = read(b"network has 9 parameters\n" + line)
    assert parsed.format == "json-stats"
    assert (parsed.column("step")[0], parsed.column("total")[0]) == (2, 9)
    assert parsed.column("train/loss").tolist() == [0.5]
    assert not len(parsed.column("batchSize"))


def test_mlperf():
    def entry(key: str, value: object, **about: object) -> bytes:
        return b":::MLLOG " + json.dumps({"key": key, "value": value, "metadata": about}).encode() + b"\n"

    parsed = read(
        entry("global_batch_size", 256)
        + entry("tracked_stats", {"throughput": 99.5}, epoch_num=1)
        + entry("eval_accuracy", 0.37, epoch_num=1)
        + entry("run_stop", None, status="success")
    )
    assert parsed.format == "mlperf-mllog"
    assert parsed.column("val/accuracy").tolist() == [0.37]
    assert parsed.column("step").tolist() == [1]
    assert parsed.column("perf/samples_per_sec", "eval").tolist() == [99.5]
    assert [event.kind for event in parsed.events] == ["finished"]


def test_mlperf_of_the_first_rounds():
    entry = ":::MLPv0.5.0 gnmt 1544.25 (/a/b.py:533) "
    parsed = read(
        f'{entry}train_epoch: 0\n{entry}eval_accuracy: {{"value": 18.5, "epoch": 0}}\n'
        f'{entry}opt_learning_rate: 0.002\n{entry}eval_accuracy: {{"epoch": 1, "value": 22.25}}\n'.encode()
    )
    assert parsed.format == "mlperf-mllog"
    assert parsed.column("step").tolist() == [0, 1]
    assert parsed.column("val/accuracy").tolist() == [18.5, 22.25]


@pytest.mark.parametrize("step", ["step", "global_step", "iteration", "num_updates", "epoch"])
def test_anything_with_a_step_and_a_loss(step):
    parsed = read(lines({step: 5, "loss": "18.079", "grad_norm": 0.5, "note": "x"}))
    assert parsed.format == "jsonl"
    assert parsed.column("step").tolist() == [5]
    assert parsed.column("train/loss").tolist() == [18.079]


def test_a_step_and_its_total_in_one_text():
    place = "global_step/max_steps"
    rows = [{"loss": 9 / step, "learning_rate": 1e-6, place: f"{step}/900"} for step in range(1, 901)]
    end = {"train_runtime": 25.5, "train_loss": 1.25, place: "900/900"}
    text = lines(*rows, end, {"global_step": 900, "log_history": [{"loss": 1.5, "step": 1}]})
    parsed = read(text)
    parsed.same_as(read(text, bulk=False))
    assert parsed.column("step").tolist() == list(range(1, 901))
    assert set(parsed.column("total")) == {900}
    assert parsed.column("train/loss").tolist() == [9 / step for step in range(1, 901)]
    assert parsed.column("train_loss", "eval").tolist() == [1.25]


@pytest.mark.parametrize("place", ["a/b/c", "memory", "12/900", "hits/tries"])
def test_other_fractions_in_texts_are_no_numbers(place):
    parsed = read(lines({"loss": 2.0, "step": 1, place: "3/4"}) * 2)
    assert [names for _, _, names in parsed.tables] == [("offset", "line", "step", "train/loss")]


def test_a_chainer_report_distinguishes_training_from_validation():
    rows = [
        {"main/loss": 2.5, "validation/main/loss": 1.5, "epoch": 1, "iteration": 600},
        {"main/loss": 1.25, "validation/main/loss": 0.75, "epoch": 2, "iteration": 1200},
    ]
    parsed = read(json.dumps(rows, indent=4).encode())
    assert parsed.column("step").tolist() == [600, 1200]
    assert parsed.column("train/loss").tolist() == [2.5, 1.25]
    assert parsed.column("val/loss").tolist() == [1.5, 0.75]


@pytest.mark.parametrize(
    "word", ["NaN", "Infinity", "-Infinity", "nan", "inf", "-inf", '"nan"', '"inf"', "1e400"]
)
def test_nonfinite_values_are_values(word):
    value = read(f'{{"step": 1, "loss": {word}}}\n'.encode()).column("train/loss")[0]
    assert not math.isfinite(value)
    assert math.copysign(1, value) < 0 or not word.startswith("-")


def test_a_split_marked_as_validation_is_no_training():
    parsed = read(lines({"split": "train", "step": 1, "loss": 2.0}, {"split": "val", "step": 1, "loss": 3.0}))
    assert parsed.column("train/loss").tolist() == [2.0]
    assert parsed.column("val/loss", "eval").tolist() == [3.0]


@pytest.mark.parametrize(
    "record",
    [
        {"step": 1},
        {"loss": 2.0},
        {"step": True, "loss": False},
        {"step": None, "loss": 1.0},
        {"name": "package", "version": "1.0"},
        {"role": "user", "content": "step 1 loss 2"},
        {"model": {"loss": "mse"}, "step": {"size": 3}},
    ],
)
def test_other_objects_are_declined(record):
    parsed = read(lines(record))
    assert parsed.format is None
    assert not parsed.tables


def test_catalogue_examples_of_objects_are_understood():
    for known in catalogue():
        if (
            known.example.startswith(("{", ":::", "json_stats"))
            and known.matchers
            and "'" not in known.example
        ):
            assert read(known.example.encode() + b"\n").format == known.name


@pytest.mark.parametrize("holder", ["metrics", "logs", "data"])
def test_what_an_object_holds_means_what_it_says(holder):
    lines = [f'{{"epoch": {i}, "{holder}": {{"train_loss": {5 / i}, "mAP": 0.5}}}}' for i in range(1, 9)]
    parsed = read("\n".join(lines).encode())
    assert parsed.column("train/loss").tolist() == [5 / i for i in range(1, 9)]
    assert parsed.column(f"{holder}/mAP").tolist() == [0.5] * 8


def test_of_stylegans_statistics_the_means_count():
    def moments(mean):
        return {"num": 4, "mean": mean, "std": 0.5}

    text = lines(
        *(
            {
                "Loss/G/loss": moments(2.5 / (tick + 1)),
                "Progress/tick": moments(tick),
                "Progress/kimg": moments(4 * tick),
                "timestamp": 1893456000.5,
            }
            for tick in range(3)
        )
    )
    parsed = read(text)
    assert parsed.format == "stylegan-stats-jsonl"
    assert parsed.column("step").tolist() == [0, 1, 2]
    assert parsed.column("Loss/G/loss").tolist() == [2.5, 1.25, 2.5 / 3]
    assert parsed.column("Progress/kimg").tolist() == [0, 4, 8]


def test_the_one_loss_of_a_diffusion_model_is_its_loss():
    rows = [
        {k: {"mean": v} for k, v in (("Loss/loss", 2.5 - n), ("Progress/tick", n), ("Progress/kimg", n))}
        for n in (0, 1)
    ]
    assert read(lines(*rows)).column("train/loss").tolist() == [2.5, 1.5]


def test_progress_of_stable_baselines_has_losses_from_the_second_record_on():
    records = [{"time/total_timesteps": 2048 * i, "rollout/ep_rew_mean": 20.5 + i} for i in range(1, 4)]
    for record in records[1:]:
        record["train/loss"] = 0.5
    parsed = read(lines(*records))
    assert parsed.format == "sb3-progress-json"
    assert parsed.column("step").tolist() == [2048, 4096, 6144]
    assert parsed.column("train/loss").tolist() == [0.5, 0.5]


def test_rows_whose_keys_speak_of_training_are_no_evaluations():
    text = "".join(
        json.dumps({"step": 100 * n, "train/return": -50.0 + n, "episodes": n}) + "\n" for n in range(1, 60)
    )
    parsed = read(text.encode())
    assert parsed.column("step").tolist() == [100 * n for n in range(1, 60)]


def test_settings_in_one_object_are_no_record():
    rows = "".join(f"epoch {i} loss {9 / i:.4f}\n" for i in range(1, 40))
    parsed = read(b'{"epochs": 40, "lr": 0.1, "model": "resnet"}\n' + rows.encode())
    assert parsed.column("step").tolist() == list(range(1, 40))


@pytest.mark.parametrize("name", ["total_epochs", "epochs", "max_epochs"])
def test_the_planned_epochs_are_the_total_where_the_step_is_an_epoch(name):
    rows = [{"epoch": n, name: 30, "train_loss": 1 / n, "val_loss": 2 / n} for n in range(1, 9)]
    parsed = read(lines(*rows))
    assert parsed.column("total").tolist() == [30] * 8
    assert parsed.column("step").tolist() == list(range(1, 9))


@pytest.mark.parametrize("table", [False, True], ids=["JSON lines", "CSV"])
@pytest.mark.parametrize("step", ["timestep", "timesteps"])
def test_a_total_next_to_its_counter_is_planned(step, table):
    rows = [{step: n, "total_timesteps": 9000, "loss": 1.5, "episodes": n // 9} for n in (100, 200, 300)]
    text = "\n".join(",".join(map(str, row)) for row in (rows[0], *(row.values() for row in rows)))
    run = read(text.encode() + b"\n" if table else lines(*rows))
    assert [*run.column("step"), *run.column("total")] == [100, 200, 300, 9000, 9000, 9000]
