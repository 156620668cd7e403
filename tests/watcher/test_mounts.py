"""Mount lookup must be right without ever touching the path, because a dead mount hangs whoever does."""

from __future__ import annotations

import os

import pytest

from runwatch.watcher.sources import mounts
from runwatch.watcher.sources.mounts import Mount, events_reliable, mount_of, parse

TABLE = r"""
22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
31 27 0:44 / /data rw,relatime shared:1 master:3 - nfs4 filer:/export/data rw,vers=4.2
32 31 8:1 /sub /data/local rw - xfs /dev/sdb1 rw
33 27 0:50 / /mnt/my\040runs\134x rw - fuse.sshfs me@host:/runs\040here rw
34 27 0:51 / /stacked rw - ext4 /dev/sdc rw
35 34 0:52 / /stacked rw - tmpfs tmpfs rw
this line is not one
"""


@pytest.mark.parametrize(
    ("path", "fstype"),
    [
        ("/home/me/run.log", "ext4"),
        ("/data/run.log", "nfs4"),
        ("/data", "nfs4"),
        ("/database/run.log", "ext4"),
        ("/data/local/run.log", "xfs"),
        ("/data/local/../run.log", "nfs4"),
        ("/mnt/my runs\\x/a.log", "fuse.sshfs"),
        ("/stacked/a.log", "tmpfs"),
    ],
)
def test_longest_mount_point_wins_at_whole_names(path: str, fstype: str) -> None:
    assert mount_of(path, parse(TABLE)).fstype == fstype


def test_octal_escapes_are_decoded() -> None:
    assert Mount("/mnt/my runs\\x", "fuse.sshfs") in parse(TABLE)


def test_unreadable_lines_are_left_out() -> None:
    assert len(parse(TABLE)) == 7
    assert parse("") == ()


@pytest.mark.parametrize("fstype", ["ext4", "xfs", "btrfs", "tmpfs", "zfs"])
def test_events_are_trusted_on_local_file_systems(fstype: str) -> None:
    assert events_reliable(fstype)


@pytest.mark.parametrize(
    "fstype",
    ["nfs", "nfs4", "cifs", "lustre", "fuse.sshfs", "fuse", "overlay", "9p", "virtiofs", "autofs", "", "new"],
)
def test_events_are_not_trusted_where_others_may_write(fstype: str) -> None:
    assert not events_reliable(fstype)


def test_relative_path_is_looked_up_from_the_working_directory(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert mount_of("run.log") == mount_of(str(tmp_path / "run.log"))


def test_symlink_on_a_local_disk_leads_to_the_mount_it_points_to(tmp_path) -> None:
    table = parse(TABLE.replace("/stacked", str(tmp_path / "remote")))
    (tmp_path / "link").symlink_to("remote/deep")
    (tmp_path / "chain").symlink_to(tmp_path / "link")
    (tmp_path / "loop").symlink_to("loop")
    assert mount_of(str(tmp_path / "chain" / "run.log"), table).fstype == "tmpfs"
    assert mount_of(str(tmp_path / "loop" / "run.log"), table).fstype == "ext4"


def test_nothing_on_a_mount_that_may_hang_is_touched(tmp_path, monkeypatch) -> None:
    remote = tmp_path / "remote"
    remote.mkdir()
    table = parse(f"1 1 0:1 / / rw - ext4 /dev/vda rw\n2 1 0:2 / {remote} rw - nfs4 filer:/x rw\n")
    touched: list[str] = []

    def readlink(path: str) -> str:
        touched.append(path)
        raise OSError

    def hang(*_: object, **__: object) -> None:
        raise AssertionError("looked at the path")

    monkeypatch.setattr(os, "readlink", readlink)
    monkeypatch.setattr(os, "stat", hang)
    monkeypatch.setattr(os, "lstat", hang)
    found = mount_of(str(remote / "a" / "run.log"), table)
    monkeypatch.undo()
    assert found.fstype == "nfs4"
    assert not [path for path in touched if path.startswith(str(remote))]


def test_no_mount_list_means_nothing_is_known(monkeypatch) -> None:
    monkeypatch.setattr(mounts, "MOUNTINFO", "/nonexistent")
    assert mount_of("/a/b") == Mount("/", "")


def test_this_machine_has_a_root() -> None:
    assert mount_of("/").fstype
