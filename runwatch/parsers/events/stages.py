"""Lines of a pipeline other than its training: headers of stages, trackers' runs, scores of an evaluation.

A header numbers a stage or is a banner that names a kind of training: `=== Stage 2/4: SFT ===`,
`==> mid-training`. A score is alone on its line: `MMLU accuracy: 31.65%`.
"""

from __future__ import annotations

import re

from runwatch.core.batch import Event
from runwatch.core.text import decode
from runwatch.parsers.lexicon.kinds import METRICS
from runwatch.parsers.lexicon.names import canonical, of_validation
from runwatch.parsers.lexicon.words import is_quality

_NAME = rb"[A-Za-z][\w +&/,-]{1,60}?(?: ?\([^()]{0,40}\))?"
_KINDS = (
    rb"(?:pre|mid|post|base|continued|further|main|joint)?[ _-]?(?:pre-?)?train(?:ing)?|fine-?tun(?:e|ing)|"
    rb"sft|dpo|ppo|grpo|rlhf|rl|reward model(?:ing)?|distill(?:ation|ing)?|evaluation|eval|tokenizer|report"
)
STAGE = (
    rb"(?:(?:\A|[\]|>:-] )[^\w\s]{0,80} {0,8}[^\w\s]{0,8} ?"
    rb"(?:[Cc]urriculum |[Tt]raining )?"
    rb"(?:[Ss]tage|STAGE|[Pp]hase|PHASE) #?(?P<number>\d{1,2})(?: ?(?:/|of) ?(?P<of>\d{1,2}))?"
    rb" ?[:.)|\xe2\x80\x93\x94-]+ ?(?P<name>" + _NAME + rb")"
    rb"|(?:==>|===|>>>) (?P<title>(?:[\w+.-]+ ){0,3}(?i:" + _KINDS + rb")"
    rb"(?i:(?! (?:loss|log|metric|result)))(?: [\w+./-]+)?"
    rb"(?: ?\([^()]{0,40}\))?))"
    rb"[^\w]{0,80}\Z"
)  # fmt: skip
_OF_ANY = re.compile(
    rb"(?i)(?=.*(?:start|begin))"
    rb"(?:(?:start(?:ed|ing|s)?|begin(?:s|ning)?|model|train(?:ing)?|now|the)(?: |\Z))+"
)
"""What begins any training, and names no stage: each launch says it again."""
STAGE_NEEDLES = b"tage |TAGE |hase |HASE |==> |=== |>>> "
_SCORES = b"ccuracy|score|Score|metric|bpb|erplexity|mAP|IoU|AUC|BLEU|pass@"
_WORD = rb"[A-Za-z0-9@+(][\w@/+.()-]{0,30}"
RESULT = (
    rb"\A(?:.{0,80}?[\]|>:-] )?\W{0,6}(?P<name>(?=[A-Za-z])(?:" + _WORD + rb" ){0,4}?[\w@/+.()-]{0,30}?(?:"
    + _SCORES
    + rb")[\w@/+.()-]{0,20}(?: " + _WORD + rb"){0,2}) ?[:=] {0,3}"
    rb"(?P<value>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?) ?(?P<share>%)?(?: ?\(\d+ ?/ ?\d+\))?[\s.!]*\Z"
)  # fmt: skip
RESULT_NEEDLES = _SCORES
TRACKER = rb"Run data is saved locally in \S*?(?P<id>(?:offline-)?run-\d{8}_\d{6}-[\w-]+)"
TRACKER_NEEDLES = b"Run data"
_LEAST = re.compile(rb"(?i)min(?:imum)?\b|lowest\b")
"""Words of names that repeat the best of what was printed before."""
_STAGE, _RESULT, _TRACKER = re.compile(STAGE), re.compile(RESULT), re.compile(TRACKER)


def stage(line: bytes) -> dict[str, str]:
    """Return what a header announces: name, number, of; empty if the line is none."""
    found = _STAGE.search(line)
    if found is None or _OF_ANY.fullmatch(found["title"] or b""):
        return {}
    parts = {"name": found["name"] or found["title"], "number": found["number"], "of": found["of"]}
    return {key: decode(value.partition(b"(")[0].strip(), 60) for key, value in parts.items() if value}


def tracker(line: bytes) -> dict[str, str]:
    """Return the name of the directory of a tracker's run that begins."""
    found = _TRACKER.search(line)
    return {} if found is None else {"id": decode(found["id"], 100)}


def result(line: bytes) -> dict[str, str]:
    """Return the score that a line shows: name and value, a share in [0, 1]; empty if the line shows none."""
    found = _RESULT.search(line)
    if found is None or _LEAST.match(found["name"]):
        return {}
    if not is_quality(found["name"]) and not found["name"].endswith((b"metric", b"score")):
        return {}
    value = float(found["value"]) / (100.0 if found["share"] else 1.0)
    return {"name": canonical(decode(found["name"], 60)), "value": repr(round(value, 12))}


def held_out(event: Event) -> tuple[str, float] | None:
    """Return name and value of an event's score of held-out data; what formats report is not read again."""
    name = event.data.get("name", "") if event.kind == "result" else ""
    if name in METRICS or of_validation(name) is None:
        return None
    return name, float(event.data["value"])
