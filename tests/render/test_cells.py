"""Cells are counted as terminals count them, whatever a log contains."""

from hypothesis import given
from hypothesis import strategies as st
from wcwidth import wcswidth

from runwatch.render import cells

SIZES = st.integers(-2, 60)


@given(st.text(max_size=40))
def test_width_is_what_the_terminal_says(text):
    settled = cells.settled(text)
    assert cells.width(settled) == wcswidth(settled)


@given(st.text(max_size=40), SIZES)
def test_pad_is_exact_and_clip_is_bounded(text, size):
    assert wcswidth(cells.pad(text, size)) == max(0, size)
    assert wcswidth(cells.clip(text, size)) <= max(0, size)
    assert wcswidth(cells.shorten(f"{text}/{text}", size)) <= max(0, size)


@given(st.lists(st.text(max_size=20), max_size=6), st.integers(1, 12))
def test_names_fit_and_stay_as_many(names, size):
    short = cells.apart(names, size)
    assert len(short) == len(names)
    assert all(wcswidth(name) <= size for name in short)


def test_names_that_begin_alike_stay_apart():
    names = ["val/Acc.background", "val/Acc.potato", "val/IoU.background", "val/IoU.potato", "lr"]
    assert cells.apart(names, 9) == ["val/A…und", "val/A…ato", "val/I…und", "val/I…ato", "lr"]
    assert cells.apart(["loss", "lr"], 9) == ["loss", "lr"]


def test_of_a_path_the_name_of_the_file_stays():
    said = "Saved model to: /lustre/projects/llm/run-17/checkpoints/model_0050.pt"
    assert cells.shorten(said, 40) == "Saved model to: /lustre/p…/model_0050.pt"
    assert cells.shorten("no path at all, only words", 12) == "no path at …"
    assert cells.shorten("short", 12) == "short"


@given(st.lists(st.tuples(st.text(max_size=9), st.just("x")), max_size=5), SIZES)
def test_fit_is_exact(row, size):
    assert wcswidth(cells.row_text(cells.fit(row, size))) == max(0, size)
    assert wcswidth(cells.row_text(cells.spread(row, row, size))) == max(0, size)


def test_what_is_not_looked_at_closely_takes_a_cell_each():
    every = "".join(map(chr, range(0x110000)))
    short_cut = [char for char in every if cells._SINGLE.fullmatch(char)]
    assert len(short_cut) > 600
    assert all(wcswidth(char) == 1 and cells._settle(char) == char for char in short_cut)


def test_ascii_stays_ascii():
    assert cells.pad("über 模型", 9, "~").isascii()
    assert cells.row_text(cells.fit([("模型 ok", "")], 8, ascii_only=True)) == "?? ok   "


def test_runs_joins_equal_roles():
    assert cells.runs("aabb", ["x", "x", "y", "y"]) == [("aa", "x"), ("bb", "y")]
    assert cells.runs("", []) == []


def test_a_blank_costs_no_change_of_role():
    row = cells.runs("  ab c  d", ["", "", "x", "x", "", "x", "", "", "y"])
    assert row == [("  ab c  ", "x"), ("d", "y")]
    assert cells.row_text(cells.runs("   ", ["a", "b", "c"])) == "   "


def test_a_blank_is_no_other_run_unless_its_background_is():
    assert cells.runs("a b", ["x", "y", "x"]) == [("a b", "x")]
    assert cells.runs("a b", ["x", " on g", "x"]) == [("a", "x"), (" ", " on g"), ("b", "x")]
    assert cells.runs(" a ", ["x on g", "y on g", " on g"]) == [(" a ", "y on g")]
    assert cells.runs("  a", ["x on g", "", "y"]) == [(" ", "x on g"), (" a", "y")]


def test_the_row_that_keys_act_on_is_a_bar_of_the_whole_width_in_which_full_blocks_keep_their_color():
    assert cells.bar([("ab", "x"), (" c", "y")], 6) == [("ab c  ", "select")]
    row = cells.bar([("a ", "x"), ("██", "warn"), ("", "")], 6)
    assert row == [("a ", "select"), ("██", "warn"), ("  ", "select")]
    row = cells.bar([("rank 3 ", ""), ("NaN", "bad"), (" ", "dim")], 12)
    assert row == [("rank 3 ", "select"), ("NaN", "select-crit"), ("  ", "select")], "what is wrong says so"


def test_carets_of_a_traceback_stay_below_a_whole_line_only():
    text = "  x = model(tokens, labels)\n      ^^^^^^^^^^^^^^^^^^^^^\n"
    assert cells.traceback(text, 40) == text.splitlines()
    assert not any("^" in line for line in cells.traceback(text, 20))
    assert cells.traceback(text, 20) == ["  x = model(tokens,", "  labels)"]


def test_a_long_path_breaks_behind_a_directory():
    path = "/data/experiments/pretraining/wandb/run-x7k2.wandb"
    assert cells.wrapped(path, 40, 9) == ["/data/experiments/pretraining/wandb/", "run-x7k2.wandb"]
    assert cells.wrapped("/data/" + "x" * 40, 30, 9)[0] == "/data/" + "x" * 24, "not after a few letters"


def test_a_part_behind_a_dot_is_not_broken_if_it_fits_in_a_line():
    said = "loss is 42% above its best of 6.202 at step 495 \u00b7 since step 657"
    assert cells.wrapped(said, 62, 9) == [said[:47], said[48:]]
    assert cells.wrapped(said, 36, 9) == [
        "loss is 42% above its best of 6.202",
        "at step 495 \u00b7 since step 657",
    ]
    assert cells.wrapped("one \u00b7 two three four", 16, 9) == ["one \u00b7 two three", "four"], (
        "half a line is much"
    )


def test_a_number_stays_with_its_unit_and_a_step_with_its_number():
    said = "steps take 96% longer: 252 ms, usually 128 ms, since step 206"
    for width, lines in (
        (26, ["steps take 96% longer:", "252 ms, usually 128 ms,", "since step 206"]),
        (57, ["steps take 96% longer: 252 ms, usually 128 ms, since", "step 206"]),
    ):
        assert cells.wrapped(said, width, 9) == lines
    assert cells.wrapped("12 ms", 3, 9) == ["12", "ms"], "where nothing else can be done"
