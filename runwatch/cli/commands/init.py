"""`runwatch init`: a first configuration, and a service unit, from what is found here."""

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
@click.option(
    "--systemd", is_flag=True, help="Write a user unit for systemd, and the configuration beside it."
)
@click.option("--user", is_flag=True, help="Write your user's configuration instead of ./runwatch.toml.")
@click.option("--stdout", "show", is_flag=True, help="Print what would be written.")
@click.option("--force", is_flag=True, help="Write over what is there.")
def command(directories: tuple[str, ...], systemd: bool, user: bool, show: bool, force: bool) -> int:
    """Write a runwatch.toml with comments, from what is found in DIRECTORIES, or here.

    Logs that running processes of yours write are found too.
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
            del files[config]  # the one that is there goes on to hold
    if show:
        print("\n".join(files.values()), end="")
        return ExitCode.OK
    for path in files:
        if path.exists() and not force:
            raise ConfigError("there is one already", str(path), "look at it, or give --force")
    for path, text in files.items():
        _write(path, text)
        print(f"wrote {path}")
    for place in places:
        print(f"  it watches {place.path}: {place.why}")
    if not places and config in files:
        print(f"no log was found: write what is to be watched under [watch] in {config}; then")
    if systemd:
        print("start it:  systemctl --user daemon-reload && systemctl --user enable --now runwatch")
        print("to have it run while you are logged out:  loginctl enable-linger")
    else:
        print("start it:  runwatch watch -d")
    return ExitCode.OK


def _write(path: Path, text: str) -> None:
    """Write a file whole or not at all, readable by its owner: it may come to hold secrets."""
    try:
        if not path.parent.is_dir():
            private_files.directory(path.parent)
        half = path.with_name(f".{path.name}.{os.getpid()}")
        with open(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        half.replace(path)
    except OSError as error:
        raise ConfigError("cannot write", str(path), error.strerror or str(error)) from None
