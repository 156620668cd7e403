"""Words of names: of what they are made, and what they speak of."""

from __future__ import annotations

import pytest

from runwatch.core.metrics import LOSS, VAL_LOSS
from runwatch.parsers.lexicon import languages, names, records, words


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
        ("val_rmse", "val/rmse", 10, VAL_LOSS),
        ("val_mae", "val/mae", 10, VAL_LOSS),
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
    assert names.meaning_given(metric, split=split).metric == expected


def test_the_part_of_the_data_that_the_metric_names_counts_where_the_user_names_none():
    assert names.meaning_given("val/loss").split == "val"
    assert names.meaning_given("val/loss", split="test").split == "test"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (b"lr", True), (b"Current learning rate", True), (b"learning rate", True), (b"train_lr", True),
        (b"rate", False), (b"learning", False), (b"critic_lr", False), (b"new learning", False), (b"123", False),
    ],
)  # fmt: skip
def test_a_name_is_that_of_the_learning_rate(name, expected):
    assert words.is_rate(name) is expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [(b"fold", True), (b"best fold", True), (b"fold3", False), (b"x3fold", True), (b"fold_loss", False)],
)
def test_a_name_distinguishes_runs(name, expected):
    assert words.distinguishes_runs(name) is expected


@pytest.mark.parametrize(
    ("named", "found"),
    [
        ({"ce_loss": "ce_loss"}, {"ce_loss": LOSS}),
        ({"ce_loss": "ce_loss", "loss": LOSS}, {}),
        ({"ce_loss": "ce_loss", "mse_loss": "mse_loss"}, {}),  # which of them is not known
        ({"ce_loss": "train/grad_norm"}, {}),  # its format says what it is
        ({"actor_loss": "actor_loss"}, {}),  # of a part of the model
        ({"val_ce_loss": "val_ce_loss"}, {"val_ce_loss": VAL_LOSS}),
    ],
)
def test_what_is_the_loss_where_no_other_name_is(named, found):
    assert records.promoted(named) == found


@pytest.mark.parametrize(
    ("name", "expected"),
    [(b"episodic returns", True), (b"Episode reward", True), (b"episode", False), (b"reward", False)],
)
def test_a_name_is_that_of_the_return_of_an_episode(name, expected):
    assert words.is_return(name) is expected


def test_a_part_of_the_data_that_is_said_twice_is_said_once():
    assert names.once("train/train_loss") == "train_loss"
    assert names.once("train/loss") == "train/loss"
    assert names.once("loss") == "loss"
    assert names.once("/_loss") == "/_loss"


def test_words_of_other_languages_are_translated_within_a_name():
    assert languages.translated("训练损失".encode()).split() == [b"train", b"loss"]
    assert languages.translated(b"loss") == b"loss"


def test_one_character_is_a_word_in_utf8_only():
    """In GB18030 its two bytes may be of two others."""
    assert languages.translated("步".encode()).split() == [b"step"]
    assert languages.translated("步".encode("gb18030")) == "步".encode("gb18030")
    assert languages.translated("损失".encode("gb18030")).split() == [b"loss"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("eval_ppl", "val/ppl"), ("validation_top1", "val/top1"), ("eval/ppl", "eval/ppl"), ("val.loss", "val.loss"),
        ("dev-acc", "val/acc"), ("test_acc", "test_acc"), ("eval_", "eval_"), ("loss", None),
        ("acc_val", "val/acc"), ("top1 dev", "val/top1"), ("best_val", None), ("size/valid", "val/size"), ("time_eval", None), ("train_acc_val", None),
    ],
)  # fmt: skip
def test_a_name_that_begins_or_ends_with_a_word_for_held_out_data(name, expected):
    assert names.of_validation(name) == expected


def test_a_letter_before_names_distinguishes_parts_of_the_data_where_one_is_a_loss():
    named = {name: name for name in ("t_loss", "v_loss", "t_acc", "v_acc", "t_only")}
    assert records.promoted(named) == {"t_loss": LOSS, "v_loss": VAL_LOSS, "v_acc": "val/acc"}


def test_many_names_with_a_letter_more_are_of_validation():
    every = ("loss", "v_loss", "kl", "v_kl", "recons", "v_recons", "v_only")
    found = records.columns(every)
    assert found == [LOSS, VAL_LOSS, "kl", "val/kl", "recons", "val/recons", "v_only"]
    assert records.columns(every[:4]) == [LOSS, "v_loss", "kl", "v_kl"]  # the loss of a value function
    assert records.promoted({"t_x": "t_x", "v_x": "v_x"}) == {}


@pytest.mark.parametrize("name", ["valPSNR", "ValPPL", "evalMSE", "devAUC", "val_psnr"])
def test_a_name_in_capitals_behind_a_part_of_the_data_is_a_word(name):
    assert words.is_val(name.encode())
    assert words.is_quality(name.encode())
    assert names.meaning(name).metric.startswith("val/")


@pytest.mark.parametrize("name", ["mAP", "mIoU", "VALUE", "DEVICE", "IoU"])
def test_other_names_with_capitals_are_of_no_part_of_the_data(name):
    assert not words.is_val(name.encode())
    assert names.of_validation(name) is None


def test_the_scale_of_a_loss_says_nothing_of_how_training_goes():
    assert words.is_quality(b"loss")
    assert all(map(words.is_quality, (b"F1", b"val_f1", b"macro F1", b"AP50", b"AUROC", b"f1score")))
    assert not any(map(words.is_quality, (b"f10", b"f1.weight", b"conf1", b"f")))
    assert not words.is_quality(b"loss_scale")


@pytest.mark.parametrize(
    ("name", "metric", "role"),
    [
        ("tok/s", "perf/tokens_per_sec", "rate"), ("lr", "train/learning_rate", "learning rate"),
        ("samples_s", "perf/samples_per_sec", "rate"), ("samples_x", "samples_x", ""),
        ("ms_per_iter", "perf/step_time", "duration"), ("iter_per_s", "perf/step_time", "rate"),
    ],
)  # fmt: skip
def test_a_rate_is_known_by_its_words(name, metric, role):
    found = names.meaning(name)
    assert (found.metric, found.role) == (metric, role)


def test_a_name_with_accents_is_known_by_one_of_its_words():
    assert languages.accented("Précision: ".encode()) is not None
    assert languages.accented("Café: ".encode()) is None
    assert languages.accented(b"loss: ") is None
    assert languages.knows("损失".encode())
    assert not languages.knows("好".encode())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (b"cost", True), (b"batch cost", False), (b"trl", True), (b"ms error", True), (b"error", False),
        (b"g_losses", True), (b"l_pix", True), (b"acc", False), (b"val-cross-entropy", True), (b"entropy", False),
    ],
)  # fmt: skip
def test_a_name_is_that_of_a_loss(name, expected):
    assert words.is_loss(name) is expected


def test_names_that_are_only_parts_of_the_data():
    assert [words.split_of(name) for name in (b"train", b"predict", b"dev", b"test", b"x")] == [
        "train", "val", "val", "test", "",
    ]  # fmt: skip
    assert [words.is_split(name) for name in (b"train", b"val", b"train loss", b"1")] == [
        True,
        True,
        False,
        False,
    ]


def test_eval_before_a_name_that_is_not_known():
    assert names.meaning("eval_x").metric == "val/x"
    assert names.meaning("eval_").metric == "eval_"


def test_the_first_function_that_is_a_loss_is_the_objective():
    assert records.objective(["Accuracy", "RMSE", "Logloss"]) == "RMSE"
    assert records.objective(["Quantile:alpha=0.9"]) == "Quantile:alpha=0.9"
    assert records.objective(["Accuracy"]) is None


@pytest.mark.parametrize("name", [b"loss difference", b"val_loss_change", b"loss threshold"])
def test_what_is_only_about_a_loss_is_none(name):
    assert not words.is_loss(name)
    assert words.is_loss(b" ".join(reversed(words.words(name))))


def test_a_score_of_test_data_may_join_its_words():
    assert records.of_test("Accuracy on Test-Set") == "val/Accuracy"
