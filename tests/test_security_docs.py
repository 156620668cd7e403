"""Every promise of docs/security.md names a test, and that test exists."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "security.md").read_text()
NAMED = re.findall(r"`(tests/[\w/]+\.py)::([\w:]+)`", PAGE)


@cache
def collected(path: str) -> frozenset[str]:
    """The names of a file's tests, as pytest writes them, without running anything."""

    def walk(body: list[ast.stmt], prefix: str = "") -> Iterator[str]:
        for node in body:
            if isinstance(node, ast.ClassDef):
                yield from walk(node.body, f"{prefix}{node.name}::")
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                yield prefix + node.name

    return frozenset(walk(ast.parse((ROOT / path).read_text()).body))


@pytest.mark.parametrize(("path", "name"), NAMED, ids=[name for _, name in NAMED])
def test_a_named_test_exists(path, name):
    assert name in collected(path)


def test_every_promise_names_one():
    promises = re.findall(r"^- (.*?)(?=^- |^\n|^#)", PAGE, re.MULTILINE | re.DOTALL)
    assert len(promises) > 40
    assert [promise for promise in promises if "`tests/" not in promise] == []


def test_every_danger_says_what_is_not_promised():
    sections = re.findall(
        r"^## (A hostile [^\n]*|Other users [^\n]*)\n(.*?)(?=^## )", PAGE, re.MULTILINE | re.DOTALL
    )
    assert len(sections) == 7
    assert [title for title, text in sections if "\nNot promised: " not in text] == []
