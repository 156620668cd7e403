"""Settings that a program prints at the beginning of its log, before it trains.

Printed objects (`Namespace(lr=0.1, ...)`, dicts), `key: value` blocks, YAML, dotted tables, lists like
`key=value, key=value` on one line, and the command. A fact is like one of a configuration file: bounded,
safe, and without secrets.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from runwatch.core.errors import SourceError
from runwatch.core.metrics import goal, is_bookkeeping
from runwatch.core.text import decode
from runwatch.parsers.envelope.header import message
from runwatch.reports.printed_objects import Printed, read
from runwatch.watcher.layouts.run_facts import Facts, from_object, from_yaml
from runwatch.watcher.sources.compressed import blocks

HEAD = 256 << 10
"""Bytes of a log that are looked at."""
_FEWEST = 4
"""Settings from which neighboring lines, or the pairs of one line, are a configuration."""
_FEWEST_KEYS = 3
"""The same for an object."""
_TRAINS = re.compile(
    r"(?i)(?<![\w.])(?:\w+[ _/])?loss['\"]?\s{0,3}[:=|]?\s{0,3}-?\d"
    r"|\b(?:epoch|iter\w*|step)\b\W{0,3}\d+\s*[/|\]]"
    r"|\b(?:epoch|iter\w*|step|batch)\b[^\n\d]{0,4}\d[^\n]*(?:loss|acc|auc|reward|return)"
)
"""A line of training: what follows it is no configuration."""
_PROGRAM = re.compile(r"(?m)^[ \t]*(?:import \w|from [\w.]+ import |def \w+\(|class \w|return\b|@\w)")
"""A line of a program: some print themselves first."""
_OBJECT = re.compile(
    r"\b\w*(?:[Nn]amespace|[Cc]onfig|[Cc]onf|[Aa]rg(?:ument)?s|[Pp]arams|[Hh]param\w*|[Ss]ettings|[Oo]ptions)"
    r"\((?=\s*\w+\s*=)|\{(?=\s*['\"][A-Za-z_][\w./-]*['\"]\s*:)"
)
_NAME = r"[A-Za-z_][\w.-]{0,60}(?:/[\w.-]{1,60})*"
_UNDER = re.compile(rf"({_NAME})\s*(?:[:=]|\.{{3,}})\s*\Z")
"""The name of an object that is the value of a setting."""
_PAIR = re.compile(
    rf"\s*(?:[-*•]\s+)?(?:Overriding:\s*)?(?P<bar>\|\s*)?(?P<key>{_NAME}(?: [\w()/-]{{1,20}}){{0,3}}?)"
    r"\s*(?::(?=\s|$)|=(?!=)|\s?\.{2,}|(?(bar)\s\||(?!))|(?<=\w)\s{2,}(?=\S+\Z))\s*"
    r"(?P<value>.*?)(?:\s+\[default: [^\]]*\])?\s*\|?\s*"
)
_IN_LINE = re.compile(
    rf"(?:^|(?<=[\s,;({{]))({_NAME})(?:=|: )('[^']*'|\"[^\"]*\"|\[[^\]]*\]|\([^)]*\)|[^\s,;=]+(?![^\s,;]))"
)
_ITEM = re.compile(r"\s+-\s+\S")
_RULE = " -=*+_#|"
"""What rules between the parts of a block are made of."""
_OF_RECORDS = frozenset(
    {
        "epoch",
        "iter",
        "iters",
        "iteration",
        "step",
        "global_step",
        "current_steps",
        "key",
        "results",
        "metric",
    }
    | {"role", "content", "prompt", "text", "input_ids"}
)
"""Names in a dict or a list of pairs that make it a record, or a sample of the data."""
_CALL = re.compile(r"[a-z_][\w.]*\(")
_CALLED = re.compile(r"[^=:]*\w\(|[^=]*: \w+\(")
_NUMBER = re.compile(r"-?\d[\d.]*(?:e[+-]?\d+)?|nan|-?inf", re.IGNORECASE)
_MEASURED = re.compile(r"-?\d*\.\d{9,}")
"""A number that nobody sets."""
_SOURCE = re.compile(r"\[[\w./-]+\.py(?::\d+)?(?::\w+)?\]\s*|[\w./]+:\d+\s+-\s+")
"""Where the program printed it; some loggers put that before the message."""
_SAYS = re.compile(
    r"(?i)(?:.* )?(?:warning|fatal|info|debug|note|usage|trace|http\w*|file|exception|export|wandb|\w*error)"
    r"(?: .*)?"
)
"""Names of messages, not of settings."""
_LEVEL = re.compile(r"\[?(?:WARNING|INFO|ERROR|DEBUG)\b")
_COMMAND = re.compile(
    r"(?:^|[$>+#%:]\s{0,3})((?:\w+=\S+ )*(?:\S*/)?"
    r"(?:python[\d.]*|torchrun|deepspeed|accelerate launch|srun|mpirun)\s[^\n]*?\w\.py\b[^\n]*)"
)


def of_log(path: str) -> Facts:
    """Return the settings at the beginning of a log; none if it cannot be read."""
    try:
        return settings_in(next(iter(blocks(path, HEAD)), b""))
    except (OSError, SourceError):
        return {}


def settings_in(head: bytes) -> Facts:
    """Return the settings that the beginning of a log shows; of a name that comes again the first counts."""
    text = head[:HEAD].decode("utf-8-sig", "replace").replace("\r\n", "\n")
    objects, rest = _objects(_without_program(text))
    facts = from_object(objects)
    training = _TRAINS.search(rest)
    lines = rest[: training.start() if training else len(rest)].split("\n")
    command = next(filter(None, map(_COMMAND.search, lines)), None)
    more = [from_object({"command": command[1]})] if command else []
    for block in [*more, *_blocks(lines)]:
        facts |= {name: value for name, value in block.items() if name not in facts}
    return facts


def _without_program(text: str) -> str:
    """Return the text without a program's own lines."""
    lines = list(_PROGRAM.finditer(text))
    return text[: lines[0].start()] + text[lines[-1].end() :] if len(lines) > _FEWEST else text


def _objects(text: str) -> tuple[dict[str, Printed], str]:
    """Return the settings in objects before the first line of training, and the text without them."""
    found: dict[str, Printed] = {}
    parts, at = [], 0
    while start := _OBJECT.search(text, at):
        begin = text.rfind("\n", 0, start.start()) + 1
        if _TRAINS.search(text, at, begin):
            break
        value, end = read(text, start.start())
        parts.append(text[at : start.start()])
        at = max(end, start.end())
        if isinstance(value, dict) and len(value) >= _FEWEST_KEYS and not _is_record(value, start[0]):
            under = _UNDER.search(text, begin, start.start()) if start[0] == "{" else None
            new = {under[1]: value} if under else value
            found |= {name: held for name, held in new.items() if name not in found}
    return found, "".join(parts) + text[at:]


def _is_record(value: dict[str, Printed], begin: str) -> bool:
    """Return whether an object is a record of a log, or a sample of the data."""
    named = begin == "{" and not _OF_RECORDS.isdisjoint(map(str.lower, value))
    return named or _are_results(from_object(value))


def _are_results(named: Mapping[str, str]) -> bool:
    """Return whether these are values that training gave: a loss, or mostly scores and long fractions."""
    if any(name.lower().endswith("loss") and _NUMBER.fullmatch(value) for name, value in named.items()):
        return True
    return 2 * sum(_is_result(name, value) for name, value in named.items()) > len(named)


def _is_result(name: str, value: str) -> bool:
    last = name.rpartition("/")[2].lower()
    return bool(goal(last) or is_bookkeeping(last) or _MEASURED.fullmatch(value))


def _blocks(lines: list[str]) -> Iterator[Facts]:
    """Yield the settings of neighboring lines, and of lines that list several."""
    block: list[str] = []
    for line in [*map(_bare, lines), ""]:
        pairs = _IN_LINE.findall(line)
        pair = _PAIR.fullmatch(line) if len(pairs) < _FEWEST or " .." in line else None
        setting = pair is not None and _is_setting(pair["key"], pair["value"])
        if setting or (block and (_ITEM.match(line) or (line.strip() and not line.strip(_RULE)))):
            block.append(line)
        else:
            yield _of_block(block)
            block = []
            yield _of_pairs(line, pairs)


def _bare(raw: str) -> str:
    """Return a line without what a logger put before it; its own indent stays."""
    line = decode(message(raw.encode("utf-8", "replace")), len(raw) + 1)
    return raw.rstrip() if line.strip() == raw.strip() else _SOURCE.sub("", line, count=1).rstrip()


def _is_setting(key: str, value: str) -> bool:
    """Return whether a pair is a setting: no message, and no line of a program."""
    if (
        _SAYS.fullmatch(key)
        or _LEVEL.match(value)
        or value.startswith(":")
        or value.endswith((",", ";", "[", "{"))
    ):
        return False
    if _CALL.match(value) or any(
        value.count(left) != value.count(right) for left, right in ("()", "[]", "{}")
    ):
        return False
    words = len(value.split()) if value[:1] not in "'\"[({" else 1
    return words <= (3 if " " in key else 6) and not (" " in key and "_" in key)


def _of_block(block: list[str]) -> Facts:
    """Return the settings of neighboring lines; none of too few."""
    pairs = [pair for line in block if line.strip(_RULE) and (pair := _PAIR.fullmatch(line))]
    if len(pairs) < _FEWEST:
        return {}
    nested = any(not pair["value"] for pair in pairs) and all(":" in line or "-" in line for line in block)
    if nested:
        return from_yaml("\n".join(block).encode())
    return _settings({pair["key"].strip(): pair["value"].strip("'\" ") for pair in pairs if pair["value"]})


def _of_pairs(line: str, pairs: list[tuple[str, str]]) -> Facts:
    """Return the settings that one line lists; none if most of it is something else."""
    listed = sum(len(part) for pair in pairs for part in pair)
    named = {name: value.strip("'\"") for name, value in pairs if _is_setting(name, value)}
    called = _CALLED.match(line)  # the parts of a model, or of anything else that was made
    if called or len(pairs) < _FEWEST or 2 * listed <= len(line):
        return {}
    if not _OF_RECORDS.isdisjoint(map(str.lower, named)):
        return {}
    return _settings(named)


def _settings(named: dict[str, str]) -> Facts:
    """Return named values as facts; none if they are results."""
    return {} if _are_results(named) else from_object(named)
