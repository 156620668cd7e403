"""`runwatch run -- CMD`: run a command and watch it; exit like the command."""

from __future__ import annotations

import os
import re
import tempfile
import time

import click

from runwatch.cli.options import config_option, record_option
from runwatch.core.errors import UsageError

DIRECTORY = "runwatch-logs"
_ODD = re.compile(r"[^\w.+-]+")
_INTERPRETER = re.compile(r"(?:python|pypy|bash|sh|torchrun|accelerate|deepspeed|srun|uv|poetry)[\d.]*$")


@click.command("run", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="-- CMD...")
@click.option("--log", type=click.Path(), help="Write the log here. [default: runwatch-logs/...]")
@click.option(
    "--restart", type=click.IntRange(0), default=0, help="Restart CMD up to this many times if it fails."
)
@click.option(
    "--delay",
    type=click.FloatRange(0.01, 3600),
    default=1.0,
    help="Seconds before the first restart; doubles each time.",
)
@click.option("--say", is_flag=True, help="Print all findings on standard error, not only critical ones.")
@click.option("-q", "--quiet", is_flag=True, help="Print only the output of CMD.")
@record_option
@config_option
def command(
    command: tuple[str, ...],
    log: str | None,
    restart: int,
    delay: float,
    say: bool,
    quiet: bool,
    record: str | None,
    config: str | None,
) -> int:
    """Run CMD and watch it. Its output passes unchanged and is kept in a log.

    Exits as CMD exits (128+N for signal N). A failure of runwatch does not affect CMD.

    Examples:
      runwatch run -- python train.py --lr 3e-4
      runwatch run --restart 3 -- python train.py --resume
      runwatch run --log train.log -- torchrun --nproc-per-node 8 train.py
    """
    if not command:
        raise UsageError("nothing to run", "", "give a command: runwatch run -- python train.py")
    if say and quiet:
        raise UsageError("--say and --quiet exclude each other")
    if config is not None:
        from pathlib import Path

        from runwatch.config.loader import load

        load(Path(config))  # report an error in it before anything is started
    if record is not None:
        from runwatch.watcher.recordings.file import free

        try:
            free(record)
        except OSError as error:
            raise UsageError("cannot record", record, error.strerror or str(error)) from error
    from runwatch.cli.main import ENVIRONMENT
    from runwatch.wrap.wrapper import Plan, Wrapper, end_as

    plan = Plan(
        command,
        ENVIRONMENT,
        _absolute(log or default_log(command, time.time(), os.getpid())),
        _absolute(config) if config else None,
        "quiet" if quiet else "say" if say else "",
        restart,
        delay,
        _absolute(record) if record else None,
    )
    return end_as(Wrapper(plan).run())


def _absolute(path: str) -> str:
    """Return the absolute path; below the temporary directory if the current one was removed."""
    try:
        return os.path.abspath(path)
    except FileNotFoundError:
        return os.path.join(tempfile.gettempdir(), path)


def default_log(command: tuple[str, ...], now: float, pid: int) -> str:
    """Return the log's path below the current directory: `runwatch-logs/train-20250131-235900-4711.log`."""
    date = time.strftime("%Y%m%d-%H%M%S", time.localtime(now))
    return os.path.join(DIRECTORY, f"{name_of(command)}-{date}-{pid}.log")


def name_of(command: tuple[str, ...]) -> str:
    """Return a name for a command: the script that an interpreter or launcher runs, if it names one."""
    words = [os.path.basename(command[0])]
    if _INTERPRETER.match(words[0]):
        scripts = [os.path.basename(word) for word in command[1:] if word.endswith((".py", ".sh"))]
        if "-m" in command[1:-1]:
            scripts.append(command[command.index("-m") + 1].rpartition(".")[2])
        words = scripts or words
    name = _ODD.sub("-", words[0].removesuffix(".py").removesuffix(".sh")).strip("-.")
    return name[:60] or "command"
