"""`runwatch init`: write a first configuration, and a service unit."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from runwatch.core.errors import ConfigError, ExitCode
from runwatch.system import private_files

UNIT = "runwatch.service"


@click.command("init")
@click.argument("directories", nargs=-1)
@click.option("--systemd", is_flag=True, help="Write a systemd user unit, and your user's configuration.")
@click.option("--user", is_flag=True, help="Write your user's configuration instead of ./runwatch.toml.")
@click.option("--stdout", "show", is_flag=True, help="Print the files instead of writing them.")
@click.option("--force", is_flag=True, help="Overwrite existing files.")
def command(directories: tuple[str, ...], systemd: bool, user: bool, show: bool, force: bool) -> int:
    """Write a commented runwatch.toml from the logs in DIRECTORIES, by default in this one.

    Logs that your running processes write are found too.

    Examples:
      runwatch init
      runwatch init ~/runs --stdout
      runwatch init --systemd
    """
    import platformdirs

    from runwatch.config.loader import FILE_NAME
    from runwatch.watcher.daemon import initial

    home = platformdirs.user_config_path("runwatch")
    config = (home / FILE_NAME) if user or systemd else Path(FILE_NAME)
    places = initial.look(directories or (".",))
    files = {config: initial.configuration(places)}
    if systemd:
        started = [sys.executable, "-m", "runwatch"]
        unit = platformdirs.user_config_path("systemd") / "user" / UNIT
        files[unit] = initial.unit(started, config.absolute())
        if config.exists() and not force:
            del files[config]  # the existing one is kept
    if show:
        print("\n".join(files.values()), end="")
        return ExitCode.OK
    for path in files:
        if path.exists() and not force:
            raise ConfigError("file exists", str(path), "edit it, or overwrite it with --force")
    for path, text in files.items():
        _write(path, text)
        print(f"wrote {path}")
    for place in places:
        print(f"  watches {place.path}: {place.why}")
    if not places and config in files:
        print(f"no log was found: put paths under [watch] in {config}; then")
    if systemd:
        print("start it:  systemctl --user daemon-reload && systemctl --user enable --now runwatch")
        print("keep it running while you are logged out:  loginctl enable-linger")
    else:
        print("start it:  runwatch watch -d")
    return ExitCode.OK


def _write(path: Path, text: str) -> None:
    """Write a file completely or not at all, readable only by its owner: it may contain secrets."""
    try:
        if not path.parent.is_dir():
            private_files.directory(path.parent)
        half = path.with_name(f".{path.name}.{os.getpid()}")
        with open(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        half.replace(path)
    except OSError as error:
        raise ConfigError("cannot write", str(path), error.strerror or str(error)) from None
