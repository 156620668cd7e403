"""Lines that look like records and are read as nothing are counted alike however they are cut."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from runwatch.parsers.log import LogParser

KNOWN = b"".join(
    b"step %05d/00100 (%.2f%%) | loss: 2.5%d | lrm: 1.00 | dt: 200.00ms | tok/sec: 1000 | mfu: 30.00\n"
    % (i, i, i % 10)
    for i in range(30)
)
CHANGED = b"".join(b"[trainer] step=%d loss=2.5%d lr=0.001\n" % (i, i) for i in range(9))


def strange(data: bytes, cuts: list[int]) -> int:
    """Return how many lines of `data`, below the known ones and cut there, are counted."""
    parser = LogParser()
    parser.feed(KNOWN)
    assert parser.format == "nanochat"
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return sum(parser.feed(data[a:b]).strange for a, b in pairwise(places))


def test_a_new_layout_is_counted_line_by_line() -> None:
    assert strange(CHANGED, []) == 9


@given(st.lists(st.integers(0, 1000), max_size=12))
def test_line_ends_of_windows_count_the_same_however_they_are_cut(cuts: list[int]) -> None:
    assert strange(CHANGED.replace(b"\n", b"\r\n"), cuts) == 9


@given(st.lists(st.integers(0, 1000), max_size=12))
def test_of_a_redrawn_line_only_what_stays_counts(cuts: list[int]) -> None:
    assert strange(CHANGED.replace(b"\n", b"\r") + b"[trainer] step=9 loss=2.59\nbye 1.0\n", cuts) == 1


def test_a_printed_network_is_no_new_layout() -> None:
    layers = b"".join(
        b"    (bn%d): BatchNorm2d(64, eps=1e-05, momentum=0.1, affine=True)\n"
        b"      (0): Dropout(p=0.1, inplace=False)\n" % i
        for i in range(9)
    )
    assert strange(layers, []) == 0
    assert strange(layers + CHANGED, []) == 9
