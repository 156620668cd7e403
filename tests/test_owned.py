"""What is ours is for us alone; what is not ours is neither changed nor used, nor waited for."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from runwatch.system import file_trust, private_files

ROOT = os.geteuid() == 0


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


@contextlib.contextmanager
def another_user(*directories: Path) -> Iterator[None]:
    """Be a user without rights over what was made so far; only root can."""
    for path in directories:
        for parent in (each for each in path.parents if "pytest" in str(each)):
            os.chmod(parent, 0o755)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("umask", [0o022, 0o002, 0o077])
def test_what_is_made_is_for_its_owner_alone(tmp_path, umask):
    before = os.umask(umask)
    try:
        private_files.directory(tmp_path / "a" / "b")
    finally:
        os.umask(before)
    assert (mode(tmp_path / "a"), mode(tmp_path / "a" / "b")) == (0o700, 0o700)


@pytest.mark.parametrize("given", [0o700, 0o755, 0o750, 0o2711])
def test_a_directory_that_others_may_read_is_used_as_it_is(tmp_path, given):
    place = tmp_path / "state"
    place.mkdir()
    place.chmod(given)
    private_files.directory(place)
    assert mode(place) == given
    os.close(private_files.opened(place / "file", os.O_RDWR))
    assert mode(place / "file") == 0o600


@pytest.mark.parametrize("given", [0o1777, 0o777, 0o702])
def test_one_that_others_may_write_to_is_refused_and_not_changed(tmp_path, given):
    place = tmp_path / "state"
    place.mkdir()
    place.chmod(given)
    with pytest.raises(PermissionError, match="others can write to it"):
        private_files.directory(place)
    assert mode(place) == given


def test_the_group_may_write_to_one_if_nobody_else_is_in_it(tmp_path, monkeypatch):
    """As with a umask of 002 and a private group for each user."""
    place = tmp_path / "state"
    place.mkdir()
    place.chmod(0o775)
    user, group = os.geteuid(), place.stat().st_gid
    monkeypatch.setattr(file_trust, "current_user", lambda: file_trust.User(user, group))
    private_files.directory(place)
    monkeypatch.setattr(file_trust, "current_user", lambda: file_trust.User(user))
    with pytest.raises(PermissionError, match="others can write to it"):
        private_files.directory(place)
    assert mode(place) == 0o775


@pytest.mark.skipif(not ROOT, reason="only root can be another user")
def test_what_belongs_to_another_user_is_refused(tmp_path):
    place, ours = tmp_path / "state", tmp_path / "ours"
    place.mkdir(mode=0o755)
    ours.mkdir()
    (ours / "file").touch(0o666)
    (ours / "file").chmod(0o666)
    os.chown(ours, 65534, 65534)
    with another_user(place):
        with pytest.raises(PermissionError, match="belongs to another user"):
            private_files.directory(place)
        with pytest.raises(PermissionError, match="belongs to another user"):
            private_files.opened(ours / "file", os.O_RDWR)
    (tmp_path / "link").symlink_to(place)
    private_files.directory(tmp_path / "link")
    os.chown(tmp_path / "link", 65534, 65534, follow_symlinks=False)
    with pytest.raises(PermissionError, match="belongs to another user"):
        private_files.directory(tmp_path / "link")


def test_a_file_in_the_place_of_a_directory(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        private_files.directory(tmp_path / "file")
    with pytest.raises(NotADirectoryError):
        private_files.directory(tmp_path / "file" / "below")


def test_no_more_is_made_than_asked_for(tmp_path):
    with pytest.raises(FileNotFoundError):
        private_files.directory(tmp_path / "gone" / "state", 1)
    assert not (tmp_path / "gone").exists()
    private_files.directory(tmp_path / "state", 1)


@pytest.mark.parametrize("flags", [os.O_RDWR, os.O_WRONLY | os.O_APPEND])
@pytest.mark.parametrize("kind", ["fifo", "directory", "link", "device"])
def test_only_a_regular_file_is_opened_and_nothing_is_waited_for(tmp_path, kind, flags):
    path = tmp_path / "state.db"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "directory":
        path.mkdir()
    elif kind == "link":
        (tmp_path / "other").touch()
        path.symlink_to("other")
    else:
        path.symlink_to("/dev/null")
    with pytest.raises(OSError, match=r"state\.db is not a regular file"):
        private_files.opened(path, flags)
    assert not private_files.is_file(path)


@pytest.mark.parametrize("ending", private_files.SUFFIXES)
def test_what_lies_next_to_a_database_is_looked_at_too(tmp_path, ending):
    private_files.database(tmp_path / "state.db")
    os.mkfifo(tmp_path / f"state.db{ending}")
    with pytest.raises(OSError, match=f"state.db{ending} is not a regular file"):
        private_files.database(tmp_path / "state.db")
