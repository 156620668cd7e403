"""A record that a buffer cut is not read as a whole one, at rest or at the end."""

from __future__ import annotations

import pytest

from runwatch.parsers.framing.chunks import is_cut

from .logs import parse

LINES = b"".join(b"step %d loss %.4f lr %.2e\n" % (step, 1 / step, 2.5e-4) for step in range(990, 1024))


@pytest.mark.parametrize(
    "last",
    [b"step 1024", b"step 10", b"step 1024 loss 0.97", b"step 1024 loss 0", b"step 1024 loss 0.97 lr 2.24"],
)
def test_a_record_that_lacks_its_end_is_not_read(last):
    whole, cut = parse(LINES), parse(LINES + last)
    assert is_cut(last, LINES)
    assert cut.column("step").tolist() == whole.column("step").tolist()
    assert cut.unparsed == whole.unparsed + 1
    again = parse(LINES + last + b"\n", [len(LINES + last)])
    again.same_as(parse(LINES + last + b"\n"))


@pytest.mark.parametrize("last", [b"step 1024 loss 0.9766 lr 2.24e-04", b"done", b"saved step_1024.pt"])
def test_a_whole_record_needs_no_line_end(last):
    assert not is_cut(last, LINES)


def test_a_last_number_is_whole_if_it_is_as_long_as_others():
    rows = b"".join(b"%d,0.5,%d\n" % (row, row) for row in range(1000, 1010))
    assert is_cut(b"1010,0.5,10", rows)
    assert not is_cut(b"1010,0.5,1010", rows)
    assert not is_cut(b"1010,0.5,10", b"\n1,0.5,1\n2,0.5,2\n")


def test_a_bar_that_was_drawn_is_whole():
    drawn = b"".join(
        b"\r%3d%%|##  | %d/600 [00:10<00:01, 9.5it/s, loss=%.3f]" % (n // 6, n, 9 / n)
        for n in range(580, 600)
    )
    assert not is_cut(b"100%|####| 600/600 [00:10<00:00, 9.5it/s, loss=0.015]", drawn + b"\r")
