"""What is published: a wheel with everything a user of it needs, and a page that works on a package index."""

from __future__ import annotations

import email
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LINK = re.compile(r"\]\(([^)\s]+)\)")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    place = tmp_path_factory.mktemp("dist")
    code = f"from hatchling.build import build_wheel; build_wheel({str(place)!r})"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True)
    (path,) = place.glob("*.whl")
    with zipfile.ZipFile(path) as opened:
        yield opened


@pytest.fixture(scope="module")
def metadata(wheel):
    name = next(name for name in wheel.namelist() if name.endswith("/METADATA"))
    return email.message_from_bytes(wheel.read(name))


def test_the_page_of_an_index_has_no_link_into_a_checkout(metadata):
    text = metadata.get_payload()
    links = LINK.findall(text)
    assert links
    assert [link for link in links if not link.startswith(("https://", "#"))] == []
    source = dict(value.split(", ") for value in metadata.get_all("Project-URL"))["Source"]
    ours = [link.removeprefix(source + "/") for link in links if link.startswith(source)]
    assert ours
    for link in ours:
        kind, branch, path = link.split("/", 2)
        assert (kind, branch) == ("raw" if path.endswith(".png") else "blob", "main")
        assert (ROOT / path.partition("#")[0]).exists(), link


def test_who_made_it_where_it_is_and_what_it_runs_on_is_said(metadata):
    assert metadata["Author"]
    named = {value.split(", ")[0] for value in metadata.get_all("Project-URL")}
    assert {"Source", "Documentation", "Changelog", "Issues"} <= named
    versions = {f"Programming Language :: Python :: 3.{minor}" for minor in range(10, 15)}
    assert versions <= set(metadata.get_all("Classifier"))


def test_a_wheel_has_the_modules_the_manual_and_the_examples(wheel):
    names = {name for name in wheel.namelist() if "__pycache__" not in name}
    manual = {Path(name).name for name in names if ".data/data/share/man/man1/" in name}
    assert {"runwatch.1", "runwatch-tail.1"} <= manual
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "runwatch").rglob("*.py")}
    examples = (path.relative_to(ROOT) for path in (ROOT / "examples").rglob("*") if path.is_file())
    wanted = modules | {f"runwatch/{path}" for path in examples if "__pycache__" not in path.parts}
    assert wanted <= names
    assert not [name for name in names if name.startswith("tests/")]


@pytest.mark.deep
def test_a_wheel_is_the_same_bytes_wherever_and_whenever_it_is_built(wheel, tmp_path):
    for name in ("hatch_build.py", "pyproject.toml", "README.md", "LICENSE", "runwatch", "examples"):
        copied = [ROOT / name] if (ROOT / name).is_file() else (ROOT / name).rglob("*")
        for path in copied:
            if path.is_file() and "__pycache__" not in path.parts:
                place = tmp_path / "elsewhere" / path.relative_to(ROOT)
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(path.read_bytes())  # with a new time
                place.chmod(0o640)
    code = (
        f"import os; os.umask(0o077); from hatchling.build import build_wheel; build_wheel({str(tmp_path)!r})"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path / "elsewhere", check=True, capture_output=True)
    (other,) = tmp_path.glob("*.whl")
    assert other.read_bytes() == Path(wheel.filename).read_bytes()


@pytest.mark.deep
def test_an_sdist_can_be_built_again(tmp_path):
    code = f"from hatchling.build import build_sdist; build_sdist({str(tmp_path)!r})"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True)
    (path,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(path) as opened:
        names = {name.partition("/")[2] for name in opened.getnames()}
    assert {"hatch_build.py", "pyproject.toml", "README.md", "Makefile", "examples/runwatch.toml"} <= names
    assert not [name for name in names if name.startswith((".venv", "build/"))]
