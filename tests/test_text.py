"""What terminals, messages and file names are shown as."""

import json
import os
import re
import shlex
import sys
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from runwatch.core.text import escaped, path, plain, shell_word, shown

VISIBLE = {0x600, 0x601, 0x602, 0x603, 0x604, 0x605, 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD}
"""Format characters that are drawn: number signs of Arabic and the like."""
IGNORABLE = (
    *(0xAD, 0x34F, 0x61C, 0x115F, 0x1160, 0x17B4, 0x17B5, *range(0x180B, 0x1810), *range(0x200B, 0x2010)),
    *(*range(0x202A, 0x202F), *range(0x2060, 0x2070), 0x3164, *range(0xFE00, 0xFE10), 0xFEFF, 0xFFA0),
    *(*range(0xFFF0, 0xFFF9), *range(0x1BCA0, 0x1BCA4), *range(0x1D173, 0x1D17B), *range(0xE0000, 0xE1000)),
)
"""Default_Ignorable_Code_Point of Unicode 16."""


def test_nothing_that_controls_or_is_shown_as_nothing_passes():
    control = {"Cc", "Cf", "Cs", "Zl", "Zp"}
    found = {code for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)) in control}
    for code in (found | set(IGNORABLE)) - VISIBLE - {0x09, 0x1B}:
        assert plain(f"a{chr(code)}b") == "ab", hex(code)


@given(st.text(st.sampled_from("\x1b\x9b[]PX^_\\\x07;0mab\n"), max_size=8))
@example("a\x1b")
@example("\x1b\nb")
def test_no_piece_of_an_escape_sequence_passes(said):
    assert plain(said).isprintable()


@pytest.mark.parametrize(
    "said",
    [
        "naïve cafe\u0301",
        "损失 2.31",
        "कर्म",
        "\u0661\u0600",
        "👩👧",
        "Épochs: 100%|█████▉ | 10/100",
        "x\u20d7",
    ],
)
def test_what_real_text_needs_stays(said):
    assert plain(said) == said


PARTS = st.text(st.sampled_from("ab.~\u200b\u00ad\ufe0f\u3164 \t\\x0\udcff\udcfe"), min_size=1, max_size=6)


@given(st.lists(PARTS, min_size=1, max_size=3), st.lists(PARTS, min_size=1, max_size=3))
def test_different_paths_are_shown_differently(one, other):
    first, second = "/".join(one), "/".join(other)
    assert (path(first) == path(second)) == (first == second)
    assert path(first).isprintable()
    if first != path(first):  # nobody can take the place of a marked name by using the mark
        assert path(path(first)) != path(first) or "~" not in path(first)


def test_a_path_that_no_file_can_have_is_shown_too():
    assert path("a\ud800") != path("a")
    assert path("a\ud800").isprintable()


def test_only_what_cannot_be_shown_marks_a_path():
    assert path("/runs/a b/模型~1.log") == "/runs/a b/模型~1.log"
    assert path(os.fsdecode(b"/runs/bad\xff.log")) == r"/runs/bad\xff.log"
    assert re.fullmatch(r"/x~[0-9a-f]{8}/a~[0-9a-f]{8}\.log", path("/x\u200b/a\u200b.log"))
    assert re.fullmatch(r"loss~[0-9a-f]{8}", shown("lo\u200bss"))
    assert shown("train/loss") == "train/loss"


@given(PARTS)
@example("--config=x y.log")
@example("$(reboot)'`;")
def test_a_file_name_is_one_word_of_a_command_and_no_option(name):
    (word,) = shlex.split(shell_word(name))
    assert not word.startswith("-")
    assert word.removeprefix("./") == path(name).removeprefix("./")


@given(PARTS, PARTS)
def test_different_names_of_metrics_are_shown_differently(one, other):
    assert (shown(one) == shown(other)) == (one == other)


@given(st.text(st.characters(codec="utf-8") | st.sampled_from("\x9b\u202e\U000e0041"), max_size=40))
@example("a\x7fb")  # the one control that JSON leaves as it is
def test_a_json_document_says_the_same_without_what_a_terminal_obeys(said):
    document = escaped(json.dumps({"said": said}, ensure_ascii=False))
    assert json.loads(document) == {"said": said}
    assert plain(document, len(document) + 1) == document.rstrip()
