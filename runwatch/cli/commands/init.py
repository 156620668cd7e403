"""`runwatch init`: write a first configuration, a service unit, and the examples."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

import runwatch
from runwatch.core.errors import ConfigError, ExitCode
from runwatch.core.text import path as safe_path
from runwatch.core.text import plain
from runwatch.system import private_files

if TYPE_CHECKING:
    from runwatch.watcher.daemon.initial import Proposal

UNIT = "runwatch.service"
EXAMPLES = Path("runwatch-examples")
SHOWN = 3
"""Most logs without training that are listed."""


@click.command("init")
@click.argument("directories", nargs=-1, type=click.Path())
@click.option("--systemd", is_flag=True, help="Write a systemd user unit, and your user's configuration.")
@click.option("--user", is_flag=True, help="Write your user's configuration instead of ./runwatch.toml.")
@click.option("--stdout", "show", is_flag=True, help="Print the files instead of writing them.")
@click.option("--force", is_flag=True, help="Overwrite existing files.")
@click.option("--examples", is_flag=True, help="Only copy the examples: all settings, a format, a rule.")
def command(
    directories: tuple[str, ...], systemd: bool, user: bool, show: bool, force: bool, examples: bool
) -> int:
    """Write a commented runwatch.toml from the training runs in DIRECTORIES, by default in this one.

    Training logs that your running processes write are found too. A home
    directory is watched as a whole only if you confirm it.

    Examples:
      runwatch init
      runwatch init ~/runs --stdout
      runwatch init --systemd
    """
    if examples:
        return _examples()
    import platformdirs

    from runwatch.config.loader import FILE_NAME, user_directory
    from runwatch.watcher.daemon import initial

    config = (user_directory() / FILE_NAME) if user or systemd else Path(FILE_NAME)
    seen = initial.look(directories or (".",), named=bool(directories), whole=_whole)
    files = {config: initial.configuration(seen.places)}
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
    for place in seen.places:
        print(plain(f"  watches {safe_path(place.path)}: {place.why}"))
    if config in files:
        _say_what_is_missing(seen, config)
    if systemd:
        print("start it:  systemctl --user daemon-reload && systemctl --user enable --now runwatch")
        print("keep it running while you are logged out:  loginctl enable-linger")
    else:
        print("start it:  runwatch watch -d")
    return ExitCode.OK


def _say_what_is_missing(seen: Proposal, config: Path) -> None:
    for log in seen.left_out[:SHOWN]:
        print(plain(f"  left out {safe_path(log.path)}: {log.why}, but no training step is in it"))
    if not seen.places:
        print(f"no training was found: put paths under [watch] in {config}; then")


def _whole(path: str) -> bool:
    """Ask whether to watch a home directory as a whole; without a terminal, it is not."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    print(
        plain(f"{safe_path(path)} holds much more than runs: all of it would be searched, again and again.")
    )
    return click.confirm("Watch all of it? Otherwise only the directories with training in it")


def _examples() -> int:
    """Copy the examples of this installation into the current directory."""
    package = Path(runwatch.__file__).parent
    kept = next(place for place in (package / "examples", package.parent / "examples") if place.is_dir())
    try:
        shutil.copytree(kept, EXAMPLES, ignore=shutil.ignore_patterns("__pycache__"))
    except FileExistsError:
        raise ConfigError(
            "file exists", str(EXAMPLES), "remove it, or call this in another directory"
        ) from None
    except (OSError, shutil.Error) as error:
        raise ConfigError("cannot write", str(EXAMPLES), str(error)) from None
    for each in sorted(EXAMPLES.iterdir()):
        print(f"wrote {each}")
    return ExitCode.OK


def _write(path: Path, text: str) -> None:
    """Write a file completely or not at all, readable only by its owner: it may contain secrets."""
    try:
        if not path.parent.is_dir():
            private_files.directory(path.parent)
        private_files.write(path, text)
    except OSError as error:
        raise ConfigError("cannot write", str(path), error.strerror or str(error)) from None
