"""A large text is searched for events by hashes of three bytes: what the regex finds is found, and no more."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from runwatch.parsers.events.milestones import MILESTONES
from runwatch.parsers.events.triggers import WORDS
from runwatch.parsers.events.trouble import TROUBLE
from runwatch.parsers.prefilter.sieve import TRIGGERS
from runwatch.parsers.words import any_of

SLICE = 1 << 17
WANTED = any_of(frozenset({*WORDS, b"%|"}))
NEEDLES = sorted({needle for signs in (TROUBLE, MILESTONES) for sign in signs.all for needle in sign.needles})
PIECES = st.lists(
    st.sampled_from([*NEEDLES, b"%|", b"%", b"\n", b" and ", b"training loss", b"X"]) | st.binary()
)


@settings(max_examples=50)
@given(PIECES, st.integers(0, 12))
def test_it_finds_what_the_regex_finds(pieces, before):
    text = b"".join(pieces)
    everywhere = [at for at in range(len(text)) if WANTED.match(text, at)]
    assert sorted(TRIGGERS.places(text)) == everywhere
    padding = b"." * (SLICE - before)  # so that words lie across the border between two slices
    assert sorted(TRIGGERS.places(padding + text)) == [
        at for at in range(SLICE - before, SLICE - before + len(text)) if WANTED.match(padding + text, at)
    ]


def test_it_finds_what_the_text_ends_with():
    assert list(TRIGGERS.places(b"Epoch 1:  10%|")) == [12]
    assert list(TRIGGERS.places(b"." * (SLICE - 1) + b"%|")) == [SLICE - 1]
    assert list(TRIGGERS.places(b"." * SLICE + b"%|")) == [SLICE]
    assert list(TRIGGERS.places(b"%")) == []
    assert list(TRIGGERS.places(b"")) == []
