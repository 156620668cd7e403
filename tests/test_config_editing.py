"""A setting added to a person's runwatch.toml: its other lines stay as they are."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from runwatch.config.editing import add_webhook
from runwatch.config.loader import read


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            b'[slack]\r\nchannel = "#me"\r\n',
            b'[slack]\r\nwebhook = { file = "/kept" }\r\nchannel = "#me"\r\n',
        ),
        (b"[tail]\r\n", b'[tail]\r\n\r\n[slack]\r\nwebhook = { file = "/kept" }\r\n'),
        (b"[tail]\n", b'[tail]\n\n[slack]\nwebhook = { file = "/kept" }\n'),
    ],
)
def test_line_ends_stay_as_they_are(tmp_path: Path, before: bytes, after: bytes) -> None:
    config = tmp_path / "runwatch.toml"
    config.write_bytes(before)
    add_webhook(config, Path("/kept"))
    assert config.read_bytes() == after


def test_a_link_stays_one_also_to_another_file_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def replace(source: Path, target: Path) -> None:
        if source.parent != target.parent:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        os.rename(source, target)

    monkeypatch.setattr(Path, "replace", replace)
    dotfiles = tmp_path / "dotfiles"
    dotfiles.mkdir()
    (dotfiles / "mine.toml").write_text("[tail]\n")
    link = tmp_path / "runwatch.toml"
    link.symlink_to("dotfiles/mine.toml")
    add_webhook(link, Path("/kept"))
    assert link.is_symlink()
    assert read(link).slack.webhook
    assert [each.name for each in dotfiles.iterdir()] == ["mine.toml"]
