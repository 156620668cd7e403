"""Text in markdown is shown as it is, whatever a log has in its lines, with few marks to escape it."""

from __future__ import annotations

from html import escape as as_html

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from runwatch.core.text import plain
from runwatch.reports.renderers.markdown import escape

MARKS = [
    "_",
    "*",
    "**",
    "`",
    "[x](y)",
    "!",
    "<b>",
    "|",
    "~",
    "~~",
    "&amp;",
    "&",
    "#",
    "- ",
    "+ ",
    "1. ",
    "2)",
]
MARKS += ["---", "=", "> ", "\\", "http://a.b", "www.a.b", "a", "b1", " ", ".", "é", "0.5", "\t"]
READER = MarkdownIt("gfm-like")
READER.linkify.set({"fuzzy_link": False, "fuzzy_email": False})


@given(st.lists(st.sampled_from(MARKS), min_size=1, max_size=9).map("".join))
def test_any_text_is_shown_as_it_is(text: str) -> None:
    if (wanted := plain(text)).strip() and not wanted.startswith("    "):
        shown = READER.render(escape(text))
        assert shown == f"<p>{as_html(wanted.strip())}</p>\n".replace("&#x27;", "'")


@pytest.mark.parametrize("text", ["train_loss", "lr_1e-3/run 2 (seed=1)!", "a & b > 0.5", "#3 of 4", "1.5"])
def test_a_plain_name_is_written_as_it_is(text: str) -> None:
    assert escape(text) == text


def test_a_mail_address_is_no_link() -> None:
    assert escape("mail a@b.de") == "mail a\\@b.de"
