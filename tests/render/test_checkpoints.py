"""Checkpoints and events as rows: exact width, what is wrong in full, long text cut."""

from hypothesis import given, settings
from hypothesis import strategies as st
from wcwidth import wcswidth

from runwatch.render import cells, checkpoints
from runwatch.render.glyphs import ASCII
from runwatch.snapshot import CheckpointRow, EventRow, Saving

DAMAGED = CheckpointRow(
    "step_30000", 30_000, "dcp", "damaged", "one file is cut short " * 3, 1 << 30, 22_000.0, 30.0
)
SAVING = Saving(40_000, 10_000.0, 20_000.0, -90.0, 3 << 30, 14, 3_600.0)


def test_the_reason_stands_below_in_full():
    first, *rest = [cells.row_text(row) for row in checkpoints.table([DAMAGED], 60)]
    assert "damaged" in first
    assert " ".join(" ".join(rest).split()) == " ".join(("one file is cut short " * 3).split())


def test_what_is_being_written_says_how_far_it_is():
    writing = CheckpointRow("step_41000", 41_000, "dcp", "writing", "", 2 << 30, 4.0)
    first, bar = (cells.row_text(row) for row in checkpoints.table([writing], 70, ASCII, 3 << 30))
    assert "writing 67%" in first
    assert "2.00 GiB of the usual 3.00 GiB" in bar
    assert "===" in bar
    assert cells.row_text(checkpoints.brief(writing, ASCII, 3 << 30)).endswith("41,000 writing 67%")
    assert checkpoints.written(writing, 1 << 30) == 0.99  # larger than usual, and still not done
    assert checkpoints.written(writing, None) is None
    assert len(checkpoints.table([writing], 70, ASCII)) == 1


def test_the_summary_says_as_much_as_fits():
    told = checkpoints.summary(SAVING)
    assert told.startswith("last good 40,000, every 10,000 steps, next 1m late, room for 14 more")
    assert checkpoints.summary(SAVING, 45) == "last good 40,000, every 10,000 steps"
    assert checkpoints.summary(SAVING, 1) == "last good 40,000"
    assert checkpoints.summary(Saving()) == ""


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=80), st.text(max_size=80), st.integers(1, 120))
def test_rows_are_as_wide_as_asked(name, reason, width):
    rows = checkpoints.table([CheckpointRow(name, 1, "", "damaged", reason)], width, ASCII)
    rows += checkpoints.events([EventRow(name, reason, 1, 2, 3)], width, ASCII)
    assert all(wcswidth(cells.row_text(row)) == width for row in rows)
    assert all(cells.row_text(row).isascii() for row in rows)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=200), st.integers(1, 40), st.integers(1, 6))
def test_wrapped_text_fits_and_loses_nothing_but_the_end(text, width, most):
    lines = cells.wrapped(text, width, most)
    assert len(lines) <= most
    assert all(0 < wcswidth(line) <= width for line in lines)
    whole = "".join(cells.settled(text).split())
    kept = "".join("".join(lines).split())
    assert kept == whole or kept.endswith("…")


def test_wrapping_breaks_at_blanks():
    assert cells.wrapped("one two three", 8, 5) == ["one two", "three"]
    assert cells.wrapped("abcdefghij kl", 4, 5) == ["abcd", "efgh", "ij", "kl"]
    assert cells.wrapped("one two three four", 8, 2) == ["one two", "three f…"]
