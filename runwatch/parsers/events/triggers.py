"""The words of which every event holds one: text is searched for them to find the lines worth a look."""

from runwatch.parsers.events.failures import ROOT_CAUSE
from runwatch.parsers.events.milestones import MILESTONES
from runwatch.parsers.events.tracebacks import AGAIN, BECAUSE, DURING, IGNORED, MODULE, WORD
from runwatch.parsers.events.trouble import TROUBLE
from runwatch.parsers.words import any_of, least

_LINES = (WORD, MODULE, BECAUSE, DURING, AGAIN, *IGNORED, ROOT_CAUSE)
"""Words of what spans lines."""
WORDS = least((*TROUBLE.needles, *MILESTONES.needles, *_LINES))
TRIGGER = any_of(WORDS)
"""Finds them in a line; in a large text prefilter.sieve.TRIGGERS does."""
