"""Readers tell the same of a log in bulk as line by line, and however it arrives."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runwatch.parsers.formats import builtin
from runwatch.parsers.log import LogParser

from .logs import parse
from .redrawn import KINDS, log


@pytest.mark.few(5)
@pytest.mark.parametrize("kind", KINDS)
@given(st.integers(0, 10**6))
@settings(max_examples=6, deadline=None)
def test_bulk_shows_what_single_lines_show(kind, seed):
    known = [
        replace(fmt, weak=False) for fmt in builtin() if fmt.name == kind
    ]  # in bulk from the first record
    text = log(kind, seed)
    parsed = parse(text, formats=known)
    parsed.same_as(parse(text, bulk=False, formats=known))
    assert parsed.format == kind


@pytest.mark.few(3)
@pytest.mark.parametrize("kind", KINDS)
@given(st.data())
@settings(max_examples=5, deadline=None)
def test_pieces_do_not_matter(kind, data):
    text = log(kind, data.draw(st.integers(0, 3)))
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=6))
    parse(text, cuts).same_as(parse(text, bulk=False))


@pytest.mark.parametrize("kind", KINDS)
def test_the_bulk_path_is_really_used(kind):
    text = log(kind, 2, noise=0.0)
    parser = LogParser()
    parser.feed(text)
    folded = parser._pipeline.candidates.folded
    assert folded is not None
    begin, taken = folded.begin, []

    def spied(lines, text, *rest):
        used = begin(lines, text, *rest)
        taken.append(int(used.sum()))
        return used

    folded.begin = spied
    parser.feed(text)
    assert sum(taken) > 200


def test_the_boxes_loss_comes_first_under_no_header():
    row = "       {}/90      2.5G      1.125      2.25      1.375         12        640: 100%|####| 10/10 [00:02<00:00,  5.00it/s]\n"
    parsed = parse("".join(row.format(epoch) for epoch in range(1, 9)).encode())
    assert parsed.column("train/box_loss").tolist() == [1.125] * 8
    assert parsed.column("train/loss_2").tolist() == [2.25] * 8
    assert parsed.column("train/loss").tolist() == [4.75] * 8


def test_rows_have_the_names_of_their_own_header():
    rows = "".join(
        f"{i // 9:3} {i * 200:7} {i % 7}.25 {i % 5}.50 {i % 90 + 10}.00 0.50\n" for i in range(1500)
    )
    heads = (
        "E    #       LOSS NER  LOSS TOK2VEC  ENTS_F  SCORE",
        "E    #       LOSS PARSER  LOSS NER  UAS  SCORE",
    )
    text = "".join(f"{head}\n{rows}" for head in heads).encode()
    parsed = parse(text)
    assert len(parsed.column("LOSS PARSER")) == 1500
    parsed.same_as(parse(text, bulk=False))
