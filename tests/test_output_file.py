"""A file named with -o is whole or not there; what is no file is written as it is; errors have one exit code."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from runwatch.core.errors import UsageError
from runwatch.export.output_file import output_file
from tests.cli.command import called

LOG = "".join(f"step {step} loss {3 - step / 100}\n" for step in range(1, 31))


def test_it_has_its_name_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "values.csv"
    with output_file(str(path)) as file:
        file.write(b"1")
        assert [each.name for each in tmp_path.iterdir()] == ["values.csv.part"]
    assert path.read_bytes() == b"1"
    with pytest.raises(UsageError), output_file(str(path)):
        raise UsageError("no metric 'x'")
    assert [each.read_bytes() for each in tmp_path.iterdir()] == [b"1"]


def test_a_link_keeps_its_place_and_a_pipe_stays_a_pipe(tmp_path: Path) -> None:
    file, link, pipe = (tmp_path / name for name in ("file", "link", "pipe"))
    link.symlink_to(file)
    with output_file(str(link)) as out:
        out.write(b"1")
    assert link.is_symlink()
    assert file.read_bytes() == b"1"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with output_file(str(pipe)) as out:
        out.write(b"2")
    assert os.read(reader, 9) == b"2"
    os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_full_device_is_an_error_and_stays_a_device() -> None:
    with (
        pytest.raises(UsageError, match="cannot write: /dev/full: No space left"),
        output_file("/dev/full") as out,
    ):
        out.write(b"1")
    assert stat.S_ISCHR(Path("/dev/full").stat().st_mode)


@pytest.mark.parametrize(
    "command",
    [
        ("report", "a.log", "-o"),
        ("compare", "a.log", "b.log", "-o"),
        ("export", "a.log", "-o"),
        pytest.param(("tail", "a.log", "--headless", "--record"), marks=pytest.mark.deep),
    ],
)
def test_what_cannot_be_written_is_a_wrong_option(tmp_path: Path, command: tuple[str, ...]) -> None:
    for name in ("a.log", "b.log"):
        (tmp_path / name).write_text(LOG)
    done = called(*command, "no/such/out.csv", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert ": no/such/out.csv: " in done.stderr
