"""Python tracebacks, joined: also indented, with variables (loguru), in a box (rich), or of ranks that mix.

A traceback belongs to a tag: what launchers put before each line of a process
(`[rank3]: `, `5: [default2]:`). Lines of one tag may be apart, those without
a tag may not. A logger's prefix precedes the first line, or all lines.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from runwatch.core.text import decode
from runwatch.parsers.words import ALIKE

WORD = b"Traceback"
"""What the first line of each holds, however it is folded."""
HEAD = WORD + b" (most recent call last)"
BECAUSE = b"direct cause of the following"
"""Appears between a traceback and one that was raised because of it."""
DURING = b"During handling of the above exception"
"""Appears between a traceback and one that was raised while it was handled."""
AGAIN = b"Original exception was:"
"""Appears between the traceback of a hook that failed and the one that it should have shown."""
IGNORED = (b"Exception ignored in", b"--- Logging error ---", b"future: <", b"handle: <")
"""Begin the line before a traceback that Python prints and continues after; asyncio names there the task
or the callback.
"""
_HEAD = re.compile(
    rb"(?P<indent>[ \t]*)(?P<before>(?:(?!\+ Exc|>+ )[^\s'\"`].{0,200}?[\s>:|\]-])?)"
    rb"(?P<group>(?:\+ Exception Group )?)Traceback \(most recent call last\)(?::\s*$| [\x80-\xff]+\s*$)"
)
_NOTEBOOK = re.compile(
    rb"(?P<indent>)(?P<before>)(?P<group>)\w*(?:Error|Exception|Interrupt|Exit) {2,}"
    rb"Traceback \(most recent call last\)\s*$"
)
"""What IPython prints: the kind of exception goes first."""
_GLUED = re.compile(rb"(?<=[\w%).!])Traceback \(most recent call last\):\s*$")
"""Behind a bar or another line that was not ended."""
CUT_HEAD = re.compile(rb"(?:\A|\w : )Traceback(?: \(most(?: recent(?: call)?)?)? ?\s*\Z")
"""A head of which more is on the next line, as PowerShell folds it."""
_HEADED = b"".join((HEAD + b":").split())
_NATIVE = re.compile(rb"(?:^|\s)C\+\+ $")
"""Appears before the head of what native code prints; its error has a line of its own."""
_OUTERMOST = re.compile(
    r"(?:<module>|(?:main|_?run\w*|_bootstrap\w*|_wrap\w*|\w*wrapper|spawn_main|_main|\w*worker)\b)"
)
"""Functions in which a process or a thread begins, or from which a launcher prints what it caught."""
_BOTTOM = re.compile(r"<module>|_bootstrap|_wrap\b|spawn_main|_run_(?:module|code)|_?worker_(?:loop|main)")
"""Those below which nothing can have caught it."""
_MAIN = re.compile(r"\s*File \"(?!<)(?:[^\"]*[/\\])?([^\"/\\]+)\", line \d+, in <module>")
"""Where a program begins, in its own file."""
_HEADLESS = re.compile(rb" {1,8}File \"[^<\"][^\"]*\", line \d+, in <module>\s*\Z")
"""The first frame of one whose head was lost, as in what trackers keep of a terminal."""
MODULE = b"in <module>"
_OF_TRACKER = re.compile(
    r"\s*File \".*\bthreading\.py\", line \d+, in _bootstrap(?:_inner)?\n(?:.*\n)*?\s*File \".*[/\\]"
    r"(?:wandb|tqdm|tensorboardX?|comet_ml|mlflow|neptune|clearml|swanlab|aim|sentry_sdk)[/\\]"
)
"""Frames of a thread that watches training and is no part of it."""
_GONE = re.compile(
    r"\bshut ?down\b|\b(?:EOF|BrokenPipe|ConnectionReset|ConnectionRefused|ConnectionAborted)Error\s*(?:\Z|:)"
)
"""What such a thread raises where the process that it talks to has gone."""
_FILE = re.compile(r"\s*(?:> )?File \"(?!.*\bconda[/\\]exception_handler\.py).*\", line \d+, in ")
"""A frame; that of conda shows what ended the program that it ran."""
_FOLDED = re.compile(rb"\s*File \"[^\"]*$")
"""A frame that continues on the next line: PowerShell folds what it writes of a program at a width."""
_FRAME = re.compile(
    rb"\s|[\x80-\xff>|]|$|\^|During handling of|The above exception|(?:Original )?Traceback \(most"
    rb"|During task with name"
)
_RAISED = re.compile(
    rb"(?!(?:DEBUG|INFO|WARN|ERROR|CRITICAL|Call stack|Message|Arguments|Epoch|Step)\b|wandb:)"
    rb"(?:[A-Za-z_]\w*\.)*(?:[A-Z]\w*(?:Error|Exception|Interrupt|Exit|Warning|Failure|Group|Iteration)(?=:|\s|$)"
    rb"|\w*rror(?::|$)|[A-Z]\w*: )|(?:[A-Za-z_]\w*\.)+\w+(?:: |$)"
)
_NAMED = re.compile(rb"(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Interrupt|Exit)(?::|\s*$)")
"""What was raised, even behind a line that may continue: by the end of its name."""
_CAUGHT = re.compile(rb"[\w.]+: Caught \w+ in .{1,80}\.$")
"""What torch raises again for a worker; the original is below."""
_QUOTES = re.compile(rb"(?:[a-z_]\w*\.)+\w+: .{0,200}\bTraceback \(most recent call last\):\s*$")
"""An error of native code that called Python, whose own traceback it quotes below."""
_NAME_ONLY = re.compile(rb"[\w.]+: *$")
"""An exception whose message begins on the next line: one without a message has no colon."""
_QUOTED = re.compile(
    rb"Traceback \(most recent call last\):\\n(?:\s*File \\\"(?:[^\"\\]|\\.)+|\s*File \"(?:[^'\\]|\\.)+)"
)
"""In the text of another line, of JSON or Python, where lines end with the two characters of an escape."""
_ESCAPED = {b"n": b"\n", b"t": b"\t"}
_LETTER = re.compile(rb"[A-Za-z\x80-\xff]")
_LISTS = b"(most recent call last):"
"""Ends a line that lists calls, as TensorFlow does between an exception and its message."""
_MAX_FRAMES = 60
_SHOWN = 20
"""Lines of a traceback that are kept, the newest."""
_MAX_OPEN = 64
_BEFORE_FRAMES = 60
"""So many may be between a head that is folded and its first frame, where PowerShell shows the command."""
_APART = 512
"""So many records may be between two lines of a tagged traceback."""
_STRAY = 3
"""So many lines of others may be between two lines of one without a tag."""
_MIXED = 20
"""So many may be behind its head, and between folded ones: what another pipe held back."""
_LONGEST = 2000
"""Bytes of an exception's words that are joined of folded lines."""


@dataclass(slots=True)
class _Open:
    """A traceback whose last line has not come yet."""

    line: int
    """Of its head; once it was raised, of that."""
    offset: int
    """Of its newest line."""
    next: int
    """Number of the record that would follow directly."""
    rank: int | None
    """That of the process that printed it."""
    before: bytes = b""
    """What a logger put before its first line, digits as 0."""
    indent: int = 0
    barred: bool = False
    """Whether it is of an exception group: a bar precedes each line."""
    frames: list[str] = field(default_factory=list)
    stray: int = 0
    raised: bytes = b""
    """Its last line, whose message is below it."""
    lists: bool = False
    """Whether calls are listed between the two."""
    begun: int = 0
    """Line of its head."""
    chained: bool = False
    """Whether it was raised because of one right before it."""
    handling: bool = False
    """Whether it was raised while one right before it was handled."""
    ignored: bool = False
    """Whether Python says that it continues after it."""
    headless: bool = False
    """Whether its head was not seen: it may be a list of calls, unless an exception ends it."""
    width: int = 0
    """At which its lines are folded; 0 if they are not."""
    joins: bool = False
    """Whether its last line continues on the next one."""
    continues: bool = False
    """Whether its newest line does."""
    head: bytes = b""
    """What is known of a head that is folded, without spaces, until the first frame."""

    def folds(self, text: bytes) -> bool:
        """Return whether a line continues on the next one."""
        return self.width > 0 and (len(text) >= self.width or text[-1:] == b" ")


@dataclass(frozen=True, slots=True)
class Ended:
    """A traceback, complete or cut off."""

    rank: int | None
    offset: int
    line: int
    raised: bytes
    """Its last line; empty where it was cut off."""
    data: dict[str, str]
    """Its frames, what else is known of it (see _end), the program's own file in which it begins."""


class Tracebacks:
    """The tracebacks that are open, by tag; a bounded number."""

    def __init__(self) -> None:
        self._open: dict[bytes, _Open] = {}
        self._because: set[bytes] = set()
        """Tags of which the next one was raised because of the one before it."""
        self._handling: set[bytes] = set()
        """Tags of which the next one was raised while the one before it was handled."""
        self._ignored: dict[bytes, int] = {}
        """Tag -> number of the record at which a traceback begins that Python continues after."""

    def __bool__(self) -> bool:
        return bool(self._open)

    def link(self, text: bytes, tag: bytes) -> None:
        """Take a line that may say how the next traceback of a tag follows from the one before it."""
        for words, tags in ((BECAUSE, self._because), (DURING, self._handling), (AGAIN, self._handling)):
            if words in text and len(tags) < _MAX_OPEN:
                tags.add(tag)

    def ignore(self, tag: bytes, ordinal: int) -> None:
        """Take the words before a traceback that Python prints and continues after."""
        self._ignored = {tag: ordinal + 1}

    def begin(
        self, text: bytes, tag: bytes, offset: int, line: int, ordinal: int, rank: int | None = None
    ) -> bool:
        """Return whether `text` is the first line of a traceback, which then is open."""
        if len(self._open) >= _MAX_OPEN:
            return False
        open_ = _Open(line, offset, ordinal + 1, rank, begun=line)
        if HEAD not in text and _HEADLESS.match(text):
            open_.frames, open_.headless = [decode(text, 200)], True
        elif HEAD not in text and (cut := CUT_HEAD.search(text)):
            open_.head = b"".join(text[text.index(WORD, cut.start()) :].split())
        else:
            head = _HEAD.match(text) or _NOTEBOOK.match(text)
            if head is None and _GLUED.search(text):
                head = _HEAD.match(text, text.rfind(WORD))
            if head is None or _NATIVE.search(head["before"]):
                return False
            before = b"" if head["before"][:1] >= b"\x80" else head["before"]
            open_.indent, open_.barred = len(head["indent"]), bool(head["group"]) or before == b"| "
            open_.before = b"" if open_.barred else before.translate(ALIKE)
            open_.chained, open_.handling = tag in self._because, tag in self._handling
            open_.ignored = self._ignored.get(tag) == ordinal
            self._because.discard(tag)
            self._handling.discard(tag)
        self._open[tag] = open_
        return True

    def feed(
        self, text: bytes, tag: bytes, offset: int, line: int, ordinal: int
    ) -> tuple[bool, Ended | None]:
        """Return whether `text` belongs to the open traceback of its tag, and that if it has ended."""
        open_ = self._open.get(tag)
        if open_ is None or ordinal - open_.next > (_APART if tag else 0):
            return False, None if open_ is None else self._end(tag)
        text = _inner(text, open_)
        open_.next = ordinal + 1
        if open_.head and not _FOLDED.match(text) and not _FILE.match(decode(text, 200)):
            return self._complete_head(tag, open_, text), None
        open_.head = b""
        if open_.raised:
            return self._join(tag, open_, text) if open_.joins else self._say_what(tag, open_, text)
        if _FRAME.match(text) or _CAUGHT.match(text) or _QUOTES.match(text):
            open_.stray, open_.offset = 0, offset
            open_.width = open_.width or (len(text) if _FOLDED.match(text) else 0)
            open_.continues = open_.folds(text)
            open_.frames.append(decode(text, 200))
            if len(open_.frames) > _MAX_FRAMES:
                del open_.frames[1]  # the first says where it began, the newest where it failed
            return True, None
        if _RAISED.match(text) and not (open_.continues and not _NAMED.match(text)):
            return True, self._raise(tag, open_, text, offset, line)
        open_.stray += 1
        open_.offset, open_.continues = offset, open_.folds(text)
        near = open_.frames and not open_.width
        return False, self._end(tag) if open_.stray > (_STRAY if near else _MIXED) else None

    def _raise(self, tag: bytes, open_: _Open, text: bytes, offset: int, line: int) -> Ended | None:
        """Take what was raised; return the traceback unless more is on the next lines."""
        folds = open_.folds(text)
        if folds or text.rstrip()[-1:] == b":":
            open_.raised, open_.offset, open_.line = text if folds else text.rstrip() + b" ", offset, line
            open_.joins = folds
            return None
        return self._end(tag, text, offset, line)

    def _complete_head(self, tag: bytes, open_: _Open, text: bytes) -> bool:
        """Return whether a line is of a head that is folded, or between it and the first frame."""
        open_.stray += 1
        if open_.head != _HEADED:
            open_.head += b"".join(text.split())
        if open_.stray <= _BEFORE_FRAMES and _HEADED.startswith(open_.head):
            return True
        del self._open[tag]
        return False

    def _join(self, tag: bytes, open_: _Open, text: bytes) -> tuple[bool, Ended | None]:
        """Take a line below an exception whose words are folded."""
        if HEAD in text or not text.strip():
            return False, self._end(tag, open_.raised)
        open_.raised += text
        more = open_.folds(text) and len(open_.raised) < _LONGEST
        return True, None if more else self._end(tag, open_.raised)

    def _say_what(self, tag: bytes, open_: _Open, text: bytes) -> tuple[bool, Ended | None]:
        """Take a line below an exception whose message is not on its own line: it is that if it can be."""
        more, indented = text.strip(), text[:1] in (b" ", b"\t")
        lists = more.endswith(_LISTS) and HEAD not in text
        if not more or lists or (open_.lists and indented):
            open_.lists |= lists
            return True, None
        says = indented or open_.lists or _NAME_ONLY.match(open_.raised) or _RAISED.match(text)
        inside = bool(says) and HEAD not in text and _LETTER.search(more) is not None
        return inside, self._end(tag, open_.raised + more if inside else open_.raised)

    def flush(self) -> list[Ended]:
        """End all tracebacks: the log ends or breaks here."""
        return [self._end(tag) for tag in tuple(self._open)]

    def _end(self, tag: bytes, raised: bytes = b"", offset: int = 0, line: int = 0) -> Ended:
        open_ = self._open.pop(tag)
        frames = "\n".join(open_.frames[-_SHOWN:])
        first = _FILE.match(open_.frames[0]) if open_.frames else None
        own = _MAIN.match(open_.frames[0]) if open_.frames else None
        of_tracker = _OF_TRACKER.match("\n".join(open_.frames)) is not None
        raised = raised or open_.raised
        gone = of_tracker and _GONE.search(decode(raised, 300) or frames) is not None
        ignored = open_.ignored or of_tracker or (open_.headless and not raised)
        facts = {
            # it begins inside the program, as one does that was caught there and printed
            "caught": raised and first is not None and not _OUTERMOST.match(open_.frames[0], first.end()),
            # it may have been caught: it does not begin where a process or a thread does
            "inner": raised and first is not None and not _BOTTOM.match(open_.frames[0], first.end()),
            "chained": raised and open_.chained,
            "ignored": ignored,
            # the process that a tracker's thread talks to has gone
            "gone": gone,
            # it takes the place of the one that was handled
            "handling": raised and open_.handling,
        }
        data = {"frames": frames} | {name: "1" for name, holds in facts.items() if holds}
        if raised and own is not None:
            if not (open_.handling or open_.chained or ignored):
                data["main"] = str(
                    open_.begun
                )  # line of its head: unless the program caught it, it has ended
            data["program"] = own[1]
        return Ended(open_.rank, offset or open_.offset, line or open_.line, raised, data)


def _inner(body: bytes, open_: _Open) -> bytes:
    """Return the line without what precedes every line of its traceback."""
    size = len(open_.before)
    if size and body[:size].translate(ALIKE) == open_.before:
        return body[size:]
    spaces = len(body) - len(body.lstrip(b" \t"))
    body = body[min(spaces, open_.indent) :]
    return body[2:] if open_.barred and body[:2] == b"| " else body


def quoted(line: bytes, offset: int, number: int) -> Ended | None:
    """Return the traceback in a text that a line quotes, as loggers of JSON do; None if it has none."""
    found = _QUOTED.search(line)
    if found is None:
        return None
    text = re.sub(rb"\\(.)", lambda escaped: _ESCAPED.get(escaped[1], escaped[1]), found[0])
    inside, ended = Tracebacks(), None
    for ordinal, part in enumerate(text.split(b"\n")):
        inside.link(part, b"")
        belongs, newest = inside.feed(part, b"", offset, number, ordinal)
        ended = newest or ended
        if not belongs and HEAD in part:
            inside.begin(part, b"", offset, number, ordinal)
    return next(iter(inside.flush()), ended)
