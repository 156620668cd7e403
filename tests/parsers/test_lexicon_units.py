"""Units and places, each in a table: what is printed, and what is stored."""

from __future__ import annotations

import pytest

from runwatch.core.metrics import DATA_TIME, MFU, SAMPLES_PER_SEC, STEP_TIME, TOKENS_PER_SEC
from runwatch.parsers.lexicon import names, records
from runwatch.parsers.lexicon.places import numbered, place, place_of
from runwatch.parsers.lexicon.units import is_per, of_suffix, rate


def stored(unit, value=8.0):
    """Return what a unit makes of a value."""
    found = value * unit.multiply / unit.divide
    return 1 / found if unit.invert else found


@pytest.mark.parametrize(
    ("suffix", "expected"),
    [
        ("ms", 8e-3), ("us", 8e-6), ("%", 0.08), ("s", 8.0), ("m", 480.0), ("min", 480.0), ("h", 28800.0),
        ("KiB", 8192.0), ("MiB", 8 * 2.0**20), ("GiB", 8 * 2.0**30), ("TiB", 8 * 2.0**40), ("G", 8 * 2.0**30),
        ("KB", 8192.0), ("MB", 8 * 2.0**20), ("Mb", 8 * 2.0**20), ("GB", 8 * 2.0**30), ("TB", 8 * 2.0**40),
        ("k", 8e3), ("K", 8e3), ("M", 8e6), ("B", 8e9),
        ("it/s", 0.125), ("s/it", 8.0), ("ms/step", 8e-3), ("tok/s", 8.0), ("k tok/s", 8000.0), ("ktok/s", 8000.0),
        ("img/s", 8.0), ("K words/s", 8000.0),
    ],
)  # fmt: skip
def test_a_unit_behind_a_value(suffix, expected):
    assert stored(of_suffix(suffix)) == pytest.approx(expected)


@pytest.mark.parametrize("suffix", ["", "x", "it/x", "words/min", "tok/ms", "kit/s", "a/b/c"])
def test_what_is_no_unit(suffix):
    assert of_suffix(suffix) is None


@pytest.mark.parametrize(
    ("words", "metric", "expected"),
    [
        ("ms per step", STEP_TIME, 8e-3),
        ("minutes per iteration", STEP_TIME, 480.0),
        ("it per s", STEP_TIME, 0.125),
        ("k tok per s per gpu", TOKENS_PER_SEC, 8000.0),
        ("m tok per sec", TOKENS_PER_SEC, 8e6),
        ("mtok per second", TOKENS_PER_SEC, 8e6),
        ("seqs per s per device", SAMPLES_PER_SEC, 8.0),
    ],
)
def test_a_rate_of_words(words, metric, expected):
    found, unit = rate(tuple(words.split()))
    assert (found, stored(unit)) == (metric, pytest.approx(expected))


@pytest.mark.parametrize(
    "words",
    [
        "tok per min",
        "s per tok",
        "k it per s",
        "tok s per",
        "b tok per s",
        "tok per s per node",
        "per s",
        "k k tok per s",
    ],
)
def test_what_is_no_rate(words):
    assert rate(tuple(words.split())) is None


@pytest.mark.parametrize(
    ("before", "behind", "expected"),
    [
        ("tok", "s", True), ("ktok", "sec", True), ("tflop", "s", True), ("tflops", "gpu", True),
        ("ms", "iter", True), ("time", "step", True), ("tok per s", "gpu", True),
        ("tok", "min", False), ("tok", "gpu", False), ("loss", "step", False), ("loss", "s", False), ("", "s", False),
    ],
)  # fmt: skip
def test_a_slash_that_is_one_of_a_rate(before, behind, expected):
    assert is_per(before.split(), behind) is expected


@pytest.mark.parametrize(
    ("metric", "suffix", "printed", "expected"),
    [
        (STEP_TIME, "", "step_ms", 8e-3),
        (STEP_TIME, "", "step_time", 8.0),
        (STEP_TIME, "ms", "step_time", 8e-3),
        (STEP_TIME, "it/s", "speed", 0.125),
        (DATA_TIME, "it/s", "data", 8.0),  # a rate of something else is not turned round
        (DATA_TIME, "", "data_ms", 8e-3),
        (MFU, "", "mfu", 0.08),
        (MFU, "%", "mfu", 0.08),
        (MFU, "", "mfu_percent", 0.08),
        ("train/loss", "", "loss", 8.0),
    ],
)
def test_the_unit_of_a_value_by_its_suffix_else_by_its_name(metric, suffix, printed, expected):
    assert stored(names.unit_of(metric, suffix, printed)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("stem", "step", "epoch"),
    [
        ("step_100", 100, None), ("global_step100", 100, None), ("iter-5", 5, None), ("100_steps", 100, None),
        ("epoch=3-step=200", 200, 3), ("ep3", None, 3), ("best_lr3e-4", None, None), ("x_e4", None, 4),
        ("misstep_100", None, None), ("weights", None, None),
    ],
)  # fmt: skip
def test_a_step_and_an_epoch_in_words(stem, step, epoch):
    assert place(stem) == (step, epoch)


@pytest.mark.parametrize(
    ("stem", "expected"),
    [
        ("checkpoint-500", (500, True)), ("model_7", (7, True)), ("run12", (12, False)), ("run1", None),
        ("500", (500, False)), ("50", None), ("train_500", None), ("shard-00003", None), ("notes", None),
    ],
)  # fmt: skip
def test_a_number_without_words(stem, expected):
    assert numbered(stem) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/runs/a/step_100/model.pt", (100, None)),
        ("/runs/checkpoint-500/pytorch_model.bin", (500, None)),
        ("/runs/global_step10/mp_rank_00_model_states.pt", (10, None)),
        ("/runs/epoch_3.ckpt", (None, 3)),
        ("/runs/00100.pt", (100, None)),
        ("C:\\runs\\step_7\\model.pt", (7, None)),
        ("/step_5/a/b/c/model.pt", (None, None)),  # four parts are looked at
        ("/step_5/a/b/model.pt", (5, None)),
        ("/runs/run12/model.pt", (None, None)),
        ("/runs/12345", (12345, None)),
    ],
)
def test_the_place_of_a_checkpoint(path, expected):
    assert place_of(path) == expected


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        (("ce_loss",), ["train/loss"]),
        (("ce_loss", "kl_loss"), ["ce_loss", "kl_loss"]),
        (("ce_loss", "loss"), ["ce_loss", "train/loss"]),
        (("val_ce_loss", "loss"), ["val/loss", "train/loss"]),
        (("test_loss", "train_loss"), ["val/loss", "train/loss"]),
        (("test_loss",), ["test_loss"]),
        (("t_loss", "v_loss"), ["train/loss", "val/loss"]),
        (("loss_t", "loss_v", "acc_t", "acc_v"), ["train/loss", "val/loss", "acc_t", "val/acc"]),
        (("train_mae_loss",), ["train/loss"]),
        (("loss", "avg_loss"), ["train/loss", "avg_loss"]),
        (("avg_loss", "loss"), ["avg_loss", "train/loss"]),
    ],
)
def test_names_of_one_record_mean_what_no_other_of_them_does(printed, expected):
    assert records.columns(printed) == expected


@pytest.mark.parametrize(
    ("metric", "unit", "split", "what"),
    [
        ("", "", "", "metric"), (" ", "", "", "metric"), ("a\n", "", "", "metric"), ("step", "", "", "metric"),
        ("loss", "", "other", "split"), ("loss", "furlong", "", "unit"),
    ],
)  # fmt: skip
def test_a_meaning_that_is_invalid(metric, unit, split, what):
    with pytest.raises(names.NamingError) as error:
        names.meaning_given(metric, unit, split)
    assert error.value.key == what


def test_a_meaning_that_the_user_gives():
    assert names.meaning_given("loss", "k", "val").metric == "val/loss"
    assert stored(names.meaning_given("speed", "k").unit) == 8000.0
    assert stored(names.meaning_given("perf/step_time", "ms").unit) == pytest.approx(8e-3)
    assert (names.meaning_given("reward", split="test").metric, names.meaning_given("reward").split) == (
        "test/reward",
        "",
    )


@pytest.mark.parametrize(
    ("path", "step"),
    [
        ("out/m_250.pt", 250),
        ("out/250", 250),
        ("out/m_250", None),  # a directory of any name
        ("m_250/model.pt", None),
        ("checkpoint-250/model.pt", 250),
    ],
)
def test_a_number_alone_is_a_step_in_the_name_of_a_file(path, step):
    assert place_of(path)[0] == step


def test_thousands_before_what_is_counted():
    assert rate(("ktok", "per", "s")) == (TOKENS_PER_SEC, of_suffix("ktok/s"))
    assert rate(("xtok", "per", "s")) is rate(("tok", "per", "s", "of", "gpu")) is None
    assert [is_per([word], "s") for word in ("k", "xtok", "kx", "ktok", "tok")] == [False] * 3 + [True] * 2
