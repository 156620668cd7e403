"""The one place that cuts secrets out of text: those that look like one, and those that are known.

What looks like one is cut out by its shape (`xoxb-...`, a webhook's address) or by what is
before it (`password=`, `--token`, `Authorization:`). Forty hexadecimal digits are a key only
behind such a word, or in the answer of a server: elsewhere they are a commit. Numbers stay.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise

from runwatch.core import text

MARK = "[secret]"

_SHAPES = re.compile(
    r"https?://(?:hooks\.slack\.com|discord(?:app)?\.com/api/webhooks|[\w.-]{0,100}webhook\.office\.com"
    r"|[\w.-]{0,100}\.logic\.azure\.com(?::\d+)?)/\S+"
    r"|\b(?:xox[a-z]-|xapp-)[\w-]{8,}"
    r"|\b(?:gh[pousr]_|github_pat_|glpat-|sk-|ya29\.|AIza|npm_|pypi-)[\w-]{16,}"
    r"|\bhf_[A-Za-z0-9]{16,}"
    r"|\b(?:AKIA|ASIA)[0-9A-Z]{12,}"
    r"|\b(?:bot)?\d{6,12}:[\w-]{30,}"  # a Telegram bot
    r"|\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"  # a JSON web token
    r"|(?<=://)(?:[^/\s:@]*:[^/\s@]+|[\w-]{16,})(?=@)"
    r"|(?i:(?<=bearer )|(?<=sig=)(?=[A-Za-z0-9%/+_=-]{16}))[^\s&\"',;]+"
    r"|(?i:(?<=[?&]signature=)|(?<=x-amz-signature=)|(?<=x-goog-signature=)|(?<=x-amz-security-token=))[^\s&\"']+"
)
_VALUE = r"""("[^"]*"\w*|'[^']*'\w*|[^\s,;]+)"""
"""What is behind a name; a shell joins what follows a quotation mark to it."""
_SCHEME = r"(?:basic|bearer|digest|token|key) {1,3}"
_HEADER = re.compile(rf"(?i)(authorization[\"']?\s{{0,3}}[:=]\s{{0,3}}[\"']?(?:{_SCHEME})?){_VALUE}")
_BASIC = re.compile(r"(\b[Bb]asic {1,3})([A-Za-z0-9+/_-]{8,}={0,2})")
_NAMES = (
    r"passw(?:or)?d|passphrase|passwd|pwd|secret|credential|token"
    r"|(?:api|access|account|private|secret|auth|encryption)[_-]?key|(?:wandb|license)[_-]key"
)
_NAME = re.compile(_NAMES, re.IGNORECASE)
_NAMED = re.compile(  # of a long name its end is enough
    rf"(?i)((?:\b[\w.-]{{0,40}}?|(?<=[\w.-]))(?:{_NAMES})[\w-]{{0,10}}[\"']?\s{{0,3}}[=:]\s{{0,3}}){_VALUE}"
)
_FLAGGED = re.compile(rf"(?i)((?<!\S)--?[\w-]{{0,40}}?(?:{_NAMES})\s{{1,3}})(?!-)(?=\S){_VALUE}")
_HEX = re.compile(r"(?<![0-9A-Za-z])(?:[0-9a-f]{32,64}|[0-9A-F]{32,64})(?![0-9A-Za-z])")
_DIGITS = r"(?i:(?<![0-9a-z])[0-9a-f]{32,64}(?![0-9a-z]))"
_HEX_AFTER = re.compile(  # what follows near a key is one, too: the mark of a key is such a word
    rf"(?i)(\b[\w-]{{0,40}}(?:key|token|secret|login|password)\b[^\n]{{0,16}}?)"
    rf"({_DIGITS}(?:[^\n]{{0,15}}?{_DIGITS})*)"
)
_NUMBER = re.compile(r"[\"']?[-+]?\d[\d.,_]*(?:e[-+]?\d+)?[a-z%]{0,3}[\"']?", re.IGNORECASE)
_EMPTY = re.compile(r"[\"']?(?:none|null|true|false|\**|…|\.\.\.)[\"']?", re.IGNORECASE)
_SHORTEST = 6
"""Characters of a token at least."""

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_SECRETS = re.compile(
    r"password|passwd|passphrase|pwd|secrets?|credentials?|apikey|cookie|dsn|webhook|auth|bearer"
)
_PAIRS = frozenset({("access", "key"), ("api", "key"), ("private", "key"), ("access", "token")})
_TOKEN = re.compile(r"(?:auth|access|api|bot|hub|user|refresh|session)?token")
_VOCABULARY = re.compile(
    r"pad|eos|bos|unk|cls|sep|mask|image|video|audio|special|stop|start|end|begin|boi|eoi|per"
)
"""Words before `token` that speak of text, not of access."""


def is_secret(name: str) -> bool:
    """Return whether a name is that of a secret: `WANDB_API_KEY`, `hub_token`, not `pad_token`."""
    words = [word.lower() for word in _WORD.findall(name)]
    if any(_SECRETS.fullmatch(word) for word in words):
        return True
    if any(pair in _PAIRS for pair in pairwise(words)) or words[-1:] == ["key"]:
        return True
    last, before = "".join(words[-1:]), "".join(words[-2:-1])
    return bool(_TOKEN.fullmatch(last)) and not _VOCABULARY.fullmatch(before)


def redact(said: str) -> str:
    """Return text with what looks like a password, a token, a key or a webhook cut out."""
    said = _SHAPES.sub(MARK, said)
    said = _HEADER.sub(rf"\1{MARK}", said)
    said = _BASIC.sub(_basic, said)
    said = _NAMED.sub(_named, said)
    said = _FLAGGED.sub(_named, said)
    return _HEX_AFTER.sub(lambda found: found[1] + re.sub(_DIGITS, MARK, found[2]), said)


def quoted(answer: str, secrets: Iterable[str], limit: int) -> str:
    """Return what a server said on one line, without the secrets that it was sent.

    It may repeat them in any spelling. Where one is recognized that cannot be cut out, nothing is quoted.
    """
    parts = _parts(secrets)
    said = text.plain(answer, len(answer) + 1)
    if parts:
        known = "|".join(map(re.escape, sorted(parts, key=len, reverse=True)))
        said = re.sub(known, MARK, said, flags=re.IGNORECASE)
        if any(_holds(reading, parts) for reading in _readings(said)):
            return ""
    return text.plain(_HEX.sub(MARK, redact(said)), limit)


def _named(found: re.Match[str]) -> str:
    """Return a name and its value, cut out unless the value is a number or the name is that of no secret."""
    lead, value = found[1], found[2]
    name = lead.rstrip(" \t=:\"'")
    if not _NAME.search(name.lower().replace("token", "")):  # of tokens, most are words
        short = len(value.strip("\"'")) < _SHORTEST
        if short or _NUMBER.fullmatch(value) or not is_secret(name):
            return found[0]
    return found[0] if _EMPTY.fullmatch(value) or value.startswith(MARK) else lead + MARK


def _basic(found: re.Match[str]) -> str:
    """Return the word Basic and what follows, cut out if that holds a name and a password."""
    import base64  # here and below: rarely needed

    coded = found[2].rstrip("=").replace("-", "+").replace("_", "/")
    try:
        holds = b":" in base64.b64decode(coded + "==")
    except ValueError:
        holds = False
    return found[1] + MARK if holds else found[0]


def _parts(secrets: Iterable[str]) -> set[str]:
    """Return the secrets, and of addresses and headers what in them is secret."""
    from urllib.parse import unquote, urlsplit

    found: set[str] = set()
    for secret in secrets:
        found |= {secret, secret.rpartition(" ")[2]}
        if "://" in secret:
            try:
                address = urlsplit(secret)
            except ValueError:
                continue
            found |= {
                address.path,
                address.query,
                address.fragment,
                address.username or "",
                address.password or "",
            }
            pieces = (*address.path.split("/"), *re.split("[&=]", address.query))
            found |= {piece for piece in pieces if len(piece) > 7}
    found |= {unquote(part) for part in found}
    return {part for part in (text.plain(part, len(part) + 1) for part in found) if len(part) > 3}


def _readings(said: str) -> Iterator[str]:
    """Yield a text as it is and decoded: percent signs, JSON, HTML; several times over."""
    import html
    from urllib.parse import unquote

    for _ in range(4):
        yield said
        before, said = said, html.unescape(unquote(_unescaped(said)))
        if said == before:
            return


def _unescaped(said: str) -> str:
    said = re.sub(
        r"\\u([0-9a-fA-F]{4})|\\x([0-9a-fA-F]{2})", lambda found: chr(int(found[1] or found[2], 16)), said
    )
    return re.sub(r"\\([\\/\"'])", r"\1", said)


def _holds(said: str, parts: set[str]) -> bool:
    """Return whether a text holds one of the parts, in whatever case, or as base64 or hexadecimal digits."""
    dense = "".join(said.split())
    folded = dense.casefold()
    for part in parts:
        raw = part.encode("utf-8", "replace")
        if "".join(part.split()).casefold() in folded or raw.hex() in folded:
            return True
        if any(core in dense for core in _base64(raw)):
            return True
    return False


def _base64(raw: bytes) -> Iterator[str]:
    """Yield what bytes look like within base64, wherever they begin and in both alphabets."""
    import base64

    for before in range(3):
        coded = base64.b64encode(b"\0" * before + raw).decode().rstrip("=")
        first = (0, 2, 3)[before]
        whole = (before + len(raw)) * 8 // 6  # characters that hold nothing else
        if len(core := coded[first:whole]) > 5:
            yield core
            yield core.translate(str.maketrans("+/", "-_"))
