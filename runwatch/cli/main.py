"""The command line: finds the command, imports only that one, and turns errors into one line."""

from __future__ import annotations

import importlib
import io
import os
import signal
import sys
from collections.abc import Iterable

import click

from runwatch import __version__
from runwatch.core.errors import ExitCode, RunwatchError, UsageError
from runwatch.core.text import plain

COMMANDS = {
    "tail": "Watch a training log here and now.",
    "run": "Run a command and watch it.",
    "watch": "Watch for good, as a daemon.",
    "status": "Say in one screen how the runs are.",
    "attach": "Open the screen on a daemon, here or elsewhere.",
    "alerts": "List the incidents a daemon knows.",
    "ack": "Say that you have seen an incident.",
    "silence": "Send nothing about some alerts for a while.",
    "actions": "List what the daemon will do to a run, and stop it.",
    "add": "Have the daemon watch more.",
    "drop": "Have the daemon watch less.",
    "reload": "Have the daemon read its configuration again.",
    "stop": "End the daemon.",
    "init": "Write a configuration from what is found here.",
    "check": "Read to the end, judge, print findings.",
    "demo": "Watch a small real training run.",
    "formats": "List the log formats, or say what a file's is.",
    "rules": "List the health rules, or explain one.",
    "notify": "List the channels for alerts, try one, see what was not delivered.",
    "doctor": "Say what can and cannot be seen here.",
    "bridge": "Pass a daemon's protocol through standard input and output.",
    "completion": "Print a shell's completion script.",
}

ENVIRONMENT = dict(os.environ)
"""What we were started with, for commands that we start: what `main` adds is for ourselves."""


class _Lazy(click.Group):
    """Imports a command's module when it is called, not before."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # whoever read our output went away: nothing to tell them
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return ExitCode.OK

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module = importlib.import_module(f"runwatch.cli.commands.{name}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            if os.path.exists(name):
                raise UsageError("no such command", name, f"did you mean runwatch tail {name}?")
            raise UsageError("no such command", name, nearest(name, COMMANDS) or "see runwatch --help")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", message="runwatch %(version)s")
def cli() -> None:
    """Watch machine-learning training runs from their logs.

    Start with `runwatch tail train.log`, or `runwatch` alone for what is written here;
    try `runwatch demo` first.
    """


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with its code; no error shows a traceback."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # small matrices: threads only spin
    signal.signal(signal.SIGTERM, _terminate)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup wants us to stay
        signal.signal(signal.SIGHUP, _terminate)
    for stream in (sys.stdout, sys.stderr):  # a glyph the terminal cannot show is no reason to stop
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        alone = arguments is None and not sys.argv[1:] and sys.stdout.isatty()
        code = cli.main(["tail"] if alone else arguments, prog_name="runwatch", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
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
    except Exception as error:  # our own mistake: still one line
        if os.environ.get("RUNWATCH_DEBUG"):
            raise
        error_line(
            f"internal error: {type(error).__name__}: {error}: set RUNWATCH_DEBUG=1 and report what it prints"
        )
        code = ExitCode.INTERNAL
    sys.exit(code if isinstance(code, int) else 0)


def _terminate(number: int, frame: object) -> None:
    """End in good order: what we started is stopped on the way out."""
    raise SystemExit(128 + number)


def nearest(word: str, known: Iterable[str]) -> str:
    """Return a question for what was probably meant; "" if nothing known is near."""
    import difflib

    found = difflib.get_close_matches(word, list(known), 1, 0.5)
    return f"did you mean {found[0]}?" if found else ""


def error_line(message: str) -> None:
    """Print one error line to standard error."""
    from runwatch.core.redaction import redact  # here: rarely needed

    print("runwatch: " + redact(plain(" ".join(message.split()))), file=sys.stderr)
