"""Bands of charts: where they are, and where they are as thin as their line."""

from __future__ import annotations

from itertools import pairwise

from runwatch.render.charts import band


def test_a_band_has_no_holes_between_points_further_apart_than_cells():
    made = band.spans([0, 9], [0.0, 40.0], [8.0, 48.0], 10)
    assert None not in made


def test_a_steep_band_has_no_holes():
    made = band.spans([0, 1, 2, 3], [0.0, 0.0, 80.0, 80.0], [8.0, 8.0, 88.0, 88.0], 4)
    assert all(left[1] >= right[0] for left, right in pairwise(made)), made


def test_a_band_as_thin_as_its_line_is_in_one_row_also_where_the_line_is_in_two():
    line = [bytes([1, 1]), bytes([1, 0]), bytes([0, 0])]
    assert band.covered([(2.0, 10.0), (2.0, 10.0)], lambda: line) == {0: 0, 1: 0}
    assert band.covered([(6.0, 14.0), (6.0, 14.0)], lambda: line) == {0: 1, 1: 0}
    assert band.covered([(2.0, 20.0)], lambda: line) == {}, "it is higher than its line"


def test_a_thin_band_of_few_columns_among_others_without_is_left_out_and_a_high_one_is_not():
    low = [5.0] * 20
    thin = [9.5 if i == 10 else 40.0 if i < 3 else 5.1 for i in range(20)]
    made = band.spans(list(range(20)), low, thin, 20)
    assert made[10] is None
    assert made[0] is not None
    high = [45.0 if i == 10 else 5.1 for i in range(20)]
    assert band.spans(list(range(20)), low, high, 20)[10] is not None


def test_a_few_thin_columns_within_a_band_leave_no_hole_and_many_do():
    for thin, kept in ((4, True), (6, False)):  # their neighbors make the outer ones wide
        high = [5.1 if 5 <= i < 5 + thin else 20.0 for i in range(20)]
        made = band.spans(list(range(20)), [5.0] * 20, high, 20)
        assert (None not in made) is kept, (thin, made)
