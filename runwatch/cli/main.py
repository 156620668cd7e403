"""The command line: finds the command, imports only that one, and turns errors into one line."""

from __future__ import annotations

import importlib
import io
import os
import signal
import sys
from collections.abc import Iterable
from inspect import cleandoc

import click

from runwatch import __version__
from runwatch.cli.overview import COMMANDS, GROUPS
from runwatch.core.errors import ExitCode, RunwatchError, UsageError
from runwatch.core.text import plain, shell_word

ENVIRONMENT = dict(os.environ)
"""The environment at the start, for child commands; `main` adds variables for runwatch itself."""

COMPLETION = "_RUNWATCH_COMPLETE"
"""Variable with which a shell asks for completions."""


def keep_examples(command: click.Command) -> click.Command:
    """Return a command whose help keeps the lines of its examples as they are written."""
    command.help = cleandoc(command.help or "").replace("\n\nExamples:\n", "\n\n\b\nExamples:\n")
    for inner in command.commands.values() if isinstance(command, click.Group) else ():
        keep_examples(inner)
    return command


class _Lazy(click.Group):
    """Imports a command's module when it is called, not before."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # the reader of our output has closed it
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return ExitCode.OK

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module = importlib.import_module(f"runwatch.cli.commands.{name}")
        command: click.Command = module.command
        return keep_examples(command)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            if os.path.exists(name):
                raise UsageError("no such command", name, f"did you mean runwatch tail {shell_word(name)}?")
            raise UsageError("no such command", name, nearest(name, COMMANDS) or "see runwatch --help")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for group, commands in GROUPS.items():
            with formatter.section(group):
                formatter.write_dl(list(commands.items()))


@click.command(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", message="runwatch %(version)s")
def cli() -> None:
    """Watch machine-learning training runs from their logs.

    `runwatch` alone shows the runs that are written on this machine.

    Examples:
      runwatch demo              # try it: a small real run
      runwatch tail train.log    # watch a log on a live screen
      runwatch watch -d ~/runs   # watch all runs in the background
    """


keep_examples(cli)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with its code; no error shows a traceback."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # small matrices: threads only spin
    signal.signal(signal.SIGTERM, _terminate)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # under nohup, keep running
        signal.signal(signal.SIGHUP, _terminate)
    for stream in (sys.stdout, sys.stderr):  # a glyph that the terminal cannot show must not stop us
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        words = sys.argv[1:] if arguments is None else arguments
        code = _run(words) if words or COMPLETION in os.environ else _alone()
    except click.exceptions.NoArgsIsHelpError as error:  # of a group of commands
        print(error.format_message())
        code = ExitCode.USAGE
    except click.ClickException as error:
        error_line(error.format_message())
        code = ExitCode.USAGE
    except RunwatchError as error:
        error_line(str(error))
        code = error.exit_code
    except (KeyboardInterrupt, click.Abort):
        code = ExitCode.INTERRUPTED
    except MemoryError:
        error_line("out of memory: raise the limit of this shell or job (ulimit -v)")
        code = ExitCode.INTERNAL
    except Exception as error:  # an internal error: still one line
        if os.environ.get("RUNWATCH_DEBUG"):
            raise
        error_line(
            f"internal error: {type(error).__name__}: {error}: set RUNWATCH_DEBUG=1 and report what it prints"
        )
        code = ExitCode.INTERNAL
    sys.exit(code if isinstance(code, int) else 0)


def _run(words: list[str]) -> object:
    if COMPLETION in os.environ:
        from runwatch.cli import complete

        complete.register()
    return cli.main(words, prog_name="runwatch", complete_var=COMPLETION, standalone_mode=False)


def _alone() -> object:
    """Show the runs of this machine; without a terminal, print what to do next."""
    if sys.stdout.isatty():
        return _run(["tail"])
    from runwatch.cli.next_steps import page

    print(page(), end="")
    return ExitCode.USAGE


def _terminate(number: int, frame: object) -> None:
    """Exit cleanly: child processes are stopped on the way out."""
    raise SystemExit(128 + number)


def nearest(word: str, known: Iterable[str]) -> str:
    """Return a question with the most similar known word; "" if there is no similar word."""
    import difflib

    found = difflib.get_close_matches(word, list(known), 1, 0.6)
    return f"did you mean {found[0]}?" if found else ""


def error_line(message: str) -> None:
    """Print one error line to standard error."""
    from runwatch.core.redaction import redact  # here: rarely needed

    print("runwatch: " + redact(plain(" ".join(message.split()))), file=sys.stderr)
