"""Numbers are short, have the right unit, and no float can break them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runwatch.render import numbers

ANY = st.one_of(st.none(), st.floats())


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (0, "0"),
        (0.612, "0.612"),
        (41.23, "41.2"),
        (999.6, "1k"),
        (12_300, "12.3k"),
        (412_331, "412k"),
        (-1.5e6, "-1.5M"),
        (2.1e-4, "2.1e-4"),
        (1e30, "1e30"),
        (math.nan, "NaN"),
        (-math.inf, "-Inf"),
        (None, "-"),
    ],
)
def test_si(x, text):
    assert numbers.si(x) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.997, "997 ms"),
        (2.0312, "2.03 s"),
        (41, "41 s"),
        (725, "12m 05s"),
        (11_400, "3h 10m"),
        (223_200, "2d 14h"),
        (3599.9, "1h 00m"),
        (86_399, "1d 00h"),
        (math.inf, "Inf"),
    ],
)
def test_duration(seconds, text):
    assert numbers.duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(2.9, "2s"), (60, "1m"), (1080, "18m"), (10_800, "3h"), (3e5, "3d")]
)
def test_brief(seconds, text):
    assert numbers.brief(seconds) == text


@pytest.mark.parametrize(
    ("fraction", "text"), [(0.344, "34.4%"), (1, "100%"), (0.99999, "99.9%"), (0, "0.0%")]
)
def test_percent_says_100_only_when_complete(fraction, text):
    assert numbers.percent(fraction) == text


@pytest.mark.parametrize(
    ("metric", "x", "text"),
    [
        ("train/loss", 2.3178, "2.318"),
        ("perf/mfu", 0.412, "41.2%"),
        ("perf/step_time", 2.03, "2.03 s"),
        ("train/learning_rate", 2.12e-4, "2.12e-4"),
        ("perf/tokens_per_sec", 412_331.2, "412k"),
        ("perf/tokens_per_sec", 6_181.0, "6,181"),
        ("gpu/0/memory_used", 71.2 * 2**30, "71.2 GiB"),
        ("gpu/0/util", 0.98, "98.0%"),
        ("gpu0/memory_util", 0.5, "50.0%"),
        ("host/cpu", 0.08, "8.0%"),
        ("gpu/0/power", 412.0, "412 W"),
        ("my_counter", 17.0, "17"),
        ("train/loss", math.nan, "NaN"),
    ],
)
def test_a_metric_knows_its_unit(metric, x, text):
    assert numbers.value(metric, x) == text


@given(ANY)
def test_any_float_is_short(x):
    assert len(numbers.si(x)) <= 9
    assert len(numbers.loss(x)) <= 10
    assert len(numbers.duration(x)) <= 12
    assert len(numbers.brief(x)) <= 10
    assert len(numbers.percent(x)) <= 12
    assert len(numbers.size(x)) <= 12
    assert len(numbers.scientific(x)) <= 9
    assert numbers.step(x)


@given(st.sampled_from(["train/loss", "perf/mfu", "perf/step_time", "train/learning_rate", "x", ""]), ANY)
def test_any_value_of_any_metric(metric, x):
    assert len(numbers.value(metric, x)) <= 12


def test_a_number_with_more_digits_than_mean_anything_has_seven():
    assert numbers.legible("2.6605119308678002") == "2.660512"
    assert numbers.legible("0.00030000000000000003") == "0.0003"
    for text in ("3e-4", "0.12345678", "1700000000.123456789", "v1.1234567890", "12", ""):
        assert numbers.legible(text) == text
