"""Checkpoints and events as rows: exact width, what is wrong in full, long text cut."""

from hypothesis import given, settings
from hypothesis import strategies as st
from wcwidth import wcswidth

from runwatch.core.snapshot import CheckpointRow, EventRow, Saving
from runwatch.render import cells, checkpoints
from runwatch.render.glyphs import ASCII

DAMAGED = CheckpointRow(
    "step_30000", 30_000, "dcp", "damaged", "one file is cut short " * 3, 1 << 30, 22_000.0, 30.0
)
SAVING = Saving(40_000, 10_000.0, 20_000.0, -90.0, 3 << 30, 14, 3_600.0, 50_000)


def test_the_reason_is_below_in_full():
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


def test_the_summary_is_one_sentence():
    assert checkpoints.summary(SAVING) == (
        "last good 40,000, every 10,000 steps, next 50,000 is 1m late, room for 14 more of 3.00 GiB, "
        "disk full in 1h"
    )
    assert checkpoints.summary(Saving()) == ""


def test_the_summary_is_no_more_exact_than_it_matters():
    assert checkpoints.summary(Saving(room=952_316, usual_bytes=1 << 20)) == ""
    assert checkpoints.summary(Saving(room=99, usual_bytes=1 << 20)) == "room for 99 more of 1.00 MiB"
    assert checkpoints.summary(Saving(next_in=0.0, next_at=100)) == "next 100 due"


def test_the_summary_says_what_is_deleted_and_how_the_size_changed():
    assert checkpoints.summary(Saving(present=3, deleted=9, rotates=True)) == "keeps 3"
    assert checkpoints.summary(Saving(present=3, deleted=9)) == "9 deleted"
    assert checkpoints.summary(Saving(size_ratio=0.62)) == "newest 38% smaller"
    assert checkpoints.summary(Saving(size_ratio=1.5)) == "newest 50% larger"
    assert checkpoints.summary(Saving(size_ratio=1.001)) == ""


def test_the_last_good_one_is_marked_by_a_word():
    rows = [
        CheckpointRow("step_400", 400, "dcp", "complete", spoilt="after NaN"),
        CheckpointRow("step_300", 300, "dcp", "complete"),
        CheckpointRow("step_200", 200, "dcp", "complete"),
    ]
    good = checkpoints.last_good(rows, Saving(last_good=300))
    assert good is rows[1]
    said = [cells.row_text(row) for row in checkpoints.table(rows, 80, go_back=good)]
    assert ["last good" in row for row in said] == [False, True, False]
    assert "complete" in said[2]
    assert cells.row_text(checkpoints.brief(rows[1], go_back=True)) == "✓ 300 last good"
    assert checkpoints.last_good(rows, Saving(last_good=400)) is None, "its weights are not good"


def test_of_files_that_cannot_be_checked_it_is_known_which_were_saved_after_the_nan():
    rows = [
        CheckpointRow("step_400", 400, "dcp", "unknown", "in no known format", spoilt="after NaN"),
        CheckpointRow("step_300", 300, "dcp", "unknown", "in no known format"),
    ]
    newest = checkpoints.newest_unchecked(rows, Saving())
    assert newest is rows[1]
    assert checkpoints.newest_unchecked(rows, Saving(last_good=200)) is None
    said = [cells.row_text(row) for row in checkpoints.table(rows, 80, go_back=newest)]
    assert "400 after NaN" in said[0]
    assert "300 not checked" in said[2]
    assert checkpoints.summary(Saving(), rows) == "newest before NaN: 300 (contents not checked)"
    assert checkpoints.summary(Saving(), rows[1:]) == "newest: 300 (contents not checked)"
    assert checkpoints.summary(Saving(200), rows) == "last good 200"
    logged = [
        CheckpointRow("step_2", 2, "", "logged", spoilt="diverged"), CheckpointRow("step_1", 1, "", "logged")
    ]  # fmt: skip
    assert checkpoints.summary(Saving(), logged) == "newest before it diverged: 1 (by the log alone)"
    assert checkpoints.summary(Saving(), logged[1:]) == ""


def test_what_took_less_than_a_second_took_some_time():
    row = CheckpointRow("a", 2, state="complete", seconds=0.2)
    assert "<1s" in cells.row_text(checkpoints.table([row], 80)[0])


def test_a_column_of_which_nothing_is_known_is_left_out_and_a_cell_is_a_dash():
    rows = [CheckpointRow("a", 2, state="complete"), CheckpointRow("b", 1, state="complete", seconds=3.0)]
    assert "took" not in cells.row_text(checkpoints.heading(rows[:1], 80))
    assert cells.row_text(checkpoints.table(rows, 80)[0]).split() == [
        "✓",
        "2",
        "complete",
        "-",
        "-",
        "-",
        "a",
    ]


def test_a_narrow_table_has_the_age_in_full_and_no_size():
    heading = cells.row_text(checkpoints.heading([DAMAGED], 38))
    first = cells.row_text(checkpoints.table([DAMAGED], 38)[0])
    assert heading.split()[:3] == ["step", "state", "written"]
    assert first[: heading.index("written") + 7].endswith("6h ago")


def test_the_kind_of_an_event_is_in_words():
    begun = EventRow("eval_begin", "Evaluating: 72", None, 720)
    assert cells.row_text(checkpoints.events([begun], 60)[0]).split()[:3] == ["-", "720", "evaluation"]
    narrow = cells.row_text(checkpoints.events([begun], 46)[0])
    assert narrow.split() == ["-", "evaluation", "Evaluating:", "72"], "what happened goes before the line"
    assert cells.row_text(checkpoints.event_heading(46)).index("what") == narrow.index("Evaluating")


def test_the_shards_of_ranks_are_counted_where_there_are_any():
    rows = [
        CheckpointRow("a", 2, state="incomplete", ranks=3, ranks_expected=4),
        CheckpointRow("b", 1, state="complete", ranks=4, ranks_expected=4),
        CheckpointRow("line 7", 0),
    ]
    heading = cells.row_text(checkpoints.heading(rows, 80))
    first, second, third = (cells.row_text(row) for row in checkpoints.table(rows, 80))
    at = heading.index("ranks") + len("ranks")
    assert (first[at - 3 : at], second[at - 3 : at], third[at - 3 : at]) == ("3/4", "4/4", "   ")
    assert [row[heading.index("name") :].strip() for row in (first, second, third)] == ["a", "b", "line 7"]
    assert "ranks" not in cells.row_text(checkpoints.heading(rows[2:], 80))


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
    assert cells.wrapped("one two · three", 10, 5) == ["one two", "· three"]


def test_what_was_saved_after_nan_is_not_in_a_good_color():
    good = CheckpointRow("step_300", 300, "dcp", "complete", "", 1 << 30)
    bad = CheckpointRow("step_400", 400, "dcp", "complete", "", 1 << 30, spoilt="after NaN")
    logged = CheckpointRow("line 9", 500, spoilt="diverged")
    gone = CheckpointRow("step_500", 500, "dcp", "damaged", spoilt="after NaN")
    rows = checkpoints.table([good, bad, logged, gone], 80)
    assert [role for _, role in rows[0]].count("good") == 2
    assert cells.row_text(rows[1]).split()[:4] == ["◈", "400", "after", "NaN"]
    assert cells.row_text(rows[2]).split()[:3] == ["◈", "500", "diverged"]
    for row in rows[1:3]:
        assert {role for _, role in row} & {"good", "warn", "crit"} == {"warn"}
    assert {role for _, role in rows[3]} & {"good", "warn", "crit"} == {"crit"}, "what is worse is shown"
    assert cells.row_text(checkpoints.brief(bad)) == "◈ 400 after NaN"
