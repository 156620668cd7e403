"""What names of one record mean together, and what carriers ask of a single one."""

from __future__ import annotations

import pytest

from runwatch.core.metrics import DATA_TIME, LOSS, MFU, SAMPLES_PER_SEC, STEP_TIME, TOKENS_PER_SEC, VAL_LOSS
from runwatch.parsers.lexicon import names, words
from runwatch.parsers.lexicon.counters import RANKS
from runwatch.parsers.lexicon.names import canonical, meaning, unit_of
from runwatch.parsers.lexicon.parts import parts_of_loss
from runwatch.parsers.lexicon.records import HeldOut, columns, promoted
from runwatch.parsers.lexicon.units import Unit
from runwatch.parsers.lexicon.words import OTHER_WORK, is_quality
from tests.parsers.logs import parse


def test_aliases_of_a_format_go_before_the_lexicon_and_the_users_names_before_both():
    aliases = {"loss": "train/ce", "other": LOSS, "unseen": "x"}
    assert columns(["loss", "other", "lr"], aliases) == ["train/ce", LOSS, "train/learning_rate"]
    assert columns(["other", "loss"], {"other": LOSS}) == [LOSS, "loss"]
    names.use({"other": meaning("custom")})
    try:
        assert columns(["loss", "other"], aliases) == ["train/ce", "custom"]
        assert columns(["loss", "other"]) == [LOSS, "custom"]
    finally:
        names.use({})


@pytest.mark.parametrize(
    ("named", "found"),
    [
        ({"mse_loss_mean": "mse_loss_mean", "mse_loss_q0_mean": "mse_loss_q0_mean"}, {"mse_loss_mean": LOSS}),
        ({"mse_loss_q1": "mse_loss_q1", "mse_loss_q0": "mse_loss_q0"}, {}),
        ({"val_rmse": "val_rmse"}, {"val_rmse": VAL_LOSS}),
        ({"loss": LOSS, "val_rmse": "val_rmse"}, {}),  # next to a loss of another kind
        ({"loss": LOSS, "val_ce_loss": "val_ce_loss"}, {"val_ce_loss": VAL_LOSS}),
        ({"test_loss": "test_loss"}, {}),
        ({"loss": LOSS, "test_loss": "test_loss"}, {"test_loss": VAL_LOSS}),
        ({"ce_loss": "ce_loss", "test_loss": "test_loss"}, {"ce_loss": LOSS, "test_loss": VAL_LOSS}),
        ({"loss": LOSS, "test_acc1": "test_acc1"}, {"test_acc1": "val/acc1"}),
        (
            {"loss": LOSS, "test_96_acc1": "test_96_acc1", "test_time": "test_time"},
            {"test_96_acc1": "val/96_acc1"},
        ),
        ({"loss": LOSS, "val_acc": "val/acc", "test_acc": "test_acc"}, {}),  # which has a part of its own
        ({"test_acc": "test_acc"}, {}),
        ({"train-auc": "train-auc", "test-auc": "test-auc"}, {"test-auc": "val/auc"}),
    ],
)
def test_what_names_mean_where_no_other_of_the_record_does(named, found):
    assert promoted(named) == found


@pytest.mark.parametrize(
    ("printed", "metric", "split"),
    [
        ("eval/foo", "val/foo", ""),
        ("eval/", "eval/", ""),
        ("eval_foo", "val/foo", ""),
        ("l_pix", "l_pix", "train"),
        ("policies/red/total_loss", "policies/red/total_loss", ""),
        ("val_layer2_loss", "val/layer2_loss", "val"),
        ("val/tokens_per_sec", "val/tokens_per_sec", ""),
    ],
)
def test_what_else_a_name_may_be(printed, metric, split):
    found = meaning(printed)
    assert found.metric == metric
    assert found.split == split or not split


@pytest.mark.parametrize(
    ("printed", "unless"), [("l_pix", LOSS), ("l_v_pix", ""), ("policies/red/total_loss", LOSS)]
)
def test_losses_that_are_named_by_what_they_are_of(printed, unless):
    assert meaning(printed).unless == unless


@pytest.mark.parametrize(
    ("printed", "metric"),
    [
        ("samples_s", SAMPLES_PER_SEC), ("tokens_sec", TOKENS_PER_SEC), ("samples_x", "samples_x"),
        ("ms2 per iter", "ms2 per iter"), ("ms per iter", STEP_TIME),
    ],
)  # fmt: skip
def test_names_that_end_in_a_unit(printed, metric):
    assert canonical(printed) == metric


@pytest.mark.parametrize(
    ("metric", "suffix", "printed", "unit"),
    [
        (MFU, "", "something", names.SHARE),
        (MFU, "", "mfu_pct", Unit(divide=100.0)),
        (MFU, "", "mfu (%)", Unit(divide=100.0)),
        (MFU, "", "mfu", names.SHARE),
        ("custom", "", "something", Unit()),
        (STEP_TIME, "", "custom_ms", Unit(divide=1000.0)),
        ("custom", "", "custom_ms", Unit()),
    ],
)
def test_the_unit_of_a_value(metric, suffix, printed, unit):
    assert unit_of(metric, suffix, printed) == unit


def test_what_a_validation_prints_under_the_names_of_training():
    aliases = HeldOut()
    scores = {"loss": "val/loss", "acc": "val/acc", "coco/AP": "val/coco/AP", "loss_cls": "val/loss_cls"}
    assert {name: aliases[name] for name in scores} == scores
    work = ("lr", "time", "data_time", "data", "memory", "max mem", "img/s", "eta", "grad_norm", "epoch")
    assert [aliases[name] for name in work] == [*work]
    assert (list(aliases), len(aliases)) == ([], 0)


@pytest.mark.parametrize(
    ("names", "loss"),
    [
        (["D_A", "G_A", "cycle_A", "D_B", "G_B"], ("G_A",)),
        (["Loss/G/loss", "Loss/D/loss"], ("Loss/G/loss",)),
        (["gen/loss", "dis/loss"], ("gen/loss",)),  # of Chainer
        (["Discriminator Loss", "Generator Loss"], ("Generator Loss",)),
        (["d_loss", "g_loss", LOSS], ()),
        (["g_loss", "acc"], ()),  # of some other `g`
        (["val/loss_disc", "val/loss_gen"], ()),
        (["val/loss_disc", "loss_gen"], ()),
    ],
)
def test_the_loss_of_adversaries_is_that_of_the_generator(names, loss):
    assert parts_of_loss(names) == loss


@pytest.mark.parametrize("ending", ["", "_loss"])  # in its CSV and in its table
def test_both_heads_of_a_detector_are_parts_of_its_loss(ending):
    heads = tuple(f"train/{part}_{head}{ending}" for head in ("om", "oo") for part in ("box", "cls", "dfl"))
    assert parts_of_loss(["train/epoch", *heads]) == heads


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (b"loss", True), (b"accuracy", True), (b"mean reward", True), (b"top5", True), (b"top", True),
        (b"top5 time", False), (b"loss scale", False), (b"loss time", False), (b"speed", False),
    ],
)  # fmt: skip
def test_names_that_say_how_well_training_goes(name, expected):
    assert is_quality(name) is expected


def test_words_of_other_work_than_training():
    assert {b"downloading", b"tokenizing", b"inferring"} <= OTHER_WORK
    assert not OTHER_WORK & {b"train", b"epoch", b"step"}


def test_names_longer_than_48_bytes_are_not_remembered():
    for length, remembered in ((48, True), (49, False)):
        name = (b"length %d " % length).ljust(length, b"x")
        words.words(name)
        before = words._words.cache_info().hits
        words.words(name)
        assert (words._words.cache_info().hits > before) is remembered


def test_a_step_is_likelier_than_an_iteration_a_batch_an_epoch_and_training():
    order = ["step", "iteration", "batch", "epoch", "train"]
    assert sorted(order, key=RANKS.get) == order
    assert [RANKS[word] for word in order] == [1, 2, 3, 7, 8]


@pytest.mark.parametrize(
    ("head", "row", "loss"),
    [
        ("epoch,train/box_loss,train/cls_loss,train/dfl_loss", "{i},1.5,0.25,1", 2.75),
        ("epoch,train/giou_loss,train/cls_loss,train/l1_loss", "{i},1.5,0.25,1", 2.75),
        ("epoch,train/box_loss,train/cls_loss,train/loss", "{i},1.5,0.25,9", 9.0),
        ("epoch,train/box_loss,lr/pg0", "{i},1.5,0.25", None),
    ],
)
def test_the_loss_of_a_detector_is_the_sum_of_its_parts(head, row, loss):
    parsed = parse("\n".join([head, *(row.format(i=i) for i in range(40)), ""]).encode())
    assert parsed.column("train/loss").tolist() == [loss] * 40 * (loss is not None)


def test_the_plain_loss_of_a_table_goes_before_a_part_of_it_and_a_step_may_be_of_two_words():
    rows = "".join(f"0,{32 * i},{3 - i / 40},{1 - i / 90}\n" for i in range(1, 41))
    parsed = parse(f"epoch,global step,loss,lm loss\n{rows}".encode())
    assert parsed.column("step").tolist() == [32 * i for i in range(1, 41)]
    assert parsed.column("train/loss").tolist() == [3 - i / 40 for i in range(1, 41)]


@pytest.mark.parametrize(
    ("printed", "meant"),
    [
        (["loss", "train_loss"], ["loss", LOSS]),
        (["train_loss", "loss", "f1"], [LOSS, "loss", "f1"]),
        (["loss", "avg_train_loss"], [LOSS, "avg_train_loss"]),
    ],
)
def test_the_loss_among_names_that_may_mean_it(printed, meant):
    assert columns(printed) == meant


def test_games_that_were_lost_are_no_loss():
    assert columns(["WINS", "LOSSES", "TIES", "loss"]) == ["WINS", "LOSSES", "TIES", LOSS]
    assert columns(["Win", "Loss", "Draw"]) == ["Win", "Loss", "Draw"]
    assert columns(["Win rate", "Loss"]) == ["Win rate", LOSS]


def test_a_perplexity_of_a_loss_is_none():
    assert columns(["lm loss value", "lm loss PPL"]) == [VAL_LOSS, "lm loss PPL"]
    assert not words.is_loss(b"lm loss PPL")


def test_how_far_a_loss_scattered_is_none():
    columns_ = ["loss_train_mean", "loss_train_std", "loss_test_mean", "loss_test_std"]
    assert columns(columns_) == [LOSS, "loss_train_std", VAL_LOSS, "val/loss_std"]
    assert columns(["loss_mean", "loss_stddev"]) == [LOSS, "loss_stddev"]


def test_data_next_to_the_time_of_a_step_is_how_long_it_was_waited_for():
    assert columns(["Time", "Data", "Loss"]) == ["Time", DATA_TIME, LOSS]
    assert columns(["loss", "step_time", "data"])[2] == DATA_TIME
    assert columns(["loss", "data"]) == [LOSS, "data"]
    assert columns(["loss", "time", "pde", "data"])[3] == "data"  # a loss, of a network for physics


def test_rates_are_of_the_whole_run_next_to_its_run_time():
    assert columns(["loss", "train_steps_per_second"]) == [LOSS, STEP_TIME]
    assert columns(["loss", "train_samples_per_second", "samples_per_sec"])[1:] == [
        "train_samples_per_second",
        SAMPLES_PER_SEC,
    ]
    assert columns(["train_runtime", "train_steps_per_second"])[1] == "train_steps_per_second"


def test_the_angle_of_oriented_boxes_is_a_part_of_the_loss():
    parts = ("train/box_loss", "train/obj_loss", "train/cls_loss", "train/theta_loss")
    assert parts_of_loss(parts) == parts
