"""The expressions of matchers mean what Python's `re` means by them, and none can take long."""

from __future__ import annotations

import re
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runwatch.alerts.routing.expression import Expression
from runwatch.alerts.routing.policy import Matcher, parse_matcher

ATOMS = ["a", "b", ".", r"\d", r"\w", "[ab]", "[^a]", "[]a]", r"\.", "^", "$", r"\b", r"\A", r"\Z", r"\n",
         " ", "-", "(?i:A)", "(?-s:.)", "{", "a{,", r"\x61", "(?P<n>a)"]  # fmt: skip
TIMES = ["*", "+", "?", "{2}", "{0,2}", "{1,}", "{,2}", "*?", "+?", "??", "{1,2}?"]


def _larger(part: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(part, st.sampled_from(TIMES)).map(lambda two: f"(?:{two[0]}){two[1]}"),
        st.tuples(part, part).map("".join),
        st.tuples(part, part).map(lambda two: f"({two[0]}|{two[1]})"),
        part.map(lambda one: f"(?i:{one})"),
    )


@given(st.recursive(st.sampled_from(ATOMS), _larger, max_leaves=8), st.text("abA1. \n-", max_size=7))
@settings(max_examples=500, deadline=None)
def test_means_what_python_means(text, value):
    try:
        expected = re.fullmatch(text, value, re.DOTALL)
    except re.error:  # such as two groups of one name
        with pytest.raises(ValueError, match="not a regular expression"):
            Expression(text)
        return
    assert Expression(text).matches(value) == bool(expected)
    assert Expression("(?i)" + text).matches(value) == bool(re.fullmatch("(?i)" + text, value, re.DOTALL))


@pytest.mark.parametrize(
    "text",
    ["(a+)+", "(a|aa)*b", r"(\w+\s?)*$", ".*a.*a.*a.*a.*b", "((a*)*)*b", "(a?){30}(a{30})", "(.|.){90}b"],
)
def test_what_takes_forever_elsewhere_is_done_at_once(text):
    run = "a" * 3000 + "!"
    assert not parse_matcher(f"run=~{text}").holds({"run": run})
    assert parse_matcher(f"run!~{text}").holds({"run": run})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("(", "not a regular expression"),
        ("*a", "not a regular expression"),
        ("(?=a)b", r"cannot use \(\?="),
        ("(?!a)b", r"cannot use \(\?!"),
        ("(?<=a)b", r"cannot use \(\?<"),
        (r"(a)\1", r"cannot use \\1"),
        ("(?P<a>b)(?P=a)", r"cannot use \(\?P"),
        ("a++b", r"cannot use \+\+|multiple repeat"),  # which Python 3.10 does not know
        ("(a{99}){99}", "too large"),
        ("a" * 2000, "1000 characters at most"),
    ],
)
def test_what_cannot_be_matched_so_is_refused(text, words):
    with pytest.raises(ValueError, match=words):
        parse_matcher(f"run=~{text}")


def test_what_an_older_version_kept_and_is_not_known_here_silences_nothing():
    assert not Matcher("run", "=~", "(?!a).*").holds({"run": "b"})
    assert not Matcher("run", "!~", "(?!a).*").holds({"run": "a"})


@pytest.mark.parametrize(
    "text",
    ["^a", "a^", "(a|^)b", "a$", "$a", "a$b", r"\Aa", r"a\Ab", r"a\Zb", r"a\Z", r"\b", r"\Ba", r"a\b", r"a\bb",
     "(?i)(?-i:a)b", "(?i:a)b", "(?i)a[b-c]", "(?s:a.b)", "(?-s:a.b)", "[]a]", "[^]a]", r"[\d-]+", r"\x61",
     r"\u0061b", "a{,1}b", "a{1,}?b", "a{1}b", "{a", "a{,b", "(?P<n>a)b", "a**", "(a|)b", "()", ""],
)  # fmt: skip
def test_each_sign_means_what_python_means(text):
    try:
        known = re.compile(text, re.DOTALL)
    except re.error:
        with pytest.raises(ValueError, match="not a regular expression"):
            Expression(text)
        return
    found, words = Expression(text), ["".join(word) for n in range(4) for word in product("abA\n]", repeat=n)]
    words += ["a{,b", "{a", "1-1", "a-b", "a b"]
    assert [word for word in words if found.matches(word) != bool(known.fullmatch(word))] == []
