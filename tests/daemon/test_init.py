"""A first configuration from what is found, and a unit that systemd accepts."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest
from click.testing import CliRunner

from runwatch.cli.commands import init
from runwatch.config.loader import read
from runwatch.watcher.daemon import initial
from runwatch.watcher.daemon.initial import RunPlace as Found
from runwatch.watcher.daemon.initial import configuration, unit

from ..cli.command import called
from ..cli.live import Log
from ..wrap.command import Terminal
from .live import Place


@pytest.fixture
def place(tmp_path):
    place = Place(tmp_path)
    place.environ["XDG_CONFIG_HOME"] = str(tmp_path / "config")
    return place


def test_writes_what_it_finds_and_the_daemon_takes_it(place):
    Log(place.path / "runs" / "a b").path.parent.mkdir()
    Log(place.path / "runs" / "one.log").steps(3)
    held = place.path / "held"
    held.mkdir()
    (held / "live.log").write_bytes((place.path / "runs" / "one.log").read_bytes())
    with (held / "live.log").open("a"):  # this process writes it
        done = place.run("init", "runs")
    assert done.returncode == 0, done.stderr
    config = read(place.path / "runwatch.toml")
    assert config.watch.paths[0] == str(place.path / "runs")
    assert str(held) in config.watch.paths
    assert "1 run in 1 file\n" in done.stdout
    assert oct((place.path / "runwatch.toml").stat().st_mode)[-2:] == "00"


def test_writes_nothing_over(place):
    (place.path / "runwatch.toml").write_text("# mine\n")
    done = place.run("init")
    assert done.returncode == 2
    assert "file exists" in done.stderr
    assert (place.path / "runwatch.toml").read_text() == "# mine\n"


@pytest.mark.parametrize("name", ["plain", 'quo"ted', "back\\slash", "new\nline", "é"])
def test_any_path_can_be_written_down(tmp_path, name):
    (tmp_path / "runwatch.toml").write_text(configuration([Found(f"/{name}", f"because {name}")], {}))
    (path,) = read(tmp_path / "runwatch.toml").watch.paths
    assert path == f"/{name}".replace("\n", "")


def test_with_nothing_found_it_is_a_file_all_the_same(tmp_path):
    (tmp_path / "runwatch.toml").write_text(configuration([], {}))
    assert read(tmp_path / "runwatch.toml").watch.paths == ()


def test_with_nothing_found_it_says_what_is_to_be_done(tmp_path, monkeypatch):
    monkeypatch.setattr(initial, "written", lambda proc: [])
    monkeypatch.setenv("HOME", "/nonexistent")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    done = CliRunner().invoke(init.command)
    assert "put paths under [watch]" in done.output


def test_only_directories_with_training_are_proposed(place, monkeypatch):
    (place.path / "run").mkdir()
    Log(place.path / "run" / "one.log").steps(3)
    (place.path / "notes.txt").write_text("buy milk\n")
    other = place.path / "other" / "install.log"
    other.parent.mkdir()
    other.write_text("unpacking libc6\n")
    monkeypatch.setattr(
        initial, "written", lambda proc: [(str(other), os.getpid())]
    )  # none of other programs
    done = called("init", cwd=other.parent, env=place.environ)
    assert done.returncode == 0, done.stderr
    assert str(other.parent) not in read(place.path / "other" / "runwatch.toml").watch.paths
    assert f"left out {other}: process {os.getpid()} writes install.log" in done.stdout
    assert place.run("init").returncode == 0
    assert read(place.path / "runwatch.toml").watch.paths[0] == str(place.path)


def test_a_directory_that_is_named_is_watched_before_its_first_run(place):
    (place.path / "runs").mkdir()
    assert "no training in it yet" in place.run("init", "runs").stdout
    assert read(place.path / "runwatch.toml").watch.paths[0] == str(place.path / "runs")
    done = place.run("init", "rusn", "--force")
    assert (done.returncode, done.stderr.split(": ")[1:3]) == (
        2,
        ["no such file or directory", f"{place.path}/rusn"],
    )


@pytest.fixture
def home(place):
    place.environ["HOME"] = str(place.path)
    for path in ("a/runs/one/x.log", "a/runs/two/y.log", "b/z.log", "own.log"):
        (place.path / path).parent.mkdir(parents=True, exist_ok=True)
        Log(place.path / path).steps(3)
    (place.path / "letters").mkdir()
    (place.path / "letters" / "milk.txt").write_text("buy milk\n")
    return place


NARROW = ["a/runs", "b", "own.log"]


def test_of_a_home_directory_only_what_has_training_is_watched(home):
    assert home.run("init").returncode == 0
    found = [
        path for path in read(home.path / "runwatch.toml").watch.paths if path.startswith(str(home.path))
    ]
    assert found == [str(home.path / path) for path in NARROW]


@pytest.mark.parametrize(("answer", "paths"), [(b"y\n", [""]), (b"\n", NARROW)])
def test_a_home_directory_is_watched_as_a_whole_after_a_question(home, answer, paths):
    words = ["env", f"HOME={home.path}", sys.executable, "-m", "runwatch", "init"]
    with Terminal(*words, cwd=home.path) as terminal:
        terminal.until(rb"Watch all of it\?")
        terminal.type(answer)
        assert terminal.end() == 0
    found = [
        path for path in read(home.path / "runwatch.toml").watch.paths if path.startswith(str(home.path))
    ]
    assert found == [str(home.path / path).rstrip("/") for path in paths]


def test_the_examples_are_copied(place):
    done = place.run("init", "--examples")
    assert done.returncode == 0, done.stderr
    copied = place.path / "runwatch-examples"
    read(copied / "runwatch.toml")
    assert (copied / "plugin" / "runwatch_tinytrain.py").exists()
    assert "file exists" in place.run("init", "--examples").stderr


def test_a_unit_for_systemd(place):
    place.environ["RUNWATCH_STATE"] = str(place.path / "a state 100%")
    done = place.run("init", "--systemd")
    assert done.returncode == 0, done.stderr
    written = place.path / "config" / "systemd" / "user" / "runwatch.service"
    text = written.read_text()
    assert "Type=notify" in text
    assert "WatchdogSec=" in text
    assert f'Environment="RUNWATCH_STATE={place.path}/a state 100%%"' in text
    assert (place.path / "config" / "runwatch" / "runwatch.toml").exists()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd")
def test_systemd_accepts_it(tmp_path):
    (tmp_path / "systemd").mkdir()
    path = tmp_path / "runwatch.service"
    path.write_text(
        unit(["/bin/sh", "a word", '$HOME 100% "x"'], tmp_path / "r.toml", {"RUNWATCH_STATE": "/a b"})
    )
    done = subprocess.run(
        ["systemd-analyze", "verify", "--user", str(path)],
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if "Failed to" in done.stderr:
        pytest.skip(done.stderr)
    assert (done.returncode, done.stderr) == (0, "")
