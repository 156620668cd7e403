"""Plain words: docs/style.md lists what not to write, and nothing that people read contains it."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
STYLE = ROOT / "docs" / "style.md"
PAGES = sorted(
    {*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "examples" / "runwatch.toml"} - {STYLE}
)
MODULES = sorted(path for folder in ("runwatch", "examples") for path in (ROOT / folder).rglob("*.py"))


def words() -> re.Pattern[str]:
    table = STYLE.read_text().split("## Words to replace")[1].split("\n## ")[0]
    cells = [row.split("|")[1] for row in table.splitlines() if row.startswith("| `")]
    found = [word for cell in cells for word in re.findall(r"`([^`]+)`", cell)]
    assert len(found) > 30
    either = (f"[{word[0].upper()}{word[0]}]{re.escape(word[1:])}" for word in found)
    return re.compile(rf"\b({'|'.join(either)})\b")


def prose(path: Path) -> Iterator[tuple[int, str]]:
    """Yield lines for people: of a page all but code and measured tables; of a module docstrings, comments, sentences."""
    text = path.read_text()
    if path.suffix != ".py":
        fenced = generated = False
        for number, line in enumerate(text.splitlines(), 1):
            generated = bool(re.match(r"<!-- \w+: begin", line)) or (generated and "end -->" not in line)
            if line.startswith("```"):
                fenced = not fenced
            elif not fenced and not generated:
                yield number, re.sub(r"`[^`]*`|\]\([^)]*\)", "", line)
        return
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            for offset, line in enumerate(node.value.splitlines()):
                yield node.lineno + offset, re.sub(r"`[^`]*`", "", line)


def suspected(path: Path, avoided: re.Pattern[str]) -> bool:
    """Return whether a word to avoid is in a file, also where a string is written in pieces: few files are parsed."""
    return bool(avoided.search(re.sub(r"""["']\s+[frb]*["']""", "", path.read_text())))


def test_plain_words():
    avoided = words()
    found = [
        f"{path.relative_to(ROOT)}:{at}: {hit[0]!r}"
        for path in (*PAGES, *MODULES)
        if suspected(path, avoided)
        for at, line in prose(path)
        for hit in avoided.finditer(line)
    ]
    assert not found, "docs/style.md says what to write instead:\n" + "\n".join(found)
