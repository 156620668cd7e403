"""Formats of other packages: found where they are installed, told and left out where they are broken."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from runwatch.parsers.formats.plugins import load
from runwatch.parsers.log import LogParser

from .command import called, runwatch
from .live import Follower

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

EXAMPLE = Path(__file__).parents[2] / "examples" / "plugin"
TINY = (
    "tinytrain 0.3 on 8 devices\n"
    "12:00:01 [tiny] update 40 of 900: loss=2.1250 lr=1.0e-03 took=125.0ms\n"
    "12:00:09 [tiny] held-out after 40: nll=2.2500\n"
    "12:00:17 [tiny] update 80 of 900: loss=2.0000 lr=9.5e-04 took=130.0ms\n"
)
HEAD = (
    "from runwatch.core.batch import TRAIN\n"
    "from runwatch.parsers.api import Format\n"
    "from runwatch.parsers.body.matchers import LinePattern\n"
)
GOOD = HEAD + (
    "FORMAT = Format('good', 'Good', 'good 1: loss=2.5',"
    " (LinePattern('good', TRAIN, rb'good (?P<step>\\d+):', fields=True),))\n"
)


def install(
    place: Path, name: str, points: dict[str, str], modules: dict[str, str], group: str = "runwatch.formats"
) -> None:
    """Install a package as pip does: its modules, and what it says of itself beside them."""
    for module, source in modules.items():
        (place / module).write_text(source)
    info = place / f"{name.replace('-', '_')}-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1\n")
    lines = [f"{key} = {value}\n" for key, value in points.items()]
    (info / "entry_points.txt").write_text(f"[{group}]\n" + "".join(lines))


@pytest.fixture
def place(tmp_path):
    """Return a directory that is searched for packages."""
    (tmp_path / "site").mkdir()
    return tmp_path / "site"


def run_tests(example: Path, monkeypatch) -> None:
    """Run the tests of an example package as it is on the path."""
    monkeypatch.syspath_prepend(str(example))
    for path in (example / "tests").glob("test_*.py"):
        tests = runpy.run_path(str(path))
        called = [test() for name, test in tests.items() if name.startswith("test_")]
        assert called


def run(place: Path, *arguments):
    root = Path(__file__).parents[2]
    return runwatch(*arguments, env={"PYTHONPATH": f"{place}:{root}"}, cwd=place.parent)


def read(place: Path, text: str):
    """Return what `check` makes of a log: its run, and the lines on standard error."""
    (place.parent / "x.log").write_text(text)
    done = run(place, "check", "x.log", "--json", "--fail-on", "never")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["runs"][0], done.stderr.splitlines()


def test_the_example_of_the_documentation_reads_a_log(place):
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    module = "runwatch_tinytrain.py"
    source = (EXAMPLE / module).read_text()
    install(place, project["name"], project["entry-points"]["runwatch.formats"], {module: source})
    found, errors = read(place, TINY)
    assert errors == []
    assert found["format"] == "tinytrain"
    assert found["steps"] == {"records": 2, "first": 40, "last": 80, "total": 900}
    assert found["metrics"]["perf/step_time"]["last"] == 0.13
    assert found["metrics"]["val/loss"]["last"] == 2.25
    assert "tinytrain" in run(place, "formats").stdout


def test_the_test_of_the_example_passes(monkeypatch):
    run_tests(EXAMPLE, monkeypatch)


def test_without_the_package_its_log_is_one_that_nobody_described(place):
    (place.parent / "x.log").write_text(TINY)
    done = called("check", "x.log", "--json", "--fail-on", "never", cwd=place.parent)
    (found,) = json.loads(done.stdout)["runs"]
    assert found["format"] == "learned"


BROKEN = {
    "raises": ("raise OSError('no licence\\nfound')\n", "OSError: no licence found"),
    "exits": ("raise SystemExit(3)\n", "SystemExit: 3"),
    "does not parse": ("def\n", "SyntaxError"),
    "has no such name": ("", "AttributeError"),
    "is no format": ("FORMAT = 'nanochat'\n", "it is no runwatch Format but str"),
    "holds something else": (HEAD + "FORMAT = [Format]\n", "it is no runwatch Format but type"),
    "has a name of ours": (GOOD.replace("'good'", "'nanochat'", 1), "already a format 'nanochat'"),
    "has no matchers": (HEAD + "FORMAT = Format('a', 'b', 'c', ())\n", "neither matchers nor readers"),
    "has odd matchers": (
        HEAD + "FORMAT = Format('a', 'b', 'c', (b'x',))\n",
        "bytes of format 'a' is no matcher",
    ),
    "has odd readers": (HEAD + "FORMAT = Format('a', 'b', 'c', (), readers=(str,))\n", "is no reader"),
    "has no title": (HEAD + "FORMAT = Format('a', None, 'c', ())\n", "must be text"),
}


def test_broken_ones_are_told_and_left_out(place):
    points = {f"point{n:02}": f"broken{n}:FORMAT" for n in range(len(BROKEN))}
    modules = {f"broken{n}.py": source for n, (source, _) in enumerate(BROKEN.values())}
    install(place, "some-plugins", {**points, "zzz": "good:FORMAT"}, {**modules, "good.py": GOOD})
    found, errors = read(place, "good 1: loss=2.5\ngood 2: loss=2.25\n")
    assert (found["format"], found["steps"]["records"]) == ("good", 2)
    for case, (_, said), point, error in zip(BROKEN, BROKEN.values(), points, errors, strict=True):
        assert error.startswith(f"runwatch: format plugin {point} of some-plugins is left out: "), case
        assert said in error, case


@pytest.mark.deep
def test_two_of_one_name(place):
    install(place, "first", {"a": "good:FORMAT"}, {"good.py": GOOD})
    install(place, "second", {"a": "good:FORMAT"}, {})
    _, errors = read(place, "good 1: loss=2.5\ngood 2: loss=2.25\n")
    assert errors == [
        "runwatch: format plugin a of second is left out: ValueError: there is already a format 'good'"
    ]


LATE = (
    HEAD
    + """
class Late:
    prefix = b""
    def match(self, line, start=0):
        return 1 // (b"late" not in line)
    def feed(self, line, number):
        return [][1 // (b"late" not in line) - 2 :]
    def flush(self):
        raise KeyError("flush")

"""
)


@pytest.mark.deep
def test_one_that_raises_at_some_line_is_switched_off(place):
    made = {"matcher": "(Late(),)", "reader": "(), readers=(Late,)"}
    source = LATE + "".join(
        f"{name} = Format('{name}', 'Late', 'late', {what})\n" for name, what in made.items()
    )
    install(place, "late", {name: f"late_plugin:{name}" for name in made}, {"late_plugin.py": source})
    lines = "".join(
        f"late step {n}/9 (1.00%) | loss: 2.5\nstep {n}/9 (1.00%) | loss: 2.5\n" for n in range(9)
    )
    found, errors = read(place, lines)
    assert (found["format"], found["steps"]["records"]) == ("nanochat", 9)
    assert len(errors) == 2
    for name, error in zip(made, sorted(errors), strict=True):
        assert error.startswith(f"runwatch: format {name} of late failed and is off: ")


@pytest.mark.deep
def test_a_group_that_holds_no_number_is_no_record(place):
    source = GOOD.replace("\\d+):", "\\d+): loss=(?P<loss>\\S+)").replace(", fields=True", "")
    install(place, "good", {"good": "good:FORMAT"}, {"good.py": source})
    found, errors = read(place, "good 1: loss=2.5\ngood 2: loss=(none)\ngood 3: loss=2.25\n")
    assert (found["steps"]["records"], errors) == (2, [])


def test_nothing_is_imported_where_no_package_brings_formats(place):
    code = "from runwatch.parsers.formats import catalogue; catalogue(); import sys;"
    code += "print('importlib.metadata' in sys.modules)"
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env={"PYTHONPATH": str(root)}, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_a_watched_log_tells_it_too(place):
    install(place, "some-plugins", {"aaa": "broken:FORMAT"}, {"broken.py": "raise OSError('no licence')\n"})
    log = place.parent / "x.log"
    log.write_text("step 1/9 (1.00%) | loss: 2.5\n")
    with Follower(log, env={"PYTHONPATH": f"{place}:{Path(__file__).parents[2]}"}) as tail:
        tail.says("format plugin aaa of some-plugins is left out: OSError: no licence")


def test_what_fails_is_said_once_by_every_command_that_reads(place):
    install(place, "broken", {"broken": "broken:FORMAT"}, {"broken.py": "1 / 0\n"})
    for name in ("a.log", "b.log"):
        (place.parent / name).write_text("".join(f"step {n} loss {2 + n % 3}.5\n" for n in range(60)))
    for command in (("export",), ("compare",)):
        done = run(place, *command, "a.log", "b.log")
        assert (done.returncode, done.stderr.count("left out")) == (0, 1), done.stderr


def test_json_is_safe_for_a_terminal(place):
    module = GOOD.replace("'Good'", "'Go\\u009bod'")
    install(place, "good", {"good": "good:FORMAT"}, {"good.py": module})
    done = run(place, "formats", "--json")
    assert done.returncode == 0, done.stderr
    assert "\u009b" not in done.stdout
    assert "Go\u009bod" in [row["title"] for row in json.loads(done.stdout)["formats"]]


CAPABLE = (
    HEAD
    + """
from runwatch.parsers.api import as_printed, Match, Matcher, Reader, Row
LAYOUT = as_printed(TRAIN, "it", ("step", "train/loss"))
class Whole(Matcher):
    whole, needle = True, b"] it "
    def match(self, line, start=0):
        at = line.find(b"] it ", start)
        return Match(LAYOUT, ((at + 5, at + 6), (at + 7, at + 10))) if at >= 0 and line[:1] == b"[" else None
class Primed(Reader):
    needles, awake = (b"loss is ",), False
    def __init__(self):
        self.step = 0.0
    def prime(self, lines):
        self.step = 100.0
    def feed(self, line, number):
        if not line.startswith(b"loss is "):
            return None
        self.step += 1
        return [Row(LAYOUT, number, [self.step, float(line[8:])])]
class Raises(Reader):
    def __init__(self):
        self.begun = 1 // self.zero
    zero = 0
    def prime(self, lines):
        raise KeyError("prime")
    def feed(self, line, number):
        return None
class RaisesLater(Raises):
    zero = 1
    needles = (b"never",)
WHOLE = Format('whole', 'Whole', '[2030] it 1', (Whole(),))
PRIMED = Format('primed', 'Primed', 'loss is 1', (), readers=(Primed,))
LATER = Format('later', 'Later', 'later', (), readers=(RaisesLater,))
"""
)


@pytest.fixture
def capable(place, monkeypatch):
    """Return the formats of a package that declares what its matchers and readers can do, and the troubles."""
    names = ("WHOLE", "PRIMED", "LATER")
    install(
        place, "capable", {name: f"capable_plugin:{name}" for name in names}, {"capable_plugin.py": CAPABLE}
    )
    monkeypatch.syspath_prepend(str(place))
    monkeypatch.delitem(sys.modules, "capable_plugin", raising=False)
    troubles = []
    return load((), troubles.append), troubles


def test_what_a_matcher_of_another_package_declares_counts(capable):
    formats, _ = capable
    parser = LogParser(formats)
    batch = parser.feed(b"".join(b"[2030-01-02 03:04:05] it %d 2.%d\n" % (n, n) for n in range(1, 6)))
    assert parser.format == "whole"
    assert batch.tables[0].column("step").tolist() == [1, 2, 3, 4, 5]
    assert all(matcher.needle for fmt in formats for matcher in fmt.matchers)  # else each line is asked about


def test_a_reader_of_another_package_sees_how_the_stream_begins(capable):
    formats, troubles = capable
    parser = LogParser([fmt for fmt in formats if fmt.name != "whole"], start=64, first_line=5)
    parser.prime(b"the beginning\n")
    batch = parser.feed(b"loss is 2.5\nloss is 2.25\n")
    assert batch.tables[0].column("step").tolist() == [101, 102]
    assert troubles == ["format later of capable failed and is off: KeyError: 'prime'"]


def test_a_reader_of_another_package_that_cannot_be_made_any_more_is_off(capable):
    formats, troubles = capable
    sys.modules["capable_plugin"].RaisesLater.zero = 0
    parser = LogParser(formats)
    parser.feed(b"loss is 2.5\nloss is 2.25\n")
    assert parser.format == "primed"
    assert troubles == [
        "format later of capable failed and is off: ZeroDivisionError: integer division or modulo by zero"
    ]
