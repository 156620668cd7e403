"""`runwatch completion`: the script for completion in a shell."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from runwatch.cli import complete


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> int:
    """Print the completion script of SHELL.

    Examples:
      eval "$(runwatch completion bash)"      # in ~/.bashrc
      runwatch completion fish > ~/.config/fish/completions/runwatch.fish
    """
    from runwatch.cli.main import COMPLETION, cli

    complete.register()
    made = get_completion_class(shell)
    assert made is not None
    click.echo(made(cli, {}, "runwatch", COMPLETION).source())
    return 0
