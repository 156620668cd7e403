"""What terminals, messages and file names are shown as."""

import sys
import unicodedata

import pytest

from runwatch.text import plain

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


@pytest.mark.parametrize(
    "said",
    ["naïve cafe\u0301", "损失 2.31", "कर्म", "\u0661\u0600", "👩👧", "Épochs: 100%|█████▉ | 10/100", "x\u20d7"],
)
def test_what_real_text_needs_stays(said):
    assert plain(said) == said
