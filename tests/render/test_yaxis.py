"""The y axis of a chart: labels in few rows, and a range that stays."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runwatch.core.snapshot import Columns, Mark
from runwatch.render.charts.chart import plot
from runwatch.render.charts.options import Options

from .test_chart import chart, columns, text


@settings(max_examples=60, deadline=None)
@given(st.floats(-9, 9), st.floats(0, 6), st.integers(3, 30))
def test_labels_of_a_logarithmic_axis_are_four_and_distinct(power, decades, height):
    values = (10.0 ** (power - decades), 10.0**power)
    rows = chart([columns(values)], 60, height + 1, (), Options(log=True))
    labels = [found[1] for row in text(rows)[:-1] if (found := re.match(r" *(\S+)┤", row))]
    assert len(labels) == len(set(labels)) >= min(4, height), labels


@pytest.mark.parametrize("values", [(3.1e5, 4.2e5), (1.7, 2.4), (0.0, 10.0)])
def test_a_range_of_another_number_of_rows_does_not_stay(values):
    before = plot([columns(values)], 60, 14)
    marks = [Mark("eval", 5)]  # take a row of their own
    fresh = plot([columns(values)], 60, 14, marks)
    assert plot([columns(values)], 60, 14, marks, before=before).rows == fresh.rows


def test_values_that_are_not_finite_without_others_between_have_no_holes():
    nothing = (None,) * 3
    x = (0.0, 500.0, 1000.0)
    top = text(chart([Columns("train/loss", x, nothing, nothing, nothing, nothing, (9, 9, 9))], 40, 6))[0]
    assert re.search("!{30,}", top), top


def test_seconds_have_the_unit_that_suits_the_range():
    def letters(values):
        rows = text(chart([columns(values)], 40, 9, (), Options(unit=(1.0, "s"))))
        return {row.split("┤")[0].strip()[-1] for row in rows if "┤" in row and row.split("┤")[0].strip()}

    assert letters([0.0, 1.5]) == {"s"}
    assert letters([0.0, 1500.0]) == {"m"}
    assert letters([0.0, 86_000.0]) == {"h"}
