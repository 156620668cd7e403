"""Mutants: what is changed, and that a test which notices kills and one that does not is reported."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.mutation.areas import AREAS
from benchmarks.mutation.operators import mutants, mutated

ROOT = Path(__file__).resolve().parents[2]
CODE = """\
LIMIT = 3
\"\"\"A text.\"\"\"


def above(value: int = 0) -> bool:
    if value > LIMIT and value % 2:
        return True
    return value < -10
"""
TESTS = """\
from thing import above


def test_it():
    assert above(5) and not above(3) and not above(4)
"""


def test_each_mutant_differs_in_one_place():
    found = mutants("thing.py", CODE)
    texts = [ast.unparse(mutated(CODE, mutant.index)) for mutant in found]
    assert len(set(texts)) == len(texts)
    whole = ast.unparse(ast.parse(CODE)).splitlines()
    assert {sum(a != b for a, b in zip(whole, text.splitlines(), strict=True)) for text in texts} == {1}
    assert {mutant.kind for mutant in found} == {
        "constant",
        "comparison",
        "condition",
        "calculation",
        "returned",
    }
    assert [mutant.owner for mutant in found if mutant.line == 1] == [None, None]
    assert {mutant.owner for mutant in found if mutant.line > 5} == {("above", 5)}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a < b", ["a <= b", "a >= b"]),
        ("a < np.log(b)", ["a >= np.log(b)"]),
        ("a == b", ["a != b"]),
        ("a + b", ["a - b"]),
        ("a += b", ["a -= b", "pass"]),
        ("f(7)", ["f(8)", "f(6)", "pass"]),
        ("f(2.0)", ["f(4.0)", "f(1.0)", "pass"]),
        ("f(0.0)", ["f(1.0)", "pass"]),
        ("a and b", ["a or b", "b", "a"]),
        ("not a", ["a"]),
        ("-a", ["a"]),
        ("min(a)", ["max(a)", "pass"]),
        ("np.minimum(a)", ["np.maximum(a)", "pass"]),
        ("any(a)", ["all(a)", "pass"]),
        ("a.b = c", ["pass"]),
        ("a = 'text'", []),
        ("a: Literal[1] = b", []),
        ("assert a > 1", []),
        ("raise NotImplementedError", []),
        ("zip(a, strict=True)", ["pass"]),
    ],
)
def test_what_is_changed(before, after):
    found = [ast.unparse(mutated(before, each.index)) for each in mutants("x.py", before)]
    assert sorted(found) == sorted(after)


def test_every_area_has_files_and_tests():
    assert all(area.paths() and area.test_files() for area in AREAS)


@pytest.mark.deep
def test_what_a_test_notices_is_killed_and_what_none_notices_is_reported(tmp_path):
    pytest.importorskip("coverage", reason="make mutation installs it")
    (tmp_path / "thing.py").write_text(CODE)
    (tmp_path / "test_thing.py").write_text(TESTS)
    script = (
        "from benchmarks.mutation import session\n"
        "from benchmarks.mutation.operators import mutants\n"
        "found = mutants('thing.py', open('thing.py').read())\n"
        "for each in session.run(found, ['thing.py'], ['test_thing.py'], 1)[0]:\n"
        "    print('RESULT', each.outcome, each.mutant.line, each.mutant.after, sep='|')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    lines = [line.split("|")[1:] for line in done.stdout.splitlines() if line.startswith("RESULT")]
    outcomes = {(line, after): outcome for outcome, line, after in lines}
    assert (outcomes["1", "LIMIT = 2"], outcomes["1", "LIMIT = 4"]) == ("killed", "survived")
    assert outcomes["6", "if value > LIMIT:"] == "killed"
    assert "survived: thing.py:8: constant\n  - return value < -10\n  + return value < -11" in done.stdout
