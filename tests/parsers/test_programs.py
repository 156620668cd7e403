"""Files of known programs whose names alone do not say which loss is that of training."""

from __future__ import annotations

import json

import pytest

from runwatch.core.batch import EVAL
from runwatch.parsers.stream import StreamParser

from .logs import Parsed
from .structured import read


def _result(learner: dict[str, object], step: int) -> str:
    told = {"training_iteration": step, "time_this_iter_s": 2.5, "timesteps_total": 4000 * step}
    return json.dumps({**told, **learner})


LEARNT = {"total_loss": 8.5, "policy_loss": -0.25, "vf_loss": 8.75}


@pytest.mark.parametrize(
    "learner",
    [
        {"info": {"learner": {"default_policy": {**LEARNT, "cur_lr": 5e-05}}}},
        {"info": {"learner": {"default_policy": {"learner_stats": {**LEARNT, "cur_lr": 5e-05}}}}},
        {"info": {"learner": {"shared": {"learner_stats": LEARNT}}}},
        {"info": {"default": {**LEARNT, "cur_lr": 5e-05}}},
        {"learners": {"default_policy": LEARNT, "__all_modules__": {"total_loss": 8.5}}},
        {"learners": {"p0": {**LEARNT, "default_optimizer_learning_rate": 5e-05}}},
    ],
)
def test_rllib_total_loss_of_the_learner(learner):
    parsed = read("".join(f"{_result(learner, step)}\n" for step in (1, 2, 3)).encode())
    assert parsed.format == "rllib-result-json"
    assert parsed.column("step").tolist() == [1, 2, 3]
    assert parsed.column("train/loss").tolist() == [8.5] * 3


def test_rllib_losses_of_several_policies_are_none_of_the_run():
    learner = {"info": {"learner": {"red": {"learner_stats": LEARNT}, "blue": {"learner_stats": LEARNT}}}}
    parsed = read("".join(f"{_result(learner, step)}\n" for step in (1, 2, 3)).encode())
    assert parsed.column("train/loss").tolist() == []


@pytest.mark.parametrize(
    ("head", "loss"),
    [
        ("RMSE", "RMSE"),
        ("Logloss\tAUC", "Logloss"),
        ("AUC\tLogloss", "Logloss"),
        ("MultiClass\tAccuracy", "MultiClass"),
        ("CrossEntropy", "CrossEntropy"),
        ("Quantile:alpha=0.9", "Quantile:alpha=0.9"),
        ("MAE\tRMSE", "MAE"),
        ("AUC\tF1", None),
    ],
)
def test_catboost_minimizes_the_first_loss(head, loss):
    names = head.split("\t")
    values = {name: [4.0 - at, 3.0 - at] for at, name in enumerate(names)}
    rows = "".join(
        f"{step}\t" + "\t".join(str(values[name][step]) for name in names) + "\n" for step in range(2)
    )
    parsed = read(f"iter\t{head}\n{rows}".encode())
    assert parsed.column("train/loss").tolist() == values.get(loss, [])


@pytest.mark.parametrize(
    ("told", "loss"),
    [
        ("l_pix: 2.5000e-01", 0.25),
        ("l_pix: 1.2500e-01 l_percep: 1.0000e+00 l_total: 1.1250e+00", 1.125),
        ("l_g_pix: 2.5e-01 l_g_gan: 1.0e-01 l_d_real: 6.9e-01 l_d_fake: 7.0e-01", None),
    ],
)
def test_basicsr_shows_one_loss_or_their_sum(told, loss):
    head = (
        "2030-01-02 03:04:05,678 INFO: [tiny..][epoch:  0, iter:     {}00, lr:(2.000e-04,)] [eta: 0:05:00] "
    )
    parsed = read("".join(head.format(n) + told + "\n" for n in range(1, 4)).encode())
    assert parsed.column("step").tolist() == [100, 200, 300]
    assert parsed.column("train/loss").tolist() == ([] if loss is None else [loss] * 3)


def test_the_table_that_caffe_makes_of_its_log():
    parsed = read(b"NumIters,Seconds,LearningRate,loss\n0.0,0.25,0.01,2.5\n100.0,3.5,0.01,1.5\n")
    assert parsed.column("step").tolist() == [0, 100]
    assert parsed.column("train/loss").tolist() == [2.5, 1.5]
    assert parsed.column("train/learning_rate").tolist() == [0.01] * 2


def test_progress_of_baselines_has_losses_but_no_train():
    head = "eprewmean,fps,loss/policy_loss,loss/value_loss,misc/total_timesteps"
    parsed = read(f"{head}\n21.0,800,-0.01,9.0,2048\n22.0,810,-0.02,8.0,4096\n".encode())
    assert parsed.column("step").tolist() == [2048, 4096]
    assert parsed.column("eprewmean").tolist() == [21.0, 22.0]


def test_the_first_round_of_lightgbm_is_read_too():
    rows = "".join(
        f"[LightGBM] [Info] Iteration:{n}, training l2 : {1 / n}\n"
        f"[LightGBM] [Info] Iteration:{n}, valid_1 l2 : {2 / n}\n"
        f"[LightGBM] [Info] {n / 4} seconds elapsed, finished iteration {n}\n"
        for n in (1, 2, 4)
    )
    parsed = read(rows.encode())
    assert parsed.column("train/loss", EVAL).tolist() == [1.0, 0.5, 0.25]
    assert parsed.column("val/loss", EVAL).tolist() == [2.0, 1.0, 0.5]


def _boxes(*boxes: dict[str, object]) -> bytes:
    rule = "-" * 30 + "\n"
    rows = ["".join(f"| {name:<14} | {value:<9} |\n" for name, value in box.items()) for box in boxes]
    return (rule + rule.join(f"{row}{rule}" for row in rows)).encode()


@pytest.mark.parametrize("name", ["step", "frame", "epoch", "num episodes", "misc/nupdates", "Iteration"])
def test_boxes_of_kin_of_baselines_count_by_other_names(name):
    data = _boxes(*({"loss": 2.5 / n, "entropy loss": 0.5, name: 10 * n} for n in range(1, 9)))
    parsed = read(data)
    read(data, range(1, len(data), 37)).same_as(parsed)
    read(data, bulk=False).same_as(parsed)
    assert parsed.format == "stable-baselines3"
    assert parsed.column("step").tolist() == [10 * n for n in range(1, 9)]
    assert parsed.column("train/loss").tolist() == [2.5 / n for n in range(1, 9)]


def test_boxes_continue_behind_a_restart():
    data = _boxes(*({"loss": 2.5 / n, "step": 10 * n} for n in range(1, 40)))
    middle = data.index(b"\n", len(data) // 2) + 1
    whole = read(data).column("step").tolist()
    before = read(data[:middle]).column("step").tolist()
    parser = StreamParser(
        start=middle, first_line=data.count(b"\n", 0, middle) + 1, settled="stable-baselines3"
    )
    parser.prime(data[:4096], data[max(0, middle - 4096) : middle])
    parsed = Parsed()
    parsed.add(parser.feed(data[middle:]))
    parsed.add(parser.flush())
    assert before + parsed.column("step").tolist() == whole


def test_a_box_of_settings_is_no_record():
    settings = {"lr": 0.01, "epoch": 100, "loss": 1}
    assert read(_boxes(settings)).format is None
    assert read(_boxes(settings, settings)).format is None
    steps = [{"loss": 2.5, "total_timesteps": 2048 * n} for n in (1, 2)]
    assert read(_boxes(settings, *steps)).column("step").tolist() == [2048, 4096]


def test_what_came_before_basicsr():
    parsed = read(
        b"20-12-10 21:08:25.500 : <epoch:  0, iter:   1,200, lr:1.000e-04> l_pix: 2.1250e-02 \n"
        b"20-12-10 21:08:45.500 : <epoch:  0, iter:   1,400, lr:5.000e-05> l_pix: 1.1250e-02 \n"
        b"20-12-10 21:09:15.500 : <epoch:  0, iter:   1,400, Average PSNR : 31.63dB\n"
        b"20-12-10 21:09:16.500 - INFO: # Validation # PSNR: 3.5e+01\n"
    )
    assert parsed.format == "basicsr"
    assert parsed.column("step").tolist() == [1200, 1400]
    assert parsed.column("train/loss").tolist() == [0.02125, 0.01125]
    assert parsed.column("train/learning_rate").tolist() == [1e-4, 5e-5]
    assert parsed.column("val/psnr", EVAL).tolist() == [31.63, 35.0]


def test_a_sum_of_losses_in_the_description_of_a_bar():
    bars = "".join(
        f"\rEpoch {epoch} Tot: {2.5 - epoch - n / 20:.4f}:  {10 * n}%|{'#' * n}| {n}/10 [00:01<00:01,  5.00it/s]"
        for epoch in range(2)
        for n in (5, 10)
    )
    parsed = read(f"{bars}\n".encode())
    assert parsed.column("step").tolist() == [5, 10, 15, 20]
    assert parsed.column("train/loss").tolist() == [2.25, 2.0, 1.25, 1.0]


def test_an_error_is_no_validation_loss_next_to_a_loss():
    parsed = read(b"epoch,train_loss,val_rmse\n1,2.5,3.5\n2,1.5,3.25\n")
    assert parsed.column("train/loss").tolist() == [2.5, 1.5]
    assert parsed.column("val/loss").tolist() == parsed.column("val/loss", EVAL).tolist() == []
