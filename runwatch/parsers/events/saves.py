"""What a line about saving says: of which part of a checkpoint, of which step, where, and how it went.

A checkpoint is many files, and programs print a line for each: only those about the weights, or about
the whole, report a checkpoint. Next to them are optimizer shards, schedulers, tokenizers, settings.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from runwatch.core.text import decode
from runwatch.parsers.lexicon.places import place_of

CHECKPOINT = "checkpoint"
PART = "save_part"
"""A file of a checkpoint next to its weights."""
FAILED = "checkpoint_failed"
"""A save that failed, or was left out."""

PATTERNS = (
    rb"(?:[Ss]av(?:ed|ing)|Preparing to save) (?:the |current )?(?:\w+ )?"
    rb"(?:model|checkpoints?|optimizer|state|weights)\b.*?(?:\b(?:to|in|at|for|from)\b|\()",
    rb"(?:[Cc]heckpoint|weights|[Mm]odel) (?:is )?(?:saved|written)\b",
    rb"\b[Ss]av(?:ed|ing) (?:the )?(?:\w+ )?(?:model|checkpoint|weights): \S*[/.]\S",
    rb"[Cc]heckpoint (?:\S{1,40} ){1,5}saved (?:to|in|at)\b|(?:\A|[-:\]] )[Ss]ave checkpoint (?:to|at) \S*/",
    rb"(?:Writing|Wrote) (?:the |a )?(?:\w+ )?checkpoint\b|Checkpoint \S+ is ready now",
    rb"\b[Ss]av(?:ed|ing) (?:[Bb]est|BEST) (?:at|to|in)\b",
    rb"\b[Ss]av(?:ed|ing):? \S*(?:\.(?:pt|pth|ckpt|bin|h5|keras|safetensors)\b|checkpoint)",
)
AT_END = rb"\b[Ss]av(?:ed|ing) (?:the |a |new |best ){0,3}(?:model|checkpoint|weights)\W{0,8}\Z"
"""Words that mean it at the end of a line, unless that shows something else."""
LAST = (
    rb"\b(?:(?:[Ss]av(?:ed|ing)|[Ww]ritten|Writing|Wrote):? (?:the )?(?:[Ff]inal|FINAL) (?:\w+ )?"
    rb"(?i:model|checkpoint|weights|adapter)\b(?! (?:config|card|args|meta))"
    rb"|[Ff]inal (?:\w+ )?(?i:model|checkpoint|weights|adapter) (?:is |was |has been )?(?:saved|written)\b)"
)
"""Words by which a run saves for the last time."""
CLOSES = (
    rb"\A(?!.{0,200}?\b(?i:epoch\b|(?:fold|round|stage|phase|task|client|agent|seed|iteration)\W{0,3}\d))"
    rb".{0,80}?\b(?:[Tt]raining|TRAINING|[Tt]uning) (?:is |was |has been )?(?i:completed?|finished|done)"
    rb"[^\w%]{1,6}(?:\w+ ){0,5}?[Ss]av(?:ed|ing)\b"
)
"""Words by which a line about saving also says that training is over."""
NEEDLES = b"aved|aving|ave c|Preparing to|ritten|Writing|Wrote|ready now"
"""What shows that something of a checkpoint is saved."""
NOT_SAVED = (
    rb"[Ss]kip(?:s|ped|ping)? (?:\w+ ){0,3}(?:[Cc]heckpoint(?:ing|s)?\b|[Ss]aving[ :])",
    rb"(?:[Ff]ailed to|[Uu]nable to|[Cc]ould(?: not|n't)|[Cc]annot|[Ee]rror (?:while |when |in |during )?)"
    rb"(?: ?\w+){0,2} ?(?:sav|writ)(?:e|ing) (?:\w+ ){0,3}[Cc]heckpoint",
    rb"\b[Ss]aving (?:\S+ ){0,8}(?:was |has |been )?(?:skipped|failed|aborted|timed out)\b",
    rb"\b[Cc]heckpoint(?:ing)?(?: sav(?:e|ing)| write)?(?: (?:at|for) step \d+)? (?:was |has |been ){0,2}"
    rb"(?:skipped|failed|aborted|timed out)\b",
)
NOT_SAVED_NEEDLES = b"heckpoint|aving"
"""What shows that it was not."""

_FAILED = re.compile(b"|".join(NOT_SAVED))
_SKIPPED = re.compile(rb"[Ss]kip")
_BROKEN_OFF = re.compile(
    rb"inline_container|PytorchStreamWriter|SafetensorError|No space left|quota exceeded|Input/output error"
    rb"|[Ff]ailed to (?:save|write)"
)
"""What an error says that ends a save in its middle."""
DONE = re.compile(rb"[Ss]aved\b|[Ff]inished|written|success|writing took")
"""A checkpoint that is complete, where others begin."""
_BEST = re.compile(
    rb"(?i)(?<![a-z])best(?![a-z]|\W*[:=]|\W+[\d(])|\bhigh ?score|\bimproved\b|\bdecreased \(|\bas top\b"
)
"""What shows that a checkpoint was saved because it is the best so far."""
_OBJECT = re.compile(
    rb"(?:[Ss]av(?:ed|ing)|to save|[Ww]rit(?:ing|ten)|[Ww]rote):? (?P<active>(?:[\w,&+-]{1,30} ){0,8}?)"
    rb"(?=to\b|in\b|at\b|for\b|from\b|of\b|[:('\"/.]|\S*[/.]\S|$|\S+$)"
)
_SUBJECT = re.compile(
    rb"((?:[\w&+-]{1,30} ){1,4}?)(?:is |was |has |been |successfully ){0,3}(?:saved|written)\b"
)
_WHOLE = re.compile(
    rb"(?i)(?<![\w.])(?:checkpoints?|ckpt|weights|model(?! (?:config|meta|args|card|tokeni|optim)))\b"
)
_PART = re.compile(
    rb"(?i)\b(?:optimi[sz]er|optim|(?:lr )?scheduler|scaler|sampler|rng|random|tokeni[sz]er|tokens|config\w*"
    rb"|meta ?data|arguments|args|vocab\w*|processor|extractor|dataloader|statistics|history|metrics)\b"
)
_PART_FILE = re.compile(
    r"(?!model)(?:.*[^a-zA-Z])?(?:optim\w*|(?:lr_?)?sched\w*|scaler|sampler|rng|random_states?|meta|trainer_state"
    r"|training_args|tokenizer\w*|special_tokens\w*|vocab|merges|config|args)(?:[^a-zA-Z].*)?",
    re.IGNORECASE,
)
_NO_WEIGHTS = (".json", ".yaml", ".yml", ".txt", ".csv", ".md", ".jinja", ".png")

_STEP = re.compile(
    rb"(?i)(?:\b|_)(?:global[ _-]?step|step|iteration|iter|update)s?[_=:]? *0*(\d{1,15})\b"
    rb"|\b0*(\d{1,15}) (?:iterations|steps|updates)\b|\bcheckpoint[_=-]?0*(\d{1,15})\b"
)
_EPOCH = re.compile(rb"(?i)\bepochs?[_=:]? *\[?0*(\d{1,9})\b|\b(?:at|after) 0*(\d{1,9}) epochs?\b")
_PLACE = re.compile(
    rb"(?:\b(?:to|in|at|from|[Ss]av(?:ed|ing)|[Cc]heckpoint|file|path)(?:[:=] *| +)|[-=]> *"
    rb"|(?:[Mm]odel|weights)[:=] *)[\"']?(?=([^\s\"',]{1,1000}))"
)
_NAME = re.compile(rb"[A-Za-z_][^/.]{0,200}[/.]|/[^/]{0,200}[A-Za-z_]")


class Save(NamedTuple):
    """What one line says."""

    kind: str = CHECKPOINT
    step: int | None = None
    """As the line names it, in words or in the path; None if it does not."""
    epoch: int | None = None
    path: str = ""
    state: str = "saving"
    """saving, saved, failed or skipped."""
    best: bool = False
    """Whether it was to be saved because it is the best so far."""

    def data(self) -> dict[str, str]:
        """Return what an event says of it, except its step."""
        epoch = "" if self.epoch is None else str(self.epoch)
        reported = {"path": self.path, "epoch": epoch, "best": "1" if self.best else ""}
        return {name: value for name, value in reported.items() if value}


def read(line: bytes) -> Save:
    """Return what a line about saving or loading a checkpoint says."""
    found = _place(line)
    where = decode(found, 1000) if found else ""
    text = line.replace(found, b" ") if found else line
    step, epoch = _last(_STEP, text), _last(_EPOCH, text)
    if step is None and where:
        step, of_path = place_of(where)
        epoch = epoch if of_path is None else of_path
    best = _BEST.search(line) is not None
    if _FAILED.search(line):
        return Save(FAILED, step, epoch, where, "skipped" if _SKIPPED.search(line) else "failed", best)
    kind = PART if _is_part(line, where.rstrip("/").rpartition("/")[2]) else CHECKPOINT
    return Save(kind, step, epoch, where, "saved" if DONE.search(line) else "saving", best)


def broken_off(error: bytes) -> dict[str, str]:
    """Return what an event says of an error that a save may have ended with."""
    return {"state": "failed"} if _BROKEN_OFF.search(error) else {}


def _is_part(line: bytes, name: str) -> bool:
    """Return whether a line reports a file, called `name` if that is known, that is no weights."""
    if _PART_FILE.fullmatch(name):
        return True
    found = _OBJECT.search(line)
    what = found["active"] if found is not None else b""
    if not what.strip():
        subject = _SUBJECT.search(line)
        what = subject[1] if subject is not None else b""
    if _WHOLE.search(what):
        return False
    return _PART.search(what) is not None or name.endswith(_NO_WEIGHTS)


def _last(pattern: re.Pattern[bytes], text: bytes) -> int | None:
    found = pattern.findall(text)
    return int(b"".join(found[-1])) if found else None


def _place(line: bytes) -> bytes | None:
    """Return the file or directory that a line names, or None."""
    found = (match[1] for match in _PLACE.finditer(line) if _NAME.search(match[1]))
    return next((each.rstrip(b".)]}:;") for each in found), None)
