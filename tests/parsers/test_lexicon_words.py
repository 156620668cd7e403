"""Words of names: of what they are made, and what they speak of."""

from __future__ import annotations

import pytest

from runwatch.core.metrics import LOSS, VAL_LOSS
from runwatch.parsers.lexicon import languages, names, words


@pytest.mark.parametrize(
    ("word", "parts"),
    [
        ("valloss", ["val", "loss"]), ("trloss", ["train", "loss"]), ("tstacc", ["test", "acc"]),
        ("mserror", ["ms", "error"]), ("rmserr", ["ms", "error"]), ("mstesterror", ["ms", "test", "error"]),
        ("trainingsverlust", ["train", "loss"]), ("mse", ["mse"]), ("vallosses", ["vallosses"]),
    ],
)  # fmt: skip
def test_two_words_in_one(word, parts):
    assert words.apart(word) == parts


@pytest.mark.parametrize(
    ("name", "expected"),
    [(b"epoch", True), (b"train_epoch", True), (b"episode", True), (b"epoch_loss", False), (b"loss", False)],
)
def test_the_last_word_says_that_it_is_an_epoch(name, expected):
    assert words.is_epoch(name) is expected


@pytest.mark.parametrize(
    ("tokens", "split", "rest"),
    [
        ("loss", "", "loss"), ("train loss", "train", "loss"), ("val loss", "val", "loss"),
        ("test loss", "test", "loss"), ("train val loss", "both", "loss"), ("val test loss", "test", "loss"),
        ("tr loss", "train", "loss"), ("vl loss", "val", "loss"), ("tr x", "", "tr x"),
    ],
)  # fmt: skip
def test_the_part_of_the_data(tokens, split, rest):
    assert words.without_split(tuple(tokens.split())) == (split, tuple(rest.split()))


def test_a_name_that_is_no_utf8_is_spelled_all_the_same():
    assert languages.spelled(b"perte") == "perte"
    assert languages.spelled("损失".encode()) == "损失"
    assert languages.spelled(b"\xff\xfe") == "\ufffd\ufffd"


@pytest.mark.parametrize(
    ("name", "metric", "loose", "unless"),
    [
        ("metrics/loss", LOSS, 1, ""),
        ("train/metrics/loss", LOSS, 1, ""),
        ("stats/val_loss", VAL_LOSS, 1, ""),
        ("val_rmse", "val_rmse", 10, VAL_LOSS),
        ("val_mae", "val_mae", 10, VAL_LOSS),
        ("train_mse", "train_mse", 10, LOSS),
        ("rmse", "rmse", 0, ""),
        ("total_ce_loss", "total_ce_loss", 10, LOSS),
    ],
)
def test_how_far_a_name_is_from_that_of_its_metric(name, metric, loose, unless):
    found = names.meaning(name)
    assert (found.metric, found.loose, found.unless) == (metric, loose, unless)


@pytest.mark.parametrize(
    ("metric", "split", "expected"),
    [
        ("val/loss", "val", "val/loss"),
        ("loss", "val", "val/loss"),
        ("train/acc", "test", "test/acc"),
        ("loss", "train", LOSS),
        ("loss", "", LOSS),
    ],
)
def test_a_part_of_the_data_that_the_user_names(metric, split, expected):
    assert names.told(metric, split=split).metric == expected
